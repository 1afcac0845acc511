"""The handle that an observer gets: one observed call, and what it adds to the record.

Nothing here raises: what cannot be recorded becomes a line of the run's capture report.
"""

from __future__ import annotations

import inspect
import itertools
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

from fitprint import clock
from fitprint.autologging.framework import Function, Target
from fitprint.entities import Dataset, RunStatus
from fitprint.hooks.manager import hooks
from fitprint.recording import media
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from fitprint.autologging.observing import Engine
    from fitprint.data.description import Description

__all__ = ["Child", "Fit", "ImpossibleCall"]


_MANY_TRAININGS = {"search", "cross-validation"}  # kinds of runs whose inner calls are no part of one training


class ImpossibleCall(TypeError):  # noqa: N818 - the error is the user's, and the function says so itself
    """The arguments of a call do not fit the function. An observer need not care: such a call is not recorded."""


_signatures: weakref.WeakKeyDictionary[Callable[..., Any], inspect.Signature] = weakref.WeakKeyDictionary()


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    signature = _signatures.get(function)
    if signature is None:
        signature = _signatures[function] = inspect.signature(function)
    return signature


class Recorder:
    """What can be added to a run, each item failing alone. The base of :class:`Fit` and :class:`Child`."""

    def __init__(self, report: dict[str, Any]) -> None:
        self._report = report

    @property
    def run(self) -> Run:
        """The run that is recorded on."""
        raise NotImplementedError

    def params(self, params: Mapping[str, Any], *, defaults: Iterable[str] = (), resolved: bool = False) -> None:
        """Record hyperparameters.

        Args:
            params: values by name.
            defaults: names of those that the user left at the framework's default.
            resolved: the values are what the framework made of the user's.
        """
        with self.part("params"):
            self.run.log_params(params, provenance="resolved" if resolved else "set", defaults=defaults)

    def metric(
        self, key: str, value: float, *, step: int | None = None, epoch: float | None = None, goal: Literal["min", "max"] | None = None
    ) -> None:
        """Record one point of a metric, at once."""
        with self.part(f"metric {key}", quiet=True):
            self.run.log_metric(key, value, step, epoch, goal=goal)

    def metrics(self, metrics: Mapping[str, float], *, step: int | None = None, epoch: float | None = None) -> None:
        """Record one point of each metric, at once."""
        try:
            self.run.log_metrics(metrics, step, epoch)
        except Exception as error:  # noqa: BLE001 - written out, since this is called in every round of a training
            self._gone_wrong("metrics", error)

    def history(
        self, key: str, values: Iterable[float], *, steps: Iterable[int] | None = None, goal: Literal["min", "max"] | None = None
    ) -> None:
        """Record a whole curve."""
        with self.part(f"history {key}"):
            self.run.log_history(key, values, steps=steps, goal=goal)

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        with self.part("tags", quiet=True):
            self.run.set_tags(tags)

    def data(self, path: str, content: Any) -> None:
        """Record a JSON artifact, such as the points of a curve from which a plot is drawn later."""
        with self.part(path):
            self.run.log_bytes(media.json_bytes(content), path)

    def text(self, path: str, text: str) -> None:
        """Record a text artifact."""
        with self.part(path):
            self.run.log_bytes(media.text_bytes(text), path)

    def document(self, name: str, content: Any) -> None:
        """Record a small JSON document of the run."""
        with self.part(name):
            self.run.log_document(name, content)

    def skipped(self, what: str, why: str) -> None:
        """Put in the capture report that something was left out, and why."""
        self._report.setdefault("skipped", {})[what] = why

    def failed(self, what: str, error: BaseException) -> None:
        """Put a failure of ours in the capture report."""
        self._report.setdefault("failed", {})[what] = f"{type(error).__name__}: {error}"

    def _gone_wrong(self, name: str, error: Exception) -> None:
        self.failed(name, error)
        hooks().problem(f"recording {name} failed: {type(error).__name__}: {error}", "autolog", error)

    def part(self, name: str, *, quiet: bool = False) -> AbstractContextManager[None]:
        """Run a part of the observer by itself: if it fails, the capture report says so, and the rest goes on.

        Args:
            name: the part, as the capture report names it.
            quiet: list it in the report only if it fails.
        """
        return _Part(self, name, quiet)

    def _gone_right(self, name: str) -> None:
        captured = self._report.setdefault("captured", [])
        if name not in captured:
            captured.append(name)


