"""Trials: what compiled code makes of a foreign file is seen in a process that may die of it,
before this one reads the file.

A damaged or hostile file can make a framework's compiled code read or write where it must not, and
no reader of ours can follow every format. So bytes that this user did not record are first loaded
by a limited process, which predicts with the model, too. That process is started once, imports the
framework, and is then copied for each trial; it is no sandbox, but one that may crash or hang.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint import errors
from fitprint.access import make_folder, write_private
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor
from fitprint.models.hashing import digest_of
from fitprint.models.requirements import installed_version
from fitprint.models.seals import is_own, key_path, seal
from fitprint.models.trust import Trust
from fitprint.platform.copies import CAN_COPY, DEAD, end_group, is_out_of_time, read_line

__all__ = ["SECONDS", "TrialProcess", "try_first"]

SECONDS = 60  # of CPU that one trial may take; twice as many may pass on the clock
_START = 120  # seconds until the process has imported what it needs
_COPIES = CAN_COPY and sys.platform == "linux"  # elsewhere frameworks do not survive a fork
_NOTES = 1000  # that are kept for the user
_BOOT = (
    "import json, sys; told = json.loads(sys.stdin.buffer.readline()); sys.path[:] = told['path']; "
    "sys.argv = ['fitprint-trial']; from fitprint.models.trial_process import serve; serve()"
)
# One thread, so that the process can be copied; no GPU, whose memory the caller may need; freed
# memory is overwritten, so that what reads it shows; one arena of memory, as one for each thread
# takes more addresses on many cores than a trial may have.
_SURROUNDINGS = {
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    ),
    "CUDA_VISIBLE_DEVICES": "",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_PERTURB_": "165",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def try_first(directory: Path, flavor: Flavor, options: Mapping[str, Any], trust: Trust) -> None:
    """Let a process of its own load the model and predict with it, unless that is known to go well.

    A caller who trusts the flavor by its name does without.

    Raises:
        IntegrityError: the process died, or did not come to an end.
        FitprintError: there is no such process; or what loading raised there.
    """
    if trust.own or flavor.name in trust or flavor.trial(directory, options) is None:
        return
    key = _key(directory, flavor, options, trust)
    if key in _passed or _is_noted(key):
        return
    request = {
        "directory": str(directory.resolve()),
        "name": flavor.name,
        "flavor": base64.b64encode(_pickled(flavor, trust)).decode(),
        "trust": sorted(trust.names),
        "uri": trust.uri,
        "verb": trust.verb,
        "seconds": SECONDS,
    }
    answer = _trial_process.hold(request, trust)
    if answer.get("died") or answer.get("hung"):
        raise IntegrityError(_verdict(answer, flavor, trust))
    # names of the caller's own program may not be found there
    if (error := answer.get("error")) is not None and not trust.names:
        kind = getattr(errors, error[0], FitprintError)
        raise kind(error[1])
    if error is None:
        _passed.add(key)
        _note(key)


def _verdict(answer: Mapping[str, Any], flavor: Flavor, trust: Trust) -> str:
    how = (
        f"did not come to an end within {answer['hung']} s"
        if answer.get("hung")
        else f"died ({_signal_name(answer['died'])}) of reading it or predicting with it"
    )
    return (
        f"{trust.uri} was not loaded: it is not this user's own recording, and a process that "
        f"tried it first {how}, as this process would "
        f'have. It is damaged or hostile; who knows better can name "{flavor.name}" in trust to '
        "load it without a trial"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"status {number}"


def _pickled(flavor: Flavor, trust: Trust) -> bytes:
    try:
        return pickle.dumps(flavor)
    except Exception as error:
        raise _untried(
            trust, flavor.name, f"its flavor cannot be handed to another process ({error})"
        ) from error


def _untried(trust: Trust, flavor: str, why: str) -> FitprintError:
    return FitprintError(
        f"{trust.uri} was not loaded: it is not this user's own recording, so another process has "
        f"to try it first, and {why}. Name "
        f'"{flavor}" in trust to load it without a trial, if you know who made it'
    )


class TrialProcess:
    """The process that holds trials: started when it is needed, and anew when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def hold(self, request: Mapping[str, Any], trust: Trust) -> Mapping[str, Any]:
        """Return how the trial of a request ended.

        A copy that died, or waited without end, may have done so because it is a copy: whether it
        was the file, a process of its own tells.
        """
        with self._lock:
            answer = self._ask(request, trust) if _COPIES else None
            if (
                answer is None
                or answer.get("died")
                or (answer.get("hung") and not answer.get("busy"))
            ):
                self.close()
                answer = self._ask({**request, "alone": True}, trust)
                self.close()
        return {"died": DEAD} if answer is None else answer

    def _ask(self, request: Mapping[str, Any], trust: Trust) -> Mapping[str, Any] | None:
        """Return the answer; None if the process was ended before it gave one."""
        process = self._started(request["name"], trust)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = read_line(process.stdout.fileno(), _START + 2 * request["seconds"])
        except OSError:
            line = b""
        if line is None:
            return {"hung": request["seconds"]}
        if line.endswith(b"\n"):
            return dict(json.loads(line))
        code = process.wait()
        if code >= 0:
            raise _untried(trust, request["name"], f"it ended before it could (with status {code})")
        ended = {"hung": request["seconds"]} if is_out_of_time(-code) else {"died": -code}
        return ended if request.get("alone") else None

    def _started(self, flavor: str, trust: Trust) -> subprocess.Popen[bytes]:
        if (
            self._process is not None
            and self._owner == os.getpid()
            and self._process.poll() is None
        ):
            return self._process
        python = _python()
        if python is None:
            raise _untried(
                trust,
                flavor,
                f"this program ({sys.executable or 'embedded'}) names no Python to start it with: "
                "multiprocessing.set_executable does",
            )
        try:
            self._process = subprocess.Popen(
                [python, "-I", "-c", _BOOT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_SURROUNDINGS},
                start_new_session=True,
                cwd="/",
            )
            assert self._process.stdin is not None
            self._process.stdin.write(
                json.dumps({"path": [os.path.abspath(part) for part in sys.path]}).encode() + b"\n"  # noqa: PTH100
            )
        except OSError as error:
            raise _untried(trust, flavor, f"{python} cannot be started ({error})") from error
        self._owner = os.getpid()
        return self._process

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass
        try:
            end_group(process.pid)
        except OSError:
            pass
        process.wait()


