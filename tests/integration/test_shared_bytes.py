"""Several homes on one store: what one of them recorded, all read, bytes included."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fitprint import clock
from fitprint.query.grammar import parse
from fitprint.recording.workspace import Workspace
from fitprint.settings import load_settings
from fitprint.stores.sql.sqlite import open_sqlite

if TYPE_CHECKING:
    from conftest import Programs

pytestmark = pytest.mark.thorough

TRAIN = """
import sys, fitprint
with fitprint.start_run(sys.argv[1]) as run:
    fitprint.log_metric("loss", 1.0)
    fitprint.log_text(sys.argv[2], "note.txt")
    fitprint.log_model({"weights": [1.0] * int(sys.argv[3])})
"""
BEFORE_DELIVERY = "from fitprint.recording import background\nbackground._EVERY_SECONDS = 1e6\n"
CUT_OFF = "\nimport os\nos._exit(0)\n"
TRAIN_AND_DIE = BEFORE_DELIVERY + TRAIN + CUT_OFF  # nothing of it is delivered
READ = """
import sys, fitprint
from fitprint.errors import FitprintError
run = fitprint.get_run(sys.argv[1])
try:
    print(run.read("note.txt").decode())
    print((run.download("model") / "MLmodel").name)
    print(len(fitprint.load_model(f"runs:/{run.id}/model", trust=["builtins.dict"])["weights"]))
except FitprintError as error:
    print(type(error).__name__, error)
"""
COMMAND = "import sys\nfrom fitprint.cli import main\nsys.exit(main(sys.argv[1:]))"


class Team:
    """Homes of ada and bob, and the store that they share."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self.folder = programs.folder / "shared"
        self.folder.mkdir()
        self.database = self.folder / "team.db"
        self.bytes = self.folder / "team.db.artifacts"
        self.settings = {"FITPRINT_STORE": f"sqlite:///{self.database}", "FITPRINT_EXIT_WAIT": "60"}

    def home(self, who: str) -> Path:
        return self._programs.folder / who

    def run(self, who: str, script: str, *arguments: str, **environment: str) -> str:
        """Run a program of somebody's, and return what it printed."""
        status, out, errors = self._programs.run(
            script,
            *arguments,
            **{**self.settings, "FITPRINT_HOME": str(self.home(who)), **environment},
        )
        assert 0 == status, errors
        self.errors = errors
        return out

    def command(self, who: str, *words: str, **environment: str) -> str:
        """Run a command of somebody's, and return all that it said."""
        return self.run(who, COMMAND, *words, **environment) + self.errors

    def kept(self) -> list[bytes]:
        """Return all that lies in the artifact store."""
        return [path.read_bytes() for path in self.bytes.glob("??/*") if path.is_file()]


@pytest.fixture
def team(programs: Programs) -> Team:
    return Team(programs)


def test_the_second_home_reads_what_the_first_recorded(team: Team) -> None:
    """A text, a download and a model, after a look of the one who recorded."""
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "ls")
    assert ["of ada", "MLmodel", "3"] == team.run("bob", READ, "first").split("\n")[:3]


def test_what_a_program_recorded_is_there_for_others_when_it_has_ended(team: Team) -> None:
    """Nobody has to look into the home that recorded it: records and files are delivered in the
    background.
    """
    team.run("ada", TRAIN, "first", "of ada", "3")
    assert ["of ada", "MLmodel", "3"] == team.run("bob", READ, "first").split("\n")[:3]


def test_pending_bytes_name_the_host_and_what_to_do(team: Team) -> None:
    """Events are delivered at once; a large file waits for `fitprint sync`, and until then says
    where it is.
    """
    team.run("ada", TRAIN_AND_DIE, "first", "x" * 100, "3")
    events_only = """
from fitprint.recording import workspace
workspace.current().sync()
"""
    team.run("ada", events_only)
    told = team.run("bob", READ, "first")
    assert told.startswith("PendingBytesError the bytes of sha256:")
    assert f"on the host {os.uname().nodename}, in {team.home('ada')}" in told
    assert "run `fitprint sync` there" in told
    assert "recorded on the host" in team.command("bob", "sync")
    assert f"are not in file://{team.bytes} yet, recorded on the host" in team.command(
        "bob", "doctor"
    )
    assert f"brought to file://{team.bytes}" in team.command("ada", "sync")
    assert "x" * 100 == team.run("bob", READ, "first").split("\n")[0]
    assert f"file://{team.bytes} has all that was recorded" in team.command("bob", "doctor")


