"""That the user's call does what it does unobserved."""

from __future__ import annotations

import dataclasses
import errno
import gc
import pickle
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.autologging.framework import Framework, Observer, Target, observer_of
from fitprint.autologging.patching import Patcher
from fitprint.errors import StoreError
from fitprint.journal.writer import JournalWriter
from fitprint.testing.checks import Check, expect
from fitprint.testing.comparison import difference
from fitprint.testing.frameworks.subject import Case, FrameworkSubject, seeded

__all__ = ["CHECKS", "trains_unobserved"]


def trains_unobserved(case: Case) -> None:
    """Without fitprint, too, the call of the case succeeds: if it does not, no other check says
    anything.
    """
    try:
        case.fit(**case.build())
    except Exception as error:
        raise AssertionError(
            f"the case fails where nobody observes it: {type(error).__name__}: {error}; mend its "
            "`build` or `fit` first\n"
            f"{''.join(traceback.format_exception(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)))}"  # noqa: E501
        ) from error


def result_identical_to_unpatched(conformance: FrameworkSubject, case: Case) -> None:
    """The call returns the same, pickles to the same bytes, draws as much from random generators
    and warns the same as unobserved.
    """
    conformance.train(case)  # what is imported meanwhile may warn and draw
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        plain = conformance.train(case)
    again = conformance.train(case)
    told = difference(plain.told, again.told)
    expect(
        not told,
        f"two unobserved calls differ ({told}): fix the seeds in `build`, or compare less in "
        "`predict`",
    )
    with conformance.observed(), warnings.catch_warnings(record=True) as ours:
        warnings.simplefilter("always")
        observed = conformance.train(case)
    told = difference(plain.told, observed.told)
    expect(not told, f"the result is another than unobserved: {told}")
    told = difference(plain.random, observed.random)
    expect(not told, f"the global random generators are left in another state: {told}")
    expected = [(warning.category, str(warning.message)) for warning in theirs]
    shown = [(warning.category, str(warning.message)) for warning in ours]
    expect(expected == shown, f"the warnings shown are others: {shown} instead of {expected}")
    bytes_of = [_pickled(outcome.result) for outcome in (plain, again, observed)]
    if bytes_of[0] is not None and bytes_of[0] == bytes_of[1]:
        expect(bytes_of[2] == bytes_of[0], "the result pickles to other bytes than unobserved")


def arguments_not_mutated(conformance: FrameworkSubject, case: Case) -> None:
    """What the user gave is afterwards what the framework alone would have left: no list grew, no
    dict changed.
    """
    plain = conformance.train(case)
    with conformance.observed():
        observed = conformance.train(case)
    for name, value in plain.given.items():
        if value is not plain.result:
            told = difference(value, observed.given[name])
            expect(
                not told,
                f"the argument {name!r} was changed: "
                f"{told.replace('in one', 'unobserved', 1).replace('in the other', 'observed')}",
            )


def callbacks_not_left_behind(conformance: FrameworkSubject, case: Case) -> None:
    """Neither the result nor anything that the user gave holds an object of fitprint's or of the
    plugin's.
    """
    with conformance.observed():
        outcome = conformance.train(case)
    found = _ours_among(conformance, case, {"result": outcome.result, **outcome.given})
    expect(not found, f"{found}, which was left behind: take it off below the yield")


def failed_call_leaves_nothing(conformance: FrameworkSubject, case: Case) -> None:
    """Where the user's call raises, too, what the user gave is as the framework alone would have
    left it, and holds nothing of ours.
    """
    refusal = LookupError("raised in place of the framework")
    with _refusing(conformance, refusal):
        plain, again = (_given_to_a_failure(case, refusal) for _ in range(2))
        with conformance.observed():
            observed = _given_to_a_failure(case, refusal)
    remedy = "set it back in a `finally` around the yield, for nothing else below it runs then"
    found = _ours_among(conformance, case, observed)
    expect(not found, f"{found}, which a call that raised left behind: {remedy}")
    for name, value in plain.items():
        told = "" if difference(value, again[name]) else difference(value, observed[name])
        expect(
            not told, f"a call that raised left the argument {name!r} changed ({told}): {remedy}"
        )


def data_is_freed_after_fit(conformance: FrameworkSubject, case: Case) -> None:
    """After the call nothing of ours holds what the user gave or got."""
    plain = _holders(conformance, case)
    with conformance.observed():
        observed = _holders(conformance, case)
    for name, count in plain.items():
        expect(
            observed[name] <= count,
            f"{name!r} is held by {observed[name] - count} more objects than unobserved: it is "
            "kept alive",
        )


