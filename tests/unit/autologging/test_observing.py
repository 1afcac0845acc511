"""One user call, one run: what becomes a run, what is recorded on it, and that no failure of ours
is ever the user's.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.autologging import activation
from fitprint.autologging.observing import INSIDE
from fitprint.recording.context import current_run
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from conftest import Toy

Runs = Callable[[], list[Run]]


def names(runs: Runs) -> list[tuple[str, str]]:
    return [(run.name, run.status) for run in runs()]


# -- what is a run ---------------------------------------------------------------------------------


def test_an_outermost_call_is_one_run(toy: Toy, runs: Runs) -> None:
    """Calls inside a call, of the same or of other targets, are not runs of their own."""
    fitprint.autolog()
    toy.module.Meta().fit([1])
    toy.module.Careful().fit_predict([1])
    toy.module.train({}, [], callbacks=[lambda params: toy.module.Base().fit([])])
    assert [("Meta", "FINISHED"), ("Careful", "FINISHED"), ("train", "FINISHED")] == names(runs)
    assert ["fit", "fit", "fit"] == [run.kind for run in runs()]
    assert 3 == toy.seen.count(("before", "Meta")) + toy.seen.count(
        ("before", "Careful")
    ) + toy.seen.count(("before", "train"))


def test_a_run_says_how_long_it_took_and_what_was_captured(toy: Toy, runs: Runs) -> None:
    """Each run has a fit time, and a report that names framework, function and cost."""
    fitprint.autolog()
    toy.module.Base().fit([1])
    (run,) = runs()
    assert 0 <= run.metrics["fit_time"] < 5
    assert (toy.name, "Base.fit") == (run.capture["framework"], run.capture["function"])
    assert run.capture["cost_ms"] >= 0
    assert "failed" not in run.capture


def test_inside_a_users_run_the_first_fit_is_on_it_and_the_others_below(
    toy: Toy, runs: Runs
) -> None:
    """The user's run gets the first fit, every further one is a child, and it ends with the user's
    block only.
    """
    fitprint.autolog()
    with fitprint.start_run("mine") as mine:
        toy.module.Base().fit([1])
        assert "RUNNING" == mine.status
        toy.module.Base().fit([2])
        toy.module.train({}, [])
        fitprint.log_metric("own", 1)
    assert [("mine", "FINISHED"), ("Base", "FINISHED"), ("train", "FINISHED")] == names(runs)
    assert ["user", "fit", "fit"] == [run.kind for run in runs()]
    assert [None, mine.id, mine.id] == [run.parent_id for run in runs()]
    assert {"own", "fit_time"} == set(mine.metrics)


def test_a_failing_fit_inside_a_users_run_does_not_end_it(toy: Toy, runs: Runs) -> None:
    """The user may catch the error and go on; the failure is noted."""
    fitprint.autolog()
    with fitprint.start_run("mine") as mine:
        with pytest.raises(ValueError, match="no"):
            toy.module.Base().fit(ValueError("no"))
        toy.module.Base().fit([1])
    assert [("mine", "FINISHED"), ("Base", "FINISHED")] == names(runs)
    failure = mine.record.documents["failure"]
    assert "Base" == failure["subject"]
    assert "ValueError: no" in failure["error"]


def test_what_the_users_code_logs_inside_a_call_belongs_to_its_run(toy: Toy, runs: Runs) -> None:
    """Inside a call its run is current, and afterwards what was current before."""
    fitprint.autolog()
    toy.module.train({}, [], callbacks=[lambda params: fitprint.log_metric("inside", 1)])
    assert fitprint.active_run() is None
    (run,) = runs()
    assert 1.0 == run.metrics["inside"]


def test_a_run_that_the_user_opens_inside_a_call_is_below_it(toy: Toy, runs: Runs) -> None:
    """Runs of the user's own nest in the run of the call around them."""

    def callback(params: Any) -> None:
        with fitprint.start_run("inner"):
            toy.module.Base().fit([1])

    fitprint.autolog()
    toy.module.train({}, [], callbacks=[callback])
    assert [("train", "FINISHED"), ("inner", "FINISHED")] == names(runs)
    outer, inner = runs()
    assert outer.id == inner.parent_id


