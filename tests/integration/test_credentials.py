"""A store that asks for a password: what is recorded finds it, and the password stays where the
user has put it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fitprint.journal.delivery import former_destination, journals

if TYPE_CHECKING:
    from conftest import Programs

pytestmark = pytest.mark.thorough

# A store behind a password, which is kept in a file beside it: what the URI says must be what the
# file says. Its artifact store has another password.
VAULT = """
import os
from fitprint.artifacts.folder import FolderArtifacts
from fitprint.errors import StoreError
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.stores.sql.sqlite import SqliteDriver
from fitprint.hooks.openers import Opener
from fitprint.stores.sql.store import SqlStore
from fitprint.stores.addresses import public
from pathlib import Path

def open_vault(uri):
    path = Path("/" + uri.partition("://")[2].partition("/")[2])
    if f":{path.with_suffix('.password').read_text()}@" not in uri:
        raise StoreError(f"access to {uri} is denied")
    return SqlStore(SqliteDriver(path, public(uri)))

class Cellar(FolderArtifacts):
    def __init__(self, uri):
        if ":swordfish@" not in uri:
            raise StoreError(f"access to {uri} is denied")
        super().__init__("file:///" + uri.partition("://")[2].partition("/")[2])
        self.uri = public(uri)

class Plugin:
    @hookimpl
    def register_stores(self):
        return {"vault": Opener(open_vault, delivery="background")}

    @hookimpl
    def register_artifact_stores(self):
        return {"cellar": Opener(Cellar, delivery="on-read")}

manager.reset(manager.Hooks(extra={"vault": Plugin()}))
"""
TRAIN = """
import sys, vault, fitprint
with fitprint.start_run(sys.argv[1]):
    fitprint.log_metric("loss", 1.0)
"""
READ = """
import vault, fitprint
print(*sorted(run.name for run in fitprint.search_runs()))
"""
COMMAND = "import sys, vault\nfrom fitprint.cli import main\nsys.exit(main(sys.argv[1:]))"


class Vault:
    """The store of a test, and its URI."""

    def __init__(self, programs: Programs) -> None:
        (programs.folder / "vault.py").write_text(VAULT)
        self.file = programs.folder / "vault.db"
        self.set_password("hunter2")

    def set_password(self, password: str) -> None:
        self.password = password
        self.file.with_suffix(".password").write_text(password)

    def uri(self, host: str = "host") -> str:
        return f"vault://bob:{self.password}@{host}{self.file}"

    def artifacts(self, password: str = ":swordfish") -> str:
        return f"cellar://eve{password}@host{self.file.with_name('cellar')}"


@pytest.fixture
def vault(programs: Programs) -> Vault:
    programs.environment["HOME"] = str(programs.folder)  # no credentials of the one who tests
    programs.environment.pop("XDG_CONFIG_HOME", None)
    return Vault(programs)


def holders(folder: Path, text: str) -> list[str]:
    """Return the files below a folder that hold a text,
    and those that were set up with it apart.
    """
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".password"]
    return [path.name for path in files if text.encode() in path.read_bytes()]


def test_fault_25_no_file_holds_the_password(programs: Programs, vault: Vault) -> None:
    """Neither journals nor the home's notes, nor what is recorded of the environment."""
    script = TRAIN.replace(
        "fitprint.log_metric", "print(fitprint.active_run().environ())\n    fitprint.log_metric"
    )
    status, output, errors = programs.run(
        script, "a", FITPRINT_STORE=vault.uri(), FITPRINT_CONTEXT="true"
    )
    assert (0, "") == (status, errors)
    assert "hunter2" not in output
    assert [] == holders(programs.folder, "hunter2")
    assert (0, "a\n", "") == programs.run(READ, FITPRINT_STORE=vault.uri())