def user_exception_untouched(conformance: FrameworkSubject, case: Case) -> None:
    """An exception of the framework's reaches the user as the same object, with nothing added, and
    the run holds the traceback.
    """
    raised = LookupError("raised in place of the framework")
    # None, but for compiled code that once swallowed one on this thread and left it there
    context = sys.exc_info()[1]

    with _refusing(conformance, raised), conformance.observed() as runs:
        try:
            conformance.train(case)
        except LookupError as error:
            expect(error is raised, f"another exception came: {error!r}")
        else:
            raise AssertionError("the case calls no target of the framework")
        notes = getattr(raised, "__notes__", None)
        expect(
            raised.__cause__ is None and raised.__context__ is context and not notes,
            "something was added to the exception",
        )
        run = runs.one()
        # the calls that follow may still succeed
        in_sequence = run.record.documents.get("failure", {})
        expect(in_sequence or run.status == "FAILED", f"the run is {run.status}")
        expect(
            "raised in place of the framework" in (run.error or in_sequence.get("error", "")),
            "the run lacks the traceback",
        )


def observer_failure_is_invisible(conformance: FrameworkSubject, case: Case) -> None:
    """Wherever the observer raises, above the yield or below, the user's call gives the same
    result, and the failure is reported.
    """
    for phase in ("at its start", "above the yield", "below the yield", "at its end"):
        with conformance.observed(
            framework=_Replaced(conformance.framework, phase), strict=False
        ) as runs:
            try:
                outcome = conformance.train(case)
            except Exception as error:
                raise AssertionError(
                    f"an observer that raised {phase} made the user's call fail: "
                    f"{type(error).__name__}: {error}"
                ) from error
            expect(
                any(_MARK in problem for problem in runs.problems),
                f"nothing was reported of an observer that raised {phase}",
            )
        conformance.expect_same(case, outcome, f"where the observer raised {phase}")


def store_failure_is_invisible(conformance: FrameworkSubject, case: Case) -> None:
    """With a disk that is full from the start or later, and with a store that refuses everything,
    the user's call gives the same result.
    """
    for disk in (_FullDisk(None), _FullDisk(JournalWriter.append)):
        with conformance.observed(strict=False) as runs:
            disk.writer = runs.workspace.writer
            # there is no other way to fill it
            runs.workspace._writer = disk  # type: ignore[assignment]  # noqa: SLF001
            try:
                outcome = conformance.train(case)
            except Exception as error:
                raise AssertionError(
                    f"a full disk made the user's call fail: {type(error).__name__}: {error}"
                ) from error
            finally:
                runs.workspace._writer = disk.writer  # noqa: SLF001
        conformance.expect_same(case, outcome, "with a full disk")
    with conformance.observed(strict=False, store="nowhere://") as runs:
        try:
            outcome = conformance.train(case)
        except Exception as error:
            raise AssertionError(
                f"a store that cannot be opened made the user's call fail: {type(error).__name__}: "
                f"{error}"
            ) from error
        try:
            runs.all()
        except StoreError:
            pass
    conformance.expect_same(case, outcome, "with a store that cannot be opened")


CHECKS: tuple[Check, ...] = (
    result_identical_to_unpatched,
    arguments_not_mutated,
    callbacks_not_left_behind,
    data_is_freed_after_fit,
    user_exception_untouched,
    failed_call_leaves_nothing,
    observer_failure_is_invisible,
    store_failure_is_invisible,
)

_MARK = "injected by the conformance kit"


class _Replaced(Framework):
    """A framework whose observers raise in one phase."""

    def __init__(self, framework: Framework, phase: str) -> None:
        self.name = framework.name
        self.distribution = framework.distribution
        self.helpers = framework.helpers
        self.passing = framework.passing
        self.within = framework.within
        self._framework = framework
        self._phase = phase

    def targets(self) -> Sequence[Target]:
        return [
            dataclasses.replace(target, observe=_failing(target.observe, self._phase))
            for target in self._framework.targets()
        ]


def _failing(observe: Observer | str, phase: str) -> Callable[[Fit], Any]:
    def observer(fit: Fit) -> Iterator[Any]:
        if phase == "at its start":
            raise RuntimeError(_MARK)
        inner = observer_of(observe)(fit)
        try:
            next(inner)
        except StopIteration:
            return
        if phase == "above the yield":
            raise RuntimeError(_MARK)
        result = yield
        if phase == "below the yield":
            raise RuntimeError(_MARK)
        try:
            inner.send(result)
        except StopIteration:
            pass
        raise RuntimeError(_MARK)

    return observer


