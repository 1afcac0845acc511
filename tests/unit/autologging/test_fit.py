"""What an observer has beside recording: who is trained and goes on from what, parts inside the
call, skipping, observers by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.autologging.framework import observer_of
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from conftest import Toy


@pytest.fixture
def recorded(toy: Toy) -> Callable[..., Run]:
    """Return the newest run after a call of ``train`` with these callbacks, in which something is
    done above the yield.
    """

    works: list[Callable[[Any], None]] = []

    def observe(fit: Any) -> Iterator[None]:
        works[-1](fit)
        yield

    def run_of(work: Callable[[Any], None], *callbacks: Callable[[Any], None]) -> Run:
        works.append(work)
        toy.chosen = [toy.function(observe=observe)]
        fitprint.autolog()
        toy.module.train({}, [1], callbacks=callbacks)
        return fitprint.search_runs()[0]

    return run_of


@pytest.mark.parametrize("by_path", [True, False])
def test_what_is_trained_is_tagged(toy: Toy, recorded: Callable[..., Run], by_path: bool) -> None:
    """By class or by path, with the version that the framework's module tells."""

    def identify(fit: Any) -> None:
        toy.module.__version__ = "1.2"
        fit.identify(f"{toy.name}.Base" if by_path else toy.module.Base, other_version="3")

    expected = {
        "estimator_name": "Base",
        "estimator_class": f"{toy.name}.Base",
        f"{toy.name}_version": "1.2",
        "other_version": "3",
    }
    assert expected.items() <= recorded(identify).tags.items()


def test_a_training_that_begins_anew_goes_on_from_nothing(recorded: Callable[..., Run]) -> None:
    run = recorded(lambda fit: fit.continues(None, lambda _: 1))
    assert not [name for name in run.tags if name.startswith("continues")]
    assert "continuation" not in run.record.documents


def test_a_training_that_goes_on_from_a_file_names_it(
    recorded: Callable[..., Run], tmp_path: Path
) -> None:
    run = recorded(lambda fit: fit.continues(str(tmp_path / "old.model"), lambda _: 1))
    assert "old.model" == run.tags["continues_file"]
    assert {"model": "str", "file": str(tmp_path / "old.model")} == run.record.documents[
        "continuation"
    ]


def test_a_training_that_goes_on_from_a_recorded_model_names_its_run(
    toy: Toy, recorded: Callable[..., Run]
) -> None:
    """And how many rounds that has; what cannot be told is left out."""
    model = toy.module.Base()
    before = recorded(lambda fit: fit.link(model))
    run = recorded(lambda fit: fit.continues(model, lambda _: 7))
    assert before.id == run.tags["continues_run"]
    assert {"model": "Base", "rounds": 7, "run": before.id} == run.record.documents["continuation"]
    assert {"model": "Base"} == recorded(
        lambda fit: fit.continues(toy.module.Base(), lambda _: None)
    ).record.documents["continuation"]


def test_parts_inside_the_call_neither_raise_nor_warn(
    recorded: Callable[..., Run], told: list[str]
) -> None:
    """They are told like other failures of ours; what the user's own callbacks do afterwards stays
    the user's.
    """
    fits: list[Any] = []

    def ours(_: Any) -> None:
        with fits[0].ours("a part"):
            warnings.warn("of ours", UserWarning, stacklevel=1)
            raise ValueError("of ours")

    def theirs(_: Any) -> None:
        warnings.warn("of the user's", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="of the user's") as shown:
        run = recorded(fits.append, ours, theirs)
    assert 1 == len(shown)
    assert ["recording a part failed: ValueError: of ours"] == told
    report = run.record.documents["capture"]
    assert {"a part": "ValueError: of ours"} == report["failed"]
    assert ["fitprint", None] == [warning.get("raised_by") for warning in report["warnings"]]


def test_a_call_that_is_skipped_is_no_run(toy: Toy) -> None:
    seen: list[bool] = []

    def observe(fit: Any) -> Iterator[None]:
        seen.append(fit.is_skipped)
        fit.skip("it is no training")
        seen.append(fit.is_skipped)
        yield

    toy.chosen = [toy.function(observe=observe)]
    fitprint.autolog()
    toy.module.train({}, [1])
    assert ([False, True], []) == (seen, fitprint.search_runs())


