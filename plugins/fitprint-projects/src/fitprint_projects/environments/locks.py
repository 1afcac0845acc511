"""The lock of a run: what its environment held, without the addresses of anybody's registry; and
what other programs read of it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.errors import ArtifactNotFoundError
from fitprint.recording.run import Run
from fitprint.views.facts import part
from fitprint_projects.environments.files import listed_files
from fitprint_projects.environments.wanted import UnbuildableError

__all__ = ["LOCK", "lock_of", "packages_of", "pylock", "python_of", "requirements"]

LOCK = "packages.lock.json"


def lock_of(packages: Mapping[str, str], files: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the document :data:`LOCK`: each package with its version, and with the file that it
    was installed from (``file``, ``sha256``) where that is known.
    """
    return {
        "version": 1,
        "packages": [
            {"name": name, "version": version, **files.get(name, {})}
            for name, version in packages.items()
        ],
    }


def packages_of(run: Run) -> list[dict[str, str]]:
    """Return what the environment of a run held, as its lock says, else as the program saw it.

    Raises:
        UnbuildableError: that was not recorded, or is damaged.
    """
    try:
        told = json.loads(run.read(LOCK))
        found = [
            {key: str(each[key]) for key in ("name", "version", "file", "sha256") if key in each}
            for each in told["packages"]
        ]
    except ArtifactNotFoundError:
        installed = part(part(run.environment, "packages"), "installed")
        found = [{"name": str(name), "version": str(each)} for name, each in installed.items()]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnbuildableError(f"{LOCK} of the run {run.name} is damaged: {error!r}") from error
    if not found:
        raise UnbuildableError(f"the packages of the run {run.name} were not recorded")
    return found


def requirements(packages: list[dict[str, str]]) -> str:
    """Return a ``requirements.txt``, with the digests that are known."""
    return "".join(
        f"{each['name']}=={each['version']}"
        + (f" \\\n    --hash=sha256:{each['sha256']}" if "sha256" in each else "")
        + "\n"
        for each in packages
    )


def pylock(packages: list[dict[str, str]], python: str, *, offline: bool) -> str:
    """Return a ``pylock.toml``, which uv makes: it has the addresses of the registry that is asked
    now, and all files of each version.

    Raises:
        UnbuildableError: a package is not there, or no longer with the file of then.
    """
    from fitprint_projects.environments.building import find_uv, run_uv

    network = ["--offline"] if offline else []
    with tempfile.TemporaryDirectory(prefix="fitprint-lock-") as folder:
        file = Path(folder) / "requirements.txt"
        lines = (f"{each['name']}=={each['version']}\n" for each in packages)
        file.write_text("".join(lines), encoding="utf-8")
        words = [find_uv(), "pip", "compile", "--quiet", "--no-header", "--no-deps", *network]
        words += ["--format", "pylock.toml", "--python-version", python, str(file)]
        text = run_uv(words, Path(folder), offline=offline)
    listed = listed_files(text)
    for each in packages:
        digests = listed.get(each["name"], {}).values()
        if "sha256" in each and digests and each["sha256"] not in digests:
            raise UnbuildableError(
                f"{each['name']} {each['version']} was installed from {each['file']} with another "
                "digest than the registry has now: use the requirements.txt, which has that of then"
            )
    return text


def python_of(run: Run) -> str:
    """Return the version of Python of a run, else of this process."""
    version = part(run.environment, "python").get("version")
    return str(version or sys.version.split()[0])