class _FullDisk:
    """A journal that can write nothing, or events but no points,
    and says so worse than ours would.
    """

    def __init__(self, append: Callable[..., None] | None) -> None:
        self._append = append
        self.writer: JournalWriter | None = None

    def append(self, *events: Any) -> None:
        if self._append is None:
            raise OSError(errno.ENOSPC, "no space left")
        self._append(self.writer, *events)

    def point(self, *_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    def gather(self) -> None:
        """Let nothing wait."""

    def settle(self) -> None:
        raise OSError(errno.ENOSPC, "no space left")


@contextmanager
def _refusing(conformance: FrameworkSubject, refusal: Exception) -> Iterator[None]:
    """Let every target of the framework raise in place of what it does."""

    def refuse(*_: Any) -> Any:
        raise refusal

    patcher = Patcher(lambda *_: refuse)
    try:
        patcher.install("fitprint.testing", conformance.targets())
        patcher.refresh()
        yield
    finally:
        refusal.__traceback__ = None
        patcher.undo()


def _given_to_a_failure(case: Case, refusal: Exception) -> dict[str, Any]:
    """Return what a call was given that raised the refusal."""
    with seeded():
        given = dict(case.build())
        try:
            case.fit(**given)
        except type(refusal) as error:
            if error is not refusal:
                raise
    return given


def _ours_among(conformance: FrameworkSubject, case: Case, roots: dict[str, Any]) -> str:
    """Return where the roots hold an object of fitprint's or of the plugin's, and which; "" if they
    hold none.
    """
    ours = {"fitprint", type(conformance.framework).__module__.partition(".")[0]}
    theirs = {type(conformance).__module__, case.build.__module__, case.fit.__module__}
    for path, found in _reached(roots):
        module = (
            getattr(found, "__module__", None)
            if isinstance(found, types.FunctionType)
            else type(found).__module__
        )
        if isinstance(module, str) and module.partition(".")[0] in ours and module not in theirs:
            return (
                f"{path} is {getattr(found, '__qualname__', type(found).__qualname__)} of {module}"
            )
    return ""


def _pickled(value: Any) -> bytes | None:
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001 - not everything can be
        return None


def _reached(roots: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield everything that the roots hold, with a path;
    classes and modules are not looked into.
    """
    waiting = list(roots.items())
    seen: set[int] = set()
    kept = []  # so that no id is given twice
    while waiting:
        path, found = waiting.pop()
        if id(found) in seen or isinstance(
            found, (type, types.ModuleType, str, bytes, int, float, types.CodeType)
        ):
            continue
        seen.add(id(found))
        kept.append(found)
        yield path, found
        if isinstance(found, dict):
            waiting += ((f"{path}[{key!r}]", value) for key, value in list(found.items()))
        elif isinstance(found, types.FunctionType):
            waiting += ((f"{path}.__closure__", cell) for cell in found.__closure__ or ())
            waiting += ((f"{path}.__defaults__", value) for value in found.__defaults__ or ())
            waiting.append((f"{path}.__dict__", vars(found)))
        else:
            own = getattr(found, "__dict__", None)
            names = (
                {id(value): f".{name}" for name, value in own.items()} if type(own) is dict else {}
            )
            waiting += (
                (path + names.get(id(value), ""), value) for value in gc.get_referents(found)
            )


def _arrays_in(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays that containers of a framework's own hold as their attributes, by path."""
    found = {}
    for name, value in given.items():
        slots = [slot for kind in type(value).__mro__ for slot in vars(kind).get("__slots__", ())]
        for attribute in (*getattr(value, "__dict__", ()), *slots):
            part = getattr(value, attribute, None)
            if type(part).__name__ == "ndarray":
                found[f"{name}.{attribute}"] = part
    return found


_ATOMS = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    types.FunctionType,
    types.BuiltinFunctionType,
    type,
    types.ModuleType,
)


def _holders(conformance: FrameworkSubject, case: Case) -> dict[str, int]:
    """Return how many references there are to what a case gave and got."""
    outcome = conformance.train(case)
    outcome.told = None
    gc.collect()
    held = {**outcome.given, **_arrays_in(outcome.given), "the result": outcome.result}
    return {
        name: sys.getrefcount(value)
        for name, value in held.items()
        if not isinstance(value, _ATOMS)
    }