@pytest.mark.parametrize("changed", ["password", "host", "spelling"])
def test_fault_25_journals_find_a_store_that_is_called_otherwise(
    programs: Programs, vault: Vault, changed: str
) -> None:
    """A new password, another host for the same store,
    or another spelling of it strands nothing.
    """
    # the home knows the store's id from here on
    assert (0, "", "") == programs.run(TRAIN, "first", FITPRINT_STORE=vault.uri())
    train = TRAIN + "import os\nos._exit(0)\n"
    assert (0, "", "") == programs.run(train, "waits", FITPRINT_STORE=vault.uri())
    assert 1 == len(journals(programs.home / "journal"))
    if changed == "password":
        vault.set_password("correct horse")
    uri = {"password": vault.uri(), "host": vault.uri("renamed"), "spelling": vault.uri("HOST")}[
        changed
    ]
    status, output, errors = programs.run(READ, FITPRINT_STORE=uri)
    assert (0, "first waits\n", "") == (status, output, errors)
    assert [] == journals(programs.home / "journal")


def test_fault_25_a_journal_of_before_is_delivered(programs: Programs, vault: Vault) -> None:
    """Journals that name their store by the digest of its URI still get there; with a new password
    ``doctor`` says what to do.
    """
    train = TRAIN + "import os\nos._exit(0)\n"
    assert (0, "", "") == programs.run(train, "before", FITPRINT_STORE=vault.uri())
    (journal,) = journals(programs.home / "journal")
    said = json.loads((journal / "writer.json").read_text())
    said.pop("store", None)
    (journal / "writer.json").write_text(
        json.dumps({**said, "destination": former_destination(vault.uri())})
    )
    former = vault.uri()
    vault.set_password("correct horse")
    _, output, _ = programs.run(COMMAND, "doctor", "--json", FITPRINT_STORE=vault.uri())
    (warning,) = (
        finding["message"]
        for finding in json.loads(output)
        if finding["state"] == "warning" and finding["check"] == "journals"
    )
    assert f'write "vault://host{vault.file}" instead' in warning
    vault.set_password("hunter2")
    assert (0, "before\n", "") == programs.run(READ, FITPRINT_STORE=former)


PARENT = """
import os, subprocess, sys, vault, fitprint
with fitprint.start_run("parent") as run:
    environment = {**os.environ, **run.environ()} if sys.argv[2] == "inherits" else {
        **{key: value for key, value in os.environ.items() if key != "FITPRINT_STORE"}, **run.environ()}
    assert sys.argv[2] == "inherits" or "hunter2" not in str(environment)
    done = subprocess.run([sys.executable, sys.argv[1]], env=environment, check=True, capture_output=True, text=True)
    print(done.stdout, done.stderr)
print(run.metrics)
"""  # noqa: E501
CHILD = """
import vault, fitprint
fitprint.log_metric("from_child", 1.0)
try:
    print("read", fitprint.active_run().name)
except fitprint.errors.FitprintError as error:
    print(error)
"""


@pytest.mark.parametrize("how", ["inherits", "is told"])
def test_fault_25_a_child_records_with_and_without_the_password(
    programs: Programs, vault: Vault, how: str
) -> None:
    """A child that inherits the variable reads, too; one that does not is told what to set, and
    what it records arrives.
    """
    (programs.folder / "child.py").write_text(CHILD)
    script = PARENT
    status, output, errors = programs.run(
        script,
        str(programs.folder / "child.py"),
        how,
        FITPRINT_STORE=vault.uri(),
        PYTHONPATH=str(programs.folder),
    )
    assert (0, "") == (status, errors)
    assert "{'from_child': 1.0}" in output
    assert "hunter2" not in output
    if how == "inherits":
        assert "read parent" in output
    else:
        assert "set FITPRINT_STORE to the whole URI" in output


@pytest.mark.parametrize(
    "words", [["config"], ["config", "--json"], ["doctor"], ["sync"], ["ls"], ["show", "nothing"]]
)
@pytest.mark.parametrize("right", [True, False])
def test_fault_25_no_command_shows_the_password(
    programs: Programs, vault: Vault, words: list[str], *, right: bool
) -> None:
    """Whether the password is right or wrong, no output and no error has it."""
    if not right:
        vault.file.with_suffix(".password").write_text("another")
    _, output, errors = programs.run(COMMAND, *words, FITPRINT_STORE=vault.uri())
    assert "hunter2" not in output + errors
    assert right or words[0] in ("config", "show") or "denied" in output + errors
    assert output + errors


