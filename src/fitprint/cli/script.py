"""Running a user's script as ``python`` itself would."""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from fitprint.errors import FitprintError
from fitprint.settings import working_folder

__all__ = ["run_module", "run_script", "run_source"]


def run_script(path: str, arguments: Sequence[str], before: Callable[[], None]) -> int:
    """Run a file (or a folder or archive with a ``__main__``) as ``python PATH ARGUMENTS`` does,
    and return the exit status.

    The script is ``__main__``, sees its arguments and its folder first in ``sys.path``; tracebacks
    show nothing of ours. ``SystemExit`` leaves as it was raised.

    Args:
        path: the script.
        arguments: what follows it.
        before: called when everything is as the script expects it, before its first line.

    Raises:
        FitprintError: there is no such file.
    """
    script = Path(path)
    if not script.exists():
        raise FitprintError(
            f"there is no script {path!r}; give the path of a Python file, or -m and the name of a "
            "module"
        )
    sys.argv = [path, *arguments]
    # not tidied up, as the interpreter does not
    file = path if script.is_absolute() else f"{working_folder() or '.'}/{path}"
    if script.is_dir() or _is_archive(script):
        _set_first_path(file)
        return _run_as_main("__main__", before, alter_argv=False)
    with io.open_code(file) as opened:
        source = opened.read()
    _set_first_path(str(script.resolve().parent))
    return run_source(source, file, before)


def run_source(source: bytes, file: str, before: Callable[[], None]) -> int:
    """Run the source of a script whose file is ``file``; see :func:`run_script`."""
    main = _new_main()
    main.__dict__.update(
        __file__=file, __cached__=None, __loader__=SourceFileLoader("__main__", file)
    )

    def body() -> None:
        # this is the user's program
        exec(compile(source, file, "exec", dont_inherit=True), main.__dict__)  # noqa: S102

    return _guarded(body, before)


def run_module(name: str, arguments: Sequence[str], before: Callable[[], None]) -> int:
    """Run a module as ``python -m NAME ARGUMENTS`` does; see :func:`run_script`."""
    sys.argv = ["-m", *arguments]
    folder = working_folder()
    if folder is not None:
        _set_first_path(str(folder))
    return _run_as_main(name, before, alter_argv=True)


def _run_as_main(name: str, before: Callable[[], None], *, alter_argv: bool) -> int:
    import runpy

    _new_main()
    # What the interpreter itself calls for `python -m`.
    run: Any = runpy._run_module_as_main  # type: ignore[attr-defined]  # noqa: SLF001
    return _guarded(lambda: run(name, alter_argv), before)


def _new_main() -> ModuleType:
    main = ModuleType("__main__")
    main.__dict__.update(
        __builtins__=sys.modules["builtins"],
        __annotations__={},
        __doc__=None,
        __package__=None,
        __spec__=None,
    )
    sys.modules["__main__"] = main
    return main


def _set_first_path(path: str) -> None:
    """Put the script's folder where the interpreter put ours, unless it was told to put none."""
    if not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        sys.path[0] = path


def _is_archive(script: Path) -> bool:
    if not script.is_file():  # what is read from a pipe is gone
        return False
    with script.open("rb") as file:
        if file.read(2) != b"PK":
            return False
    from zipfile import is_zipfile

    return is_zipfile(script)


def _guarded(body: Callable[[], None], before: Callable[[], None]) -> int:
    before()
    failure: BaseException | None = None
    try:
        body()
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001
        # shown as the interpreter shows it, when it is no longer being handled
        failure = error
    return 0 if failure is None else _shown(failure)


def _shown(error: BaseException) -> int:
    """Show the traceback without the frames of ours, through the user's ``sys.excepthook``, and
    return the exit status.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__") == __name__:
        trace = trace.tb_next
    error.__traceback__ = trace
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    _call_hook(type(error), error, trace)
    if isinstance(error, KeyboardInterrupt):
        _end_by_interrupt()
    return 1


def _call_hook(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            pass
    try:
        sys.excepthook(kind, error, trace)
    except Exception as failure:  # noqa: BLE001
        # a hook of the user's that fails, as the interpreter treats it
        print("Error in sys.excepthook:", file=sys.stderr)
        failure.__traceback__ = failure.__traceback__ and failure.__traceback__.tb_next
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(kind, error, trace)


def _end_by_interrupt() -> None:
    """See to it that the process ends by the signal, after all else, as Python programs do that
    were interrupted.
    """

    def end() -> None:
        atexit.unregister(end)
        atexit._run_exitfuncs()  # noqa: SLF001 - those that were registered before us
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)

    atexit.register(end)
