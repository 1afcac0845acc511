"""What plugins say that they support is what is tested, and what the documentation shows."""

from __future__ import annotations

import configparser
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_spec = importlib.util.spec_from_file_location("generate_support", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)

SUPPORTED = generate.supported()
PLUGINS = pytest.mark.parametrize("support", SUPPORTED, ids=lambda support: support.plugin)


def faults(support) -> list[str]:
    """Return what is wrong between a plugin's metadata and its lanes."""
    found = [f"there is no lane {end}" for end in ("oldest", "newest") if getattr(support, end) is None]
    for name, range_ in support.ranges.items():
        lowest = re.fullmatch(r">=(\d+(?:\.\d+)*)", range_)
        if lowest is None:
            found.append(f"{name}{range_} is no range with a lower end alone")
        elif support.oldest is not None:
            pin = support.oldest.pins.get(name) or support.oldest.pins.get(f"{name}-cpu", "none")
            if not re.fullmatch(rf"{re.escape(lowest[1])}(\.\d+)*", pin):
                found.append(f"{support.oldest.name} tests {name} {pin}, not {lowest[1]}")
    if support.newest is not None:
        found += [f"{support.newest.name} holds {name} back" for name in support.ranges if name in support.newest.pins]
    for lane in (support.oldest, support.newest):
        if lane is not None and not any(f"plugins/{support.plugin}" in command for command in lane.commands):
            found.append(f"{lane.name} does not run the plugin's tests")
    return found


def test_every_plugin_is_looked_at():
    """The table has a row for each folder."""
    assert [path.name for path in sorted((ROOT / "plugins").iterdir()) if path.is_dir()] == [support.plugin for support in SUPPORTED]


@PLUGINS
def test_both_ends_of_the_range_are_tested(support):
    """The oldest lane tests the lowest version of the declared range, the newest whatever there is, and both run by default."""
    assert [] == faults(support)


@PLUGINS
def test_the_table_shows_it(support):
    """Range and versions stand in one row."""
    (row,) = (line for line in generate.pages()["reference/support.md"].splitlines() if f"`{support.plugin}`" in line)
    for name, range_ in support.ranges.items():
        assert f"{name} ≥ {range_.removeprefix('>=')}" in row
        assert re.search(rf"{re.escape(name)}(-cpu)? \d", row)


TOX = """
[tox]
env_list =
    {toy,other}-{oldest,newest}
    lonely

[testenv:{toy,other}-{oldest,newest}]
base_python =
    oldest: python3.10, python3.11
    newest: python3.13, python3.12
deps =
    -e {tox_root}
    oldest: numpy<2; python_version < "3.13"
    toy-oldest: toy==1.2.0; python_version < "3.11"
    toy-oldest: toy==1.4.0; python_version >= "3.11"
    other-oldest: other==3.*
    other-newest: other==3.9
    !toy-newest: extra==1
commands =
    toy: pytest {posargs:plugins/fitprint-toy}
    other: pytest {posargs:plugins/fitprint-toy}
"""


@pytest.fixture
def tox():
    """A tox.ini with lanes of two plugins, the second one's careless."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(TOX)
    return parser


def test_lanes_are_read_as_tox_reads_them(tox):
    """Braces, factors and conditions on Python's version."""
    oldest, newest = (generate.lane_of(tox, f"toy-{end}") for end in ("oldest", "newest"))
    assert ("3.10", {"toy": "1.2.0"}) == (oldest.python, oldest.pins)
    assert ("3.13", {}) == (newest.python, newest.pins)
    assert ("pytest {posargs:plugins/fitprint-toy}",) == oldest.commands
    assert {"other": "3.9", "extra": "1"} == generate.lane_of(tox, "other-newest").pins


@pytest.mark.parametrize("name", ["toy-ancient", "lonely", "nobody"])
def test_a_lane_that_does_not_run_is_none(tox, name):
    """Neither one without a section nor one that is not in the list."""
    assert generate.lane_of(tox, name) is None


def test_careless_lanes_are_told(tox):
    """A lane that is missing, one that takes the newest of a series, one that holds back, one that tests another plugin, an upper end."""
    lanes = {end: generate.lane_of(tox, f"other-{end}") for end in ("oldest", "newest")}
    assert [
        "other-oldest tests other 3.*, not 3",
        "other-newest holds other back",
        "other-oldest does not run the plugin's tests",
        "other-newest does not run the plugin's tests",
    ] == faults(generate.Support("fitprint-other", {"other": ">=3"}, **lanes))
    oldest = generate.lane_of(tox, "toy-oldest")
    upper = ["toy<2 is no range with a lower end alone", "toy-oldest holds toy back"]
    assert ["there is no lane newest", "toy-oldest tests toy 1.2.0, not 1.1", *upper] == [
        *faults(generate.Support("fitprint-toy", {"toy": ">=1.1"}, oldest, None)),
        *faults(generate.Support("fitprint-toy", {"toy": "<2"}, oldest, oldest)),
    ]
