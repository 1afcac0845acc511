"""Programs that steps start: none outlives its flow, and one flow at a time works in a folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fitprint.access import make_folder
from fitprint.platform.locks import try_lock
from fitprint_flow.steps import FlowError

__all__ = ["alone_in", "run_program"]

_LOCKS = "flow-locks"  # below the home
_PATIENCE = 5.0  # seconds in which what a killed flow has started ends
_GRACE = 5.0  # seconds that a program has to end by itself
_LOOK = 0.02  # seconds
# Its input ends where the process that started it does: then it ends the group of the program.
_GUARD = 'read -r _ || kill -9 -- "-$1"'


@contextmanager
def alone_in(folder: Path, home: Path) -> Iterator[None]:
    """Let no other flow write into a folder as long as this one may, and none begin before all has
    ended that a killed one has started there.

    Raises:
        FlowError: another flow works there.
    """
    number = _open(folder, home)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _is_ours(number):
            if time.monotonic() > deadline:
                raise FlowError(
                    f"another flow runs in {folder}, and both would write the same files; run this "
                    "one again when it has ended"
                )
            time.sleep(_LOOK)
        yield
    finally:
        _close(number)


def run_program(
    argv: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    timeout: float | None,
    home: Path,
) -> int:
    """Run a program, and return its exit status. With this process, all ends that it has started.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``timeout`` seconds, and was ended with all
            that it had started.
        OSError, ValueError: it cannot be started.
    """
    process = subprocess.Popen(argv, cwd=folder, env=environment, start_new_session=True)
    guard = _guard(process.pid, folder, home)
    try:
        return process.wait(timeout)
    except BaseException as error:
        _end(process, politely=not isinstance(error, subprocess.TimeoutExpired))
        raise
    finally:
        if guard is not None:
            with suppress(OSError):
                guard.communicate(b"\n")


def _guard(group: int, folder: Path, home: Path) -> subprocess.Popen[bytes] | None:
    """Start what ends a group of processes when this one is gone, and shares the lock on the folder
    until then; nothing where there are no groups.
    """
    if os.name != "posix":
        return None
    number = _open(folder, home)
    try:
        if number is not None:
            try_lock(number, shared=True)
        return subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C is for the program
            pass_fds=() if number is None else (number,),
        )
    except OSError:
        return None  # the program alone is not less than none
    finally:
        _close(number)


def _end(process: subprocess.Popen[bytes], *, politely: bool) -> None:
    """End a program and what it has started, at once if the user asks again."""
    if politely:
        _signal(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_GRACE)
    _signal(process, None)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals | None) -> None:
    """Send a signal to a program and what it has started; without one, end them."""
    if os.name != "posix":
        process.kill()
        return
    with suppress(OSError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL if number is None else number)


# -- locks -----------------------------------------------------------------------------------------


def _open(folder: Path, home: Path) -> int | None:
    """Open the file whose lock stands for a folder; None where there can be none."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    try:
        make_folder(home / _LOCKS)
        return os.open(home / _LOCKS / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None


def _is_ours(number: int | None) -> bool:
    """Have the lock alone for a moment, and share it from then on with what is started."""
    try:
        return number is None or (try_lock(number) and try_lock(number, shared=True))
    except OSError:
        return True  # the file system knows no locks


def _close(number: int | None) -> None:
    if number is not None:
        os.close(number)
