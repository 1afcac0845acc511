"""What the record of a call holds, and when there is one."""

from __future__ import annotations

import gc
import json
import statistics
import threading
import time
from typing import Any

from fitprint import off
from fitprint.autologging.activation import autolog
from fitprint.recording.run import Run
from fitprint.testing.checks import Check, expect
from fitprint.testing.frameworks.subject import Case, FrameworkSubject

__all__ = ["CHECKS"]


def record_is_complete(conformance: FrameworkSubject, case: Case) -> None:
    """A call is one finished run that holds what the case names, and of its model a signature, or
    the reason why it has none.
    """
    with conformance.observed() as runs:
        conformance.train(case)
        run = runs.one()
        expect(run.status == "FINISHED", f"the run is {run.status}")
        expect(run.kind == case.kind, f"the run is of the kind {run.kind!r}, not {case.kind!r}")
        missing = set(case.params) - run.params.keys()
        expect(not missing, f"parameters are missing: {_listed(missing)}")
        missing = case.metrics.keys() - run.metrics.keys()
        expect(
            not missing,
            f"metrics are missing: {_listed(missing)}; there are {_listed(run.metrics)}",
        )
        missing = set(case.datasets) - {dataset.name for dataset in run.datasets}
        expect(not missing, f"data are not described: {_listed(missing)}")
        models = [model.path for model in run.models]
        expect(
            models == ([] if case.model is None else [case.model]),
            f"the recorded models are {models}, expected was {case.model!r}",
        )
        bare = [model.path for model in run.models if model.facts.get("signature") is None]
        expect(
            not bare or "signature" in run.capture.get("skipped", {}),
            f"models have no signature, and nothing says why: {_listed(bare)}",
        )
        expect(
            not run.capture.get("failed"),
            f"the capture report tells of failures: {run.capture.get('failed')}",
        )
        expect(
            len(run.children()) == case.children,
            f"the run has {len(run.children())} children, not {case.children}",
        )
        expect(all(child.status == "FINISHED" for child in run.children()), "a child did not end")


def nested_calls_give_one_run(conformance: FrameworkSubject, case: Case) -> None:
    """Whatever the framework calls inside, one call of the user's is one run, with children only
    where the plugin opens them.
    """
    with conformance.observed() as runs:
        conformance.train(case)
        found = [run.name for run in runs.roots()]
        expect(len(found) == 1, f"one call gave {len(found)} runs: {', '.join(found) or 'none'}")
        expect(
            len(runs) <= 1 + case.children,
            f"one call gave {len(runs) - 1} child runs, not {case.children}",
        )
        conformance.train(case)
        expect(len(runs.roots()) == 2, f"two calls gave {len(runs.roots())} runs")


def observed_beside_other_plugins(conformance: FrameworkSubject, case: Case) -> None:
    """With all installed plugins, too, the call is one run,
    and it is this plugin that observes it.
    """
    name = conformance.framework.name
    # the plugin may be installed once more
    with conformance.observed(installed=True, strict=False) as runs:
        conformance.train(case)
        observer = runs.one().capture.get("framework")
        expect(
            observer == name,
            f"the call is observed by the plugin for {observer}, not by that for {name}: of the "
            "targets that cover a method, the one with the nearest base class is asked, so name a "
            "nearer one, such as SubclassMethod of the class itself",
        )


def params_json_safe(conformance: FrameworkSubject, case: Case) -> None:
    """Parameters are JSON values that say the same in every process: no memory addresses."""
    with conformance.observed() as runs:
        conformance.train(case)
        for run in runs.all():
            for key, value in run.params.items():
                text = json.dumps(value)
                expect(
                    " at 0x" not in text,
                    f"the parameter {key!r} tells a memory address: {text[:100]}; record a name "
                    "instead",
                )


def steps_complete_and_increasing(conformance: FrameworkSubject, case: Case) -> None:
    """Every metric that the case names has as many points as it says, their steps grow, and no
    metric steps back.
    """
    with conformance.observed() as runs:
        conformance.train(case)
        run = runs.one()
        for key in run.metrics:
            steps = list(run.history(key).step)
            expected = case.metrics.get(key)
            expect(
                expected is None or len(steps) == expected,
                f"{key!r} has {len(steps)} points, not {expected}",
            )
            expect(
                not expected or expected == 1 or steps[0] == 0,
                f"the steps of {key!r} begin with {steps[:1]}: the first round is 0",
            )
            expect(steps == sorted(set(steps)), f"the steps of {key!r} do not grow: {steps[:20]}")


def one_run_per_call_in_threads(conformance: FrameworkSubject, case: Case) -> None:
    """Four threads that train at once give four runs, each as complete as the run of one."""
    with conformance.observed() as runs:
        conformance.train(case)
        single = runs.one()
        barrier = threading.Barrier(4)
        errors: list[BaseException] = []

        def work() -> None:
            try:
                given = dict(case.build())
                barrier.wait(60)
                case.fit(**given)
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        gc.collect()
        found = runs.roots()[1:]
        expect(len(found) == 4, f"four threads gave {len(found)} runs")
        for run in found:
            for what, mine, expected in zip(
                ("parameters", "metrics", "models"), _extent(run), _extent(single), strict=True
            ):
                expect(
                    mine == expected,
                    f"a run of a thread has the {what} {mine}, alone it has {expected}",
                )


def disabled_adds_no_run(conformance: FrameworkSubject, case: Case) -> None:
    """After ``autolog(disable=True)`` nothing is recorded."""
    with conformance.observed() as runs:
        autolog(disable=True)
        conformance.train(case)
        expect(len(runs) == 0, "switched off, it records")


def off_adds_no_run(conformance: FrameworkSubject, case: Case) -> None:
    """Inside ``fitprint.off()`` nothing is recorded, and afterwards it is again."""
    with conformance.observed() as runs:
        with off():
            conformance.train(case)
        expect(len(runs) == 0, "inside fitprint.off() it records")
        conformance.train(case)
        expect(len(runs.roots()) == 1, "after fitprint.off() it records no more")


def overhead_budget(conformance: FrameworkSubject, case: Case) -> str:
    """What observing a call costs on the user's thread is measured and told; no figure fails."""
    plain = _milliseconds(case)
    with conformance.observed():
        observed = _milliseconds(case)
    return f"{max(observed - plain, 0):.1f} ms more than {plain:.1f} ms"


CHECKS: tuple[Check, ...] = (
    record_is_complete,
    nested_calls_give_one_run,
    observed_beside_other_plugins,
    params_json_safe,
    steps_complete_and_increasing,
    one_run_per_call_in_threads,
    disabled_adds_no_run,
    off_adds_no_run,
    overhead_budget,
)


def _listed(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _extent(run: Run) -> tuple[Any, ...]:
    metrics = {key: summary.count for key, summary in run.record.metrics.items()}
    return sorted(run.params), metrics, [model.path for model in run.models]


def _milliseconds(case: Case) -> float:
    def once() -> float:
        given = dict(case.build())
        started = time.perf_counter()
        case.fit(**given)
        return (time.perf_counter() - started) * 1000

    return statistics.median(once() for _ in range(5))