def test_a_call_that_its_observer_skips_is_no_run(toy: Toy, runs: Runs) -> None:
    """An observer may skip a call, or have nothing to say about it; inner calls stay suppressed."""

    def skipping(fit: Any) -> Generator[None, Any, None]:
        fit.skip("of no interest")
        yield
        raise AssertionError("below the yield of a skipped call")

    def silent(fit: Any) -> Generator[None, Any, None]:
        return
        yield

    toy.chosen = [toy.function(observe=skipping), toy.subclass_method(observe=silent)]
    fitprint.autolog()
    assert {} == toy.module.train({}, [])["params"]
    assert toy.module.Base().fit([1]).seen == [1]
    assert [] == runs()


def test_the_observer_sees_the_call_and_its_result(toy: Toy) -> None:
    """Arguments by name, defaults included, however they were given; what was given; the instance;
    the very result; the time.
    """
    seen: dict[str, Any] = {}

    def observe(fit: Any) -> Generator[None, Any, None]:
        seen["arguments"] = dict(fit.arguments)
        seen["given"] = {
            name: fit.given(name) for name in ("params", "rounds", "callbacks", "eta", "nothing")
        }
        seen["argument"] = (fit.argument("rounds"), fit.argument("nothing", "default"))
        seen["instance"] = fit.instance
        result = yield
        seen["result"] = result
        seen["elapsed"] = fit.elapsed

    toy.chosen = [toy.function(observe=observe)]
    fitprint.autolog()
    result = toy.module.train({"a": 1}, [1], eta=0.1)
    assert {"params": {"a": 1}, "data": [1], "rounds": 10, "callbacks": None, "eta": 0.1} == seen[
        "arguments"
    ]
    assert {
        "params": True,
        "rounds": False,
        "callbacks": False,
        "eta": True,
        "nothing": False,
    } == seen["given"]
    assert (10, "default") == seen["argument"]
    assert seen["instance"] is None
    assert seen["result"] is result
    assert seen["elapsed"] > 0


@pytest.mark.parametrize("how", ["absent", "position", "keyword", "extra"])
def test_an_argument_is_replaced_however_it_was_given(toy: Toy, how: str) -> None:
    """The user's own objects stay as they are; only the call sees another value."""

    def observe(fit: Any) -> Generator[None, Any, None]:
        fit.replace_argument("rounds", fit.argument("rounds") + 1)
        if how == "extra":
            fit.replace_argument("eta", "ours")
        assert 10 == fit.argument("rounds")  # as the user gave it
        yield

    toy.chosen = [toy.function(observe=observe)]
    fitprint.autolog()
    call = {
        "absent": lambda: toy.module.train({}, []),
        "position": lambda: toy.module.train({}, [], 10),
        "keyword": lambda: toy.module.train({}, data=[], rounds=10),
        "extra": lambda: toy.module.train({}, [], eta="theirs"),
    }[how]
    result = call()
    assert 11 == result["rounds"]
    assert ({"eta": "ours"} if how == "extra" else {}) == result["extra"]


def test_an_argument_of_a_method_is_replaced(toy: Toy) -> None:
    """Positions are counted with ``self``."""

    def observe(fit: Any) -> Generator[None, Any, None]:
        fit.replace_argument("X", ["ours"])
        yield

    toy.chosen = [toy.subclass_method(observe=observe)]
    fitprint.autolog()
    assert ["ours"] == toy.module.Base().fit(["theirs"]).seen
    assert ["ours"] == toy.module.Base().fit(X=["theirs"]).seen


def test_settings_decide_what_is_observed(toy: Toy, runs: Runs) -> None:
    """Globs of frameworks and of classes or functions let calls in or leave them out."""
    fitprint.autolog(exclude_classes=["*.Calling", "*.train"])
    toy.module.Base().fit([])
    toy.module.Calling().fit([])
    toy.module.train({}, [])
    fitprint.configure(exclude_classes=None, include_classes=["*.train"])
    toy.module.Base().fit([])
    toy.module.train({}, [])
    fitprint.configure(exclude_frameworks=["toy*"])
    toy.module.train({}, [])
    assert ["Base", "train"] == [run.name for run in runs()]


