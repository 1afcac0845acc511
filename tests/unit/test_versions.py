"""Which versions of a framework a plugin supports."""

from __future__ import annotations

import pytest

from fitprint.versions import headers, is_inside, is_installed, misfits, name_and_range


@pytest.mark.parametrize(
    ("version", "range_", "expected"),
    [
        ("1.5.0", ">=1.5,<2", True),
        ("1.4.9", ">=1.5,<2", False),
        ("2.0", ">=1.5,<2", False),
        ("2.0rc1", ">=1.5,<2", False),
        ("1.10", ">1.9", True),
        ("1.5.3", "==1.5.*", True),
        ("1.6", "!=1.6.*", False),
        ("1.6.1", "~=1.6", True),
        ("2.0", "~=1.6", False),
        ("1.5", "==1.5.0", True),
        ("1.6", ">1.6", False),
        ("9", "", True),
    ],
)
def test_ranges(version, range_, expected):
    """Release numbers are compared as numbers."""
    assert expected == is_inside(version, range_)


def test_what_is_no_range_is_told():
    """Rather than guessed at."""
    with pytest.raises(ValueError, match="is not a version range"):
        is_inside("1", "about 1")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('scikit-learn>=1.5,<2; extra == "framework"', ("scikit-learn", ">=1.5,<2")),
        ("Scikit_Learn[alldeps] (>=1.5)", ("scikit-learn", ">=1.5")),
        ("xgboost", ("xgboost", "")),
        ("Scikit_Learn[all] (>=1.5, <2) ; extra == 'framework'", ("scikit-learn", ">=1.5,<2")),
    ],
)
def test_requirements(line, expected):
    """Name and range of a line of metadata."""
    assert expected == name_and_range(line)


@pytest.mark.parametrize(
    ("name", "range_", "expected"),
    [("wrapt", ">=1", True), ("wrapt", ">=99", False), ("nowhere", ">=0", False)],
)
def test_what_is_installed(name, range_, expected):
    """A target of newer versions is listed where one of them is there."""
    assert expected == is_installed(name, range_)


def test_a_framework_of_another_version_is_told(tmp_path, monkeypatch):
    """With the range, the version that is there, and what to do; one that is not installed is no
    misfit.
    """
    supported = ("toy>=1,<3", "other>=1", "wrapt>=1", 'toy>=9; python_version < "3" and ')
    for name, version, requires in (("toy", "3.1", ()), ("fitprint-toy", "1.0", supported)):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = "".join(
            f'Requires-Dist: {line}{"" if ";" in line else "; "}extra == "framework"\n'
            for line in requires
        )
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}"
        )
    monkeypatch.syspath_prepend(tmp_path)
    (misfit,) = misfits("fitprint-toy")
    assert misfit.startswith(
        "fitprint-toy supports toy>=1,<3, and 3.1 is installed: upgrade fitprint-toy"
    )


def test_headers_agree_with_the_standard_library():
    """Of every distribution that is here; what its description says is none of them."""
    from importlib.metadata import distributions

    found = list(distributions())
    assert found
    for each in found:
        fields = headers(each)
        assert (each.metadata["Name"], each.version) == (fields["name"][0], fields["version"][0])
        assert (each.metadata.get_all("Requires-Dist") or []) == fields.get("requires-dist", [])
