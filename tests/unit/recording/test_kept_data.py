"""Data in files: recorded, linked to runs, kept, brought back, verified."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

import fitprint
from fitprint.data.trees import PARTIAL, Changes, File, Tree
from fitprint.entities import Dataset
from fitprint.errors import ArtifactNotFoundError, FitprintError, IntegrityError, RunNotFoundError
from fitprint.recording.workspace import current
from fitprint.testing.isolation import isolated

OLD = time.time() - 1000


@pytest.fixture
def folder(home, tmp_path, monkeypatch):
    """A folder of data in the working directory."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data"
    (root / "b").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"a")
    (root / "b" / "c.txt").write_bytes(b"cc")
    return root


def contents(root):
    """Return the bytes of all files below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_what_is_recorded(folder):
    """A run of the kind "data", with the digest and the list of files; no bytes."""
    data = fitprint.add_data("data")
    run = fitprint.get_run(data.run.id)
    (dataset,) = run.datasets
    assert ("data", "FINISHED", "data") == (run.kind, run.status, run.name)
    assert ("data", data.digest, False, 2, 3) == (
        dataset.name,
        dataset.digest,
        dataset.facts["kept"],
        dataset.facts["files"],
        dataset.facts["bytes"],
    )
    assert Tree.from_json(json.loads(run.read("data.json"))).digest == data.digest
    assert [] == [artifact for artifact in run.artifacts if artifact.path.startswith("data/")]


def test_the_same_data_are_recorded_once(folder):
    """At the same place, under the same name; to keep them is more."""
    first = fitprint.add_data(folder)
    assert first.run.id == fitprint.add_data("data").run.id
    kept = fitprint.add_data("data", keep=True)
    assert first.run.id != kept.run.id
    assert kept.run.id == fitprint.add_data("data").run.id == fitprint.get_data("data").run.id
    (folder / "a.txt").write_bytes(b"A")
    assert fitprint.add_data("data").digest != first.digest


def test_it_is_no_training(folder):
    """@last is what was trained last."""
    with fitprint.start_run() as run:
        pass
    fitprint.add_data("data")
    assert run.id == fitprint.get_run("@last").id


def test_runs_are_linked_by_the_digest(folder):
    """What `log_input` says of a path is what was added."""
    data = fitprint.add_data("data")
    with fitprint.start_run() as run:
        fitprint.log_input("data")
        run.log_input(folder / "a.txt", name="one", role="test")
    first, second = fitprint.get_run(run.id).datasets
    assert ("data", "train", data.digest) == (first.name, first.role, first.digest)
    assert ("one", "test", 1) == (second.name, second.role, second.facts["bytes"])
    found = fitprint.search_runs(filter_string=f"datasets.digest = '{data.digest}'")
    assert {run.id, data.run.id} == {each.id for each in found}
    assert data.run.id == fitprint.get_data(run).run.id


def test_arrays_are_linked_by_their_file(folder):
    """An object that knows its file is linked while that is as it was added."""
    np = pytest.importorskip("numpy")
    path = folder / "x.npy"
    np.save(path, np.arange(6.0))
    os.utime(path, (OLD, OLD))
    data = fitprint.add_data(path)
    with fitprint.start_run() as run:
        run.log_input(np.load(path, mmap_mode="r"))
        os.utime(path)
        run.log_input(np.load(path, mmap_mode="r"), name="later")
    one, later = fitprint.get_run(run.id).datasets
    assert (data.digest, None) == (one.facts.get("file_digest"), later.facts.get("file_digest"))
    assert data.run.id == fitprint.get_data(run).run.id


def test_of_a_url_the_address_is_recorded(folder):
    """Without what opens it; nothing is fetched."""
    with fitprint.start_run() as run:
        run.log_input("s3://ann:secret@bucket/raw%20data/")
        run.log_input("https://example.com/iris.csv?token=abcdef", name="iris", role="test")
        run.log_input("https://[example/a.csv")
    first, second, third = fitprint.get_run(run.id).datasets
    assert ("data", "url") == (third.name, third.facts["type"])
    assert ("raw data", "train", "") == (first.name, first.role, first.digest)
    assert "url" == first.facts["type"]
    assert first.facts["path"].endswith("@bucket/raw%20data/")
    assert ("iris", "test") == (second.name, second.role)
    assert not [text for text in ("secret", "abcdef") if text in str([first, second])]


@pytest.mark.parametrize("wrong", ["gone", Path("gone"), ""])
def test_a_path_that_is_not_there(folder, wrong):
    """It is told, and nothing is recorded."""
    with fitprint.start_run() as run:
        with pytest.raises(FitprintError):
            run.log_input(wrong)
        with pytest.raises(FitprintError):
            fitprint.add_data(wrong)
    assert () == fitprint.get_run(run.id).datasets
    assert [run.id] == [each.id for each in fitprint.search_runs()]


def test_the_home_is_no_data(folder, tmp_path):
    """What holds it changes all the time."""
    home = current().home
    for place in (home, home.parent):
        with pytest.raises(FitprintError, match="holds what fitprint itself writes"):
            fitprint.add_data(place)


def test_versions_of_other_programs(folder):
    """What lies beside becomes facts."""
    Path("data.dvc").write_text(f"outs:\n- md5: {'ab' * 16}.dir\n  path: data\n")
    assert {"md5": f"{'ab' * 16}.dir", "file": "data.dvc"} == (
        fitprint.add_data("data").dataset.facts["dvc"]
    )


def test_kept_bytes_come_back(folder, tmp_path):
    """Byte by byte; what is there and the same stays, and so does what the data have not."""
    data = fitprint.add_data("data", keep=True)
    before = contents(folder)
    other = tmp_path / "other"
    assert other == data.download(other)
    assert before == contents(other)
    (other / "b" / "c.txt").unlink()
    (other / "mine").write_text("mine")
    kept = (other / "a.txt").stat()
    fitprint.get_data(data.digest[:20]).download(other)
    assert {**before, "mine": b"mine"} == contents(other)
    assert (kept.st_ino, kept.st_mtime_ns) == (
        (other / "a.txt").stat().st_ino,
        (other / "a.txt").stat().st_mtime_ns,
    )


def test_nothing_is_written_over(folder, tmp_path):
    """Unless that is asked for; if something is in the way, nothing is written at all."""
    data = fitprint.add_data("data", keep=True)
    before = contents(folder)
    (folder / "a.txt").write_bytes(b"mine")
    (folder / "b" / "c.txt").unlink()
    with pytest.raises(FitprintError, match="'data/a.txt' has other bytes"):
        data.download()
    assert {"a.txt": b"mine"} == contents(folder)
    data.download(overwrite=True)
    assert before == contents(folder)


def test_a_file_comes_back(folder, tmp_path):
    """To a path of any name."""
    data = fitprint.add_data("data/a.txt", keep=True)
    assert b"a" == data.download(tmp_path / "new" / "x").read_bytes()
    (tmp_path / "new" / "x").write_bytes(b"b")
    with pytest.raises(FitprintError, match="other bytes"):
        data.download(tmp_path / "new" / "x")


def test_bytes_that_were_not_kept(folder, tmp_path):
    """It is said how to keep them."""
    with pytest.raises(FitprintError, match="--keep"):
        fitprint.add_data("data").download(tmp_path / "x")


def test_bytes_that_have_changed(folder, tmp_path):
    """They are written nowhere."""
    data = fitprint.add_data("data/a.txt", keep=True)
    blob = current().staging.path_of(data.digest)
    blob.chmod(0o600)
    blob.write_bytes(b"b")
    with pytest.raises(IntegrityError):
        data.download(tmp_path / "x")
    blob.unlink()
    with pytest.raises(ArtifactNotFoundError):
        data.download(tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_bytes_that_got_lost_are_kept_again(folder, tmp_path):
    data = fitprint.add_data("data", keep=True)
    first, second = (current().staging.path_of(f"sha256:{file.hex}") for file in data.tree().files)
    first.unlink()
    second.write_bytes(b"")
    with pytest.raises((ArtifactNotFoundError, IntegrityError)):
        data.download("before")
    again = fitprint.add_data("data", keep=True)
    assert data.run.id == again.run.id
    assert contents(folder) == contents(again.download("after"))


def test_links_in_the_destination(folder, tmp_path):
    """Nothing is written through one that leads out of it."""
    data = fitprint.add_data("data", keep=True)
    (tmp_path / "far").mkdir()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "b").symlink_to(tmp_path / "far")
    with pytest.raises(FitprintError, match="is a link that leads out"):
        data.download(tmp_path / "new", overwrite=True)
    assert [] == list((tmp_path / "far").iterdir())


def test_a_list_of_files_of_somebody_else(folder, tmp_path):
    """It is believed only if it has the digest of the data, and leads nowhere else."""
    evil = File("../x", 1, "0" * 64)
    for tree in (Tree(True, [evil]), Tree(True, [evil._replace(path="x")])):
        digest = f"sha256:{'0' * 64}" if tree.files[0].path == "x" else tree.digest
        run = fitprint.start_run(name="evil")
        run.log_input(Dataset("evil", "data", digest, {"kept": True}))
        content = {"format": "fitprint-data", "version": 1, **tree.to_json()}
        run.log_dict(content, "data.json")
        run.end()
        data = fitprint.add_data("data")._replace(run=run, dataset=run.datasets[0], kept=True)
        with pytest.raises(IntegrityError, match="cannot be used"):
            data.download(tmp_path / "out")


def test_verify(folder, tmp_path):
    """What came, went and changed; at the place where the data were, or another."""
    data = fitprint.add_data("data", keep=True)
    assert Changes() == data.verify()
    (folder / "a.txt").write_bytes(b"A")
    (folder / "b" / "c.txt").unlink()
    (folder / "new").touch()
    assert Changes(("new",), ("b/c.txt",), ("a.txt",)) == data.verify()
    assert not data.verify(data.download(tmp_path / "other"))


def test_verify_believes_no_time(folder):
    """All bytes are read, also of a file with the same size and time as before."""
    path = folder / "a.txt"
    os.utime(path, (OLD, OLD))
    data = fitprint.add_data("data")
    path.write_bytes(b"b")
    os.utime(path, (OLD, OLD))
    assert ("a.txt",) == data.verify().changed


def test_which_data(folder):
    """A digest or its beginning, a path, a run; what is none, or several, is told."""
    one, two = fitprint.add_data("data"), fitprint.add_data("data/a.txt")
    with fitprint.start_run(name="both") as run:
        run.log_input("data")
        run.log_input("data/a.txt")
    with fitprint.start_run(name="none"):
        pass
    for named in (one.digest, one.digest[:13], "data", folder.name, one.run, one.run.id, one):
        assert one.run.id == fitprint.get_data(named).run.id
    assert two.run.id == fitprint.get_data("data/a.txt").run.id
    with pytest.raises(FitprintError, match="has used several"):
        fitprint.get_data("both")
    for wrong in ("none", "gone", f"sha256:{'0' * 64}", "sha256:000000"):
        with pytest.raises(RunNotFoundError):
            fitprint.get_data(wrong)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_odd_names_come_back(home, tmp_path):
    """Whatever bytes they have."""
    root = tmp_path / "d"
    root.mkdir()
    for name in (b"\xff\xfe", b"a\\b", b"a\nb", "ä".encode()):
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(name)
    data = fitprint.add_data(root, keep=True)
    assert not data.verify(data.download(tmp_path / "e"))
    assert sorted(os.listdir(os.fsencode(root))) == sorted(os.listdir(os.fsencode(tmp_path / "e")))


def test_kept_bytes_travel_in_bundles(folder, tmp_path):
    """They are artifacts like others."""
    from fitprint.bundles import export_runs, import_runs

    data = fitprint.add_data("data", keep=True)
    export_runs(current(), [data.run.id], tmp_path / "b.zip")
    with isolated(tmp_path / "other" / "home"):
        import_runs(current(), tmp_path / "b.zip")
        there = fitprint.get_data(data.digest).download(tmp_path / "new")
    assert contents(folder) == contents(there)


def test_kept_bytes_are_read_from_another_home(folder, tmp_path):
    """From the artifact store, where others use the same store."""
    shared = {
        "store": f"sqlite:///{tmp_path / 'store.db'}",
        "artifacts": (tmp_path / "bytes").as_uri(),
    }
    with isolated(tmp_path / "one" / "home", **shared):
        data = fitprint.add_data("data", keep=True)
        current().sync()
        current().bring()
        for path in current().staging.root.rglob("*"):
            if path.is_file():
                path.unlink()
    with isolated(tmp_path / "two" / "home", **shared):
        there = fitprint.get_data(data.digest).download(tmp_path / "new")
    assert contents(folder) == contents(there)


@pytest.mark.parametrize("name", [".", "..", "a\0b"])
def test_names_that_are_no_place_of_their_own(folder, tmp_path, monkeypatch, name):
    """Data with such a name, as a bundle may bring them, come into the folder "data"."""
    below = tmp_path / "below"
    below.mkdir()
    data = fitprint.add_data("data", keep=True, name=name)
    monkeypatch.chdir(below)
    assert Path("data") == data.download()
    assert contents(folder) == contents(below / "data")
    assert [folder, below] == sorted(
        (path for path in tmp_path.iterdir() if path.name in ("data", "below", "a.txt", "b")),
        key=lambda path: path != folder,
    )


def test_places_that_cannot_be_written(folder, tmp_path):
    """A folder where a file is to be, a file where a folder is to be: an error that names it."""
    data = fitprint.add_data("data", keep=True)
    (tmp_path / "one" / "b" / "c.txt").mkdir(parents=True)
    with pytest.raises(FitprintError, match=r"c\.txt' is a folder.*nothing is written"):
        data.download("one", overwrite=True)
    assert {} == contents(tmp_path / "one")
    (tmp_path / "two").write_bytes(b"kept")
    with pytest.raises(FitprintError, match="two' cannot be written"):
        data.download("two", overwrite=True)
    assert b"kept" == (tmp_path / "two").read_bytes()


def test_what_a_killed_get_left_is_no_data_and_goes(folder):
    """A half-written file is in no digest; the next get removes it, unless it is being written."""
    data = fitprint.add_data("data", keep=True)
    written = data.download("copy")
    old, new = (written / f"{PARTIAL}{name}" for name in ("old", "new"))
    for each in (old, new):
        each.write_text("ha")
    os.utime(old, (1e9, 1e9))
    assert data.digest == fitprint.add_data("copy").digest
    next(path for path in written.iterdir() if path not in (old, new) and path.is_file()).unlink()
    data.download("copy")
    assert (False, True) == (old.exists(), new.exists())
