"""Environments that uv builds, kept by what they hold.

An environment is built in ``KEY.tmp.PID``, renamed to ``KEY``, and said to be complete by a file
that is written last. One without that file is never used: who wants it next removes it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fitprint.context.process import describe_python
from fitprint.context.redaction import redact_text
from fitprint.versions import normal
from fitprint_projects.caching import cache_folder, locked
from fitprint_projects.environments.files import installed_files
from fitprint_projects.environments.local import place
from fitprint_projects.environments.wanted import UnbuildableError, Wanted

__all__ = ["Built", "find_uv", "provide", "run_uv"]

_COMPLETE = "fitprint-environment.json"
_SECONDS = 1800  # for uv, which may have to bring gigabytes
_WAIT = 1800.0  # for another process that builds the same
_METADATA = re.compile(r"(?P<name>.+?)-(?P<version>[0-9][^-]*)\.dist-info")


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that is there.

    Attributes:
        folder: of it.
        python: its interpreter.
        key: of what was wanted.
        packages: versions by name, as they were installed.
        files: by name, ``file`` and ``sha256`` of what it was installed from, where that is known.
        was_there: whether nothing had to be built.
    """

    folder: Path
    python: Path
    key: str
    packages: Mapping[str, str]
    files: Mapping[str, Mapping[str, str]]
    was_there: bool


def provide(
    wanted: Wanted,
    *,
    cache: Path | None = None,
    offline: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    wait: float = _WAIT,
) -> Built:
    """Return an environment that holds what is wanted; build it if there is none.

    One that is there costs a look at a file: uv is not run, and no network is used.

    Args:
        wanted: what it is to hold.
        cache: the folder in which environments are kept; the user's by default.
        offline: use what uv has already brought, and no network.
        tell: takes a sentence on what takes time.
        wait: seconds for another process that builds the same one.

    Raises:
        UnbuildableError: there is no uv, or it cannot build it; the text has uv's words.
        CacheBusyError: another process builds it, and takes too long.
    """
    cache = cache or cache_folder("environments")
    key = wanted.key
    found = _complete(cache / key, key, was_there=True)
    if found is not None:
        return found
    uv = find_uv()
    with locked(
        cache / f"{key}.lock",
        wait,
        lambda: tell("another process builds this environment; waiting for it"),
    ):
        found = _complete(cache / key, key, was_there=True)
        if found is not None:
            return found
        # Nobody else builds it, so what lies there is what somebody left who was killed.
        for left in (cache / key, *cache.glob(f"{key}.tmp.*")):
            shutil.rmtree(left, ignore_errors=True)
        tell("building the environment with uv")
        building = cache / f"{key}.tmp.{os.getpid()}"
        try:
            files = _build(uv, wanted, building, offline=offline)
            os.replace(building, cache / key)  # noqa: PTH105 - a rename over nothing
        finally:
            shutil.rmtree(building, ignore_errors=True)
        packages = _installed(_packages_folder(cache / key))
        mark = cache / key / f"{_COMPLETE}.{os.getpid()}"
        told = {"key": key, "packages": packages, "files": files}
        mark.write_text(json.dumps(told), encoding="utf-8")
        mark.replace(cache / key / _COMPLETE)
        return Built(cache / key, _python_of(cache / key), key, packages, files, was_there=False)


def find_uv() -> str:
    """Return the path of uv: that on PATH, else that of the package ``uv``.

    Raises:
        UnbuildableError: there is none.
    """
    found = shutil.which("uv")
    if found is not None:
        return found
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, OSError):
        raise UnbuildableError(
            'uv builds environments, and is not here: pip install "fitprint-projects[framework]" '
            "brings it. Without it, the environment at hand can be taken"
        ) from None


