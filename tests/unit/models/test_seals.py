import os
from pathlib import Path

import pytest

import fitprint
from fitprint.hooks.manager import hooks
from fitprint.models.seals import is_own, key_path, seal


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_what_the_user_sealed_is_the_users_own():
    assert is_own("sha256:1", seal("sha256:1"))


@pytest.mark.parametrize("found", ["", "0" * 128, None, 5, ["x"], "ä", b"x"])
def test_anything_else_is_not(found: object):
    seal("sha256:1")
    assert not is_own("sha256:1", found)


def test_a_seal_fits_one_digest_only():
    assert not is_own("sha256:2", seal("sha256:1"))


def test_another_users_seal_is_not_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    theirs = seal("sha256:1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    seal("sha256:2")
    assert not is_own("sha256:1", theirs)


def test_asking_makes_no_key(state: Path):
    assert not is_own("sha256:1", "0" * 128)
    assert not state.exists()


def test_the_key_is_private_whatever_the_umask(state: Path):
    before = os.umask(0)
    try:
        seal("sha256:1")
    finally:
        os.umask(before)
    path = key_path()
    assert path is not None
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_key_that_others_may_read_or_that_is_a_link_does_not_count(state: Path, tmp_path: Path):
    found = seal("sha256:1")
    path = key_path()
    assert path is not None
    path.chmod(0o644)
    assert not is_own("sha256:1", found)
    path.chmod(0o600)
    assert is_own("sha256:1", found)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert not is_own("sha256:1", found)


def test_where_no_key_can_be_kept_nothing_is_sealed(state: Path):
    state.write_text("a file, no folder")
    assert seal("sha256:1") == ""
    assert not is_own("sha256:1", "")


@pytest.mark.usefixtures("home")
def test_a_recorded_model_is_sealed_and_a_logged_folder_is_not(tmp_path: Path):
    from fitprint.models.fetching import own_files

    hooks()
    with fitprint.start_run() as run:
        run.log_model([1, 2, 3])
        run.download("model", tmp_path / "copy")
        run.log_artifacts(tmp_path / "copy", "copy")
    record = fitprint.get_run(run.id).record
    assert sorted(own_files(record, "model")) == [
        "MLmodel",
        "fitprint.json",
        "model.pkl",
        "python_env.yaml",
        "requirements.txt",
    ]
    assert own_files(record, "copy") == {}
