"""The checks of a carrier: the run arrives in the worker, nothing else changes, and no password is
passed on.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

from fitprint.carriers import Carrier
from fitprint.hooks.manager import built_in
from fitprint.recording import context
from fitprint.recording.token import inherited_token
from fitprint.testing.capture import CapturedRuns, captured_runs, plugin_of
from fitprint.testing.checks import Check, Conformance, NotApplicable, expect
from fitprint.testing.processes import in_fresh_process

__all__ = ["CarrierConformance"]

_PASSWORD = "hunter2-of-the-check"  # noqa: S105 - nobody's


class CarrierSubject(Conformance):
    """What is checked, and how work is sent.

    Attributes:
        carrier: the carrier.
        library: the module of the library that starts the workers, which the carrier must not
            import by itself.
        takes_settings: whether settings that were configured in code arrive in the worker.
        takes_observation: whether a worker observes where its sender does.
    """

    carrier: Carrier
    library = ""
    takes_settings = True
    takes_observation = True

    def send(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of a module in a worker, another process if there can be one, and return
        what it returns or raise what it raises.

        Called while autologging is on. It may raise :class:`NotApplicable` where the library is not
        installed.
        """
        raise NotImplementedError

    @contextmanager
    def observed(self, **settings: Any) -> Iterator[CapturedRuns]:
        """Record in isolation, with autologging on and the carrier registered."""
        import fitprint

        is_ours = any(
            carrier.name == self.carrier.name for carrier in built_in("register_carriers")
        )
        plugins = (
            {}
            if is_ours
            else {"checked": plugin_of(None, register_carriers=lambda: [self.carrier])}
        )
        with captured_runs(plugins=plugins, **settings) as runs:
            fitprint.autolog()
            yield runs


def run_arrives(conformance: CarrierSubject) -> None:
    """What a worker logs is logged to the run that was current where the work was sent, and the
    worker does not end it.
    """
    import fitprint

    with conformance.observed() as runs:
        with fitprint.start_run(name="sender") as run:
            conformance.send(_log, "from_worker")
            fitprint.log_metric("after", 1.0)
            expect(run.status == "RUNNING", "the worker has ended the run")
        found = set(runs.one().metrics)
        expect(
            found == {"from_worker", "after"},
            f"the run has the metrics {sorted(found)}, not also that of the worker",
        )


def runs_of_workers_are_children(conformance: CarrierSubject) -> None:
    """A run that is opened in a worker is a child of the sender's, in its experiment."""
    import fitprint

    with conformance.observed() as runs:
        with fitprint.start_run(name="sender", experiment="of the sender") as run:
            conformance.send(_begin, "of a worker")
        found = {each.name: (each.parent_id, each.experiment, each.status) for each in runs.all()}
        expected = (run.id, "of the sender", "FINISHED")
        expect(
            found.get("of a worker") == expected,
            f"the worker's run is {found.get('of a worker')} instead of {expected}",
        )


def settings_arrive(conformance: CarrierSubject) -> None:
    """Settings that were configured in code count in the worker."""
    import fitprint

    if not conformance.takes_settings:
        raise NotApplicable("it takes no settings along")
    with conformance.observed(exclude_metrics=["left_out"]) as runs:
        with fitprint.start_run():
            conformance.send(_log, "kept", "left_out")
        expect(
            set(runs.one().metrics) == {"kept"},
            f"with a metric excluded, the worker recorded {sorted(runs.one().metrics)}",
        )


def role_arrives(conformance: CarrierSubject) -> None:
    """A worker observes where the sender does, and does not where that is switched off."""
    import fitprint

    if not conformance.takes_observation:
        raise NotApplicable("its workers do not observe")
    with conformance.observed():
        expect(
            conformance.send(_role) == "observer",
            f"the worker's role is {conformance.send(_role)!r} where autologging is on",
        )
        with fitprint.off():
            expect(
                conformance.send(_role) != "observer",
                "the worker observes where autologging is switched off",
            )