def test_an_argument_that_a_wrapper_takes_by_position_is_replaced_there(toy: Toy) -> None:
    """Keyword-only ones, too: such a wrapper would otherwise get it twice."""

    def observe(fit: Any) -> Iterator[None]:
        fit.replace_argument("rounds", 3)
        yield

    source = """
import functools, inspect
def train(data, *, rounds=1):
    return rounds
@functools.wraps(train)
def lenient(data, rounds=1):
    return rounds
lenient.__signature__ = inspect.signature(train)
"""
    toy.write("lenient_toy", source)
    toy.chosen = [type(toy.function())("lenient_toy:lenient", observe)]
    fitprint.autolog()
    import lenient_toy  # type: ignore[import-not-found]

    seen = [
        lenient_toy.lenient([1], 2),
        lenient_toy.lenient([1], rounds=2),
        lenient_toy.lenient([1]),
    ]
    assert [3, 3, 3] == seen


def test_a_keyword_behind_any_number_of_arguments_is_replaced_by_name(toy: Toy) -> None:
    """The user's own arguments stay where they are."""

    def observe(fit: Any) -> Iterator[None]:
        fit.replace_argument("callbacks", ["ours"])
        yield

    toy.write(
        "variadic_toy",
        "def train(model, *data, callbacks=()):\n    return model, data, callbacks\n",
    )
    toy.chosen = [type(toy.function())("variadic_toy:train", observe)]
    fitprint.autolog()
    import variadic_toy  # type: ignore[import-not-found]

    assert ("model", ("X", "y"), ["ours"]) == variadic_toy.train("model", "X", "y")


def test_an_observer_may_be_named(toy: Toy) -> None:
    """Its module is imported at the first call, not before."""
    toy.write(
        "watching_toy", "seen = []\ndef observe(fit):\n    seen.append(fit.subject)\n    yield\n"
    )
    import sys

    toy.chosen = [toy.function(observe="watching_toy:observe", nested="watching_toy:observe")]
    fitprint.autolog()
    assert callable(toy.module.train)
    assert "watching_toy" not in sys.modules
    toy.module.train({}, [1])
    assert ["train"] == sys.modules["watching_toy"].seen


@pytest.mark.parametrize(
    ("name", "error"),
    [("no_such_module_here:observe", ModuleNotFoundError), ("json:observe", AttributeError)],
)
def test_an_observer_that_is_not_there_is_told(
    toy: Toy, told: list[str], name: str, error: type[Exception]
) -> None:
    """The user's call is made all the same."""
    toy.chosen = [toy.function(observe=name)]
    fitprint.autolog()
    assert 10 == toy.module.train({}, [1])["rounds"]
    assert 1 == len(told)
    assert f"observing the call of {toy.name}'s train failed: {error.__name__}" in told[0]
    with pytest.raises(error):
        observer_of(name)


def test_fault_4_the_capture_report_holds_no_secrets(
    toy: Toy, recorded: Callable[..., Run]
) -> None:
    """It quotes errors of the user's, and warnings."""

    def work(fit: Any) -> None:
        fit.skipped("params", "`get_params` failed: ValueError: password=hunter, user=bob")
        fit.failed("curves", ValueError("https://bob:hunter@host/ cannot be reached"))

    def theirs(_: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitprint.autologging.observing.note_warning(
                warnings.WarningMessage(
                    "login failed: password=hunter, retry", UserWarning, "f.py", 1
                )  # type: ignore[arg-type]
            )

    report = recorded(work, theirs).record.documents["capture"]
    assert (
        "`get_params` failed: ValueError: password=[redacted], user=bob"
        == report["skipped"]["params"]
    )
    assert (
        "ValueError: https://bob:[redacted]@host/ cannot be reached" == report["failed"]["curves"]
    )
    assert ["login failed: password=[redacted], retry"] == [
        warning["message"] for warning in report["warnings"]
    ]
