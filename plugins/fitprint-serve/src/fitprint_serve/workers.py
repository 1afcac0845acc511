"""Worker processes that share a port: started, watched, started again, and ended together."""

from __future__ import annotations

import mmap
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from fitprint.errors import FitprintError
from fitprint_serve.jsons import read_json, write_json
from fitprint_serve.logs import note
from fitprint_serve.refusals import RefusalError

__all__ = ["Board", "limit_threads", "run_workers"]

_PAGE = 256 << 10  # bytes for the samples of one worker
_EARLY = 5.0  # seconds; a worker that ends sooner has not begun well
_MOST_EARLY = 3


class Board:
    """Where workers leave their samples for each other: a page of shared memory for each."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _PAGE)
        self._workers = workers

    def post(self, worker: int, samples: dict[str, float]) -> None:
        """Leave the samples of a worker, if they have room."""
        text = write_json(samples)
        start = worker * _PAGE
        if len(text) + 4 <= _PAGE:
            self._memory[start : start + 4] = bytes(4)  # nothing to be read while it is written
            self._memory[start + 4 : start + 4 + len(text)] = text
            self._memory[start : start + 4] = len(text).to_bytes(4, "little")

    def total(self, worker: int, own: dict[str, float]) -> dict[str, float]:
        """Return the sums of a worker's samples and those that the others left last."""
        found = dict(own)
        for other in range(self._workers):
            start = other * _PAGE
            length = int.from_bytes(self._memory[start : start + 4], "little")
            if other == worker or not length:
                continue
            try:
                samples = read_json(self._memory[start + 4 : start + 4 + length])
            except RefusalError:
                continue  # it is just being written
            for name, value in samples.items():
                found[name] = found.get(name, 0) + value
        return found


def limit_threads(workers: int) -> None:
    """Share the cores among workers: set how many threads libraries compute with, unless the user
    has said so. It must be called before they are imported.
    """
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable is not None else os.cpu_count() or 1
    count = str(max(1, cores // workers))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, count)


def run_workers(
    count: int,
    work: Callable[[int, Callable[[], object]], int],
    ready: Callable[[], None],
    grace: float,
) -> int:
    """Run work in several processes until this one is asked to end; return the exit status.

    A worker that ends by itself is started again, which the log tells.

    Args:
        work: what a worker does, given its number and what it calls when it takes requests.
        ready: called when all take requests for the first time.
        grace: seconds that workers have to end.

    Raises:
        FitprintError: this system cannot fork, or workers end before they have begun.
    """
    if not hasattr(os, "fork"):
        raise FitprintError("this system has no fork, so there is one worker: leave --workers out")
    return _Pool(count, work, ready, grace).run()


class _Pool:
    def __init__(
        self,
        count: int,
        work: Callable[[int, Callable[[], object]], int],
        ready: Callable[[], None],
        grace: float,
    ) -> None:
        self._work = work
        self._ready = ready
        self._grace = grace
        self._numbers: dict[int, tuple[int, float]] = {}  # of processes, and since when
        self._wanted = count
        self._early = 0
        self._are_ready = False
        self._later: list[tuple[float, int]] = []  # when workers are started again, and which
        self._ends = False
        self._reader, self._writer = os.pipe()  # a byte for each worker that takes requests
        self._life, self._alive = os.pipe()  # ends for the workers when this process is gone

    def run(self) -> int:
        before = {
            number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            for number in range(self._wanted):
                self._start(number)
            waiting = self._wanted
            os.set_blocking(self._reader, False)
            while not self._ends:
                self._reap()
                if waiting:
                    try:
                        waiting -= len(os.read(self._reader, waiting))
                    except BlockingIOError:
                        pass
                    if not waiting:
                        self._are_ready = True
                        self._ready()
                time.sleep(0.05)
            return self._finish()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for each in (self._reader, self._writer, self._life, self._alive):
                os.close(each)

    def _start(self, number: int) -> None:
        process = os.fork()
        if process:
            self._numbers[process] = number, time.monotonic()
            return
        status = 1
        try:
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)
            os.close(self._reader)
            os.close(self._alive)
            threading.Thread(target=_end_with, args=(self._life,), daemon=True).start()
            status = self._work(number, lambda: os.write(self._writer, b"."))
        except FitprintError as error:
            note("worker", error=str(error))
        finally:
            os._exit(status)  # the parent's end is not the worker's

    def _reap(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            self._start(self._later.pop(0)[1])
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # all wait to be started again
            return
        if process not in self._numbers:
            return
        number, since = self._numbers.pop(process)
        code = os.waitstatus_to_exitcode(status)
        note("worker ended", worker=number, pid=process, status=code)
        self._early = self._early + 1 if time.monotonic() - since < _EARLY else 0
        if self._early < _MOST_EARLY:
            self._start(number)
        elif self._are_ready and self._numbers:  # others answer; the alias may lead back some time
            self._later.append((time.monotonic() + _EARLY, number))
        else:
            self._stop(signal.SIGTERM)
            raise FitprintError(
                f"workers end before they have begun (status {code}); the log says why"
            )

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        self._ends = True

    def _stop(self, number: signal.Signals) -> None:
        for process in self._numbers:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def _finish(self) -> int:
        self._stop(signal.SIGTERM)
        deadline = time.monotonic() + self._grace + 5
        while self._numbers:
            process, _ = os.waitpid(-1, os.WNOHANG)
            self._numbers.pop(process, None)
            if time.monotonic() > deadline:
                self._stop(signal.SIGKILL)
                deadline += 3600
            time.sleep(0.02)
        return 0


def _end_with(life: int) -> None:
    """End this worker when the process that watches it is gone, however that ended."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