def test_settings_decide_what_is_recorded(toy: Toy, runs: Runs) -> None:
    """Globs of params and metrics leave out what they name."""

    def observe(fit: Any) -> Generator[None, Any, None]:
        fit.params({"C": 1, "verbose": True})
        yield
        fit.metrics({"loss": 1.0, "debug_loss": 2.0})

    toy.chosen = [toy.function(observe=observe)]
    fitprint.autolog(
        exclude_params=["verb*"], exclude_metrics=["debug*"], include_metrics=["loss", "debug_loss"]
    )
    toy.module.train({}, [])
    (run,) = runs()
    assert ({"C": 1}, {"loss"}) == (run.params, set(run.metrics))


# -- errors of the user ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [ValueError("bad"), KeyboardInterrupt(), SystemExit(3), StopIteration(1), StopAsyncIteration()],
    ids=repr,
)
def test_the_users_exception_is_untouched(toy: Toy, runs: Runs, error: BaseException) -> None:
    """The same object leaves with the cause and context that it had, through our frames, and the
    run tells it.
    """
    cause, context = LookupError("cause"), OSError("context")
    error.__cause__, error.__context__, error.__suppress_context__ = cause, context, False
    fitprint.autolog()
    with pytest.raises(type(error)) as caught:
        toy.module.Base().fit(error)
    assert error is caught.value
    assert (cause, context, False) == (
        error.__cause__,
        error.__context__,
        error.__suppress_context__,
    )
    assert "fit" == traceback.extract_tb(error.__traceback__)[-1].name
    (run,) = runs()
    assert ("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED") == run.status
    assert type(error).__name__ in (run.error or "")
    assert [("before", "Base")] == toy.seen
    assert INSIDE.get() is None


def test_an_exception_raised_while_another_is_handled_keeps_its_context(toy: Toy) -> None:
    """Implicit chaining is as without us."""
    fitprint.autolog()

    def handle() -> None:
        try:
            raise KeyError("first")
        except KeyError:
            toy.module.Base().fit(ValueError("second"))

    with pytest.raises(ValueError, match="second") as caught:
        handle()
    assert isinstance(caught.value.__context__, KeyError)
    assert caught.value.__context__.__context__ is None


@pytest.mark.parametrize(
    "call",
    [
        lambda module: module.train(),
        lambda module: module.train({}, [], 1, 2, 3),
        lambda module: module.train({}, [], params=1),
        lambda module: module.Base().fit(),
        lambda module: module.Base().fit([], unknown=1),
        lambda module: module.Base.fit(),
    ],
)
def test_a_call_that_does_not_fit_fails_as_ever(
    toy: Toy, told: list[str], call: Callable[[Any], Any]
) -> None:
    """The error's text is the function's own, and its traceback ends where it would without us."""

    def observe(fit: Any) -> Generator[None, Any, None]:
        fit.replace_argument("rounds", 3)
        fit.params(fit.arguments)
        yield

    toy.chosen = [toy.function(observe=observe), toy.subclass_method(observe=observe)]
    module = toy.module
    with pytest.raises(TypeError) as bare:
        call(module)
    fitprint.autolog()
    with pytest.raises(TypeError) as observed:
        call(module)
    assert str(bare.value) == str(observed.value)
    assert observed.value.__context__ is None


# -- errors of ours --------------------------------------------------------------------------------


def broken(where: str) -> Callable[[Any], Any]:
    """Return an observer that fails in one way."""

    class Bad:
        def __repr__(self) -> str:
            raise RuntimeError("repr")

    def observe(fit: Any) -> Generator[None, Any, None]:
        if where == "above":
            raise RuntimeError("above")
        if where == "part":
            with fit.part("thing"):
                raise RuntimeError("part")
            fit.params({"good": 1, "bad": Bad()})
            fit.metrics({"fine": 1.0, "word": "x"})
        yield
        if where == "below":
            raise RuntimeError("below")
        if where == "twice":
            yield

    def no_generator(fit: Any) -> Any:
        return None

    def at_once(fit: Any) -> Any:
        raise RuntimeError("at once")

    return {"no generator": no_generator, "at once": at_once}.get(where, observe)


