"""What a server has of ours, written down on this machine: a small file for each subject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fitprint.access import make_folder, read_regular, write_private
from fitprint.errors import StoreError
from fitprint.ids import new_id

__all__ = ["Ledger"]


class Ledger:
    """What was sent, by subject, such as ``run/ID``; each page changes whole or not at all.

    A page that is lost does no harm: what it tells is asked of the server.

    Args:
        folder: where it is; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, subject: str) -> dict[str, Any]:
        """Return what was written about the subject; {} if nothing was."""
        try:
            content = json.loads(read_regular(self._path(subject)))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, subject: str, content: dict[str, Any]) -> None:
        """Write down what the server has of the subject now.

        Raises:
            StoreError: it cannot be written.
        """
        path = self._path(subject)
        new = path.with_name(f".{new_id()}")
        try:
            make_folder(path.parent)
            write_private(new, json.dumps(content))
            new.replace(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error

    def _path(self, subject: str) -> Path:
        kind, _, name = subject.partition("/")
        return self._folder / kind / f"{quote(name, safe='')[:200]}.json"
