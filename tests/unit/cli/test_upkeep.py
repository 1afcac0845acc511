"""``fitprint config``, ``plugins``, ``doctor`` and ``sync``."""

from __future__ import annotations

import json
import os
import sqlite3
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

import fitprint
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.recording.workspace import current, use
from fitprint.settings import CORE_SETTINGS
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Forwarded, Health


@pytest.fixture
def on_disk(home, monkeypatch):
    """Runs lie in the default store below the home; return the home."""
    monkeypatch.delenv("FITPRINT_STORE")
    return home


def leave_process():
    """Let go of journal and store, as a program that ends does."""
    current().close()
    use(None)


def record(name="a", **artifacts):
    """Record a run with these texts as artifacts."""
    with fitprint.start_run(name=name) as run:
        run.log_metric("loss", 1.0)
        for key, text in artifacts.items():
            run.log_text(text, f"{key}.txt")
    return run.id


def findings(done, state):
    """Return the messages of findings in this state."""
    return [finding["message"] for finding in json.loads(done.out) if finding["state"] == state]


class TestConfig:
    def test_shows_every_setting_with_its_origin(self, command, monkeypatch):
        """Value, where it comes from if not from the default, and what it means."""
        monkeypatch.setenv("FITPRINT_EXPERIMENT", "tuning")
        text = command("config").out
        assert "experiment = tuning  (from the environment variable FITPRINT_EXPERIMENT)\n" in text
        assert "models = true\n" in text
        assert [] == [
            setting.name
            for setting in CORE_SETTINGS
            if f"{setting.name} = " not in text or setting.help not in text
        ]

    def test_json(self, command, home):
        """Where something lies is told as it is, not as it was left open."""
        rows = {row["name"]: row for row in json.loads(command("config", "--json").out)}
        assert str(home) == rows["home"]["value"]
        assert ("process", "default", ["process", "power"], "FITPRINT_DURABILITY") == tuple(
            rows["durability"][key] for key in ("value", "origin", "choices", "variable")
        )


class TestPlugins:
    def test_lists_what_works(self, command):
        """The core is a plugin among others."""
        done = command("plugins")
        assert 0 == done.status
        assert ["core", "ok", "fitprint", fitprint.__version__] == done.out.splitlines()[1].split()

    def test_tells_what_does_not(self, command, monkeypatch):
        """A plugin that cannot be imported is listed with the reason, and the status is 1; other
        commands go on.
        """
        broken = EntryPoint("broken", "there_is_no_such_module", "fitprint")
        monkeypatch.setattr(manager, "entry_points", lambda group: [broken])
        done = command("plugins", "--json")
        listed = {plugin["name"]: plugin for plugin in json.loads(done.out)}
        assert 1 == done.status
        assert ("broken", "ModuleNotFoundError: No module named 'there_is_no_such_module'") == (
            listed["broken"]["state"],
            listed["broken"]["problem"],
        )
        assert 0 == command("ls").status

    def test_check_needs_a_name_that_is_there(self, command):
        """With the names that there are."""
        assert "There are: core" in command("plugins", "check").err
        assert "there is no plugin 'nope'" in command("plugins", "check", "nope").err
        assert 1 == command("plugins", "check", "nope").status