def without_a_run_there_is_none(conformance: CarrierSubject) -> None:
    """Where no run is current none is in the worker, also not one that was, when the worker is used
    again.
    """
    import fitprint

    with conformance.observed():
        with fitprint.start_run() as run:
            arrived = conformance.send(_current)
        expect(arrived == run.id, f"the worker's current run is {arrived}, not the sender's")
        left = conformance.send(_current)
        expect(left == "", f"the run {left} is current in a worker after it has ended")


def results_and_errors_are_the_same(conformance: CarrierSubject) -> None:
    """What the work returns and raises is what it returns and raises without us."""
    import fitprint

    with conformance.observed(), fitprint.start_run():
        answer = conformance.send(_double, [1, "a", None])
        expect(answer == [1, "a", None, 1, "a", None], f"the result arrived as {answer!r}")
        try:
            conformance.send(_raise, "the user's own")
        except NotApplicable:
            raise
        except Exception as error:  # noqa: BLE001 - libraries wrap it in errors of theirs
            expect(
                isinstance(error, ZeroDivisionError) or "the user's own" in str(error),
                f"the user's error arrived as {error!r}",
            )
        else:
            raise AssertionError("an error that the work raised was swallowed")


def no_password_travels(conformance: CarrierSubject) -> None:
    """Neither the token nor the environment of a worker has the password of a store."""
    import fitprint

    with (
        conformance.observed(store=f"conformance://bob:{_PASSWORD}@nowhere/runs", exit_wait=0.0),
        fitprint.start_run() as run,
    ):
        known = conformance.send(_known)
        expect(run.id in known, "the worker does not know the run")
        expect(
            _PASSWORD not in known,
            "the worker is told the store's password in its environment or its token",
        )


def imports_nothing(conformance: CarrierSubject) -> None:
    """Autologging with the carrier does not import the library that it is for."""
    in_fresh_process(_import_nothing, conformance)


def undone(conformance: CarrierSubject) -> None:
    """Switching autologging off puts back whatever the carrier replaces."""
    import fitprint

    with conformance.observed():
        fitprint.autolog(disable=True)
        for path in conformance.carrier.patches():
            module, _, place = path.partition(":")
            try:
                found = importlib.import_module(module)
            except ImportError:
                raise NotApplicable(f"{module} is not installed") from None
            before = attrgetter(place)(found)
            fitprint.autolog()
            expect(attrgetter(place)(found) is not before, f"{path} is not replaced")
            fitprint.autolog(disable=True)
            expect(
                attrgetter(place)(found) is before,
                f"{path} stays replaced when autologging is switched off",
            )


CHECKS: tuple[Check, ...] = (
    run_arrives,
    runs_of_workers_are_children,
    settings_arrive,
    role_arrives,
    without_a_run_there_is_none,
    results_and_errors_are_the_same,
    no_password_travels,
    imports_nothing,
    undone,
)


class CarrierConformance(CarrierSubject):
    """Check that a carrier keeps the promises of all carriers.

    Example:
        >>> class TestMyCarrier(CarrierConformance):
        ...     carrier = MyCarrier()
        ...     library = "mylibrary"
        ...     def send(self, function, *arguments):
        ...         return mylibrary.submit(function, *arguments).result()
    """

    checks = CHECKS


# -- in the worker ---------------------------------------------------------------------------------


def _log(*keys: str) -> None:
    import fitprint

    for key in keys:
        fitprint.log_metric(key, 1.0)


def _begin(name: str) -> None:
    import fitprint

    fitprint.start_run(name=name).end()


def _role() -> str:
    return context.current_token().role


def _current() -> str:
    run = context.current_run()
    return "" if run is None else run.id


def _known() -> str:
    return f"{dict(os.environ)} {inherited_token()} {context.current_token()}"


def _double(values: list[Any]) -> list[Any]:
    return values + values


def _raise(text: str) -> None:
    raise ZeroDivisionError(text)


# -- in the fresh process --------------------------------------------------------------------------


def _import_nothing(conformance: CarrierSubject) -> None:
    before = set(sys.modules)
    with conformance.observed():
        loaded = [
            name
            for name in set(sys.modules) - before
            if name.partition(".")[0] == conformance.library
        ]
        expect(not loaded, f"autolog() imports {', '.join(sorted(loaded))}")
