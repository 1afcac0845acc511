"""The store at ``mlflow+http://host:port``: complete on this machine, and brought to an MLflow
server.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from pathlib import Path

from fitprint.access import make_folder
from fitprint.artifacts.staging import Staging
from fitprint.entities import Change
from fitprint.errors import FitprintError, QueryError, StoreBusyError, StoreError
from fitprint.journal.turn import turn
from fitprint.stores.addresses import address_of, public
from fitprint.stores.protocol import Forwarded, Health
from fitprint.stores.sql.sqlite import SqliteDriver
from fitprint.stores.sql.store import SqlStore
from fitprint_mlflow.ledger import Ledger
from fitprint_mlflow.passage import Passage
from fitprint_mlflow.registry import bring_registered
from fitprint_mlflow.runs import bring_run
from fitprint_mlflow.server import RefusedRequestError, Server

__all__ = ["MlflowStore"]

_ROUND = "round/now"  # of the ledger: how far the changes were brought, and what is left of them
_PAGE = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0  # seconds until what was left is tried again
_MOST_REFUSALS = 5  # one after the other, that are not about what was asked: it is the server


class MlflowStore(SqlStore):
    """Records in a SQLite file of the home, which answers all questions, and from there at an
    MLflow server.

    Args:
        uri: ``mlflow+http://host:port/path``, or ``mlflow+https:``.
        home: the home folder, whose files are sent, too.

    Raises:
        StoreError: the URI names no server. It is not asked, and the file is made at the first use.
    """

    def __init__(self, uri: str, home: Path) -> None:
        self._whole = uri
        Server(uri)  # a URI that names none is told at once
        name = f"mlflow-{hashlib.sha256(address_of(uri).encode()).hexdigest()[:16]}"
        self._folder = home / name
        try:
            make_folder(home)
        except OSError as error:
            raise StoreError(f"{home} cannot be made: {error.strerror}") from error
        self._path = home / f"{name}.db"
        super().__init__(SqliteDriver(self._path, f"sqlite:///{self._path}", at_once=False))
        self.uri = public(uri)
        self._staging = Staging(home / "blobs")
        self._pause = self._retry_at = 0.0

    def is_made(self) -> bool:
        return self._path.exists()

    def forward(self, patience: float) -> Forwarded:
        ledger = self._ledger()
        with turn(self._folder, patience) as holder:
            if holder:
                raise StoreBusyError(holder)
            with closing(Server(self._whole)) as server:
                passage = Passage(self, server, ledger, self._staging)
                return _Round(passage, self._is_time_to_retry()).go()

    def _ledger(self) -> Ledger:
        """Return what the server has of the file that is there now; another file has other runs,
        or less of the same.
        """
        try:
            make_folder(self._folder)
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be made: {error.strerror}") from error
        return Ledger(self._folder / self.id)

    def _is_time_to_retry(self) -> bool:
        """Tell whether what was left is to be tried again: at first, after a minute, and then ever
        more seldom, for it may be large.
        """
        if time.monotonic() < self._retry_at:
            return False
        self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        self._retry_at = time.monotonic() + self._pause
        return True

    def check(self) -> Health:
        found = super().check()
        if found.problems:
            return found
        left = self._ledger().read(_ROUND).get("left", {})
        problems = [f"{what}; it is tried again" for what in left.values()]
        details = found.details
        with closing(Server(self._whole)) as server:
            try:
                details = f"{details}; {server.uri} is MLflow {server.version()}"
            except FitprintError as error:
                problems.append(f"the MLflow server cannot be asked: {error}")
        return Health(found.size, details, tuple(problems))


class _Round:
    """Brings what has changed since the last round.

    Args:
        passage: the way.
        retry: whether what was left before is to be tried again.
    """

    def __init__(self, passage: Passage, retry: bool) -> None:
        self._passage = passage
        page = passage.ledger.read(_ROUND)
        self._cursor: str = page.get("cursor", "")
        self._left: dict[str, str] = page.get("left", {})
        self._retry = retry
        self._done = 0
        self._refusals = 0
        self._news: dict[str, str] = {}

    def go(self) -> Forwarded:
        for subject in list(self._left) if self._retry else ():
            self._bring(subject)
            if self._refusals == _MOST_REFUSALS:
                break
        while True:
            try:
                page = self._passage.store.changes(self._cursor, limit=_PAGE)
            except QueryError:  # the file was brought back from a copy
                self._cursor = ""
                continue
            for change in page.items:
                self._bring(_subject(change))
            if page.cursor != self._cursor:
                self._cursor = page.cursor
                self._save()
            if len(page.items) < _PAGE:
                break
        old = {subject: why for subject, why in self._left.items() if subject not in self._news}
        return Forwarded(self._done, tuple(self._news.values()), tuple(old.values()))

    def _save(self) -> None:
        self._passage.ledger.write(_ROUND, {"cursor": self._cursor, "left": self._left})

    def _bring(self, subject: str) -> None:
        kind, _, id_ = subject.partition("/")
        self._passage.problems = []
        try:
            if kind == "run":
                bring_run(self._passage, id_)
            elif kind == "experiment":
                self._passage.bring_experiment(id_)
            else:
                bring_registered(self._passage, id_)
        except RefusedRequestError as error:
            self._refusals += not error.is_about_the_request
            self._passage.problems.append(f"the {kind} {id_}: {error}")
        except (LookupError, TypeError) as error:
            told = f"the {kind} {id_}: the server's answer was not understood"
            self._passage.problems.append(f"{told} ({type(error).__name__}: {error})")
        else:
            self._refusals = 0
        before = self._left.pop(subject, None)
        if self._passage.problems:
            self._left[subject] = "; ".join(self._passage.problems[:5])
            if self._left[subject] != before:
                self._news[subject] = self._left[subject]
        else:
            self._done += 1
        if self._left.get(subject) != before:
            self._save()


def _subject(change: Change) -> str:
    kind = "model" if change.subject == "registered model" else change.subject
    return f"{kind}/{change.id}"
