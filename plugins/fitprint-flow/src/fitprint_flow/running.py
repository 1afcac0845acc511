"""A run of a flow: the steps that are ready go to an engine, and what comes back is recorded."""

from __future__ import annotations

import atexit
import inspect
import multiprocessing
import os
import queue
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import clock, events
from fitprint.arguments import nearest
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks
from fitprint.recording import context
from fitprint.recording.opening import make_current, open_run
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint_flow.code import CodeReader
from fitprint_flow.planning import CACHED_FROM, DOCUMENT, FLOW, KEY, STEP, Cache, Key, origin_of
from fitprint_flow.programs import alone_in
from fitprint_flow.steps import FlowError
from fitprint_flow.task import Given, Outcome, Task, here, perform
from fitprint_flow.values import load

if TYPE_CHECKING:
    from fitprint_flow.graph import Flow, Node, Step

__all__ = ["Result", "StepResult", "run"]

_MOST_TOLD = 2000  # letters of what a step said when it failed
_LOOK_SECONDS = 1.0  # how long a wait for steps lasts at most before a signal is looked at


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of a step: the id of its run, and that of the run whose result was taken ("" if
    it ran).
    """

    run: str
    cached_from: str
    given: Given


class Result:
    """What a flow returned, by step. Values are loaded when they are asked for; paths are there as
    long as the program is.

    Attributes:
        run: the flow's run.
        steps: by name, in the order in which they were done.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.steps: dict[str, StepResult] = {}

    def __getitem__(self, step: Node | str) -> Any:
        name = step if isinstance(step, str) else step.name
        if name not in self.steps:
            raise FlowError(f"the flow ran no step {name!r}{nearest(name, self.steps)}")
        given = self.steps[name].given
        place = _folder() / given.run
        return load(given.document, self.run.workspace, given.run, place, given.options)

    @property
    def ran(self) -> list[str]:
        """The steps that were run."""
        return [name for name, each in self.steps.items() if not each.cached_from]


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Return where paths lie that a program was handed, until it ends."""
    folder = tempfile.mkdtemp(prefix="fitprint-flow-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def run(
    flow: Flow,
    *,
    executor: Any,
    jobs: int | None,
    only: Sequence[str],
    force: bool,
    tell: Callable[[str, StepResult], None] | None = None,
) -> Result:
    """See :meth:`fitprint_flow.Flow.run`; ``tell`` is called with each step that is done."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise FlowError(
            f"the flow {flow.name!r} is run while a process of it starts; in a script, write "
            '`if __name__ == "__main__":` above what runs it'
        )
    steps = {step.name: step for step in flow.order(only)}
    with ExitStack() as held:
        for place in {step.place for step in steps.values() if step.place is not None}:
            held.enter_context(alone_in(place, current().home))
        return _run(flow, steps, executor, jobs, tell, force=force)


def _run(
    flow: Flow,
    steps: Mapping[str, Step],
    executor: Any,
    jobs: int | None,
    tell: Callable[[str, StepResult], None] | None,
    *,
    force: bool,
) -> Result:
    engine, is_ours = _engine(executor, jobs or os.cpu_count() or 1)
    try:
        takes = _takes(engine)
        _check(steps.values(), takes)
        opened = open_run(name=flow.name, parent=context.current_run(), kind="flow")
        opened.set_tags({FLOW: flow.name})
        make_current(opened)
        with opened:
            return _Loop(flow.name, steps, engine, takes, opened, tell, force=force).run()
    finally:
        if is_ours:
            (getattr(engine, "close", None) or engine.shutdown)()


def _engine(executor: Any, jobs: int) -> tuple[Any, bool]:
    """Return the engine, and whether it is ours to close."""
    if not isinstance(executor, str):
        if not callable(getattr(executor, "submit", None)):
            raise FlowError(f"an executor has a method submit(function, *args), not {executor!r}")
        return executor, False
    name, _, address = executor.partition("://")
    known = hooks().registered("register_executors")
    if name not in known:
        hint = nearest(name, known) or f"; there are {', '.join(sorted(known))}"
        raise FlowError(f"there is no executor {name!r}{hint}")
    return known[name].open(address, jobs), True


def _takes(engine: Any) -> frozenset[str]:
    """Return which wishes of a step the engine fulfils by itself."""
    wishes = frozenset({"timeout", "resources", "pure"})
    try:
        return wishes & inspect.signature(engine.submit).parameters.keys()
    except (TypeError, ValueError):
        return frozenset()


def _check(steps: Any, takes: frozenset[str]) -> None:
    """Refuse what the engine would pass over, before anything runs."""
    for step in steps:
        if step.options.timeout is not None and "timeout" not in takes:
            raise FlowError(
                f"the step {step.name!r} has a timeout, and this executor cannot stop a step; use "
                'executor="processes"'
            )
        if step.options.resources and "resources" not in takes:
            raise FlowError(
                f"the step {step.name!r} asks for resources, and this executor knows none; use "
                'executor="dask://HOST:PORT", or leave them out'
            )


