"""Any store to any store: what was there is there, once, whole, under its numbers, and what cannot
be is told.
"""

from __future__ import annotations

import contextlib
import json
import types
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint import cli
from fitprint.entities import LoggedModel
from fitprint.errors import FitprintError, QueryError, RunNotFoundError, StoreError
from fitprint.events import Batch, ModelLogged
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.recording.workspace import Workspace, current, settle
from fitprint.replay import events_of, has_run
from fitprint.stores.memory import MemoryStore


@pytest.fixture
def source(home: Path) -> str:
    """The URI of the store into which this test records."""
    return current().store_uri


@pytest.fixture(params=["sqlite", "memory"])
def target(home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URI of an empty store of either kind."""
    return (
        f"sqlite:///{tmp_path / 'target.db'}"
        if request.param == "sqlite"
        else f"memory://{tmp_path}/target"
    )


@pytest.fixture
def other(tmp_path: Path) -> str:
    """The URI of an empty SQLite store."""
    return f"sqlite:///{tmp_path / 'other.db'}"


def model_of(name: str) -> fitprint.Run:
    """Record a run with a model that is a file."""
    with fitprint.start_run(name, experiment="models") as run:
        run.log_text(f"the model {name}", "model/MLmodel")
        current().writer.append(
            ModelLogged(
                run.id, 1, LoggedModel("model", "pickle", f"digest of {name}", {"class": "A"})
            )
        )
    return run


def at(uri: str, tmp_path: Path, home: str = "reader") -> Workspace:
    """Return what somebody sees who has another home."""
    return Workspace(settle({"home": str(tmp_path / home), "store": uri}))


@pytest.fixture
def reader(target: str, tmp_path: Path) -> Iterator[Workspace]:
    """What somebody sees of the target who has another home."""
    with closing(at(target, tmp_path)) as workspace:
        yield workspace


def said(workspace: Workspace, run: str) -> list[str]:
    """Return all that a store says of a run, in texts that can be compared."""
    store = workspace.store
    record = store.run(run)
    histories = [
        (key, [column.tobytes() for column in store.metric_history(run, key).columns])
        for key in sorted(record.metrics)
    ]
    goals = [(key, summary.goal) for key, summary in sorted(record.metrics.items())]
    return [
        *map(repr, events_of(record)),
        repr(histories),
        repr(goals),
        repr(record.parent_id),
        repr(record.last_time),
    ]


def test_a_run_is_the_same_in_the_other_store(family, source, target, reader):
    """Records, histories, notes and bytes, with the child below it."""
    done = fitprint.copy_runs(source, target)
    assert ([*family], 0, {}, []) == (done.added, done.present, done.failed, done.problems)
    for run in family:
        assert said(current(), run) == said(reader, run)
        for file in current().store.run(run).artifacts:
            assert current().blobs.read(file.digest) == reader.blobs.read(file.digest)
    assert done.files


def test_copying_again_adds_what_is_new(family, source, target, reader):
    """Not a point, a file or a tag more, whatever became of a run there."""
    fitprint.copy_runs(source, target)
    before = [said(reader, run) for run in family]
    assert 4 == len(reader.store.metric_history(family[0], "loss"))
    with fitprint.start_run("later") as run:
        run.log_metric("loss", 1)
    done = fitprint.copy_runs(source, target)
    assert ([run.id], 2) == (done.added, done.present)
    assert before == [said(reader, run) for run in family]


def test_a_filter_takes_what_is_below_along(family, source, target, reader):
    """And nothing else; a filter that cannot be understood copies nothing."""
    with fitprint.start_run("unwanted"):
        pass
    assert [*family] == fitprint.copy_runs(source, target, "name = 'parent'").added
    with pytest.raises(QueryError):
        fitprint.copy_runs(source, target, "nothing ==== 3")
    assert {"parent", "child"} == {reader.store.run(run).name for run in family}


def test_a_child_alone_keeps_the_id_of_its_parent_in_a_tag(family, source, target, reader):
    """So that it is listed, and can be traced."""
    fitprint.copy_runs(source, target, "name = 'child'")
    record = reader.store.run(family[1])
    assert (None, {"fitprint.parent": family[0]}) == (record.parent_id, dict(record.tags))


def test_a_run_that_goes_on_is_left_out_with_what_is_below(source, target, reader):
    """It comes, with its parent, when that has ended."""
    with fitprint.start_run("open") as run, fitprint.start_run("part") as part:
        part.end()
        done = fitprint.copy_runs(source, target)
        assert ([], [run.id, part.id]) == (done.added, done.open)
    assert [run.id, part.id] == fitprint.copy_runs(source, target).added
    assert run.id == reader.store.run(part.id).parent_id


def test_the_trash_and_the_archive_stay_what_they_are(source, target, reader):
    """Experiments come with tags and notes, those without runs, too."""
    with fitprint.start_run("removed", experiment="old") as run:
        pass
    fitprint.delete_run(run.id)
    fitprint.archive_experiment("old")
    fitprint.create_experiment("empty", tags={"team": "a"}, note="nothing yet")
    fitprint.copy_runs(source, target)
    assert reader.store.run(run.id).deleted_time is not None
    found = {each.name: each for each in reader.store.experiments()}
    assert found["old"].archived_time is not None
    assert ({"team": "a"}, "nothing yet") == (dict(found["empty"].tags), found["empty"].note)


def test_what_an_experiment_says_already_stays(family, source, other, tmp_path):
    """It gets the tags that it has not."""
    fitprint.set_experiment_tags("e", {"metric": "loss", "team": "a"})
    fitprint.copy_runs(source, other)
    with fitprint.start_run("more", experiment="e"):
        pass
    fitprint.set_experiment_tags("e", {"metric": "accuracy", "owner": "me"})
    fitprint.copy_runs(source, other)
    with closing(at(other, tmp_path)) as workspace:
        (found,) = (each for each in workspace.store.experiments() if each.name == "e")
    assert {"metric": "loss", "team": "a", "owner": "me"} == dict(found.tags)


def test_a_dry_run_makes_nothing(family, source, other, tmp_path):
    """Not even the file of the target."""
    done = fitprint.copy_runs(source, other, dry_run=True)
    assert ([*family], True) == (done.added, done.dry_run)
    assert not (tmp_path / "other.db").exists()
    fitprint.copy_runs(source, other)
    assert 2 == fitprint.copy_runs(source, other, dry_run=True).present


@pytest.mark.parametrize("fate", ["lost", "changed"])
def test_a_run_whose_bytes_are_not_sound_is_left_out(family, home, fate, tmp_path):
    """The others are copied; nothing of it appears."""
    first = f"sqlite:///{tmp_path / 'first.db'}"
    fitprint.copy_runs(current().store_uri, first)
    (file,) = (each for each in current().store.run(family[1]).artifacts if each.path == "x.txt")
    for path in tmp_path.rglob(f"{file.digest[7:9]}/{file.digest[9:]}"):
        if fate == "lost":
            path.unlink()
        else:
            path.chmod(0o600)
            path.write_bytes(b"y")
    fitprint.configure(
        home=str(tmp_path / "other home"), store=f"sqlite:///{tmp_path / 'second.db'}"
    )
    done = fitprint.copy_runs(first, current().store_uri)
    assert ([family[0]], [family[1]]) == (done.added, list(done.failed))
    assert file.digest in done.failed[family[1]]
    with pytest.raises(RunNotFoundError):
        current().store.run(family[1])


def test_bytes_go_to_the_home_where_a_store_has_no_other_place(family, source, tmp_path):
    """As those of a run that was recorded there."""

    class Placeless(MemoryStore):
        pass

    opened: dict[str, Any] = {}

    def placeless(uri: str) -> Any:
        return opened.setdefault(uri, Placeless(uri))

    manager.reset(
        manager.Hooks(
            extra={
                "mine": types.SimpleNamespace(
                    register_stores=hookimpl(lambda: {"mine": Opener(placeless)})
                )
            }
        )
    )
    fitprint.copy_runs(source, "mine://there")
    assert opened["mine://there"].artifact_uri is None
    for file in opened["mine://there"].run(family[1]).artifacts:
        assert file.digest in current().staging


class Broken(MemoryStore):
    """A store that fails after so many batches, as one that is killed does."""

    most = 10**9

    def append(self, batch: Batch) -> None:
        if Broken.most <= 0:
            raise StoreError("the network is down")
        Broken.most -= 1
        super().append(batch)


def test_a_copying_that_was_stopped_goes_on_where_it_was(source):
    """At whichever batch: a run is there whole or not at all, and no point is there twice."""
    with fitprint.start_run("long") as run:
        values = [float(value) for value in range(70_000)]
        run.log_history("a", values, steps=list(range(len(values))))
        run.log_history("b", values, steps=list(range(len(values))))
    opened: dict[str, Any] = {}
    brought = types.SimpleNamespace(
        register_stores=hookimpl(
            lambda: {"broken": Opener(lambda uri: opened.setdefault(uri, Broken(uri)))}
        )
    )
    manager.reset(manager.Hooks(extra={"mine": brought}))
    stopped = 0
    for most in range(10):
        uri = f"broken://{most}"
        Broken.most = most
        with contextlib.suppress(StoreError):
            fitprint.copy_runs(source, uri)
        stopped += Broken.most == 0
        Broken.most = 10**9
        if not has_run(opened[uri], run.id):
            assert [run.id] == fitprint.copy_runs(source, uri).added
        assert (
            values
            == list(opened[uri].metric_history(run.id, "a").value)
            == list(opened[uri].metric_history(run.id, "b").value)
        )
    assert stopped > 2


# -- registered models -----------------------------------------------------------------------------


@pytest.fixture
def churn(source: str) -> list[fitprint.Run]:
    """A registered model with three versions, the second removed, an alias, a rule and a note;
    return the runs.
    """
    runs = [model_of(f"m{number}") for number in (1, 2, 3)]
    for run in runs:
        fitprint.register_model(
            run, "churn", tags={"run": run.name}, note=f"of {run.name}", reason="it is better"
        )
    model = fitprint.get_registered_model("churn")
    model.promote(3, "champion")
    fitprint.get_model_version("models:/churn/2").delete()
    model.set_note("who leaves")
    model.set_rules("champion", approvals=1)
    return runs


def test_versions_keep_their_numbers(churn, source, target, reader):
    """Removed ones, too; with tags, notes, files, aliases and rules, and the word where they come
    from.
    """
    done = fitprint.copy_runs(source, target)
    assert [(1, 1), (3, 3)] == [(each.origin, each.version) for each in done.versions]
    assert [] == done.problems
    registry = reader.store.registry
    assert registry is not None
    model = registry.model("churn")
    assert ({"champion": 3}, "who leaves", 2, 3) == (
        dict(model.aliases),
        model.note,
        model.version_count,
        model.latest,
    )
    assert {"champion"} == set(model.rules)
    assert registry.version("churn", 2).deleted_time is not None
    version = registry.version("churn", 3)
    assert (churn[2].id, {"run": "m3"}, "of m3") == (
        version.run_id,
        dict(version.tags),
        version.note,
    )
    assert b"the model m3" == reader.blobs.read(version.artifacts[0].digest)
    made = registry.decisions(model.id, act="ModelVersionCreated")
    assert all(f"copied from {source}: version" in decision.reason for decision in made)


def test_versions_are_copied_once(churn, source, target, reader):
    """What is registered later is added."""
    fitprint.copy_runs(source, target)
    assert [] == fitprint.copy_runs(source, target).versions
    fitprint.register_model(model_of("m4"), "churn")
    assert [4] == [each.version for each in fitprint.copy_runs(source, target).versions]
    assert reader.store.registry is not None
    assert 3 == reader.store.registry.model("churn").version_count


def test_numbers_that_are_taken_are_told(churn, source, other, home, tmp_path):
    """A registered model of the name keeps its versions, and where its alias leads."""
    mine = f"sqlite:///{tmp_path / 'mine.db'}"
    fitprint.configure(store=mine)
    fitprint.register_model(model_of("own"), "churn")
    current().bring()
    fitprint.get_registered_model("churn").promote(1, "champion")
    done = fitprint.copy_runs(source, mine)
    assert [(1, 2), (3, 4)] == [(each.origin, each.version) for each in done.versions]
    assert any(
        "numbers changed: version 1 is 2, version 3 is 4" in problem for problem in done.problems
    )
    assert any(
        "churn@champion points to version 1 and stays there" in problem for problem in done.problems
    )
    assert {"champion": 1} == dict(fitprint.get_registered_model("churn").aliases)


def test_a_filter_takes_the_registered_models_of_its_runs(churn, source, target):
    """Whole, so that numbers hold; others stay behind."""
    fitprint.register_model(model_of("apart"), "other")
    done = fitprint.copy_runs(source, target, "name = 'm3'")
    assert {"churn"} == {each.name for each in done.versions}
    assert [churn[2].id] == done.added


def test_a_store_without_a_registry_is_told(churn, source):
    """Runs are copied all the same."""

    class Plain(MemoryStore):
        registry = None  # type: ignore[assignment]

    brought = types.SimpleNamespace(register_stores=hookimpl(lambda: {"plain": Opener(Plain)}))
    manager.reset(manager.Hooks(extra={"mine": brought}))
    done = fitprint.copy_runs(source, "plain://there")
    assert (3, []) == (len(done.added), done.versions)
    assert any("registered models stay behind" in problem for problem in done.problems)


# -- what is asked for -----------------------------------------------------------------------------


def test_what_makes_no_sense_is_told(source, other, tmp_path):
    """The same store twice, a store that is not there, texts that are none."""
    with pytest.raises(FitprintError, match="the same store"):
        fitprint.copy_runs(source, source)
    with pytest.raises(StoreError, match="its file does not exist"):
        fitprint.copy_runs(other, source)
    with pytest.raises(FitprintError, match="must be a text"):
        fitprint.copy_runs(3, source)  # type: ignore[arg-type]
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    "places", [("nosuch://me:pass-word@host/db", "{}"), ("{}", "nosuch://me:pass-word@host/db")]
)
def test_passwords_are_not_shown(source, places, capsys):
    """Whichever of the stores cannot be opened."""
    assert 1 == cli.main(["copy", *(place.format(source) for place in places)])
    told = "".join(capsys.readouterr())
    assert "nosuch" in told
    assert "pass-word" not in told


def test_the_command_says_what_it_did(churn, source, other, tmp_path, capsys):
    """Ids as data, the rest beside; or all as JSON."""
    assert 0 == cli.main(["copy", source, other, "--dry-run"])
    output, told = capsys.readouterr()
    assert [run.id for run in churn] == output.split()
    assert "3 runs would be copied" in told
    assert 0 == cli.main(["copy", source, other, "--json"])
    output, told = capsys.readouterr()
    done = json.loads(output)
    assert ([run.id for run in churn], 0) == (done["added"], done["present"])
    assert {"name": "churn", "origin": 1, "version": 1} == done["versions"][0]
    assert "2 versions of registered models" in told
    assert "\r" not in told
    with closing(at(other, tmp_path)) as workspace:
        assert "m1" == workspace.store.run(churn[0].id).name
