"""The shape of the repository."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docs",
    "plugins",
    "pyproject.toml",
    "src",
    "tests",
    "tox.ini",
}
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if path.is_dir())


def tracked() -> list[Path]:
    """Return the files that git knows, or every file of the tree where there is no git (a source
    archive).
    """
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return [
            path
            for path in ROOT.rglob("*")
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


TRACKED = tracked()


def toml(path: Path) -> dict:
    """Return a parsed TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_the_top_level_stays_small():
    """Nothing but the agreed files and folders, and dotfiles, stands at the top level."""
    found = {path.relative_to(ROOT).parts[0] for path in TRACKED}
    assert TOP_LEVEL == {name for name in found if not name.startswith(".")}


def test_no_file_knows_a_machine():
    """No tracked text names a machine's folders or a package index."""
    machine = r"(?<![\w}.])/(?:home|Users|root|work)/(?!user\b|me\b|ada\b)\w"
    index = r"\b(?:p[y]pi|python[h]osted)\.(?:org|python)\b|files\.python"
    secret = re.compile(f"{machine}|{index}", re.IGNORECASE)
    for path in TRACKED:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__):
            assert not secret.search(text), f"{path.relative_to(ROOT)}: {secret.search(text)}"


def test_ci_runs_the_command_that_the_readme_gives():
    """CI takes the road that a newcomer takes."""
    command = "python -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox"
    assert f"    {command}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_a_plugin_says_of_itself_what_the_build_needs():
    """The files of the root name a plugin in four lines: its extra, the extra `all`, its two lanes,
    and a framework without types.
    """
    files = [
        "pyproject.toml",
        "tox.ini",
        ".ci/run",
        "docs/generate.py",
        "tests/ci.py",
        "tests/lane.py",
    ]
    lines = [
        line for file in files for line in (ROOT / file).read_text(encoding="utf-8").splitlines()
    ]
    assert 4 == len([line for line in lines if "catboost" in line])


ASKING = re.compile(r'importorskip\("(numpy|pandas|polars)"\)')


def test_what_needs_numpy_or_a_frame_is_tested_where_they_are():
    """The lanes of scikit-learn run those unit tests that ask for NumPy; no other lane of the core
    has it.
    """
    unit = [
        path
        for path in TRACKED
        if path.is_relative_to(ROOT / "tests/unit") and path.suffix == ".py"
    ]
    asking = sorted(
        path.relative_to(ROOT).as_posix()
        for path in unit
        if ASKING.search(path.read_text(encoding="utf-8"))
    )
    assert f"libraries = {' '.join(asking)}\n" in (ROOT / "tox.ini").read_text(encoding="utf-8")


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
class TestPlugin:
    """What every first-party plugin brings."""

    def test_layout(self, plugin):
        """A plugin holds its metadata, its page, its package (typed) and its tests."""
        package = plugin / "src" / plugin.name.replace("-", "_")
        expected = [
            plugin / "pyproject.toml",
            plugin / "README.md",
            package / "__init__.py",
            package / "py.typed",
            plugin / "tests",
        ]
        assert [] == [path for path in expected if not path.exists()]

    def test_entry_point(self, plugin):
        """Its entry point stands in the one group, under its short name."""
        project = toml(plugin / "pyproject.toml")["project"]
        assert {plugin.name.removeprefix("fitprint-"): plugin.name.replace("-", "_")} == project[
            "entry-points"
        ]["fitprint"]

    def test_versions_move_together(self, plugin):
        """Core and plugin carry the same version, and each accepts the other."""
        core = toml(ROOT / "pyproject.toml")["project"]
        project = toml(plugin / "pyproject.toml")["project"]
        short = plugin.name.removeprefix("fitprint-")
        major, minor, _ = core["version"].split(".")
        bounds = f">={major}.{minor},<{major}.{int(minor) + 1}"
        assert core["version"] == project["version"]
        assert f"fitprint{bounds}" in project["dependencies"]
        assert [f"{plugin.name}{bounds}"] == core["optional-dependencies"][short]
        assert short in core["optional-dependencies"]["all"][0]


def test_markdown_links_resolve():
    """Every link inside the repository leads to a file, and every fragment to a heading."""
    broken = []
    for page in (path for path in TRACKED if path.suffix == ".md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, fragment = target.partition("#")
            path = (page.parent / file) if file else page
            # written by docs/generate.py; the strict build checks those links
            generated = "reference" in path.parts
            if not generated and (
                not path.exists() or (fragment and fragment not in anchors(path))
            ):
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert [] == broken


def anchors(page: Path) -> set[str]:
    """Return the fragments that a page's headings answer to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())
        for heading in headings
    }