class _Loop:
    def __init__(
        self,
        flow: str,
        steps: Mapping[str, Step],
        engine: Any,
        takes: frozenset[str],
        run: Run,
        tell: Callable[[str, StepResult], None] | None,
        *,
        force: bool,
    ) -> None:
        self._flow = flow
        self._steps = steps
        self._engine = engine
        self._takes = takes
        self._run = run
        self._tell = tell
        self._force = force
        self._cache = Cache(current(), flow)
        self._reader = CodeReader()
        self._token = context.current_token().encode()
        self._result = Result(run)
        self._done: queue.SimpleQueue[tuple[Task, Any, int]] = queue.SimpleQueue()
        self._futures: dict[str, Any] = {}
        self._failure: FlowError | None = None

    def run(self) -> Result:
        order = TopologicalSorter({name: step.needs for name, step in self._steps.items()})
        order.prepare()
        try:
            while order.is_active() and self._failure is None:
                for name in order.get_ready():
                    if self._settled(self._steps[name]):
                        order.done(name)
                if self._futures:
                    self._collect(order)
            while self._futures:  # what runs is finished and kept; nothing new begins
                self._collect(order)
        except BaseException:
            for future in self._futures.values():
                future.cancel()
            raise
        if self._failure is not None:
            raise self._failure
        return self._result

    def _settled(self, step: Step) -> bool:
        """Take the step's result from an earlier run, or send it to the engine; tell whether it is
        there.
        """
        if self._failure is not None:
            return False
        given = {name: self._result.steps[name].given for name in step.needs}
        outputs = {name: each.document for name, each in given.items()}
        try:
            key = Key.of(step, self._reader, outputs)
        except FlowError as error:
            self._fail(step.name, str(error), error)
            return False
        hit = None if self._force or not step.options.cache else self._cache.find(key)
        if hit is not None:
            try:
                self._take(step, key, hit)
            except FitprintError as error:
                self._fail(step.name, str(error), error)
                return False
            return True
        self._submit(Task(here(), self._token, self._flow, step, key, given), 0)
        return False

    def _take(self, step: Step, key: Key, hit: RunRecord) -> None:
        """Record that an earlier run stands for this one."""
        document = hit.documents[DOCUMENT]
        now = clock.now()
        taken = open_run(name=step.name, parent=self._run, kind="step", at=now)
        tags = {FLOW: self._flow, STEP: step.name, KEY: key.digest, CACHED_FROM: origin_of(hit)}
        told: list[events.Event] = [events.TagsSet(taken.id, now, tags)]
        if hit.artifacts:
            told.append(events.ArtifactsLogged(taken.id, now, hit.artifacts))
        told += [events.ModelLogged(taken.id, now, model) for model in hit.models]
        told.append(events.DocumentLogged(taken.id, now, DOCUMENT, document))
        taken.workspace.writer.append(*told)
        taken.end()
        step.restore(taken.workspace, document["output"])
        given = Given(taken.id, document["output"], step.options)
        self._add(step.name, StepResult(taken.id, origin_of(hit), given))

    def _add(self, name: str, result: StepResult) -> None:
        self._result.steps[name] = result
        if self._tell is not None:
            self._tell(name, result)

    def _submit(self, task: Task, attempt: int) -> None:
        options = task.step.options
        wishes: dict[str, Any] = {
            "timeout": options.timeout,
            "resources": dict(options.resources) or None,
            "pure": False,  # Dask would take equal calls for one
        }
        given = {
            name: value
            for name, value in wishes.items()
            if name in self._takes and value is not None
        }
        try:
            future = self._engine.submit(perform, task, **given)
        except Exception as error:  # noqa: BLE001 - an engine may fail in any way
            self._fail(task.step.name, str(error) or type(error).__name__, error)
            return
        self._futures[task.step.name] = future
        future.add_done_callback(lambda done: self._done.put((task, done, attempt)))

    def _collect(self, order: TopologicalSorter[str]) -> None:
        """Wait for one step, and for those that are there by then."""
        try:
            task, future, attempt = self._done.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return
        name = task.step.name
        del self._futures[name]
        try:
            outcome: Outcome = future.result()
        except Exception as error:  # noqa: BLE001 - an engine may fail in any way
            outcome = Outcome("", error=str(error) or type(error).__name__, cause=error)
        if outcome.document is not None:
            given = Given(outcome.run, outcome.document, task.step.options)
            self._add(name, StepResult(outcome.run, "", given))
            order.done(name)
        elif attempt < task.step.options.retries and self._failure is None:
            self._submit(task, attempt + 1)
        else:
            self._fail(name, outcome.error, outcome.cause, outcome.run)

    def _fail(
        self, name: str, told: str, cause: BaseException | None = None, run_id: str = ""
    ) -> None:
        if self._failure is not None:
            return
        where = f" (run {run_id})" if run_id else ""
        if len(told) > _MOST_TOLD:
            told = f"{told[:_MOST_TOLD]} …"
        self._failure = FlowError(
            f"the step {name!r}{where} failed: {told}; what was finished is kept, and the same "
            "command goes on from there"
        )
        self._failure.__cause__ = cause
