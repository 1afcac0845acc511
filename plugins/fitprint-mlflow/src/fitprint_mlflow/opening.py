"""Where MLflow's records are: a SQLite file, a folder ``mlruns``, another database, or a server."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fitprint.access import open_regular
from fitprint.errors import StoreError
from fitprint.stores.addresses import hidden, public

if TYPE_CHECKING:
    from fitprint_mlflow.origin import MlflowOrigin

__all__ = ["open_mlflow"]

_SQLITE = "sqlite:///"
_HEADER = b"SQLite format 3\0"


def open_mlflow(uri: str) -> MlflowOrigin:
    """Open what MLflow recorded at a tracking URI, a folder, or a SQLite file, by MLflow's own
    client.

    Raises:
        StoreError: MLflow is not installed, or there is nothing of it at the URI; the message holds
            no password.
    """
    found = _tracking_uri(uri)
    with ExitStack() as stack:
        try:
            stack.enter_context(_quietly())
            from fitprint_mlflow.origin import MlflowOrigin

            origin = MlflowOrigin(found)
        except ImportError as error:
            raise StoreError(
                f"MLflow cannot be imported ({error}): pip install 'fitprint-mlflow[framework]'"
            ) from error
        except Exception as error:  # noqa: BLE001 - what MLflow, its drivers and the network raise
            told = " ".join(hidden(str(error), found).split())[:500]
            raise StoreError(f"MLflow cannot read {public(found)}: {told}") from None
        origin.held = stack.pop_all()
    return origin


@contextmanager
def _quietly() -> Iterator[None]:
    """Let MLflow count nobody who imports, say nothing that is no warning, and give up on a server
    that does not answer after seconds, not minutes, unless the user wants it otherwise; then all is
    as it was.
    """
    wanted = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
    wanted = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(wanted)
    levels: dict[logging.Logger, int] = {}
    try:
        import mlflow  # noqa: F401 - which sets its logger's level when it is loaded

        for name in ("mlflow", "alembic"):
            logger = logging.getLogger(name)
            levels[logger] = logger.level
            logger.setLevel(logging.WARNING)
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        for name in wanted:
            os.environ.pop(name, None)


def _tracking_uri(uri: str) -> str:
    """Return the URI as MLflow's client takes it; MLflow would make a database or a folder that is
    not there.
    """
    if uri.startswith(_SQLITE):
        _check_sqlite(Path(uri.removeprefix(_SQLITE)))
        return uri
    if "://" in uri and not uri.startswith("file:"):
        return uri
    path = Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
    if path.is_file():
        _check_sqlite(path)
        return f"{_SQLITE}{path.absolute()}"
    if not any(path.glob("*/meta.yaml")):
        raise StoreError(
            f"{path} is neither a folder in which MLflow recorded (mlruns) nor its SQLite file"
        )
    return path.absolute().as_uri()


def _check_sqlite(path: Path) -> None:
    try:
        with open_regular(path) as file:
            header = file.read(len(_HEADER))
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        if header != _HEADER:
            raise sqlite3.DatabaseError("it is no SQLite database")
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            names = {
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
            }
    except (sqlite3.Error, UnicodeError) as error:
        raise StoreError(f"{path} is not an MLflow database, or it is damaged ({error})") from error
    if not {"experiments", "runs", "alembic_version"} <= names:
        raise StoreError(f"{path} is not an MLflow database: it has no runs and experiments")