@pytest.mark.parametrize("where", ["above", "below", "twice", "part", "no generator", "at once"])
def test_an_observer_that_fails_is_told_of_and_changes_nothing(
    toy: Toy, told: list[str], runs: Runs, where: str
) -> None:
    """The fit's outcome is its own, the run is FINISHED, the report says what failed, and it is
    told once.
    """
    toy.chosen = [toy.subclass_method(observe=broken(where))]
    fitprint.autolog()
    for _ in range(2):
        assert [1] == toy.module.Base().fit([1]).seen
    with pytest.raises(ValueError, match="theirs") as caught:
        toy.module.Base().fit(ValueError("theirs"))
    assert caught.value.__context__ is None
    assert {"part": 3}.get(where, 1) == len(told) == len(set(told))
    recorded = runs()
    if where in ("below", "twice", "part"):
        assert ["FINISHED", "FINISHED", "FAILED"] == [run.status for run in recorded]
        assert recorded[0].capture["failed"]
    if where == "part":
        assert ({"good": 1}, 1.0) == (recorded[0].params, recorded[0].metrics["fine"])
    assert all(run.status != "RUNNING" for run in recorded)
    assert INSIDE.get() is None


@pytest.mark.parametrize("where", ["above", "below", "twice"])
def test_strict_raises_what_an_observer_raises(toy: Toy, where: str) -> None:
    """Tests of plugins see their own errors."""
    toy.chosen = [toy.subclass_method(observe=broken(where))]
    fitprint.autolog()
    with pytest.raises(RuntimeError):
        toy.module.Base().fit([1])
    assert INSIDE.get() is None


def test_an_observer_without_a_yield_is_told(toy: Toy, told: list[str]) -> None:
    """The message says what is missing, and the user's call goes on."""
    toy.chosen = [toy.function(observe=lambda fit: None)]
    fitprint.autolog()
    toy.module.train({}, [])
    assert any("the observer is no generator: it needs one `yield`" in problem for problem in told)


def test_an_interrupt_inside_our_own_code_ends_the_run(toy: Toy, runs: Runs) -> None:
    """Ctrl-C while an observer works is the user's interrupt, and leaves no run open."""

    def observe(fit: Any) -> Generator[None, Any, None]:
        fit.params({"a": 1})
        raise KeyboardInterrupt
        yield

    toy.chosen = [toy.subclass_method(observe=observe)]
    fitprint.autolog()
    with pytest.raises(KeyboardInterrupt):
        toy.module.Base().fit([1])
    assert [("Base", "KILLED")] == names(runs)
    assert INSIDE.get() is None


def test_a_store_that_is_down_is_no_error_of_the_users(toy: Toy, told: list[str]) -> None:
    """Recording does not depend on the store: an unknown one shows when somebody reads."""
    fitprint.autolog(store="nowhere://at/all")
    assert [1] == toy.module.Base().fit([1]).seen
    with pytest.raises(fitprint.FitprintError, match="nowhere"):
        fitprint.search_runs()


# -- nothing of the user's is kept or changed ------------------------------------------------------


def test_neither_data_nor_model_outlives_the_fit(toy: Toy) -> None:
    """After the call nothing of ours refers to arguments, instance or result, not even a context
    copied meanwhile.
    """

    class Data(list):  # type: ignore[type-arg]
        pass

    contexts: list[contextvars.Context] = []
    fitprint.autolog()
    data, params = Data([1]), {}
    model = toy.module.Base().fit(data)
    result = toy.module.train(
        params, data, callbacks=[lambda params: contexts.append(contextvars.copy_context())]
    )
    with pytest.raises(ValueError, match="x"):
        toy.module.train(params, data, callbacks=[_raise])
    references = [weakref.ref(data), weakref.ref(model)]
    del data, model, result
    gc.collect()
    assert [None, None] == [reference() for reference in references]
    assert contexts


def _raise(params: Any) -> None:
    raise ValueError("x")


def test_a_context_copied_inside_a_call_observes_after_it(toy: Toy, runs: Runs) -> None:
    """A task that was started inside a fit and lives longer is observed when it fits itself."""
    contexts: list[contextvars.Context] = []
    fitprint.autolog()
    toy.module.train({}, [], callbacks=[lambda params: contexts.append(contextvars.copy_context())])
    contexts[0].run(toy.module.Base().fit, [1])
    assert [("train", "FINISHED"), ("Base", "FINISHED")] == names(runs)
    assert runs()[1].parent_id is None


