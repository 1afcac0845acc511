"""How long somebody waits for a store that may be silent."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from fitprint.errors import StoreError

if TYPE_CHECKING:
    from fitprint.recording.workspace import Workspace

__all__ = ["Waiting"]

_T = TypeVar("_T")
_LEAST = 1.0  # seconds; also a store that is well takes some


class Waiting:
    """One wait for all that is asked of a workspace's store on the way to a registered model: the
    setting ``registry_wait``, and a second at least.

    A store of another place is asked by a thread, which is left behind if there is no answer. The
    home's own answers at once.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._limit = max(float(workspace.settings["registry_wait"]), _LEAST)
        self._deadline = time.monotonic() + self._limit

    def answer(self, ask: Callable[[], _T]) -> _T:
        """Return what ``ask`` returns, or raise what it raises.

        Raises:
            StoreError: there is no answer in time; ``ask`` may go on.
        """
        if self._workspace.destination.is_own(self._workspace.home):
            return ask()
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._silence()
        # somebody may be left behind who holds what opens the journal
        journal = self._workspace.writer
        journal.open()
        answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

        def attempt() -> None:
            try:
                answers.put((ask(), None))
            except BaseException as error:  # noqa: BLE001 - raised where it is wanted
                answers.put((None, error))

        work = contextvars.copy_context().run
        try:
            threading.Thread(target=work, args=(attempt,), daemon=True).start()
        except RuntimeError:  # the interpreter ends
            return ask()
        try:
            answer, error = answers.get(timeout=left)
        except Empty:
            raise self._silence() from None
        try:
            if error is not None:
                raise error
        finally:
            del error  # its traceback leads to this frame
        found: _T = answer
        return found

    def _silence(self) -> StoreError:
        return StoreError(
            f"the store {self._workspace.store_uri} has not answered within {self._limit:g} s "
            "(setting registry_wait)"
        )
