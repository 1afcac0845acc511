"""The checks of framework plugins that need processes of their own: import order, forks, workers,
and life without fitprint.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pickle
import re
import sys
import zlib
from functools import partial
from importlib.machinery import ModuleSpec
from typing import Any

from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.comparison import difference
from fitprint.testing.frameworks.footprint import packages
from fitprint.testing.frameworks.subject import Case, FrameworkSubject
from fitprint.testing.processes import FROM_FILES, forked, in_fresh_process
from fitprint.versions import is_inside, name_and_range, normal

__all__ = ["CHECKS"]


def range_declared(conformance: FrameworkSubject) -> str:
    """The plugin's distribution declares the supported versions in its extra ``framework``, and the
    installed one is among them.
    """
    package = type(conformance.framework).__module__.partition(".")[0]
    points = (
        point
        for point in importlib.metadata.entry_points(group="fitprint")
        if point.module.partition(".")[0] == package
    )
    distribution = next((point.dist for point in points if point.dist is not None), None)
    if distribution is None:
        raise NotApplicable(f"no installed distribution has an entry point in {package}")
    wanted = normal(conformance.framework.distribution)
    if wanted == normal(distribution.name):
        raise NotApplicable("the framework comes with the plugin")
    declared = [
        line
        for line in distribution.requires or ()
        if re.search(r"extra == ['\"]framework['\"]", line)
    ]
    ranges = [found for line in declared if (found := name_and_range(line))[0] == wanted]
    expect(
        ranges,
        f"{distribution.name} has no extra `framework` that names "
        f"{conformance.framework.distribution}",
    )
    version = importlib.metadata.version(conformance.framework.distribution)
    range_ = ",".join(part for _, part in ranges)
    expect(
        range_,
        f"{distribution.name} admits every version of {conformance.framework.distribution}: name "
        "the oldest one that is tested",
    )
    expect(
        is_inside(version, range_),
        f"{conformance.framework.distribution} {version} is installed, which is not in {range_}",
    )
    return f"{version} in {range_}"


def imports_no_framework(conformance: FrameworkSubject) -> None:
    """Neither loading the plugin, nor naming its targets,
    nor ``autolog()`` imports the framework.
    """
    in_fresh_process(_import_nothing, conformance)


def patched_before_import(conformance: FrameworkSubject) -> None:
    """``autolog()`` before the framework is imported observes every case."""
    in_fresh_process(_train_all, conformance, imported_first=False)


def patched_after_import(conformance: FrameworkSubject) -> None:
    """``autolog()`` after the framework was imported observes every case."""
    in_fresh_process(_train_all, conformance, imported_first=True)


def nothing_on_stdout(conformance: FrameworkSubject) -> None:
    """Observing writes nothing to standard output or error."""
    plain = in_fresh_process(_train_unobserved, conformance)
    observed = in_fresh_process(_train_all, conformance, imported_first=True)
    if (plain.stdout, plain.stderr) == (observed.stdout, observed.stderr):
        return
    again = in_fresh_process(_train_unobserved, conformance)
    for name, before, once_more, after in (
        ("output", plain.stdout, again.stdout, observed.stdout),
        ("error", plain.stderr, again.stderr, observed.stderr),
    ):
        expect(
            before == once_more,
            f"the framework itself writes something else to standard {name} each time: silence it "
            "in `build`",
        )
        expect(before == after, f"standard {name} is {after[-500:]!r} instead of {before[-500:]!r}")


def first_call_leaves_random_state(conformance: FrameworkSubject) -> None:
    """The first call of a process, for which the plugin may import much, leaves the random
    generators as it does unobserved.
    """
    plain = in_fresh_process(_train_unobserved, conformance).value
    observed = in_fresh_process(_train_all, conformance, imported_first=True).value
    changed = [
        case.name
        for case, before, after in zip(conformance.cases, plain, observed, strict=True)
        if before != after
    ]
    expect(
        not changed,
        f"the global random generators are left in another state by {', '.join(changed)}: does the "
        "plugin import what draws?",
    )


def model_pickles_and_loads_without_fitprint(conformance: FrameworkSubject) -> None:
    """What an observed call returns can be pickled if it can be unobserved, and loads where
    fitprint is not installed.
    """
    in_fresh_process(_load_without_us, conformance, pickles=_pickles(conformance))


def forked_worker_does_not_hang(conformance: FrameworkSubject) -> str | None:
    """A forked child of a process that has trained trains and records, too."""
    hang = in_fresh_process(_train_forked, conformance).value
    if len(hang) == len(conformance.cases):
        raise NotApplicable("the framework itself does not survive a fork")
    return (
        f"left out, since they do not survive a fork unobserved either: {', '.join(hang)}"
        if hang
        else None
    )


def joblib_workers(conformance: FrameworkSubject) -> None:
    """Calls made in joblib's worker processes are recorded, each as one run; checked where the
    framework depends on joblib.
    """
    try:
        required = importlib.metadata.requires(conformance.framework.distribution) or ()
    except importlib.metadata.PackageNotFoundError:
        required = ()
    if not any(name_and_range(line)[0] == "joblib" for line in required):
        raise NotApplicable("the framework does not use joblib")
    in_fresh_process(_train_in_workers, conformance)


CHECKS: tuple[Check, ...] = (
    range_declared,
    imports_no_framework,
    patched_before_import,
    patched_after_import,
    nothing_on_stdout,
    first_call_leaves_random_state,
    model_pickles_and_loads_without_fitprint,
    forked_worker_does_not_hang,
    joblib_workers,
)


# -- in the fresh process --------------------------------------------------------------------------


def _loaded(conformance: FrameworkSubject) -> list[str]:
    return sorted(packages(conformance.framework.targets()) & sys.modules.keys())


def _import_nothing(conformance: FrameworkSubject) -> None:
    where = type(conformance).__module__
    expect(
        not _loaded(conformance),
        f"loading {where} imports {', '.join(_loaded(conformance))}: import it inside `build` and "
        "`fit`",
    )
    with conformance.observed():
        expect(not _loaded(conformance), f"autolog() imports {', '.join(_loaded(conformance))}")


def _train_all(conformance: FrameworkSubject, *, imported_first: bool) -> list[int]:
    states = []
    if imported_first:
        for target in conformance.framework.targets():
            importlib.import_module(target.path.partition(":")[0])
    for case in conformance.cases:
        with conformance.observed() as runs:
            states.append(_random_state(conformance, case))
            found = runs.roots()
            expect(len(found) == 1, f"{case.name}: one call gave {len(found)} runs")
            expect(found[0].status == "FINISHED", f"{case.name}: the run is {found[0].status}")
    return states


def _train_unobserved(conformance: FrameworkSubject) -> list[int]:
    for target in conformance.framework.targets():
        importlib.import_module(target.path.partition(":")[0])
    return [_random_state(conformance, case) for case in conformance.cases]


def _random_state(conformance: FrameworkSubject, case: Case) -> int:
    return zlib.crc32(pickle.dumps(conformance.train(case).random))


def _train_forked(conformance: FrameworkSubject) -> list[str]:
    """Return the names of the cases that do not survive a fork unobserved."""
    hang = []
    for case in conformance.cases:
        conformance.train(case)
        try:
            forked(partial(_train_only, conformance, case), timeout=10)
        except (AssertionError, TimeoutError):
            hang.append(case.name)
            continue
        with conformance.observed() as runs:
            conformance.train(case)
            forked(partial(_train_only, conformance, case))
            found = [run.status for run in runs.roots()]
            expect(
                found == ["FINISHED"] * 2,
                f"{case.name}: parent and child gave runs that are {found}",
            )
    return hang


def _train_only(conformance: FrameworkSubject, case: Case) -> None:
    conformance.train(case)


def _train_in_workers(conformance: FrameworkSubject) -> None:
    joblib = importlib.import_module("joblib")

    module = type(conformance).__module__
    if module in FROM_FILES:
        raise NotApplicable(
            f"worker processes cannot import {module}: move the cases to an installed module"
        )
    for case in conformance.cases:
        with conformance.observed() as runs:
            joblib.Parallel(n_jobs=2)(joblib.delayed(_train_in_worker)(case) for _ in range(3))
            found = [run.status for run in runs.roots()]
            expect(
                found == ["FINISHED"] * 3,
                f"{case.name}: three calls in worker processes gave runs that are {found}",
            )


def _train_in_worker(case: Case) -> None:
    case.fit(**case.build())


def _pickles(conformance: FrameworkSubject) -> list[str]:
    """Return the pickled results of observed calls, as text."""
    pickles = []
    for case in conformance.cases:
        plain = conformance.train(case).result
        try:
            pickle.loads(pickle.dumps(plain))  # noqa: S301 - made here
        except Exception:  # noqa: BLE001, S112 - then it need not
            continue
        with conformance.observed():
            outcome = conformance.train(case)
            data = pickle.dumps(outcome.result)
        told = difference(
            outcome.told if case.predict is None else case.predict(pickle.loads(data)),  # noqa: S301 - made here
            outcome.told,
        )
        expect(not told, f"{case.name}: the pickled result is another: {told}")
        pickles.append(data.hex())
    if not pickles:
        raise NotApplicable("no result can be pickled")
    return pickles


def _load_without_us(conformance: FrameworkSubject, *, pickles: list[str]) -> None:
    ours = {"fitprint", type(conformance.framework).__module__.partition(".")[0]}
    kept = type(conformance).__module__  # classes of the cases may be the users' own
    for name in [name for name in sys.modules if name.partition(".")[0] in ours and name != kept]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Refusing(ours))
    for data in pickles:
        try:
            pickle.loads(bytes.fromhex(data))  # noqa: S301 - made by the check
        except ImportError as error:
            raise AssertionError(
                f"a pickled result does not load without fitprint: {error}"
            ) from error


class _Refusing:
    """Refuses to import some packages."""

    def __init__(self, packages: set[str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002 - the import system's
        if name.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
