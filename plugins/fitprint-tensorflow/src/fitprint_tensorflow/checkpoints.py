"""The files that the user's ``ModelCheckpoint`` callbacks write."""

from __future__ import annotations

import glob
import string
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = ["Checkpoints"]

_OFTEN = 50  # files, above which the list of them is written at every tenth only


class Checkpoints:
    """What the user's callbacks write.

    Files are told by their paths; the last one of each callback is kept with the run.

    Args:
        callbacks: the user's.
    """

    def __init__(self, callbacks: Iterable[Any]) -> None:
        self._monitors: dict[str, str | None] = {}  # by pattern
        for callback in callbacks:
            if any(
                base.__name__ == "ModelCheckpoint" and base.__module__.startswith("keras.")
                for base in type(callback).__mro__
            ):
                self._monitors[_pattern(str(callback.filepath))] = (
                    callback.monitor if callback.save_best_only else None
                )
        self._states = {
            path: _state(path) for pattern in self._monitors for path in _written(pattern)
        }
        self._files: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, str] = {}  # file by pattern

    def __bool__(self) -> bool:
        return bool(self._monitors)

    def look(self, fit: Fit, epoch: int, logs: Mapping[str, Any]) -> None:
        """Note the files that have been written since the last look, in this epoch."""
        changed = False
        for pattern, monitor in self._monitors.items():
            for path in _written(pattern):
                state = _state(path)
                if state == self._states.get(path):
                    continue
                changed = True
                self._states[path] = state
                self._newest[pattern] = path
                entry = self._files[path] = {"file": path, "epoch": epoch, "bytes": state[1]}
                if monitor is not None and monitor in logs:
                    entry[monitor] = float(logs[monitor])
        if changed and (len(self._files) < _OFTEN or len(self._files) % 10 == 0):
            self._write(fit)

    def _write(self, fit: Fit) -> None:
        fit.document("checkpoints", {"base": 0, "files": list(self._files.values())})

    def keep(self, fit: Fit) -> None:
        """Keep a copy of the newest file of each callback; equal bytes are stored once."""
        limit = fit.setting("model_limit_mb") * 2**20
        for path in self._newest.values():
            file = Path(path)
            if not file.is_file():
                continue
            if file.stat().st_size > limit:
                fit.skipped(
                    f"checkpoint {file.name}", "it is larger than the setting model_limit_mb allows"
                )
                continue
            self._files[path]["artifact"] = f"checkpoints/{file.name}"
            fit.run.log_artifact(file, f"checkpoints/{file.name}")
        if self._files:
            self._write(fit)


def _pattern(filepath: str) -> str:
    """Return the pattern of a file's names: ``{epoch:02d}`` may be anything."""
    return "".join(
        glob.escape(text) + ("*" if field is not None else "")
        for text, field, _, _ in string.Formatter().parse(filepath)
    )


def _written(pattern: str) -> list[str]:
    """Return the files of a pattern, the newest last."""
    return sorted(glob.glob(pattern), key=_state)  # noqa: PTH207 - a pattern may be absolute


def _state(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