def test_a_look_brings_little(team: Team) -> None:
    """What is too much for a look is told, and left to `fitprint sync`; what is small is there."""
    team.run("ada", TRAIN_AND_DIE, "first", "small", "3")
    look = """
import fitprint
from fitprint.recording import sharing
sharing._MOST_AT_A_LOOK = 10
fitprint.search_runs()
"""
    team.run("ada", look)
    assert [b"", b"small"] == sorted(team.kept())
    assert "large files" in team.errors
    assert "run `fitprint sync`" in team.errors
    team.command("ada", "sync")
    assert "3" == team.run("bob", READ, "first").split("\n")[2]


def test_a_program_that_records_brings_bytes_in_a_thread(team: Team) -> None:
    """It looks at runs while it records: the look itself carries nothing, and at its end all has
    arrived.
    """
    look_within = """
import threading, fitprint
from fitprint.artifacts.folder import FolderArtifacts
threads = []
put = FolderArtifacts.put
FolderArtifacts.put = lambda *given: (threads.append(threading.current_thread().name), put(*given))[1]
with fitprint.start_run("first"):
    fitprint.log_text("of ada", "note.txt")
    fitprint.log_model({"weights": [1.0] * 3})
    fitprint.search_runs()
fitprint.recording.workspace.current().shared.finish()
print(sorted(set(threads)))
"""  # noqa: E501
    assert "['fitprint-bytes']\n" == team.run("ada", look_within)
    assert "of ada" == team.run("bob", READ, "first").split("\n")[0]


def test_the_store_moves_with_its_bytes(team: Team) -> None:
    """A folder beside the database is found wherever the two lie."""
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "sync")
    moved = team.folder.with_name("moved")
    shutil.move(team.folder, moved)
    assert (
        "of ada"
        == team.run("bob", READ, "first", FITPRINT_STORE=f"sqlite:///{moved}/team.db").split("\n")[
            0
        ]
    )


def test_a_home_that_joins_another_homes_own_store(team: Team) -> None:
    """Bytes of both lie in the one home's blobs, and neither moves anything there that is there
    already.
    """
    team.settings = {}
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "ls")
    joined = {"FITPRINT_STORE": f"sqlite:///{team.home('ada')}/fitprint.db"}
    assert "of ada" == team.run("bob", READ, "first", **joined).split("\n")[0]
    team.run("bob", TRAIN, "second", "of bob", "3", **joined)
    team.command("bob", "sync", **joined)
    assert "of bob" == team.run("ada", READ, "second").split("\n")[0]
    team.run("ada", TRAIN, "third", "once more", "3")
    team.command("ada", "ls")
    assert "once more" == team.run("bob", READ, "third", **joined).split("\n")[0]
    assert "has all that was recorded" in team.command("ada", "doctor")


def test_a_homes_own_store_has_no_artifact_store(team: Team) -> None:
    """Nothing is pending there, nothing is told of bytes, and no file comes to be beside those that
    were.
    """
    team.settings = {}
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "ls")
    with closing(sqlite3.connect(team.home("ada") / "fitprint.db")) as database:
        assert [(0,)] == database.execute("SELECT COUNT(*) FROM fp_blobs").fetchall()
        assert [] == database.execute("SELECT value FROM facts WHERE name = 'artifacts'").fetchall()
    assert {".gitignore", "blobs", "fitprint.db", "journal"} == {
        path.name for path in team.home("ada").iterdir()
    } - {
        "fitprint.db-wal",
        "fitprint.db-shm",
    }


