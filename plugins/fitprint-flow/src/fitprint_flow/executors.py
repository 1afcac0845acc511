"""Engines that run steps: here, in fresh processes, and Dask's."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from fitprint_flow.steps import FlowError

__all__ = ["Inline", "Processes", "open_dask", "open_inline", "open_processes", "pickled"]

_BEGUN = "begun"  # sent when all is imported: from then on a timeout counts
_GRACE = 5.0  # seconds that a process has between its answer, or a polite end, and a kill


class Inline:
    """Runs each step at once, in this process and thread."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Do nothing: nothing is left behind."""


class Processes:
    """Runs each step in a process of its own that is started for it, with nothing in its memory.

    Args:
        jobs: so many at once.
    """

    def __init__(self, jobs: int) -> None:
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="fitprint-flow")
        self._running: set[Any] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(
        self, function: Callable[..., Any], *args: Any, timeout: float | None = None
    ) -> Future[Any]:
        """Return the future of a call.

        Raises:
            FlowError: the call cannot be pickled.
        """
        payload = pickled(function, args)
        return self._threads.submit(self._run, payload, timeout)

    def _run(self, payload: bytes, timeout: float | None) -> Any:
        context = _context()
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(sender, dict(os.environ), payload))
        with self._lock:
            if self._is_closed:
                raise FlowError("the flow was ended before the step began")
            process.start()
            self._running.add(process)
        sender.close()
        try:
            answer = _answer(receiver, process)
            if answer == _BEGUN:
                answer = _answer(receiver, process, timeout)
            if answer is not None:
                process.join(_GRACE)
                error, result = answer
                if error is not None:
                    raise FlowError(error)
                return result
            if process.is_alive() and timeout is not None:
                raise FlowError(f"it took longer than its timeout of {timeout:g} s and was stopped")
            process.join(_GRACE)
            raise FlowError(_death(process.exitcode))
        finally:
            _end(process)
            receiver.close()
            with self._lock:
                self._running.discard(process)

    def close(self) -> None:
        """Stop what runs."""
        with self._lock:
            self._is_closed = True
            running = list(self._running)
        for process in running:
            process.terminate()
        self._threads.shutdown(cancel_futures=True)


def pickled(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    """Return a call as bytes, for another process.

    Raises:
        FlowError: it cannot be pickled.
    """
    try:
        return pickle.dumps((function, args))
    except FlowError:
        raise
    except Exception as error:
        raise FlowError(
            f"it cannot be sent to another process ({error}); define its function with `def` "
            'at the top level of a module, or run the flow with executor="inline"'
        ) from error


def _answer(receiver: Connection, process: Any, timeout: float | None = None) -> Any:
    """Return what the process sends next; None if nothing comes."""
    wait([receiver, process.sentinel], timeout)
    try:
        return receiver.recv() if receiver.poll() else None
    except EOFError:
        return None


def _end(process: Any) -> None:
    if process.is_alive():
        process.terminate()
        process.join(_GRACE)
        if process.is_alive():
            process.kill()
            process.join(_GRACE)


def _death(status: int | None) -> str:
    if status is not None and status < 0:
        return (
            f"its process was killed by signal {-status}; if the system did that because memory "
            "ran out, run fewer steps at once (jobs)"
        )
    return (
        f"its process ended with status {status} and no answer; what it printed says why. If the "
        'flow is in a script, it must run below `if __name__ == "__main__":`'
    )


def _context() -> Any:
    """Return what starts processes that have nothing of this one's memory: copies of a server that
    has imported fitprint and nothing else, which takes a third of a bare start.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    from multiprocessing.forkserver import _forkserver as server

    # the program may have chosen for its own processes what the one server imports
    if getattr(server, "_preload_modules", None) == ["__main__"]:
        context.set_forkserver_preload(["fitprint_flow.task", "fitprint.carriers.tasks"])
    return context


def _work(sender: Connection, environment: dict[str, str], payload: bytes) -> None:
    """In the process: make the call, and send what it returned, or what went wrong."""
    os.environ.clear()  # the server has that of its own start
    os.environ.update(environment)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        function, args = pickle.loads(payload)  # noqa: S301 - from the process that started this one
    except Exception as error:  # noqa: BLE001 - unpickling runs imports of the user's
        sender.send((f"it cannot be loaded in another process: {error}", None))
        return
    sender.send(_BEGUN)
    try:
        sender.send((None, function(*args)))
    except KeyboardInterrupt:
        return  # the process that waits got it, too
    except Exception as error:  # noqa: BLE001 - told in the process that waits
        sender.send((f"{type(error).__name__}: {error}", None))


def _end_with_parent() -> None:
    """Let nothing run on of a flow that was killed: its next run would do the same beside it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def open_inline(address: str, jobs: int) -> Inline:  # noqa: ARG001 - one step after the other
    """Return the engine of this thread."""
    return Inline()


def open_processes(address: str, jobs: int) -> Processes:  # noqa: ARG001 - they are here
    """Return an engine of processes of this machine."""
    return Processes(jobs)


def open_dask(address: str, jobs: int) -> Any:
    """Return a client of Dask: of the scheduler at an address such as ``host:8786``, else of a
    cluster of ``jobs`` processes on this machine, which ends with the client.

    Raises:
        FlowError: Dask is not installed, or its scheduler gives no answer.
    """
    try:
        import distributed
    except ImportError:
        raise FlowError(
            'Dask is not installed: pip install "fitprint-flow[framework]", or use '
            "--executor processes"
        ) from None
    client: Any = distributed.Client
    try:
        if address:
            return client(address if "://" in address else f"tcp://{address}")
        return client(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
    except OSError as error:
        raise FlowError(
            f"Dask's scheduler at {address or 'this machine'} gives no answer: {error}"
        ) from error
