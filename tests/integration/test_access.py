"""Who can read what fitprint writes: its user alone, or a group that was chosen, whatever the umask
says.
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.conftest import Programs

from fitprint.access import why_foreign
from fitprint.recording.homes import make_home

SESSION = """
import os, sys
os.umask(int(sys.argv[1], 8))
import fitprint
from pathlib import Path
from fitprint.stores.sql.sqlite import SqliteDriver

with fitprint.start_run("a") as run:
    fitprint.log_metric("m", 1.0)
    fitprint.log_text("hello", "t.txt")
    fitprint.log_param("long", "x" * 20000)
    Path("file").write_text("some")
    os.chmod("file", 0o644)
    fitprint.log_artifact("file")
    fitprint.log_model({"a": 1}, flavor="pickle")
assert {"a": 1} == fitprint.load_model(f"runs:/{run.id}/model", trust=["builtins.dict"])
run.workspace.store  # the database stands open
SqliteDriver(run.workspace.home / "fitprint.db", "")._back_up(1)
from fitprint.bundles import export_runs, import_runs

export_runs(run.workspace, [run.id], Path("bundle.zip"))
fitprint.configure(home=os.environ["FITPRINT_HOME"] + "/second")
from fitprint.recording.workspace import current

import_runs(current(), Path("bundle.zip"))
assert "hello" == fitprint.get_run("a").read("t.txt").decode()
fitprint.start_run("open").log_metric("m", 2.0)
fitprint.search_runs()
os._exit(0)  # what a program leaves that is killed: journals, the database's log
"""


def modes(folder: Path) -> dict[str, str]:
    """Return the modes of everything in a folder that differ from those of private folders and
    files.
    """
    found = {path: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}
    return {
        str(path.relative_to(folder)): f"{mode:o}"
        for path, mode in found.items()
        if mode != (0o700 if path.is_dir() else 0o600)
    }


@pytest.mark.parametrize("umask", ["0", "022", "777"])
def test_fault_3_files_are_private_whatever_the_umask(programs: Programs, umask: str) -> None:
    """After a rich session, ended without a goodbye, everything is its owner's alone: database,
    logs, journals, blobs, bundle, key.
    """
    status, output, errors = programs.run(
        SESSION, umask, XDG_STATE_HOME=str(programs.folder / "state")
    )
    assert (0, "") == (status, output), errors
    names = {path.name for path in programs.home.rglob("*")}
    expected = {
        ".gitignore",
        "fitprint.db",
        "fitprint.db-wal",
        "fitprint.db-shm",
        "fitprint.db.v1.backup",
        ".delivery.lock",
    }
    assert expected | {"writer.json", "writer.lock"} <= names
    assert {} == modes(programs.home)
    assert 0o600 == stat.S_IMODE((programs.folder / "bundle.zip").stat().st_mode)
    assert {} == modes(programs.folder / "state")


def test_fault_3_a_home_that_is_open_is_closed_by_its_owner(
    home: Path, problems: list[str]
) -> None:
    """Once, with all it holds, and that is told; links are not followed."""
    outside = home.parent / "outside"
    outside.write_text("not ours")
    outside.chmod(0o644)
    (home / "journal").mkdir(parents=True)
    (home / "fitprint.db").touch()
    (home / "link").symlink_to(outside)
    for path in (home, home / "journal"):
        path.chmod(0o755)
    (home / "fitprint.db").chmod(0o644)
    make_home(home)
    make_home(home)
    (home / "link").unlink()
    assert ({}, 0o644) == (modes(home), stat.S_IMODE(outside.stat().st_mode))
    assert [
        (
            f"home: others could look into {home}, and now they cannot; if your group is to read "
            "it, set FITPRINT_HOME_MODE=group"
        )
    ] == problems


def test_fault_3_a_home_is_shared_with_its_group_where_that_is_chosen(programs: Programs) -> None:
    """The setting says so once: programs without it keep to what the home is, and ``private`` takes
    it back.
    """
    program = (
        "import fitprint\n"
        "with fitprint.start_run('a') as run:\n"
        "    run.log_text('x', 'x.txt')\n"
        "    run.log_metric('m', 1.0)\n"
        "run.metrics\n"
    )
    for given in ({"FITPRINT_HOME_MODE": "group"}, {}):
        assert (0, "", "") == programs.run(f"import os\nos.umask(0o077)\n{program}", **given)
        found = {
            path: stat.S_IMODE(path.stat().st_mode)
            for path in (programs.home, *programs.home.rglob("*"))
        }
        assert {path: 0o2770 if path.is_dir() else 0o660 for path in found} == found
    assert 0 == programs.run(program, FITPRINT_HOME_MODE="private")[0]
    assert {} == modes(programs.home)


def test_fault_3_a_download_follows_the_users_umask(programs: Programs) -> None:
    """What the user asks for at a place of their own is an ordinary file."""
    program = (
        "import os, fitprint\n"
        "os.umask(0o027)\n"
        "with fitprint.start_run('a') as run:\n"
        "    run.log_text('x', 'x.txt')\n"
    )
    assert 0 == programs.run(f"{program}run.download('x.txt', 'got')\n")[0]
    assert 0o640 == stat.S_IMODE((programs.folder / "got").stat().st_mode)


def test_roots_files_and_those_that_are_not_there_are_not_foreign(tmp_path: Path) -> None:
    """A machine's own folders are taken at their word, and a new project is nobody's."""
    assert ("", "") == (why_foreign(Path("/usr")), why_foreign(tmp_path / "new"))
