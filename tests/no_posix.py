"""A system without POSIX, as far as fitprint can see (``-p tests.no_posix``): no fork, no users, no
``fcntl``, and the locks of Windows.

The interpreter and its library stay what they are. Modules of fitprint get other ``os``, ``sys``
and ``signal``, which lack what Windows lacks; some modules cannot be found, and a stand-in for
``msvcrt`` can. Tests that are about POSIX itself are left out, each with its reason.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

import pytest

ABSENT = {"fcntl", "pwd", "resource", "grp", "termios"}
LACKING = {
    "os": """fork register_at_fork getuid geteuid getgid getegid getpgid killpg setsid uname sysconf
        confstr pread pwrite fdatasync fchmod fchown chown lchown sched_getaffinity
        mkfifo WNOHANG WIFSIGNALED WTERMSIG WEXITSTATUS WIFEXITED O_CLOEXEC O_NOFOLLOW
        O_NONBLOCK O_DIRECTORY forkpty getpriority wait3 wait4""".split(),
    "signal": (
        "SIGKILL SIGALRM SIGXCPU SIGHUP SIGUSR1 SIGUSR2 SIGCHLD SIGPIPE alarm setitimer "
        "pthread_sigmask"
    ).split(),
    "sys": [],
}
LEFT_OUT = {
    "tests/unit/platform/": "each system's own ways, which are asked there for all of them",
    "test_seals.py::test_a_key_that_others_may_read_or_that_is_a_link_does_not_count": "modes of files",  # noqa: E501
    "test_trials.py::test_fault_2_a_hang_is_an_error_here": "the signal of an alarm",
    "test_disk_trouble.py::test_a_disk_that_cannot_be_made_safe_is_told_and_loses_nothing": "fdatasync",  # noqa: E501
    "test_descriptors.py::test_fault_10_the_usual_ranges_do_not_reach_the_journal": (
        "descriptors that are lifted"
    ),
    "test_descriptors.py::test_fault_10_a_descriptor_that_is_closed_is_opened_again": (
        "descriptors that are lifted"
    ),
    "test_usage.py::test_a_run_has_what_its_process_used_meanwhile": "getrusage",
    "test_usage.py::test_processes_that_ended_count": "getrusage",
    "test_surroundings.py::test_a_machine_without_these_files_is_described": "sysconf",
    "test_surroundings.py::test_the_process_is_described_relative_to_the_project": "uname",
    "test_folder.py::test_a_full_disk_leaves_nothing": "forks",
    "test_folder.py::test_files_are_as_private_as_the_folder_around": "modes of files",
    "test_deferred.py::test_a_fork_waits_for_the_thread_and_the_child_has_none": "forks",
    "test_background.py::test_a_forked_child_delivers_what_it_records": "forks",
    "test_sqlite.py::test_a_fork_while_another_thread_uses_the_store": "forks",
}


class Without(ModuleType):
    """A module that lacks some names, and is otherwise the one that it stands for."""

    def __init__(self, module: ModuleType, lacking: Sequence[str], **changed: Any) -> None:
        super().__init__(module.__name__)
        vars(self).update(_module=module, _lacking=frozenset(lacking), _changed=changed)

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__("__dict__")
        if name == "__dict__":
            return own
        if name in own["_changed"]:
            return own["_changed"][name]
        if name in own["_lacking"]:
            raise AttributeError(
                f"module {own['__name__']!r} has no attribute {name!r} on this system", name=name
            )
        return getattr(own["_module"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(super().__getattribute__("__dict__")["_module"], name, value)

    def __delattr__(self, name: str) -> None:
        delattr(super().__getattribute__("__dict__")["_module"], name)


class Msvcrt(ModuleType):
    """The locks of Windows: of a range of bytes, from where the file stands; held against others by
    their open files.
    """

    LK_NBLCK, LK_UNLCK = 2, 0

    def locking(self, number: int, mode: int, count: int) -> None:
        """Lock or unlock, with a lock that belongs to the open file, as there."""
        assert count == 1
        if mode == self.LK_UNLCK:
            fcntl.flock(number, fcntl.LOCK_UN)
            return
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OSError(errno.EACCES, "it is locked") from error


SEEN = {
    "os": Without(os, LACKING["os"]),
    "signal": Without(signal, LACKING["signal"]),
    "sys": Without(sys, (), platform="win32"),
}
MSVCRT = Msvcrt("msvcrt")


def imported(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> Any:
    """Import as a module of fitprint does there."""
    top = name.partition(".")[0]
    if level == 0:
        if top in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name == "msvcrt":
            return MSVCRT
        if name in SEEN:
            return SEEN[name]
    return builtins.__import__(name, globals, locals, fromlist, level)


class Elsewhere(Loader, MetaPathFinder):
    """Loads modules of fitprint with other built-ins."""

    def __init__(self, loader: Any = None) -> None:
        self._loader = loader

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0].partition("_")[0] != "fitprint":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = Elsewhere(spec.loader)
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": imported}
        self._loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


for loaded in [
    name for name in sys.modules if name.partition(".")[0].partition("_")[0] == "fitprint"
]:
    del sys.modules[loaded]  # such as those that another plugin of pytest has imported
sys.meta_path.insert(0, Elsewhere())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is about POSIX itself."""
    for item in items:
        for place, reason in LEFT_OUT.items():
            if item.nodeid.startswith(place) or place in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=f"without POSIX: {reason}"))
