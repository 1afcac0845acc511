"""Whose code makes a call: the user's, or that of a framework, for which training something is a
step of its own work.

scikit-learn's ``predict`` may fit an encoder, and a resampler of imbalanced-learn fits neighbours:
no run of the user's. Only the code that makes the call counts, found by its frame, and not what
called that code: what a framework calls back of the user's is the user's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import Any

from fitprint.autologging.framework import Framework, Target

__all__ = ["Callers", "frame_beyond"]

# A framework's own tests, and what a plugin is held against, call as users do.
_TESTS = frozenset({"conformance", "conftest", "test", "testing", "tests"})
_MOST_FRAMES = 16  # that another tool may put between its wrapper and what it wraps


class Callers:
    """Tells the frames of the user's code from those of the observed frameworks and their helpers.

    Any other package is the user's.
    """

    def __init__(self) -> None:
        self._packages: set[str] = set()
        self._passing: dict[str, set[str]] = {}
        # By name of a module: None if it is the user's, else the names of its functions that only
        # pass the user's calls on.
        self._verdicts: dict[str, set[str] | None] = {}

    def add(self, framework: Framework, targets: Iterable[Target]) -> None:
        """Count the packages of a framework's targets, and those that it names as its helpers, as
        no user's.
        """
        packages = {target.path.partition(":")[0].partition(".")[0] for target in targets}
        self._packages |= packages.union(framework.helpers)
        for path in framework.passing:
            module, _, name = path.partition(":")
            self._passing.setdefault(module, set()).add(name)
        self._verdicts.clear()

    def clear(self) -> None:
        """Count everybody as the user again."""
        self._packages.clear()
        self._passing.clear()
        self._verdicts.clear()

    def is_user(self, frame: FrameType | None) -> bool:
        """Tell whether a call that this frame makes is the user's; None is where Python begins,
        such as a thread.
        """
        while frame is not None:
            module: Any = frame.f_globals.get("__name__")
            try:
                passing = self._verdicts[module]
            except (KeyError, TypeError):
                # code that is executed in a dict of the user's may say anything of its name
                passing = self._judge(module)
            if passing is None:
                return True
            if frame.f_code.co_name not in passing:
                return False
            frame = frame.f_back
        return True

    def _judge(self, module: Any) -> set[str] | None:
        if type(module) is not str:
            return None
        parts = module.split(".")
        is_own = parts[0] in self._packages and not any(map(_is_of_tests, parts[1:]))
        self._verdicts[module] = verdict = self._passing.get(module, set()) if is_own else None
        return verdict


@functools.lru_cache(maxsize=1024)
def _is_of_tests(part: str) -> bool:
    return part.strip("_") in _TESTS or part.startswith("test_") or part.endswith("_test")


def frame_beyond(frame: FrameType | None, code: CodeType) -> FrameType | None:
    """Return the frame that called a wrapper of another tool's, given its code, if the wrapper is
    close above; else the frame itself.
    """
    above = frame
    for _ in range(_MOST_FRAMES):
        if above is None:
            break
        if above.f_code is code:
            return above.f_back
        above = above.f_back
    return frame