def _complete(folder: Path, key: str, *, was_there: bool) -> Built | None:
    try:
        told = json.loads((folder / _COMPLETE).read_text("utf-8"))
        python = _python_of(folder)
        if told["key"] != key or not os.access(python, os.X_OK):
            return None  # the Python that it rests on is gone
        with suppress(OSError):  # another user's: only its owner can remove it
            os.utime(folder / _COMPLETE)  # it was used now
        return Built(folder, python, key, dict(told["packages"]), told.get("files", {}), was_there)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _packages_folder(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Lib" / "site-packages"
    found = sorted(folder.glob("lib/*/site-packages"))
    if not found:
        raise UnbuildableError(f"uv made no environment in {folder}")
    return found[0]


def _build(
    uv: str, wanted: Wanted, folder: Path, *, offline: bool
) -> Mapping[str, Mapping[str, str]]:
    """Make an environment in a folder that is not there yet; return the files that are known to be
    what packages were installed from.
    """
    network = ["--offline", "--no-python-downloads"] if offline else []
    # scripts of a relocatable environment find their Python after the rename
    run_uv(
        [
            uv, "venv", "--quiet", "--relocatable", "--no-project", *network,
            "--python", _interpreter(wanted), str(folder),
        ],
        folder.parent,
        offline=offline,
    )  # fmt: skip
    install = [uv, "pip", "install", "--quiet", "--python", str(_python_of(folder)), *network]
    lists = folder / "wanted"
    lists.mkdir()
    if wanted.build:
        file = lists / "build.txt"
        file.write_text("\n".join(wanted.build), encoding="utf-8")
        run_uv([*install, "-r", str(file)], lists, offline=offline)
    listed = lists / ("pylock.toml" if wanted.kind == "pylock.toml" else "locked.txt")
    text, pylock = _locked(uv, wanted, lists, network, offline=offline)
    files: dict[str, dict[str, str]] = {}
    if text.strip():  # uv installs no file with another digest than this says
        listed.write_text(text, encoding="utf-8")
        alone = ["--no-deps", "-r", str(listed)]
        run_uv([*install, *alone], lists, offline=offline)
        found = installed_files(pylock, _packages_folder(folder))
        files = {name: each for name, each in found.items() if each["sha256"] in text}
    for package in wanted.local:
        place(package, _packages_folder(folder))
    return files


def _locked(
    uv: str, wanted: Wanted, lists: Path, network: Sequence[str], *, offline: bool
) -> tuple[str, str]:
    """Return what is to be installed, with digests, and the same as a ``pylock.toml``, which names
    the files.

    uv installs from a list of requirements three times as fast, and from where it finds them now.
    """
    if wanted.kind == "pylock.toml":
        return wanted.text, wanted.text
    form = ["--quiet", "--no-header", *network]
    if wanted.kind == "uv.lock":
        (lists / "pyproject.toml").write_text(wanted.project, encoding="utf-8")
        (lists / "uv.lock").write_text(wanted.text, encoding="utf-8")
        export = [uv, "export", "--frozen", "--no-emit-project", *form, "--format"]
        text, pylock = (
            run_uv([*export, each], lists, offline=offline)
            for each in ("requirements.txt", "pylock.toml")
        )
        return text, pylock
    if not wanted.text.strip():
        return "", ""
    (lists / "requirements.txt").write_text(wanted.text, encoding="utf-8")
    python = str(_python_of(lists.parent))
    solve = [uv, "pip", "compile", "--python", python, *form]
    kept = ["--generate-hashes", "--emit-index-url", "--emit-find-links", "--emit-build-options"]
    alone = ["--no-deps"] if wanted.kind == "lock" else []
    text = run_uv([*solve, *kept, *alone, "requirements.txt"], lists, offline=offline)
    (lists / "locked.txt").write_text(text, encoding="utf-8")
    named = [*solve, "--no-deps", "--format", "pylock.toml", "locked.txt"]
    return text, run_uv(named, lists, offline=offline)


def _interpreter(wanted: Wanted) -> str:
    """Return what uv is asked for: this very Python, if it is one that is wanted."""
    here = str(describe_python()["version"])
    same = wanted.implementation == sys.implementation.name
    if same and (here == wanted.python or here.startswith(f"{wanted.python}.")):
        return getattr(sys, "_base_executable", None) or sys.executable
    return f"{wanted.implementation}{wanted.python}"


def run_uv(command: Sequence[str], folder: Path, *, offline: bool) -> str:
    """Run uv and return what it prints.

    Raises:
        UnbuildableError: it fails; the text has its words.
    """
    unwanted = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnbuildableError(
            f"uv took longer than {_SECONDS // 60} minutes to build the environment"
        ) from None
    except OSError as error:
        raise UnbuildableError(f"uv cannot be run: {error}") from error
    if done.returncode:
        said = redact_text(done.stderr.decode("utf-8", "replace").strip()[-4000:])
        remedy = (
            "; it may use no network, so what it has not yet brought is missing: build the "
            "environment once with a network"
            if offline or os.environ.get("UV_OFFLINE")
            else ""
        )
        raise UnbuildableError(f"uv cannot build the environment{remedy}. uv says:\n{said}")
    return done.stdout.decode("utf-8", "replace")


def _installed(folder: Path) -> dict[str, str]:
    matches = filter(None, (_METADATA.fullmatch(each.name) for each in folder.iterdir()))
    return dict(sorted((normal(each["name"]), each["version"]) for each in matches))
