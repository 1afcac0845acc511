"""Checks, and the classes that hold a subject against them, in pytest or without it."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Union

__all__ = ["Check", "Conformance", "Item", "NotApplicable", "expect"]

# Takes any of ``conformance``, ``case`` and ``folder``; raises if the promise is broken; may return
# a figure to report.
Check = Callable[..., Union[str, None]]


class NotApplicable(Exception):  # noqa: N818 - it is no error
    """Raised by a check that says nothing about this subject; the text says why."""


def expect(condition: object, message: str) -> None:
    """Fail the check with the message unless the condition holds.

    Raises:
        AssertionError: it does not.
    """
    if not condition:
        raise AssertionError(message)


class _Case(Protocol):
    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Item:
    """One check of one subject, of one case where the check looks at cases.

    Attributes:
        expected_failure: why it is known to fail; None if it must pass.
    """

    check: Check
    conformance: Conformance
    case: _Case | None
    expected_failure: str | None

    @property
    def name(self) -> str:
        """Stable name of the check."""
        return self.check.__name__

    @property
    def id(self) -> str:
        """Name of the check, and of the case if there is one."""
        return self.name if self.case is None else f"{self.name}-{self.case.name}"

    def run(self) -> str | None:
        """Run the check in a new folder, and return what it reports.

        Raises:
            NotApplicable: it says nothing about this subject.
            AssertionError: the promise is broken; other exceptions mean the same.
        """
        with tempfile.TemporaryDirectory(prefix="fitprint-") as folder:
            offered = {
                "conformance": self.conformance,
                "case": self.case,
                "folder": Path(folder).resolve(),
            }
            return self.check(
                **{name: offered[name] for name in inspect.signature(self.check).parameters}
            )


class Conformance:
    """What all conformance classes share.

    A subclass whose name pytest collects is a test; any subclass can be run by :meth:`items`.

    Attributes:
        checks: the checks, in order.
        cases: what the checks that look at cases are run with.
        expected_failures: why checks are known to fail, by the name of the check, or by its id to
            mean one case of it. It is strict: a check that passes although it stands here fails.
    """

    checks: Sequence[Check] = ()
    cases: Sequence[Any] = ()
    expected_failures: Mapping[str, str] = {}

    def items(self) -> Iterator[Item]:
        """Yield everything that is to be checked.

        Raises:
            ValueError: ``expected_failures`` names a check or case that does not exist, or two
                cases share a name.
        """
        if len({case.name for case in self.cases}) != len(self.cases):
            raise ValueError(f"{type(self).__name__}.cases: two cases have the same name")
        unknown = set(self.expected_failures)
        for check in self.checks:
            unknown.discard(check.__name__)
            for case in self.cases if "case" in inspect.signature(check).parameters else (None,):
                reason = self.expected_failures.get(check.__name__)
                item = Item(check, self, case, reason)
                unknown.discard(item.id)
                yield Item(check, self, case, reason or self.expected_failures.get(item.id))
        if unknown:
            raise ValueError(
                f"{type(self).__name__}.expected_failures: there is no check "
                f"{', '.join(sorted(unknown))}"
            )

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each item (called by pytest)."""
        import pytest

        if "item" in metafunc.fixturenames:
            parameters = [
                pytest.param(
                    item,
                    id=item.id,
                    marks=[pytest.mark.xfail(reason=item.expected_failure, strict=True)]
                    if item.expected_failure
                    else (),
                )
                for item in self.items()
            ]
            metafunc.parametrize("item", parameters)

    def test_conforms(self, item: Item) -> None:
        """Run one item (called by pytest)."""
        try:
            item.run()
        except NotApplicable as reason:
            import pytest

            pytest.skip(str(reason))