def test_one_shot_iterators_reach_the_function_untouched(toy: Toy) -> None:
    """Generators are not consumed, and the very objects arrive."""
    fitprint.autolog()
    data = iter(range(3))
    assert toy.module.Base().fit(data).seen is data
    assert [0, 1, 2] == list(data)


def test_random_numbers_are_not_drawn(toy: Toy) -> None:
    """The user's generator is where it would be without us."""
    import random

    fitprint.autolog()
    random.seed(1)
    state = random.getstate()
    toy.module.Base().fit([1])
    with fitprint.start_run():
        fitprint.log_metric("a", 1)
    assert state == random.getstate()


def test_warnings_of_the_user_are_shown_and_noted_and_ours_are_not(toy: Toy, runs: Runs) -> None:
    """A warning inside a fit reaches the user as ever and is in the report; one that our own code
    provokes does not reach the user.
    """

    def observe(fit: Any) -> Generator[None, Any, None]:
        yield
        warnings.warn("ours", stacklevel=1)

    toy.chosen = [toy.function(observe=observe)]
    fitprint.autolog()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        toy.module.train(
            {}, [], callbacks=[lambda params: warnings.warn("theirs", UserWarning, stacklevel=1)]
        )
        warnings.warn("outside", UserWarning, stacklevel=1)
    assert ["theirs", "outside"] == [str(warning.message) for warning in caught]
    (run,) = runs()
    noted = [
        (item["category"], item["message"], item.get("raised_by"))
        for item in run.capture["warnings"]
    ]
    assert [("UserWarning", "theirs", None), ("UserWarning", "ours", "fitprint")] == noted


def test_warnings_turned_into_errors_are_the_users(toy: Toy, runs: Runs) -> None:
    """Under ``-W error`` a warning of the fit is raised as ever, and one of ours is no error of the
    user's.
    """

    def observe(fit: Any) -> Generator[None, Any, None]:
        yield
        warnings.warn("ours", stacklevel=1)

    fitprint.autolog()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="theirs"):
            toy.module.train(
                {},
                [],
                callbacks=[lambda params: warnings.warn("theirs", UserWarning, stacklevel=1)],
            )
    assert [("train", "FAILED")] == names(runs)


def test_what_is_shown_of_warnings_is_as_before_when_it_is_off(toy: Toy) -> None:
    """The module ``warnings`` gets its own function back."""
    before = dict(vars(warnings))
    fitprint.autolog()
    fitprint.autolog(disable=True)
    assert before == dict(vars(warnings))


# -- threads, tasks, off ---------------------------------------------------------------------------


def test_fits_in_many_threads_are_runs_of_their_own(toy: Toy, runs: Runs) -> None:
    """Eight threads that fit at the same moment give eight whole runs."""
    fitprint.autolog()
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        toy.module.train(
            {"number": number},
            [],
            callbacks=[
                lambda params: barrier.wait(60),
                lambda params: fitprint.log_metric("number", number),
            ],
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert set(range(8)) == {int(run.metrics["number"]) for run in runs()}
    assert [("train", "FINISHED")] * 8 == names(runs)


def test_threads_inside_a_users_run_share_it(toy: Toy, runs: Runs) -> None:
    """Threads that the user starts inside a run fit below it;
    just one of them has it for itself.
    """
    fitprint.autolog()
    with fitprint.start_run("mine") as mine, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: toy.module.Base().fit([]), range(8)))
    assert 8 == len(runs())
    assert [mine.id] * 7 == [run.parent_id for run in runs()[1:]]


