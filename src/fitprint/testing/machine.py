"""A machine of the tests' own, a plugin of pytest (``-p fitprint.testing.machine``).

Tests see neither the user's configuration nor what fitprint has left elsewhere, and leave nothing
there.
"""

from __future__ import annotations

import os
import shutil
import signal
import site
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["pytest_configure", "pytest_unconfigure"]

_KEPT = {"FITPRINT_MLFLOW_PYTHON"}  # where a tool for tests lies
_MARKS = (".fitprint", ".git", "pyproject.toml")
_machine: Path | None = None


def pytest_configure() -> None:
    """Give the tests a user's folder, before frameworks are imported and look for their
    configuration there.
    """
    global _machine
    os.environ["TMPDIR"] = tempfile.tempdir = _clean_place()
    _machine = Path(tempfile.mkdtemp(prefix="fitprint-tests-")).resolve()
    for name in list(os.environ):
        if (name.startswith("FITPRINT_") and name not in _KEPT) or (
            name.startswith("XDG_") and name.endswith(("_HOME", "_DIR"))
        ):
            del os.environ[name]
    os.environ.setdefault("PYTHONUSERBASE", site.getuserbase())  # packages may be installed there
    # and come from a place named there
    os.environ.setdefault("PIP_CONFIG_FILE", str(Path("~/.config/pip/pip.conf").expanduser()))
    os.environ["HOME"] = str(_machine)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell has its background jobs ignore Ctrl-C, and children inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _machine.chmod(0o755)  # some tests look with the eyes of another user
    (_machine / "temporary").mkdir()


def _clean_place() -> str:
    """Return a folder for temporary ones that lies in no project: fitprint looks for one upwards
    from where a test runs.
    """
    # pytest makes private folders in it
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108
    for place in places:
        folder = Path(place).resolve()
        if os.access(folder, os.W_OK) and not any(
            (above / mark).exists() for above in (folder, *folder.parents) for mark in _MARKS
        ):
            return str(folder)
    raise pytest.UsageError(
        f"{', '.join(places)}: each lies in a project ({', '.join(_MARKS)}); set TMPDIR to a "
        "folder that does not"
    )


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    if _machine is not None:
        shutil.rmtree(_machine, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where no home can be written, fitprint writes to the temporary folder; what pytest keeps of
    tests that failed lies elsewhere.
    """
    assert _machine is not None
    tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        folder = str(_machine / "temporary")
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(autouse=True, scope="module")
def _variables_as_found() -> Iterator[None]:
    """What the tests of a module set, or a library sets in them, leads no test of another, and no
    program that it starts, to another place: MLflow's ``set_tracking_uri`` sets variables.
    """
    found = dict(os.environ)
    yield
    for name in os.environ.keys() - found.keys():
        del os.environ[name]
    os.environ.update(found)


@pytest.fixture(autouse=True)
def _no_fallback_left() -> Iterator[None]:
    """A test that made fitprint write to the temporary folder leaves nothing there for ``doctor``
    to find in the next.
    """
    yield
    assert _machine is not None
    for home in (_machine / "temporary").glob("fitprint-*"):
        shutil.rmtree(home, ignore_errors=True)