def test_the_second_who_chooses_is_told_that_the_first_counts(team: Team) -> None:
    """And reads and brings where the first said."""
    chosen = {"FITPRINT_ARTIFACTS": f"file://{team.folder}/chosen%20place"}
    team.run("ada", TRAIN, "first", "of ada", "3", **chosen)
    team.command("ada", "sync", **chosen)
    assert "of ada" == team.run("bob", READ, "first").split("\n")[0]
    assert (
        "of ada"
        == team.run("bob", READ, "first", FITPRINT_ARTIFACTS=f"file://{team.folder}/other").split(
            "\n"
        )[0]
    )
    assert (
        f"keeps its artifacts in file://{team.folder}/chosen%20place, as was chosen when it was "
        "first used"
    ) in team.errors
    assert not (team.folder / "other").exists()
    assert (team.folder / "chosen place").is_dir()


def test_an_artifact_store_that_cannot_be_reached_loses_nothing(team: Team) -> None:
    """A folder that is not mounted is no empty one: runs are listed, the files wait, and come when
    it is there.
    """
    chosen = {"FITPRINT_ARTIFACTS": f"file://{team.folder}/mount/bytes"}
    (team.folder / "mount").mkdir()
    team.run("ada", TRAIN_AND_DIE, "first", "of ada", "3", **chosen)
    (team.folder / "mount").rmdir()
    assert "first" in team.command("ada", "ls", **chosen)
    assert "is it mounted" in team.errors
    assert "is it mounted" in team.run("bob", READ, "first")
    (team.folder / "mount").mkdir()
    team.command("ada", "sync", **chosen)
    assert "of ada" == team.run("bob", READ, "first").split("\n")[0]


def test_wrong_bytes_are_noticed(team: Team) -> None:
    """Whoever changes the artifact store's files does not change what is read."""
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "sync")
    (file,) = [
        path for path in team.bytes.rglob("*") if path.is_file() and path.read_bytes() == b"of ada"
    ]
    file.write_bytes(b"of eve")
    assert team.run("bob", READ, "first").startswith("IntegrityError")


def test_lost_bytes_say_so_and_come_back_from_the_home(team: Team) -> None:
    """Files that somebody removed from the artifact store are lost for others, until
    `fitprint doctor` of the home that has them.
    """
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "sync")
    shutil.rmtree(team.bytes)
    assert "are lost" in team.run("bob", READ, "first")
    assert "are there again, from this home" in team.command("ada", "doctor")
    assert "of ada" == team.run("bob", READ, "first").split("\n")[0]


def test_bytes_of_a_home_that_is_gone_are_named(team: Team, programs: Programs) -> None:
    """They never arrived: the home that recorded them says that they are lost, also to itself."""
    team.run("ada", TRAIN_AND_DIE, "first", "of ada", "3")
    team.run("ada", "from fitprint.recording import workspace\nworkspace.current().sync()\n")
    shutil.rmtree(team.home("ada") / "blobs")
    told = team.run("ada", READ, "first")
    assert "they are lost, unless there is a copy" in told
    status, out, _ = programs.run(
        COMMAND, "doctor", **team.settings, FITPRINT_HOME=str(team.home("ada"))
    )
    assert 1 == status
    assert f"were recorded here, never arrived in file://{team.bytes} and are gone" in out


KILLED = """
import os, sys, fitprint
from fitprint.artifacts.folder import FolderArtifacts
from fitprint.recording.workspace import current
from fitprint.stores.sql.store import SqlStore

left = int(sys.argv[2])
def counted(function):
    def around(*given):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        result = function(*given)
        left -= 1
        if left == 0:
            os._exit(9)
        return result
    return around

def piecewise(self, digest, source, size):
    class Source:
        read = staticmethod(counted(source.read))
    return put(self, digest, Source(), size)

put = FolderArtifacts.put
FolderArtifacts.put = counted(piecewise)
SqlStore.append = counted(SqlStore.append)
os.rename = os.replace = counted(os.replace)
current().sync()
current().bring()
"""


