"""Fresh interpreters and forked children, for promises that one process cannot show."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fitprint.platform.copies import CAN_COPY, copy, wait_for
from fitprint.testing.checks import NotApplicable, expect

__all__ = ["FROM_FILES", "Done", "forked", "in_fresh_process", "main"]

FROM_FILES: set[str] = set()  # modules that no import finds in another process
_COMMAND = "import sys; from fitprint.testing.processes import main; main(sys.argv[1])"


class Done:
    """What a fresh process did: what its function returned, and what was written to its standard
    output and error.
    """

    def __init__(self, value: Any, stdout: str, stderr: str) -> None:
        self.value = value
        self.stdout = stdout
        self.stderr = stderr


def in_fresh_process(
    function: Callable[..., Any], conformance: Any, *, timeout: float = 300, **options: Any
) -> Done:
    """Call ``function(conformance, **options)`` in a new interpreter with the same import path.

    Args:
        function: of a module; what it returns must have a JSON form.
        conformance: an instance of a class of a module, which the new interpreter makes anew.
        timeout: seconds after which the process is killed.
        options: JSON values.

    Raises:
        NotApplicable: the class is defined inside a function, where no other process finds it; or
            ``function`` raised this.
        AssertionError: the function raised; the text ends with its traceback.
        TimeoutError: it took too long.
    """
    kind = type(conformance)
    if "<locals>" in kind.__qualname__:
        raise NotApplicable(
            f"{kind.__qualname__} is defined inside a function: move it to a module, where a fresh "
            "process finds it"
        )
    with tempfile.TemporaryDirectory(prefix="fitprint-") as folder:
        asked, answer = Path(folder) / "order.json", Path(folder) / "answer.json"
        place = {
            "module": kind.__module__,
            "file": getattr(sys.modules[kind.__module__], "__file__", None),
            "name": kind.__qualname__,
        }
        order = {
            "function": [function.__module__, function.__name__],
            "class": place,
            "options": options,
            "answer": str(answer),
        }
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
        }
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, sys.path))
        asked.write_text(json.dumps(order), encoding="utf-8")
        command = [sys.executable, "-c", _COMMAND, str(asked)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"it did not end within {timeout:.0f} seconds") from error
        if not answer.exists():
            raise AssertionError(
                f"the process ended with status {done.returncode}\n{done.stderr[-3000:]}"
            )
        told = json.loads(answer.read_text(encoding="utf-8"))
    if "not applicable" in told:
        raise NotApplicable(told["not applicable"])
    if "error" in told:
        raise AssertionError(told["error"])
    return Done(told["value"], done.stdout, done.stderr)


def main(path: str) -> None:
    """Do what :func:`in_fresh_process` asked for (called in the new interpreter)."""
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    told: dict[str, Any]
    try:
        module, name = order["function"]
        function = getattr(importlib.import_module(module), name)
        told = {"value": function(_conformance(**order["class"]), **order["options"])}
    except NotApplicable as reason:
        told = {"not applicable": str(reason)}
    except AssertionError as error:
        told = {"error": str(error)}
    except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the one who asked
        told = {"error": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"}
    Path(order["answer"]).write_text(json.dumps(told), encoding="utf-8")


def _conformance(module: str, file: str | None, name: str) -> Any:
    found = _module(module, file)
    for part in name.split("."):
        found = getattr(found, part)
    return found()


def _module(name: str, file: str | None) -> Any:
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        spec = None
    if spec is not None and (
        file is None
        or (spec.origin is not None and Path(spec.origin).resolve() == Path(file).resolve())
    ):
        return importlib.import_module(name)
    assert file is not None
    # a test file, which is found by no import
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    FROM_FILES.add(name)
    spec.loader.exec_module(module)
    return module


def forked(work: Callable[[], None], *, timeout: float = 60) -> None:
    """Do the work in a forked child that ends at once afterwards, and wait for it.

    Raises:
        NotApplicable: this system copies no processes.
        AssertionError: the work raised; the traceback stands on standard error.
        TimeoutError: it took too long, and was killed.
    """
    if not CAN_COPY:
        raise NotApplicable("this system copies no processes")
    with warnings.catch_warnings():
        # of forking with threads, which is what is looked at
        warnings.simplefilter("ignore", DeprecationWarning)
        child = copy()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - told by the status
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    code = wait_for(child, timeout)
    if code is None:
        raise TimeoutError(f"a forked child did not end within {timeout:.0f} seconds")
    expect(code == 0, f"a forked child ended with status {code}")