def test_tasks_that_interleave_are_runs_of_their_own(toy: Toy, runs: Runs) -> None:
    """Coroutines that fit in turns do not mix their runs."""

    async def work(number: int) -> None:
        with fitprint.start_run(f"task {number}"):
            for _ in range(3):
                await asyncio.sleep(0)
                toy.module.train(
                    {}, [], callbacks=[lambda params: fitprint.log_metric("number", number)]
                )

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(4)))

    fitprint.autolog()
    asyncio.run(main())
    tops = [run for run in runs() if run.parent_id is None]
    assert {f"task {number}" for number in range(4)} == {run.name for run in tops}
    for run in tops:
        family = [run, *run.children()]
        assert {float(run.name[-1])} == {member.metrics["number"] for member in family}
        assert 3 == len(family)


def test_off_is_for_this_thread_only(toy: Toy, runs: Runs) -> None:
    """A block that is off nests, can be used again, decorates, and says nothing about other
    threads.
    """
    fitprint.autolog()
    quiet = fitprint.off()
    with quiet, quiet:
        with fitprint.off():
            toy.module.Base().fit([])
        toy.module.Base().fit([])
        thread = threading.Thread(target=lambda: toy.module.train({}, []))
        thread.start()
        thread.join()

    @fitprint.off()
    def function() -> int:
        toy.module.Base().fit([])
        return function.depth and (setattr(function, "depth", function.depth - 1) or function())  # type: ignore[attr-defined, no-any-return, func-returns-value]

    function.depth = 2  # type: ignore[attr-defined]
    function()
    assert [("train", "FINISHED")] == names(runs)
    toy.module.Base().fit([])
    assert [("train", "FINISHED"), ("Base", "FINISHED")] == names(runs)


def test_off_is_for_this_task_only(toy: Toy, runs: Runs) -> None:
    """A coroutine that is off does not switch the others off, also as a decorator."""
    fitprint.autolog()

    @fitprint.off()
    async def quiet() -> None:
        await asyncio.sleep(0)
        toy.module.Base().fit([])

    async def loud() -> None:
        await asyncio.sleep(0)
        toy.module.train({}, [])

    async def main() -> None:
        await asyncio.gather(quiet(), loud(), quiet())

    asyncio.run(main())
    assert [("train", "FINISHED")] == names(runs)
    assert inspect.iscoroutinefunction(quiet)


def test_off_ends_with_an_exception(toy: Toy, runs: Runs) -> None:
    """A block that is left by an exception is left."""
    fitprint.autolog()
    with pytest.raises(ValueError, match="x"), fitprint.off():
        raise ValueError("x")
    toy.module.Base().fit([])
    assert [("Base", "FINISHED")] == names(runs)


def test_what_is_logged_by_hand_inside_off_is_recorded(toy: Toy) -> None:
    """``off`` is about autologging."""
    with fitprint.start_run("mine") as run, fitprint.off():
        fitprint.log_metric("a", 1)
    assert {"a": 1.0} == run.metrics


# -- sequences and notes ---------------------------------------------------------------------------


def sequence(toy: Toy, ends: list[str] | None = None) -> Callable[[Any], Any]:
    def observe(fit: Any) -> Generator[None, Any, None]:
        yield
        fit.metric("seen", fit.call)
        if ends is not None:
            fit.when_sequence_ends(lambda: ends.append("end"))

    return observe


