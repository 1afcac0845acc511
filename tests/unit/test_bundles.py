"""Bundles: what goes out comes in the same, and nothing else does."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace

import pytest

import fitprint
from fitprint.artifacts import memory
from fitprint.bundles import export_runs, import_runs
from fitprint.errors import ArtifactNotFoundError, FitprintError, IntegrityError, RunNotFoundError
from fitprint.recording.workspace import Workspace, current, settle


@pytest.fixture
def elsewhere(tmp_path):
    """An empty home with a SQLite store."""
    workspace = Workspace(
        settle(
            {"home": str(tmp_path / "elsewhere"), "store": f"sqlite:///{tmp_path / 'elsewhere.db'}"}
        )
    )
    yield workspace
    workspace.close()


@pytest.fixture
def bundle(family, tmp_path):
    """A bundle of the family."""
    file = tmp_path / "family.zip"
    export_runs(current(), family[:1], file)
    return file


@pytest.fixture
def described(family, tmp_path):
    """A bundle of the family, whose experiment has tags and a note."""
    fitprint.set_experiment_tags("e", {"metric": "loss", "team": "a"})
    fitprint.set_experiment_note("e", "what it is about")
    file = tmp_path / "described.zip"
    export_runs(current(), family[:1], file)
    return file


def test_tags_and_notes_of_experiments_go_with_their_runs(described, elsewhere):
    """So that tables show there the metric that they show here."""
    import_runs(elsewhere, described)
    (found,) = elsewhere.store.experiments()
    assert ("e", {"metric": "loss", "team": "a"}, "what it is about") == (
        found.name,
        dict(found.tags),
        found.note,
    )


def test_what_an_experiment_says_already_stays(described, home, tmp_path):
    """It gets the tags that it has not; and importing twice changes nothing."""
    fitprint.configure(home=str(tmp_path / "other"), store=f"sqlite:///{tmp_path / 'other.db'}")
    fitprint.create_experiment("e", tags={"team": "b"}, note="mine")
    import_runs(current(), described)
    found = fitprint.get_experiment("e")
    assert ({"metric": "loss", "team": "b"}, "mine") == (dict(found.tags), found.note)
    fitprint.set_experiment_tags("e", {"metric": None})
    import_runs(current(), described)
    assert {"team": "b"} == dict(fitprint.get_experiment("e").tags)


@pytest.mark.parametrize(
    "said",
    [
        3,
        [3],
        [{"name": "e"}],
        [{"name": "e", "tags": {"a": 1}, "note": ""}],
        [{"name": "", "tags": {}, "note": ""}],
    ],
)
def test_what_a_bundle_says_of_experiments_is_checked(described, elsewhere, tmp_path, said):
    """Nothing is imported of one that is not sound."""
    with zipfile.ZipFile(described) as archive:
        manifest = json.loads(archive.read("manifest.json")) | {"experiments": said}
    bent = changed(
        described, tmp_path / "bent.zip", **{"manifest.json": json.dumps(manifest).encode()}
    )
    with pytest.raises(FitprintError, match="damaged"):
        import_runs(elsewhere, bent)
    assert [] == list(elsewhere.store.experiments())


def plain(record):
    """Return a record that can be compared: mappings as dicts, NaN as text."""
    as_text = json.loads(
        json.dumps(
            {
                key: [param.value, param.provenance, param.spilled]
                for key, param in record.params.items()
            }
        )
    )
    return replace(
        record,
        params={key: [str(part) for part in value] for key, value in as_text.items()},
        metrics={key: str(summary) for key, summary in record.metrics.items()},
        tags=dict(record.tags),
        datasets=tuple(replace(dataset, facts=dict(dataset.facts)) for dataset in record.datasets),
        models=tuple(replace(model, facts=dict(model.facts)) for model in record.models),
        documents=dict(record.documents),
    )


def changed(bundle, target, **members):
    """Copy a bundle with members replaced (None: left out); return the copy."""
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            if name not in members:
                copy.writestr(name, source.read(name))
        for name, content in members.items():
            if content is not None:
                copy.writestr(name, content)
    return target


def members(bundle, suffix):
    """Return the names and bytes of members whose name ends so."""
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(suffix)}


def test_a_run_comes_back_the_same(family, bundle, elsewhere):
    """Records, histories and bytes, from a memory store to a SQLite store; the child came along."""
    done = import_runs(elsewhere, bundle)
    assert (family, ()) == (done.added, done.present)
    for run_id in family:
        assert plain(current().store.run(run_id)) == plain(elsewhere.store.run(run_id))
        for key in current().store.run(run_id).metrics:
            ours, theirs = (
                current().store.metric_history(run_id, key),
                elsewhere.store.metric_history(run_id, key),
            )
            assert [
                column.tobytes() for column in (ours.step, ours.epoch, ours.timestamp, ours.value)
            ] == [
                column.tobytes()
                for column in (theirs.step, theirs.epoch, theirs.timestamp, theirs.value)
            ]
        for artifact in current().store.run(run_id).artifacts:
            assert current().blobs.read(artifact.digest) == elsewhere.blobs.read(artifact.digest)


def test_the_same_runs_give_the_same_bytes(family, bundle, elsewhere, tmp_path):
    """Also from another store."""
    import_runs(elsewhere, bundle)
    export_runs(elsewhere, family[:1], tmp_path / "again.zip")
    assert bundle.read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_importing_twice_changes_nothing(family, bundle, elsewhere):
    """Runs that are there stay as they are."""
    import_runs(elsewhere, bundle)
    before = plain(elsewhere.store.run(family[0]))
    done = import_runs(elsewhere, bundle)
    assert ((), family) == (done.added, done.present)
    assert before == plain(elsewhere.store.run(family[0]))
    assert 4 == len(elsewhere.store.metric_history(family[0], "loss"))


def test_importing_where_it_came_from_changes_nothing(family, bundle):
    """The ids are there already."""
    assert family == import_runs(current(), bundle).present


def test_a_child_alone_keeps_the_id_of_its_parent_in_a_tag(family, elsewhere, tmp_path):
    """So that it is listed, and can be traced."""
    export_runs(current(), family[1:], tmp_path / "child.zip")
    import_runs(elsewhere, tmp_path / "child.zip")
    record = elsewhere.store.run(family[1])
    assert (None, {"fitprint.parent": family[0]}) == (record.parent_id, dict(record.tags))


def test_a_run_in_the_trash_stays_there(family, elsewhere, tmp_path):
    """Exported and imported."""
    fitprint.delete_run(family[0])
    export_runs(current(), family[:1], tmp_path / "b.zip")
    import_runs(elsewhere, tmp_path / "b.zip")
    assert elsewhere.store.run(family[0]).deleted_time is not None


def test_a_run_that_goes_on_is_not_exported(home, tmp_path):
    """Nothing is written."""
    with fitprint.start_run() as run, pytest.raises(FitprintError, match="have not ended"):
        export_runs(current(), [run.id], tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_a_file_that_is_there_is_not_overwritten(family, tmp_path):
    """It may be somebody's only copy."""
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(FitprintError, match="is there already"):
        export_runs(current(), family, tmp_path / "b.zip")
    assert "mine" == (tmp_path / "b.zip").read_text()


