"""What plugins say that they support is what is tested, and what the documentation shows."""

from __future__ import annotations

import configparser
import importlib.util
import re
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

_spec = importlib.util.spec_from_file_location("generate_support", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)

LANE = runpy.run_path(str(ROOT / "tests/lane.py"))
SUPPORTED = generate.supported()
PLUGINS = pytest.mark.parametrize("support", SUPPORTED, ids=lambda support: support.plugin)

TOX = configparser.ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")


def faults(support) -> list[str]:
    """Return what is wrong between the range of a plugin's framework and the oldest versions that
    it is tested with.
    """
    found = []
    for name, range_ in support.ranges.items():
        lowest = re.fullmatch(r">=(\d+(?:\.\d+)*)", range_)
        pin = support.oldest.get(name, "none")
        if lowest is None:
            found.append(f"{name}{range_} is no range with a lower end alone")
        elif not re.fullmatch(rf"{re.escape(lowest[1])}(\.\d+)*", pin):
            found.append(f"its oldest lane tests {name} {pin}, not {lowest[1]}")
    return found


def test_every_plugin_has_two_lanes():
    """The table has a row for each folder, and tox tests both ends by default."""
    names = [
        path.name.removeprefix("fitprint-")
        for path in sorted((ROOT / "plugins").iterdir())
        if path.is_dir()
    ]
    lanes = re.search(r"\{([\w,]+)\}-\{oldest,newest\}$", TOX["tox"]["env_list"], re.MULTILINE)
    assert [f"fitprint-{name}" for name in names] == [support.plugin for support in SUPPORTED]
    assert names == sorted(lanes[1].split(","))


def test_the_table_names_the_pythons_of_the_lanes():
    """What tox asks for first."""
    first = dict(re.findall(r"^(\w+): python([\d.]+)", TOX["testenv"]["base_python"], re.MULTILINE))
    assert first == {"oldest": generate._OLDEST, "newest": generate._NEWEST}


@PLUGINS
def test_the_lower_end_is_tested(support):
    """The oldest lane holds the framework at the lowest version of the declared range."""
    assert [] == faults(support)


@PLUGINS
def test_nothing_holds_the_newest_back(support):
    """What tests need beside has no upper end, so the newest lane takes whatever there is."""
    folder = LANE["plugins"]()[support.plugin.removeprefix("fitprint-")]
    needed = map(Requirement, LANE["metadata"](folder)["dependency-groups"]["test"])
    assert [] == [
        str(each) for each in needed if {spec.operator for spec in each.specifier} - {">="}
    ]


@PLUGINS
def test_the_table_shows_it(support):
    """Range and versions stand in one row."""
    (row,) = (
        line
        for line in generate.pages()["reference/support.md"].splitlines()
        if f"`{support.plugin}`" in line
    )
    for name, range_ in support.ranges.items():
        assert f"{name} ≥ {range_.removeprefix('>=')}" in row
        assert f"{name} {support.oldest[name]}" in row


def test_careless_ranges_are_told():
    """A version that is not the lowest, the newest of a series, none at all, an upper end."""
    ranges = {"toy": ">=1.1", "other": ">=3", "third": ">=1", "last": "<2"}
    assert [
        "its oldest lane tests toy 1.2.0, not 1.1",
        "its oldest lane tests other 3.*, not 3",
        "its oldest lane tests third none, not 1",
        "last<2 is no range with a lower end alone",
    ] == faults(
        generate.Support("fitprint-toy", ranges, {"toy": "1.2.0", "other": "3.*", "last": "1.9"})
    )


@pytest.fixture
def lane(tmp_path):
    """The module, with two plugins of which the second rests on the first."""
    groups = "[dependency-groups]\n"
    metadata = {
        "": f'{groups}oldest = ["pluggy==1.7.*"]',
        "plugins/fitprint-ground": (
            "[project]\n"
            'dependencies = ["fitprint>=0.1"]\n'
            f'{groups}test = ["pandas"]\n'
            'oldest = ["ground==1.0"]'
        ),
        "plugins/fitprint-upper": (
            "[project]\n"
            'dependencies = ["fitprint-ground>=0.1"]\n'
            f'{groups}test = ["click"]\n'
            'oldest = ["upper==2.0"]'
        ),
        "plugins/fitprint-loose": (
            f'[project]\ndependencies = []\n{groups}test = ["fitprint-upper"]\noldest = []'
        ),
    }
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/lane.py").write_bytes((ROOT / "tests/lane.py").read_bytes())
    for folder, text in metadata.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return runpy.run_path(str(tmp_path / "tests/lane.py"))


def test_a_lane_installs_a_plugin_and_what_it_rests_on(lane, tmp_path):
    """Its framework and its tests' needs are asked for, those of what it rests on are not."""
    upper, ground, loose = (
        str(tmp_path / f"plugins/fitprint-{name}") for name in ("upper", "ground", "loose")
    )
    assert ["-e", f"{upper}[framework]", "click", "-e", ground] == lane["requirements"](
        ["upper"], with_tests=True
    )
    assert ["-e", f"{loose}[framework]", "-e", upper, "-e", ground] == lane["requirements"](
        ["loose"], with_tests=True
    )


def test_all_plugins_come_with_their_frameworks(lane, tmp_path):
    """Each once, without what their tests need."""
    expected = [
        word
        for name in ("ground", "loose", "upper")
        for word in ("-e", f"{tmp_path / 'plugins' / f'fitprint-{name}'}[framework]")
    ]
    assert expected == lane["requirements"](list(lane["plugins"]()), with_tests=False)


def test_the_oldest_lane_holds_all_that_a_plugin_rests_on(lane):
    """The core, itself, and other plugins, those that its tests alone need included."""
    assert ["pluggy==1.7.*", "upper==2.0", "ground==1.0"] == lane["constraints"]("upper")
    assert ["pluggy==1.7.*", "upper==2.0", "ground==1.0"] == lane["constraints"]("loose")
