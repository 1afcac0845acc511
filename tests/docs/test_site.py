"""The site that is built from the documentation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        ".mkdocs.yml",
        "--site-dir",
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_site_asks_no_other_host(site):
    """No page loads a script, style, font or picture from elsewhere; links are not requests."""
    loaded = re.compile(
        r"""<(?:script|img|iframe|source)[^>]+src=["']?(?:https?:)?//|<link[^>]+href=["']?(?:https?:)?//"""
    )
    pages = list(site.rglob("*.html"))
    assert [] == [page.name for page in pages if loaded.search(page.read_text(encoding="utf-8"))]
    assert {"index.html", "architecture.html", "hooks.html"} <= {page.name for page in pages}


def test_the_styles_ask_no_other_host(site):
    """No style sheet loads anything from elsewhere."""
    styles = list(site.rglob("*.css"))
    assert [] == [
        style.name
        for style in styles
        if re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8"))
    ]
    assert styles


def test_the_site_holds_no_code_of_its_build(site):
    """What builds the site is not part of it."""
    assert [] == list(site.rglob("*.py"))