class _Part(AbstractContextManager[None]):
    """A part of an observer; written out, for a fit has dozens of them, and a generator for each costs twice as much."""

    __slots__ = ("_name", "_quiet", "_recorder")

    def __init__(self, recorder: Recorder, name: str, quiet: bool) -> None:
        self._recorder = recorder
        self._name = name
        self._quiet = quiet

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None:
            if not self._quiet:
                self._recorder._gone_right(self._name)  # noqa: SLF001 - the other half of this class
        elif isinstance(error, Exception):  # a failure of ours must not become one of the user's
            self._recorder._gone_wrong(self._name, error)  # noqa: SLF001 - the same
            return True
        return False


class Fit(Recorder):
    """One observed call.

    Attributes:
        function: what the user calls, unpatched.
        instance: the object whose method is called; None for a function.
        framework: name of the framework.
        subject: what trains, in a word: the class of the instance or the function's name. It names the run.
        kind: kind of the run; an observer may set it above the yield, before it records anything.
        call: number of this call in a sequence, from 1.
        elapsed: seconds that the user's call took (below the yield).
        overhead: seconds that parts of the observer took during the user's call, such as callbacks; they add to it.
        outer: the training call that this one is nested in, on whose run it records; None for an outermost call.
        position: number of this nested call within the outer one, from 1; 0 for an outermost call.
    """

    def __init__(self, engine: Engine, framework: str, target: Target, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        super().__init__({})
        self._engine = engine
        self._run: Run | None = None
        self.ends_run = False
        self.given_args: tuple[Any, ...] = args
        self.given_kwargs: dict[str, Any] = kwargs
        self._replaced: dict[str, Any] = {}
        self.framework = framework
        self.target = target
        self.function = function
        self.is_method = not isinstance(target, Function)
        self.instance: Any = args[0] if self.is_method and args else None
        self.subject = type(self.instance).__name__ if self.instance is not None else function.__name__
        self.kind = target.kind
        self.call = 1
        self.elapsed = 0.0
        self.overhead = 0.0
        self.outer: Fit | None = None
        self.position = 0
        self._nested = itertools.count(1)
        self._begin: list[Callable[[], None]] = []
        self.warnings: list[dict[str, Any]] = []
        self.skip_reason: str | None = None
        self.in_user_code = True
        self.ended = False
        self._bound: inspect.BoundArguments | None = None
        self._descriptions: dict[int, Description] = {}

    def wait(self, begin: Callable[[], None]) -> None:
        """Do not observe this call unless it turns out to train what the settings want: then ``begin`` is called, from inside of it."""
        self._begin.append(begin)

    @property
    def waits(self) -> bool:
        """Whether it has not turned out yet if this call is to be observed."""
        return bool(self._begin)

    def begin(self) -> None:
        """Observe this call from here on, if it waits for that: of several threads the first does so."""
        try:
            begin = self._begin.pop()
        except IndexError:
            return
        begin()

    @property
    def takes_nested(self) -> bool:
        """Whether a call that the user's code makes now, inside this one, is a part of its training."""
        is_training = self.target.role != "note" and self.kind not in _MANY_TRAININGS
        return is_training and self.has_run and self.in_user_code and self.skip_reason is None

    def nest(self, inner: Fit) -> None:
        """Let a call inside this one record on this one's run."""
        inner.outer, inner.position = self, next(self._nested)
        inner._report, inner.warnings = self._report, self.warnings
        inner.note_on(self.run)

    def release(self) -> None:
        """Forget the user's objects: a context that was copied inside the call may keep this handle alive."""
        self.ended = True
        self.given_args, self.given_kwargs, self.instance, self.outer = (), {}, None, None
        self._bound = None
        self._descriptions.clear()
        self._begin.clear()
        self._replaced.clear()

    def report(self, *, cost: float) -> dict[str, Any]:
        """Return the capture report.

        Args:
            cost: seconds that recording took before and after the user's call.
        """
        cost_ms = round((cost + self.overhead) * 1000, 3)
        report = {"framework": self.framework, "function": self.function.__qualname__, "cost_ms": cost_ms, **self._report}
        if self.warnings:
            report["warnings"] = self.warnings
        return report

    # -- the call --------------------------------------------------------------------------------------------------

    def _bind(self) -> inspect.BoundArguments:
        if self._bound is None:
            try:
                self._bound = _signature(self.function).bind(*self.given_args, **self.given_kwargs)
            except TypeError as error:
                raise ImpossibleCall(str(error)) from error
        return self._bound

    @property
    def arguments(self) -> Mapping[str, Any]:
        """All arguments by name, defaults included, ``self`` left out, as the user gave them.

        Raises:
            TypeError: the call does not fit the function (which will say so itself).
        """
        bound = self._bind()
        arguments = {
            name: bound.arguments.get(name, parameter.default)
            for name, parameter in bound.signature.parameters.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and (name in bound.arguments or parameter.default is not parameter.empty)
        }
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                arguments.update(bound.arguments.get(name, {}))
        if self.is_method:
            del arguments[next(iter(bound.signature.parameters))]
        return MappingProxyType(arguments)

    def argument(self, name: str, default: Any = None) -> Any:
        """Return one argument as the user gave it, however it was given; ``default`` if there is none of this name."""
        return self.arguments.get(name, default)

    def given(self, name: str) -> bool:
        """Tell whether the user gave this argument."""
        bound = self._bind()
        return name in bound.arguments or any(
            name in bound.arguments.get(parameter.name, ())
            for parameter in bound.signature.parameters.values()
            if parameter.kind is parameter.VAR_KEYWORD
        )

    def replace_argument(self, name: str, value: Any) -> None:
        """Call the user's function with another value for this argument. The user's own object must not be changed: pass a copy.

        Raises:
            TypeError: the function takes no such argument.
        """
        parameters = _signature(self.function).parameters
        if name not in parameters and all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values()):
            raise TypeError(f"{self.function.__qualname__} takes no argument {name!r}")
        self._replaced[name] = value

    def call_arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what the user's function is called with: exactly what was given, but for replaced arguments."""
        if not self._replaced:
            return self.given_args, self.given_kwargs
        names = [
            name
            for name, parameter in _signature(self.function).parameters.items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        args, kwargs = list(self.given_args), dict(self.given_kwargs)
        for name, value in self._replaced.items():
            if name not in kwargs and name in names and names.index(name) < len(args):
                args[names.index(name)] = value
            else:
                kwargs[name] = value
        return tuple(args), kwargs

    # -- the run ---------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The run of this call, which begins at the first access."""
        if self._run is None:
            self._run, self.ends_run = self._engine.run_for(self)
        return self._run

    @property
    def has_run(self) -> bool:
        """Whether the run of this call has begun."""
        return self._run is not None

    def skip(self, reason: str) -> None:
        """Do not record this call (above the yield, before anything was recorded)."""
        self.skip_reason = reason

    def options(self) -> Mapping[str, Any]:
        """Return the settings of the framework's namespace, ``autolog``'s options included."""
        return self._engine.options(self.framework)

    def setting(self, name: str) -> Any:
        """Return one of fitprint's own settings."""
        return self._engine.setting(name)

    def child(self, name: str, *, kind: str, started: int | None = None) -> Child:
        """Begin a child run, such as a candidate of a search. End it with :meth:`Child.end`."""
        return Child(open_run(name=name, parent=self.run, kind=kind, at=started, workspace=self.run.workspace), self._report)

    def described(self, data: Any) -> Description:
        """Return what data of this call are: they are asked once, also where several parts of the record need it."""
        found = self._descriptions.get(id(data))
        if found is None:
            from fitprint.data.description import described

            found = self._descriptions[id(data)] = described(data)
        return found

    def dataset(self, data: Any, *, name: str, role: str = "train", **hints: Any) -> None:
        """Record facts on data, if data are recorded at all. ``data`` may be None.

        Args:
            data: the object.
            name: a short name.
            role: "train", "eval", "test" or another word.
            hints: of :meth:`fitprint.data.description.Description.dataset`, such as ``kind="target"``.
        """
        if data is not None and self.setting("datasets"):
            with self.part(f"dataset {name}"):
                self.run.log_input(self.described(data), name, role, **hints)

    def profile(self, data: Any, *, name: str, role: str = "train") -> None:
        """Record a profile of data's values, if data are recorded at all: of predictions, or beside facts that the plugin found.

        Args:
            data: the object, or what :meth:`described` says of it. It is not kept alive.
            name: a short name.
            role: "train", "eval", "test" or another word.
        """
        if data is not None and self.setting("datasets"):
            with self.part(f"profile {name}", quiet=True):
                self.run.log_profile(data, name, role)

    def dataset_facts(self, facts: Mapping[str, Any], *, name: str, role: str = "train", digest: str = "") -> None:
        """Record facts that the plugin itself found, if data are recorded at all: on a framework's own containers, and on files.

        Args:
            facts: JSON values; those that :meth:`fitprint.data.description.Description.dataset` names have the same meaning here.
            name: a short name.
            role: "train", "eval", "test" or another word.
            digest: of the content, if it is known without copying or converting it.
        """
        if self.setting("datasets"):
            with self.part(f"dataset {name}"):
                self.run.log_input(Dataset(name, role, digest, dict(facts)), name, role)

    def model(self, model: Any, *, path: str = "model", **options: Any) -> None:
        """Record the fitted model, if models are recorded at all, and link it to the run.

        Args:
            model: the object.
            path: directory inside the run.
            options: of :meth:`fitprint.Run.log_model`.
        """
        self.link(model)
        if not self.setting("models"):
            self.skipped("model", "the setting `models` is off")
            return
        with self.part("model"):
            facts = self.run.log_model(model, path, **options).facts
            if facts.get("signature") is None and "signature" not in self._report.get("skipped", {}):
                problems = [problem for problem in facts.get("problems", ()) if "signature" in problem]
                self.skipped("signature", problems[0] if problems else "there are no data of which columns and types can be told")

    def link(self, subject: Any) -> None:
        """Remember that an object (a model, its predictions) belongs to this run, for as long as it lives."""
        self._engine.origins.remember(subject, self.run)

    def linked(self, subject: Any) -> Run | None:
        """Return the run that an object belongs to, or None."""
        run: Run | None = self._engine.origins.recall(subject)
        return run

    def when_sequence_ends(self, action: Callable[[], None]) -> None:
        """Call ``action`` before the run of this sequence ends (it must not keep the instance alive). The last one given counts."""
        sequence = self._engine.sequence_of(self.instance)
        if sequence is not None:
            sequence.at_end = action

    def note_on(self, run: Run) -> None:
        """Record what follows on a recorded run (for calls that are no run of their own)."""
        self._run, self.ends_run = run, False


class Child(Recorder):
    """A child run that an observer writes."""

    def __init__(self, run: Run, report: dict[str, Any]) -> None:
        super().__init__(report)
        self._child = run

    @property
    def run(self) -> Run:
        """The child run."""
        return self._child

    def end(self, status: RunStatus = "FINISHED", *, error: str | None = None, at: int | None = None) -> None:
        """End the child run; ``at`` is its end in microseconds, now by default."""
        self._child.end(status, error=error, at=clock.now() if at is None else at)