@pytest.mark.parametrize("fate", ["lost", "changed"])
def test_a_run_without_its_bytes_is_not_exported(family, tmp_path, fate):
    """No half of a bundle is left behind."""
    blob = current().staging.path_of(current().store.run(family[1]).artifacts[0].digest)
    if fate == "lost":
        blob.unlink()
        for elsewhere in memory._shared.values():
            elsewhere._kept.clear()
    else:
        blob.write_text("y")
    (tmp_path / "out").mkdir()
    with pytest.raises((ArtifactNotFoundError, IntegrityError)):
        export_runs(current(), family, tmp_path / "out" / "b.zip")
    assert [] == list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_bundle_is_refused(home, tmp_path, content):
    """With its name."""
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(FitprintError, match=r"b\.zip is not a bundle"):
        import_runs(current(), tmp_path / "b.zip")


def test_a_file_that_is_not_there_is_told(home, tmp_path):
    """With its name."""
    with pytest.raises(FitprintError, match="there is no file"):
        import_runs(current(), tmp_path / "nope.zip")


def test_a_bundle_of_a_newer_version_is_refused(bundle, elsewhere, tmp_path):
    """With the advice to upgrade."""
    manifest = json.loads(members(bundle, "manifest.json")["manifest.json"]) | {"version": 2}
    newer = changed(bundle, tmp_path / "b.zip", **{"manifest.json": json.dumps(manifest)})
    with pytest.raises(FitprintError, match="upgrade fitprint"):
        import_runs(elsewhere, newer)


@pytest.mark.parametrize("version", [float("nan"), -1, 0, True, 1.5, "1", None, [1]])
def test_fault_7_a_version_that_is_none_is_refused(bundle, elsewhere, tmp_path, version):
    """No number that compares as no version does is taken for an old one."""
    manifest = json.loads(members(bundle, "manifest.json")["manifest.json"]) | {"version": version}
    odd = changed(bundle, tmp_path / "b.zip", **{"manifest.json": json.dumps(manifest)})
    with pytest.raises(FitprintError, match="not a bundle of `fitprint export`"):
        import_runs(elsewhere, odd)


def test_changed_bytes_are_refused(family, bundle, elsewhere, tmp_path):
    """The digest tells; nothing was imported."""
    name, data = next(
        (name, data)
        for name, data in members(bundle, "").items()
        if name.startswith("blobs/") and data == b"x"
    )
    with pytest.raises(IntegrityError):
        import_runs(elsewhere, changed(bundle, tmp_path / "b.zip", **{name: b"y"}))
    with pytest.raises(RunNotFoundError):
        elsewhere.store.run(family[0])
    assert data != b"y"