def test_killed_at_any_step_nothing_is_lost(team: Team, programs: Programs) -> None:
    """Whatever step of a delivery is a program's last, the next one brings all, and nothing half is
    ever seen.
    """
    recorded = (
        "import fitprint\n"
        "with fitprint.start_run('first'):\n"
        "    fitprint.log_text('of ada', 'note.txt')\n"
    )
    team.run("ada", BEFORE_DELIVERY + recorded + CUT_OFF)
    shutil.copytree(team.home("ada"), team.home("as recorded"))
    for last in range(1, 100):
        shutil.rmtree(team.home("ada"))
        shutil.copytree(team.home("as recorded"), team.home("ada"))
        shutil.rmtree(team.folder)
        team.folder.mkdir()
        status, _, errors = programs.run(
            KILLED, "", str(last), **team.settings, FITPRINT_HOME=str(team.home("ada"))
        )
        assert status in (0, 9), errors
        assert [] == [path for path in team.bytes.glob("??/*") if path.read_bytes() != b"of ada"]
        bring_all(team.home("ada"), team)
        assert b"of ada" in team.kept()
        with closing(sqlite3.connect(team.database)) as database:
            assert [(1, 0)] == database.execute(
                "SELECT COUNT(*), SUM(arrived IS NULL) FROM fp_blobs"
            ).fetchall()
        if status == 0:
            break
    assert 10 < last < 99


def bring_all(home: Path, team: Team) -> None:
    """Do what `fitprint sync` does."""
    call = {"home": str(home), "store": team.settings["FITPRINT_STORE"]}
    workspace = Workspace(load_settings(call=call, environment={}, start=home))
    try:
        workspace.sync()
        workspace.bring()
    finally:
        workspace.close()


def test_two_homes_bring_the_same_bytes_at_once(team: Team, programs: Programs) -> None:
    """They lie there once."""
    for who in ("ada", "bob"):
        team.run(who, TRAIN, f"of {who}", "the same", "3")
    started = [
        programs.start(COMMAND, "sync", **team.settings, FITPRINT_HOME=str(team.home(who)))
        for who in ("ada", "bob") * 2
    ]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert 0 == process.returncode, errors
    assert 1 == team.kept().count(b"the same")
    with closing(sqlite3.connect(team.database)) as database:
        assert [(0,)] == database.execute(
            "SELECT COUNT(*) FROM fp_blobs WHERE arrived IS NULL"
        ).fetchall()


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs another user's rights"
)
def test_who_may_only_read_the_store_reads(team: Team) -> None:
    """A colleague without a right to write sees runs and their bytes."""
    team.run("ada", TRAIN, "first", "of ada", "3")
    team.command("ada", "sync")
    team.database.chmod(0o444)
    assert "of ada" == team.run("bob", READ, "first").split("\n")[0]


def test_a_program_that_only_waits_is_heard(tmp_path: Path) -> None:
    """It says so from the thread that delivers, though it records nothing; when it ends, its run is
    what it became.
    """
    store = tmp_path / "team.db"
    code = (
        "import sys, fitprint\n"
        "with fitprint.start_run('waits'):\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    environment = {
        **os.environ,
        "FITPRINT_HOME": str(tmp_path / "home"),
        "FITPRINT_STORE": f"sqlite:///{store}",
    }
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert "open\n" == program.stdout.readline()
        deadline = time.monotonic() + 60
        heard = None
        while heard is None and time.monotonic() < deadline:
            if store.exists():
                with closing(sqlite3.connect(store)) as connection:
                    if connection.execute(
                        "SELECT 1 FROM sqlite_master WHERE name = 'fp_model_versions'"
                    ).fetchone():
                        heard = next(
                            iter(
                                connection.execute(
                                    "SELECT heard FROM fp_journals WHERE heard IS NOT NULL"
                                )
                            ),
                            None,
                        )
            time.sleep(0.05)  # between looks
        assert heard is not None
        later = clock.now() + 600_000_000
        reader = open_sqlite(f"sqlite:///{store}")
        with clock.replaced(lambda: later):
            assert ["LOST"] == [
                run.status for run in reader.search_runs(parse("status = 'LOST'")).runs
            ]
        assert ["RUNNING"] == [run.status for run in reader.search_runs(parse("")).runs]
        program.stdin.write("\n")
        program.stdin.flush()
        assert 0 == program.wait(60)
    with clock.replaced(lambda: later):
        assert ["FINISHED"] == [run.status for run in reader.search_runs(parse("")).runs]
    reader.close()