def _python() -> str | None:
    """Return a Python like this one: what :mod:`multiprocessing` would start, where that is a
    Python at all.
    """
    from multiprocessing import spawn

    named = spawn.get_executable()
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    known = [
        os.fsdecode(named) if named else "",
        getattr(sys, "_base_executable", "") or "",
        os.path.join(sys.exec_prefix, "bin", version),  # noqa: PTH118
    ]
    for path in known if not getattr(sys, "frozen", False) else known[2:]:
        if Path(path).name.startswith(("python", "pypy")) and os.access(path, os.X_OK):
            return path
    return None


_trial_process = TrialProcess()
_passed: set[str] = set()
atexit.register(_trial_process.close)


# -- what is known to go well ----------------------------------------------------------------------


def _key(directory: Path, flavor: Flavor, options: Mapping[str, Any], trust: Trust) -> str:
    """Return a digest of all that a trial depends on."""
    files = sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    )
    facts = {
        "files": {name: digest_of(directory / name)[0] for name in files},
        "flavor": [type(flavor).__module__, type(flavor).__qualname__],
        "options": options,
        "trust": sorted(trust.names),
        "versions": {
            name: installed_version(name)
            for name in ("fitprint", "numpy", "scipy", *flavor.packages)
        },
        "python": sys.version,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()


def _notes() -> Path | None:
    path = key_path()
    return path.parent / "tried" if path is not None else None


def _is_noted(key: str) -> bool:
    folder = _notes()
    try:
        return folder is not None and is_own(f"tried {key}", (folder / key).read_text("ascii"))
    except (OSError, ValueError):
        return False


def _note(key: str) -> None:
    """Keep for the user that a trial went well, so that the next program need not hold it."""
    folder, told = _notes(), seal(f"tried {key}")
    if folder is None or not told:
        return
    try:
        make_folder(folder)
        write_private(folder / key, told)
        notes = list(folder.iterdir())
        if len(notes) > _NOTES:
            for note in sorted(notes, key=lambda note: note.stat().st_mtime)[: _NOTES // 2]:
                note.unlink()
    except OSError:
        pass  # it is held again
