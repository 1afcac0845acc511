"""What another program recorded, by an importer: odd runs are told, others are taken."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import fitprint
from fitprint import cli
from fitprint.copying import Importer, Listed, Origin
from fitprint.copying.files import Files, path_for
from fitprint.copying.values import add_point, id_of, micros, plain
from fitprint.entities import History, Param, RunRecord
from fitprint.errors import ArtifactNotFoundError, StoreError
from fitprint.events import MetricPoints
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording.workspace import current
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord
from fitprint.replay import has_run

RUNS = [id_of("run", number) for number in range(3)]


class Theirs(Origin):
    """Three runs, of which one may be odd, in one of the calls for it."""

    odd: tuple[str, Exception] | None = None

    def runs(self) -> list[Listed]:
        return [Listed(run) for run in RUNS]

    def run(self, run_id: str) -> RunRecord:
        self._fail("run", run_id)
        return RunRecord(run_id, "a", "theirs", "FINISHED", 1, 2, 2, params={"x": Param(10**30)})

    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        history = History()
        add_point(history, 1 << 70, 5, 0.5)
        yield MetricPoints(run.id, 5, "loss", history)
        self._fail("points", run.id)

    def open(self, digest: str) -> BinaryIO:
        raise ArtifactNotFoundError(digest)

    def models(self) -> list[RegisteredModelRecord]:
        return [RegisteredModelRecord(id_of(name), name, 1, 1) for name in ("odd", "sound")]

    def versions(self, model: RegisteredModelRecord) -> Iterator[ModelVersionRecord]:
        if model.name == "odd":
            self._fail("versions", RUNS[1])
        return iter(())

    def _fail(self, place: str, run_id: str) -> None:
        if self.odd is not None and (place, run_id) == (self.odd[0], RUNS[1]):
            raise self.odd[1]


@pytest.fixture
def theirs(home: Path) -> type[Theirs]:
    """The importer "theirs"."""
    known = types.SimpleNamespace(register_importers=hookimpl(lambda: {"theirs": Importer(Theirs)}))
    manager.reset(manager.Hooks(extra={"theirs": known}))
    Theirs.odd = None
    return Theirs


@pytest.mark.parametrize("place", ["run", "points"])
@pytest.mark.parametrize("error", [KeyError("a b"), TypeError("a\nb"), RecursionError("a b")])
def test_an_odd_run_is_left_out_and_told(theirs, place, error):
    """Whatever reading it raises; a later import takes it when it is sound."""
    theirs.odd = place, error
    done = fitprint.import_from("theirs", "here")
    assert [RUNS[0], RUNS[2]] == done.added
    assert [RUNS[1]] == list(done.failed)
    assert done.failed[RUNS[1]].startswith(f"it cannot be read: {type(error).__name__}: ")
    assert "a b" in done.failed[RUNS[1]]
    assert not has_run(current().store, RUNS[1])
    theirs.odd = None
    assert [RUNS[1]] == fitprint.import_from("theirs", "here").added
    assert 1 == len(current().store.metric_history(RUNS[1], "loss"))


def test_what_no_journal_could_hold_reaches_no_store(theirs, monkeypatch):
    """Neither a metric whose name is no text, nor a tag that is none, nor an unknown status."""
    sound, points = theirs.run, theirs.points

    def run(self, run_id):
        changed = {RUNS[0]: {"tags": {"a": 1}}, RUNS[1]: {"status": "ODD"}}
        return replace(sound(self, run_id), **changed.get(run_id, {}))

    def named(self, run):
        for event in points(self, run):
            yield replace(event, key=b"loss") if run.id == RUNS[2] else event

    monkeypatch.setattr(theirs, "run", run)
    monkeypatch.setattr(theirs, "points", named)
    done = fitprint.import_from("theirs", "here")
    assert ([], RUNS) == (done.added, list(done.failed))
    assert ["its 'tags'" in done.failed[RUNS[0]], "its 'status'" in done.failed[RUNS[1]]] == [
        True, True,
    ]  # fmt: skip
    assert "a metric cannot be called b'loss'" == done.failed[RUNS[2]]
    assert [] == fitprint.search_runs()


def test_an_odd_registered_model_is_told(theirs):
    """Others are made."""
    theirs.odd = "versions", KeyError("stage")
    (problem,) = fitprint.import_from("theirs", "here").problems
    assert problem.startswith("the registered model 'odd' was not copied to its end: it cannot be ")
    assert ["sound"] == [each.name for each in fitprint.registered_models()]


def test_a_place_that_is_gone_ends_the_import(theirs):
    """No other run would fare better; what was taken stays."""
    theirs.odd = "run", StoreError("the server is gone")
    with pytest.raises(StoreError, match="is gone"):
        fitprint.import_from("theirs", "here")
    assert [True, False, False] == [has_run(current().store, run) for run in RUNS]


def test_the_command_says_which_run_was_left_out(theirs, capsys):
    """And ends with 1."""
    theirs.odd = "run", ValueError("odd \x1b[2J")
    assert 1 == cli.main(["import", "--from", "theirs", "here"])
    told = capsys.readouterr().err
    assert "2 runs imported" in told
    assert "it cannot be read: ValueError: odd" in told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ({1: (1, {"a": None})}, {"1": [1, {"a": None}]}),
        ({"a": math.inf, "b": True}, {"a": math.inf, "b": True}),
        (Path("x"), "x"),
        (10**30, 10**30),
    ],
)
def test_values_become_those_of_json(value, ours):
    """What JSON has no word for becomes a text."""
    assert ours == plain(value)


def test_a_value_that_is_inside_itself_ends(theirs):
    """At some depth."""
    value: list[Any] = []
    value.append(value)
    assert "[...]" in json.dumps(plain(value))


def test_times_that_no_record_can_have_are_left():
    """NaN, infinities, and years that no calendar shows."""
    assert 1_500_000 == micros(1.5)
    assert [7] * 4 == [micros(time, 7) for time in (math.nan, math.inf, -1e300, 1e12)]


def test_a_step_beyond_the_last_is_the_last():
    """Of 64 bits."""
    history = History()
    for step in (1 << 70, -(1 << 70)):
        add_point(history, step, 0, 1.0)
    assert [2**63 - 1, -(2**63)] == list(history.step)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b", "x/a/b.txt"),
        ("../../a", "x/a.txt"),
        ("/", "x/_.txt"),
        ("", "x/_.txt"),
        ("a\\b\0", "x/a_b_.txt"),
    ],
)
def test_any_name_makes_a_path_below_the_folder(name, path):
    """None leads out of it."""
    assert path == path_for("x", name, ".txt")


def test_files_are_there_until_the_next_run(tmp_path):
    """Those that lie somewhere stay; those that were written go."""
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    files = Files()
    there, first, second = (
        files.add("a.txt", tmp_path / "a.txt"),
        files.write("b.txt", [b"b"]),
        files.write("b.txt", [b"c", b"d"]),
    )
    assert ["a.txt", "b.txt", "b-2.txt"] == [each.path for each in (there, first, second)]
    with files.open(second.digest) as opened:
        assert b"cd" == opened.read()
    place = files.place_of(second.digest)
    files.forget()
    assert ((tmp_path / "a.txt").exists(), place.exists()) == (True, False)
    with pytest.raises(ArtifactNotFoundError):
        files.open(there.digest)


def test_files_of_equal_bytes_are_no_obstacle():
    """To those that are written after them."""
    files = Files()
    contents = [b"same", b"same", b"other", b"third"]
    written = [files.write(f"{number}.txt", [each]) for number, each in enumerate(contents)]
    for content, file in zip(contents, written, strict=True):
        with files.open(file.digest) as opened:
            assert content == opened.read()
    files.forget()


def test_a_file_that_cannot_be_taken_is_told(tmp_path):
    """Or an error, where nobody wants to be told."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"a")
    (tmp_path / "in" / ("b" * 250)).write_bytes(b"b")
    refused: list[str] = []
    files = Files()
    path = "ü" * 130  # has more bytes than a name can have
    assert [] == files.below(tmp_path / "in", path, refused.append)
    assert 2 == len(refused)
    with pytest.raises(ArtifactNotFoundError, match="cannot be taken"):
        files.below(tmp_path / "in", path)