def test_calls_with_one_object_are_one_run(toy: Toy, runs: Runs) -> None:
    """All ``partial_fit`` calls of an object are one run, which ends when the object dies or begins
    anew; others have their own.
    """
    ends: list[str] = []
    toy.chosen = [
        toy.subclass_method(
            "partial_fit", role="sequence", observe=sequence(toy, ends), kind="stream"
        ),
        toy.subclass_method(),
    ]
    fitprint.autolog()
    first, second = toy.module.Base(), toy.module.Base()
    for _ in range(3):
        first.partial_fit([1])
        second.partial_fit([1])
    assert [("Base", "RUNNING")] * 2 == names(runs)
    assert [3.0, 3.0] == [run.metrics["seen"] for run in runs()]
    assert "stream" == runs()[0].kind
    first.fit([1])
    assert [("Base", "FINISHED"), ("Base", "RUNNING"), ("Base", "FINISHED")] == names(runs)
    assert ["end"] == ends
    del second
    gc.collect()
    toy.module.Base().fit([1])
    assert {"FINISHED"} == {run.status for run in runs()}
    assert ["end", "end"] == ends
    first.partial_fit([1])
    assert 1.0 == runs()[-1].metrics["seen"]


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_a_sequence_in_a_run_of_the_users_is_recorded_on_it_and_ends_with_it(
    toy: Toy, runs: Runs, status: str
) -> None:
    """The first object's calls are the run's own, another's are a child; after the run both begin
    anew.
    """
    ends: list[str] = []
    toy.chosen = [
        toy.subclass_method(
            "partial_fit", role="sequence", observe=sequence(toy, ends), kind="stream"
        )
    ]
    fitprint.autolog()
    first, second = toy.module.Base(), toy.module.Base()
    with contextlib.suppress(RuntimeError), fitprint.start_run(name="mine"):
        for _ in range(3):
            first.partial_fit([1])
            second.partial_fit([1])
        if status == "FAILED":
            raise RuntimeError
    mine, child = runs()
    assert [("mine", status, 3.0), ("Base", status, 3.0)] == [
        (run.name, run.status, run.metrics["seen"]) for run in (mine, child)
    ]
    assert (mine.id, ["end", "end"]) == (child.parent_id, ends)
    first.partial_fit([1])
    assert ("Base", "RUNNING", 1.0) == (
        runs()[-1].name,
        runs()[-1].status,
        runs()[-1].metrics["seen"],
    )


def test_an_object_of_a_sequence_that_dies_ends_no_run_of_the_users(toy: Toy, runs: Runs) -> None:
    """What its sequence has to record at its end is recorded all the same."""
    ends: list[str] = []
    toy.chosen = [toy.subclass_method("partial_fit", role="sequence", observe=sequence(toy, ends))]
    fitprint.autolog()
    with fitprint.start_run() as mine:
        toy.module.Base().partial_fit([1])
        gc.collect()
        toy.module.Base().partial_fit([1])
        assert (["end"], True) == (ends, mine.is_open)
    assert {"FINISHED"} == {run.status for run in runs()}


def test_a_failing_call_of_a_sequence_does_not_end_it(toy: Toy, runs: Runs) -> None:
    """The user may catch the error and go on with the object."""
    toy.chosen = [toy.subclass_method(role="sequence", observe=sequence(toy))]
    fitprint.autolog()
    base = toy.module.Base()
    base.fit([1])
    with pytest.raises(ValueError, match="x"):
        base.fit(ValueError("x"))
    base.fit([1])
    (run,) = runs()
    assert ("RUNNING", 3.0) == (run.status, run.metrics["seen"])
    assert "ValueError: x" in run.record.documents["failure"]["error"]


def test_objects_without_weak_references_are_recorded_call_by_call(toy: Toy, runs: Runs) -> None:
    """Where the death of an object cannot be seen, each call is a run of its own, and none stays
    open.
    """
    toy.chosen = [toy.method("Slotted.partial_fit", role="sequence", observe=sequence(toy))]
    toy.write(
        toy.name, "class Slotted:\n    __slots__ = ()\n    def partial_fit(self, X): return self\n"
    )
    fitprint.autolog()
    slotted = toy.module.Slotted()
    slotted.partial_fit([1])
    slotted.partial_fit([1])
    assert [("Slotted", "FINISHED")] * 2 == names(runs)


def test_switching_off_ends_sequences(toy: Toy, runs: Runs) -> None:
    """No run stays open that nothing will be recorded on any more."""
    toy.chosen = [toy.subclass_method("partial_fit", role="sequence", observe=sequence(toy))]
    base = toy.module.Base()
    with fitprint.autolog():
        base.partial_fit([1])
    assert [("Base", "FINISHED")] == names(runs)


def test_a_note_is_added_to_the_run_of_its_object(toy: Toy, runs: Runs) -> None:
    """A call to be noted is no run; on an object that a run knows it adds to that run, on others it
    costs nothing.
    """

    def fitted(fit: Any) -> Generator[None, Any, None]:
        yield
        fit.link(fit.instance)

    def noted(fit: Any) -> Generator[None, Any, None]:
        result = yield
        run = fit.linked(fit.instance)
        fit.note_on(run)
        fit.metric("score", result)

    toy.chosen = [
        toy.subclass_method(observe=fitted),
        toy.subclass_method("score", role="note", observe=noted),
    ]
    fitprint.autolog()
    model = toy.module.Inheriting().fit([1])
    assert 0.5 == model.score([1])
    assert 0.5 == toy.module.Inheriting().score([1])
    assert [("Inheriting", "FINISHED")] == names(runs)
    assert 0.5 == runs()[0].metrics["score"]