class TestDoctor:
    def test_finds_nothing_wrong(self, command, on_disk):
        """Everything is looked at, and well."""
        record(note="hello")
        done = command("doctor")
        assert (0, "") == (done.status, done.err)
        assert {
            "versions",
            "settings",
            "plugins",
            "home",
            "disk",
            "locks",
            "journals",
            "store",
            "artifacts",
        } == {line.split()[1] for line in done.out.splitlines()}
        assert {"✓"} == {line[0] for line in done.out.splitlines()}, done.out

    @pytest.mark.parametrize(
        "problems", [(), ("shelf 3 is wet: dry it", "shelf 4 is on fire: leave")]
    )
    def test_fault_8_asks_the_store_of_a_plugin(self, command, monkeypatch, problems):
        """Its own words are told, whatever kind of store it is;
        what is broken makes the status 1.
        """

        class Shelves(MemoryStore):
            def check(self):
                return Health(2048, "shelves of 1998", problems)

        store = Shelves("shelves://here")
        plugin = SimpleNamespace(
            register_stores=hookimpl(lambda: {"shelves": Opener(lambda uri: store)})
        )
        monkeypatch.setenv("FITPRINT_STORE", "shelves://here")
        manager.reset(manager.Hooks(extra={"shelves": plugin}))
        record()
        done = command("doctor", "--json")
        assert (1 if problems else 0) == done.status
        assert list(problems) == findings(done, "broken")
        assert ("2.0 kB, shelves of 1998" in findings(done, "ok")) == (not problems)
        assert "shelves://here: 1 runs" in findings(done, "ok")

    def test_looking_makes_no_files(self, command, on_disk):
        """Where nothing was recorded nothing is broken."""
        assert 0 == command("doctor").status
        assert not on_disk.exists()

    def test_fault_9_tells_what_killed_programs_left(self, command, on_disk):
        """It is removed, and told once."""
        record(note="hello")
        left = on_disk / "blobs" / ".model-abcdefgh"
        left.mkdir()
        os.utime(left, (1, 1))
        assert ".model-abcdefgh" in "".join(findings(command("doctor", "--json"), "warning"))
        assert not left.exists()
        assert ".model-abcdefgh" not in command("doctor").out

    def test_fault_7_puts_a_journal_aside_that_cannot_be_delivered(self, command, on_disk, caplog):
        """Without the option it says what to do; with it the journal is renamed, and renamed back
        it is delivered.
        """
        record("first")
        leave_process()
        (journal,) = (path for path in (on_disk / "journal").iterdir() if path.is_dir())
        segment = journal / "00000001.log"
        segment.rename(journal / "kept")
        segment.mkdir()
        command("ls")
        assert 1 == caplog.text.count("cannot be delivered")
        (message,) = findings(command("doctor", "--json"), "broken")
        assert journal.name in message
        assert "--set-aside" in message
        assert journal.is_dir()
        command("doctor", "--set-aside")
        aside = journal.with_name(f".damaged-{journal.name}")
        assert aside.is_dir()
        caplog.clear()
        leave_process()
        command("ls")
        assert "" == caplog.text
        (aside / "00000001.log").rmdir()
        (aside / "kept").rename(aside / "00000001.log")
        aside.rename(journal)
        leave_process()
        assert "first" in command("ls", "--all").out

    def test_names_a_damaged_store(self, command, on_disk):
        """A file that is no database."""
        record()
        command("ls")
        leave_process()
        (on_disk / "fitprint.db").write_bytes(b"x" * 10_000)
        done = command("doctor", "--json")
        assert 1 == done.status
        (message,) = findings(done, "broken")
        assert "fitprint.db is damaged or is not a fitprint store" in message
        assert 1 == command("ls").status

    def test_names_pages_that_are_damaged(self, command, on_disk):
        """A database that opens and yet is broken inside."""
        for number in range(30):
            record(f"run {number}")
        command("ls")
        leave_process()
        file = on_disk / "fitprint.db"
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'runs_by_name'"
            ).fetchone()[0]
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.close()
        with file.open("r+b") as raw:
            raw.seek((page - 1) * size + 100)
            raw.write(b"\xff" * (size - 100))
        done = command("doctor", "--json")
        assert 1 == done.status
        assert any(".recover" in message for message in findings(done, "broken"))

    def test_names_a_store_of_a_newer_version(self, command, on_disk):
        """With the advice to upgrade."""
        record()
        command("ls")
        leave_process()
        with sqlite3.connect(on_disk / "fitprint.db") as connection:
            connection.execute("PRAGMA user_version = 999")
            connection.execute("UPDATE facts SET value = '999' WHERE name = 'readers'")
        connection.close()
        for words in (["doctor", "--json"], ["ls"]):
            done = command(*words)
            assert 1 == done.status
            assert "upgrade fitprint" in done.out + done.err

    def test_names_lost_and_changed_artifacts(self, command, on_disk):
        """With the run and the path."""
        record("lossy", good="1", lost="2", changed="3")
        staging = current().staging
        digests = {
            artifact.path: artifact.digest for artifact in fitprint.get_run("lossy").artifacts
        }
        staging.path_of(digests["lost.txt"]).unlink()
        staging.path_of(digests["changed.txt"]).write_text("4")
        done = command("doctor", "--deep", "--json")
        assert 1 == done.status
        assert ["changed.txt of run lossy", "lost.txt of run lossy"] == [
            message[: message.index(" (")] for message in findings(done, "broken")
        ]

    def test_names_a_damaged_journal(self, command, on_disk):
        """A record in the middle was overwritten: the others are in the store, the doctor says
        which bytes are lost.
        """
        with fitprint.start_run(name="a") as run:
            for number in range(1000):
                run.log_param(f"p{number}", number)
        leave_process()
        (segment,) = on_disk.glob("journal/*/*.log")
        with segment.open("r+b") as file:
            file.seek(segment.stat().st_size // 2)
            file.write(b"\0" * 100)
        first, second = command("doctor", "--json"), command("doctor", "--json")
        for done in (first, second):
            assert 1 == done.status
            assert any(
                "no intact record" in message and segment.name in message
                for message in findings(done, "broken")
            )
        assert 990 < len(fitprint.get_run("a").params) < 1000

    def test_names_a_broken_plugin(self, command, monkeypatch):
        """With the advice how to leave it out."""
        monkeypatch.setattr(
            manager,
            "entry_points",
            lambda group: [EntryPoint("broken", "there_is_no_such_module", "fitprint")],
        )
        done = command("doctor", "--json")
        assert 1 == done.status
        (message,) = findings(done, "broken")
        assert "FITPRINT_DISABLE_PLUGINS=broken" in message
        monkeypatch.setenv("FITPRINT_DISABLE_PLUGINS", "broken")
        manager.reset()
        use(None)
        assert 0 == command("doctor").status

    def test_names_a_plugin_for_another_version_of_its_framework(
        self, command, tmp_path, monkeypatch
    ):
        """With the range that it supports, and the version that is there."""
        about = {
            "toy-3.1": "Name: toy\nVersion: 3.1\n",
            "fitprint_toy-1.0": (
                'Name: fitprint-toy\nVersion: 1.0\nRequires-Dist: toy<3; extra == "framework"\n'
            ),
        }
        for name, metadata in about.items():
            (tmp_path / f"{name}.dist-info").mkdir()
            (tmp_path / f"{name}.dist-info" / "METADATA").write_text(
                f"Metadata-Version: 2.1\n{metadata}"
            )
        (tmp_path / "fitprint_toy-1.0.dist-info" / "entry_points.txt").write_text(
            "[fitprint]\ntoy = fitprint.versions\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        manager.reset()
        done = command("doctor", "--json")
        assert 1 == done.status
        assert ["fitprint-toy supports toy<3, and 3.1 is installed"] == [
            message.partition(":")[0] for message in findings(done, "broken") if "toy" in message
        ]

    def test_names_an_unknown_setting(self, command, monkeypatch):
        """Where it stands, and what was meant."""
        monkeypatch.setenv("FITPRINT_STOER", "x")
        done = command("doctor")
        assert 1 == done.status
        assert "did you mean 'store'?" in done.out

    def test_names_an_unknown_store(self, command, monkeypatch):
        """The scheme, and those that there are."""
        monkeypatch.setenv("FITPRINT_STORE", "postgresql://host/db")
        done = command("doctor", "--json")
        assert 1 == done.status
        assert [
            "no installed plugin provides stores at postgresql://" in message
            for message in findings(done, "broken")
        ] == [True]

    def test_names_a_home_that_cannot_be_written(self, command, on_disk):
        """A file stands where the folder should be."""
        on_disk.write_text("")
        done = command("doctor", "--json")
        assert 1 == done.status
        assert any(
            f"{on_disk} cannot be written" in message for message in findings(done, "broken")
        )

    def test_names_a_disk_that_is_nearly_full(self, command, on_disk, monkeypatch):
        """Before records are lost."""
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
        done = command("doctor", "--json")
        assert 1 == done.status
        assert "only 1.0 MB are free" in findings(done, "broken")[0]


class TestSync:
    def test_delivers(self, command, on_disk):
        """What was recorded is in the store afterwards."""
        record()
        done = command("sync")
        assert 0 == done.status
        assert "is up to date" in done.err
        with sqlite3.connect(on_disk / "fitprint.db") as connection:
            assert [(1,)] == connection.execute("SELECT COUNT(*) FROM fp_runs").fetchall()
        connection.close()

    def test_brings_on_what_the_store_keeps_here_first(self, command, monkeypatch):
        """What could not be brought is told, whether it is new or not, and makes the status 1."""
        answers = [Forwarded(3), Forwarded(0, ("a is refused",), ("b is refused",)), Forwarded()]

        class Relay(MemoryStore):
            def forward(self, patience):
                assert patience > 0
                return answers.pop(0)

        store = Relay("relay://here")
        plugin = SimpleNamespace(
            register_stores=hookimpl(lambda: {"relay": Opener(lambda uri: store, "on-read")})
        )
        monkeypatch.setenv("FITPRINT_STORE", "relay://here")
        manager.reset(manager.Hooks(extra={"relay": plugin}))
        record()
        done = [command("sync") for _ in range(3)]
        assert [0, 1, 0] == [each.status for each in done]
        assert "3 runs, experiments or models brought there from this machine" in done[0].err
        assert "not brought: a is refused\nfitprint: not brought: b is refused\n" in done[1].err
        assert "brought" not in done[2].err


def test_exec_asks_for_a_script_alone(command):
    """Arguments may be missing."""
    done = command("exec")
    assert 2 == done.status
    assert "required: SCRIPT; `fitprint exec --help` shows what it takes\n" in done.err


def test_get_names_the_files_of_a_folder_that_standard_output_cannot_take(command, home):
    """Standard output takes one file."""
    with fitprint.start_run(name="texts") as run:
        run.log_text("hello", "notes/a.txt")
    done = command("get", "texts", "notes", "-o", "-")
    assert 1 == done.status
    assert "is a folder; name one of its files: notes/a.txt" in done.err