TRAVELS = """
import os, sys, vault, fitprint
from fitprint.recording.context import current_token
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording import workspace

class Curious:
    @hookimpl
    def collect_run_context(self, settings):
        return {"curious": dict(settings)}

manager.reset(manager.Hooks(extra={"vault": vault.Plugin(), "curious": Curious()}))
fitprint.configure(store=sys.argv[1], context=True)
with fitprint.start_run("a") as run:
    print(run.environ(), current_token(), run.workspace.settings, run.workspace.store_uri)
"""


def test_fault_25_no_password_travels(programs: Programs, vault: Vault) -> None:
    """Set in code, it goes neither to child processes and workers, nor to plugins that collect
    facts, nor into what settings print.
    """
    status, output, errors = programs.run(TRAVELS, vault.uri())
    assert (0, "") == (status, errors)
    shown = f"vault://bob@host{vault.file}"
    assert 3 == output.count(shown)  # the variable, the token and the URI
    assert "FITPRINT_DESTINATION" in output
    assert "hunter2" not in output
    assert [] == holders(programs.folder, "hunter2")
    assert 1 == len(holders(programs.home / "blobs", shown))  # what the plugin collected


SPAWNS = """
import sys, multiprocessing, vault, fitprint
from fitprint.recording.context import current_token

def child():
    fitprint.log_metric("from_child", 1.0)
    print("read", fitprint.active_run().name, "hunter2" in str(current_token()), flush=True)

if __name__ == "__main__":
    fitprint.configure(store=sys.argv[1])
    with fitprint.start_run("parent"):
        process = multiprocessing.get_context("spawn").Process(target=child)
        process.start()
        process.join()
"""


def test_fault_25_a_spawned_child_reads_from_a_store_that_was_set_in_code(
    programs: Programs, vault: Vault
) -> None:
    """The pipe between a process and its own child may carry the password; the token never does."""
    assert (0, "read parent False\n", "") == programs.run(SPAWNS, vault.uri())


HANDS_ON = """
import os, pickle, re, sys, vault, fitprint
from base64 import urlsafe_b64decode
from fitprint.carriers.tasks import sending
from fitprint.recording.context import current_token

fitprint.autolog(store=sys.argv[1], artifacts=sys.argv[2])
with fitprint.start_run() as run:
    text, pickled = current_token().encode(), pickle.dumps(sending()(os.getcwd))
    assert text.encode() in pickled
    for said in (text, pickled.decode("latin-1"), str(run.environ()), str(current_token())):
        print(said, *(urlsafe_b64decode(body + "===") for body in re.findall("[.]([A-Za-z0-9_-]{40,})", said)))
"""  # noqa: E501


def test_no_password_of_an_artifact_store_travels(programs: Programs, vault: Vault) -> None:
    """Nor one of the store: neither in the text of a token, nor in the variables of a child, nor in
    the tasks of joblib.
    """
    status, output, errors = programs.run(HANDS_ON, vault.uri(), vault.artifacts())
    assert 0 == status, errors
    # in the text, in the task, in the variables and in what the token prints
    assert 4 == output.count(vault.artifacts(""))
    assert "hunter2" not in output + errors
    assert "swordfish" not in output + errors
    assert [] == holders(programs.home, "hunter2") + holders(programs.home, "swordfish")


SHARES = """
import sys, multiprocessing, vault, fitprint
from fitprint.recording.context import current_token
from fitprint.recording.workspace import current

def child(depth):
    print(current().shared.uri, "swordfish" in str(current_token()), flush=True)
    if depth:
        start(depth - 1)

def start(depth):
    process = multiprocessing.get_context("spawn").Process(target=child, args=(depth,))
    process.start()
    process.join()

if __name__ == "__main__":
    fitprint.configure(store=sys.argv[1], artifacts=sys.argv[2])
    with fitprint.start_run("parent"):
        start(1)
"""


def test_a_spawned_child_opens_an_artifact_store_that_was_set_in_code(
    programs: Programs, vault: Vault
) -> None:
    """So does a child of the child; their tokens hold no password, either."""
    assert (0, f"{vault.artifacts('')} False\n" * 2, "") == programs.run(
        SHARES, vault.uri(), vault.artifacts()
    )
