"""What DVC and lakeFS wrote beside data."""

from __future__ import annotations

import pytest

from fitprint.data.neighbours import versions_beside

MD5 = "0123456789abcdef" * 2


@pytest.mark.parametrize("form", ["{md5}", "'{md5}'", "{md5}.dir"])
def test_dvc(tmp_path, form):
    """The md5 of the entry that has the name."""
    (tmp_path / "data.csv").touch()
    told = form.replace("{md5}", MD5)
    text = f"outs:\n- md5: {told}\n  size: 3\n  hash: md5\n  path: data.csv\nmeta:\n  x: 1\n"
    (tmp_path / "data.csv.dvc").write_text(text)
    expected = {"dvc": {"md5": told.strip("'"), "file": "data.csv.dvc"}}
    assert expected == versions_beside(tmp_path / "data.csv")


def test_lakefs(tmp_path):
    """Source and commit of the folder, also for a file below it."""
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "d" / ".lakefs_ref.yaml").write_text(
        'src: lakefs://repo/main/d/\nat_head: abc123\noperation: ""\n'
    )
    expected = {"lakefs": {"source": "lakefs://repo/main/d/", "revision": "abc123"}}
    assert (
        expected == versions_beside(tmp_path / "d") == versions_beside(tmp_path / "d" / "e" / "x")
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\xff",
        "outs: []",
        f"outs:\n- md5: {MD5}\n  path: other\n",
        "outs:\n- md5: ../../x\n  path: d\n",
        "- " * 1000,
        " " * 70_000,
        "a: " * 20_000,
    ],
)
def test_what_says_nothing(tmp_path, text):
    """No fact, no error."""
    (tmp_path / "d.dvc").write_text(text)
    (tmp_path / ".lakefs_ref.yaml").write_text(text)
    assert {} == versions_beside(tmp_path / "d")


def test_folders_of_these_names(tmp_path):
    """They are no such files."""
    (tmp_path / "d.dvc").mkdir()
    (tmp_path / ".lakefs_ref.yaml").mkdir()
    assert {} == versions_beside(tmp_path / "d")
