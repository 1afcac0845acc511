"""Parameters are checked, and passed as they were given."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fitprint_projects.errors import ProjectError
from fitprint_projects.parameters import assigned, parsed
from fitprint_projects.spec import EntryPoint, Parameter


def one(kind, text, folder=Path(), **more):
    entry = EntryPoint("main", "x", {"p": Parameter("p", kind, **more)})
    return parsed(entry, {"p": text}, folder, lambda address: f"/fetched/{address}")["p"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "1", "1"),
        ("int", "-7", -7),
        ("float", "1e-3", 0.001),
        ("float", "inf", math.inf),
        ("bool", "True", True),
        ("bool", "0", False),
        ("uri", "s3://bucket/a", "s3://bucket/a"),
        ("json", '{"a": [1]}', {"a": [1]}),
    ],
)
def test_values_are_typed_and_texts_stay(kind, text, value):
    found = one(kind, text)
    assert (value, type(value), text) == (found.value, type(found.value), found.passed)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("float", "notanumber", "must be a number, not 'notanumber'"),
        ("int", "1.5", "must be a whole number"),
        ("int", "9" * 2000, "must be a whole number"),
        ("bool", "maybe", "must be true or false"),
        ("uri", "bucket/a", "must be an address with a scheme"),
        ("json", "{", "must be JSON"),
        ("json", "[" * 100_000, "must be JSON"),
        ("path", "nowhere.csv", "must be a path, and there is no 'nowhere.csv'"),
        ("string", "a\0b", "has a NUL character"),
    ],
)
def test_float_is_checked_as_are_all_types(kind, text, words):
    with pytest.raises(ProjectError, match=words):
        one(kind, text)


def test_ranges_and_choices_are_checked():
    assert 0.5 == one("float", "0.5", least=0, most=1).value
    for text in ("-1", "2", "nan"):
        with pytest.raises(ProjectError, match="must lie between 0 and 1"):
            one("float", text, least=0, most=1)
    assert "a" == one("choice", "a", choices=("a", "b")).value
    with pytest.raises(ProjectError, match="must be one of a, b, not 'c'"):
        one("choice", "c", choices=("a", "b"))


def test_all_that_is_missing_is_named_at_once():
    entry = EntryPoint("main", "x", {each: Parameter(each) for each in ("a", "b")})
    with pytest.raises(ProjectError, match="needs a, b; give -P a=… -P b=…"):
        parsed(entry, {}, Path(), lambda *_: "")


def test_a_given_path_is_of_the_user_and_a_default_of_the_project(tmp_path, monkeypatch):
    for name in ("user", "project"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.csv").touch()
    monkeypatch.chdir(tmp_path / "user")
    given = one("path", "data.csv", tmp_path / "project")
    assert (str(tmp_path / "user/data.csv"), "data.csv") == (given.passed, given.value)
    entry = EntryPoint("main", "x", {"p": Parameter("p", "path", "data.csv")})
    found = parsed(entry, {}, tmp_path / "project", lambda *_: "")["p"]
    assert (str(tmp_path / "project/data.csv"), "default") == (found.passed, found.origin)
    assert "/fetched/https://host/a.csv" == one("path", "https://host/a.csv").passed


def test_a_default_path_does_not_leave_the_project(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").touch()
    entry = EntryPoint("main", "x", {"p": Parameter("p", "path", "../secret")})
    with pytest.raises(ProjectError, match="leads out of the project"):
        parsed(entry, {}, tmp_path / "project", lambda *_: "")


def test_parameters_that_are_not_declared_are_typed_by_how_they_look():
    found = parsed(EntryPoint("main", "x"), {"a": "0.1", "b": "x"}, Path(), lambda *_: "")
    assert {"a": 0.1, "b": "x"} == {name: each.value for name, each in found.items()}


@pytest.mark.parametrize("pairs", [["a"], ["=1"], ["a=1", "a=2"]])
def test_what_is_no_name_and_value_is_refused(pairs):
    with pytest.raises(ProjectError, match="-P"):
        assigned(pairs)