def test_a_note_may_join_the_current_run(toy: Toy, runs: Runs) -> None:
    """A target may want to see objects that no run knows: where a run is current; elsewhere they
    cost nothing.
    """

    def noted(fit: Any) -> Generator[None, Any, None]:
        yield
        fit.note_on(current_run())
        fit.metric("seen", 1)

    toy.chosen = [toy.method("Base.partial_fit", role="note", joins=True, observe=noted)]
    fitprint.autolog()
    toy.module.Base().partial_fit([1])
    with fitprint.start_run("loop"):
        toy.module.Base().partial_fit([1])
        toy.module.Base().partial_fit([1])
    assert [("loop", "FINISHED")] == names(runs)
    assert [1.0, 1.0] == list(runs()[0].history("seen").value)


def test_a_note_asks_nothing_of_the_users_objects(toy: Toy) -> None:
    """An attribute called ``base`` of a user's object is neither read nor taken for an array's
    memory.
    """

    def fitted(fit: Any) -> Generator[None, Any, None]:
        yield
        fit.link(fit.instance)

    def noted(fit: Any) -> Generator[None, Any, None]:
        yield
        raise AssertionError("not an object of a run")

    toy.chosen = [
        toy.subclass_method(observe=fitted),
        toy.subclass_method("score", role="note", observe=noted),
    ]
    fitprint.autolog()
    module = toy.module

    class Wrapping(module.Inheriting):  # type: ignore[misc, name-defined]
        def __init__(self, base):
            self.base = base

    class Touchy(module.Inheriting):  # type: ignore[misc, name-defined]
        @property
        def base(self):
            raise ValueError("not to be asked")

    assert 0.5 == Wrapping(module.Inheriting().fit([1])).score([1])
    assert 0.5 == Touchy().score([1])


# -- growth ----------------------------------------------------------------------------------------


def test_many_fits_leave_nothing_behind(toy: Toy) -> None:
    """Tables, threads and open files do not grow with the number of fits."""
    fitprint.autolog()
    module = toy.module

    def size() -> tuple[int, ...]:
        gc.collect()
        engine = activation.engine()
        return (
            len(engine.origins),
            len(engine._sequences),
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
        )

    module.Base().fit([1])
    before, objects = size(), len(gc.get_objects())
    for _ in range(300):
        module.Base().fit([1])
        with fitprint.start_run():
            module.train({}, [])
    assert before == size()
    assert len(gc.get_objects()) - objects < 300


def test_fault_13d_the_stored_traceback_is_the_users(toy: Toy, runs: Runs) -> None:
    """No frame of ours in the text, neither above the error nor above its cause; the exception
    keeps every frame.
    """
    fitprint.autolog()
    base = toy.module.Base

    class Own(base):  # type: ignore[misc, valid-type]
        def fit(self, X: Any, y: Any = None) -> Any:
            try:
                base().fit(ValueError("cause"))
            except ValueError as error:
                raise LookupError("result") from error

    with pytest.raises(LookupError) as caught:
        Own().fit([])
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert any("replacements.py" in frame.filename for frame in frames)
    (run,) = runs()
    assert "/fitprint/" not in run.error
    lines = [
        line.split(", in ")[-1] for line in run.error.splitlines() if line.startswith("  File ")
    ]
    # the user's, and the framework's, for the cause; the user's for the result
    assert lines == ["fit", "fit", "fit"]
    assert run.error.splitlines()[-1] == "LookupError: result"


def test_an_error_that_fitprint_raised_is_stored_with_its_place(home: Any, runs: Runs) -> None:
    """What raised an error stays in the text, also where that is ours."""
    with pytest.raises(fitprint.errors.FitprintError), fitprint.start_run():
        fitprint.log_metric("loss", "no number")  # type: ignore[arg-type]
    (run,) = runs()
    assert "log_metric" in run.error
    assert "/fitprint/" in run.error