def bend(bundle, run_id, target, event, **fields):
    """Copy a bundle with some positions of one event of a run replaced."""
    name = f"runs/{run_id}.jsonl"
    lines = [json.loads(line) for line in members(bundle, name)[name].splitlines()]
    for line in lines:
        if line[0] == event:
            for position, value in fields.items():
                line[int(position[1:])] = value
    return changed(bundle, target, **{name: "\n".join(map(json.dumps, lines))})


@pytest.mark.parametrize(
    "path", ["../evil", "/etc/evil", "a/../../evil", "a//b", "", "a\\..\\b", "./a", 7]
)
def test_paths_that_lead_out_are_refused(family, bundle, elsewhere, tmp_path, path):
    """Nothing is written anywhere, and nothing appears in the store."""
    digest = current().store.run(family[1]).artifacts[0].digest
    evil = bend(bundle, family[1], tmp_path / "b.zip", "ArtifactsLogged", _3=[[path, digest, 1]])
    with pytest.raises(FitprintError, match="nothing more was imported"):
        import_runs(elsewhere, evil)
    with pytest.raises(RunNotFoundError):
        elsewhere.store.run(family[1])


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("RunStarted", {"_1": "f" * 32}),
        ("RunStarted", {"_2": "now"}),
        ("RunStarted", {"_3": None}),
        ("RunStarted", {"_5": "../x"}),
        ("RunStarted", {"_7": True}),
        ("RunEnded", {"_3": "RUNNING"}),
        ("RunEnded", {"_2": 0}),
        ("RunEnded", {"_0": "Nonsense"}),
        ("TagsSet", {"_3": {"a": 1}}),
        ("TagsSet", {"_3": []}),
        ("ParamsLogged", {"_3": {"a": [1, "wrong", None]}}),
        ("ParamsLogged", {"_3": {"a": [1]}, "_2": 1.5}),
        ("ArtifactsLogged", {"_3": [["a", "sha256:" + "0" * 64, 1]]}),
        ("ArtifactsLogged", {"_3": [["a", "../../x", 1]]}),
        ("ModelLogged", {"_3": ["../model", "pickle", "", {}]}),
        ("DatasetLogged", {"_3": ["X", "train", "", []]}),
        ("DocumentLogged", {"_3": 1}),
    ],
)
def test_records_that_make_no_sense_are_refused(family, bundle, elsewhere, tmp_path, event, fields):
    """Every fact is checked before any is believed."""
    with pytest.raises(FitprintError, match="nothing more was imported"):
        import_runs(elsewhere, bend(bundle, family[0], tmp_path / "b.zip", event, **fields))
    with pytest.raises(RunNotFoundError):
        elsewhere.store.run(family[0])


@pytest.mark.parametrize("suffix", [".jsonl", ".metrics", "manifest.json"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"\0" * 31])
def test_a_member_that_is_lost_or_torn_is_told(
    family, bundle, elsewhere, tmp_path, suffix, content
):
    """Nothing is imported."""
    name = next(iter(members(bundle, suffix)))
    with pytest.raises(FitprintError, match="nothing more was imported"):
        import_runs(elsewhere, changed(bundle, tmp_path / "b.zip", **{name: content}))


def test_every_flipped_bit_is_found_or_harmless(family, bundle, elsewhere, tmp_path):
    """Damage gives a clear error or the very same runs, never another record."""
    data = bytearray(bundle.read_bytes())
    expected = {run_id: plain(current().store.run(run_id)) for run_id in family}
    for number, at in enumerate(range(0, len(data), 37)):
        torn = bytes(data[:at]) + bytes([data[at] ^ 4]) + bytes(data[at + 1 :])
        (tmp_path / "b.zip").write_bytes(torn)
        home = tmp_path / f"h{number}"
        workspace = Workspace(settle({"home": str(home), "store": f"memory://{home}"}))
        try:
            added = import_runs(workspace, tmp_path / "b.zip").added
        except FitprintError:
            continue
        finally:
            shutil.rmtree(home, ignore_errors=True)
        assert {run_id: expected[run_id] for run_id in added} == {
            run_id: plain(workspace.store.run(run_id)) for run_id in added
        }


def test_export_and_import_on_the_command_line(family, home, capsys, monkeypatch):
    """The file and the ids are data, the rest is said on standard error."""
    from fitprint.cli import main
    from fitprint.recording.workspace import use

    assert 0 == main(["export", "parent"])
    out, err = capsys.readouterr()
    assert (f"{family[0][-6:]}.fitprint.zip\n", True) == (out, err.startswith("fitprint: 2 runs, "))
    use(None)
    monkeypatch.setenv("FITPRINT_HOME", str(home.parent / "other"))
    monkeypatch.setenv("FITPRINT_STORE", f"memory://{home}/other")
    assert 0 == main(["import", out.strip()])
    assert ("\n".join(family) + "\n", "fitprint: 2 runs imported\n") == capsys.readouterr()
    assert 0 == main(["import", out.strip()])
    assert ("", "fitprint: 0 runs imported, 2 were there already\n") == capsys.readouterr()
    assert 1 == main(["export", "nope", "-o", "x.zip"])
    assert 1 == main(["import", "nope.zip"])
