"""A flow: steps, and which of them takes what from which."""

from __future__ import annotations

import inspect
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint.arguments import checked_name, nearest
from fitprint.recording.workspace import current
from fitprint_flow.code import CodeReader
from fitprint_flow.steps import FlowError, Options, options_of
from fitprint_flow.values import Document, digest_of, digest_of_file, store

if TYPE_CHECKING:
    from fitprint.recording.run import Run
    from fitprint.recording.workspace import Workspace
    from fitprint_flow.planning import Planned
    from fitprint_flow.running import Result

__all__ = ["Call", "Flow", "Node", "Step", "parts_of"]


class Node:
    """A step of a flow, standing for what it will return: hand it to the steps that take that."""

    __slots__ = ("flow", "name")

    def __init__(self, flow: Flow, name: str) -> None:
        self.flow = flow
        self.name = name

    def __repr__(self) -> str:
        return f"<step {self.name!r} of the flow {self.flow.name!r}>"

    def __reduce__(self) -> Any:
        raise FlowError(
            f"the step {self.name!r} was put into a value; hand it to flow.add by itself, or in a "
            "list, tuple or dict"
        )


@dataclass(frozen=True, slots=True)
class Output:
    """The place of another step's output among the arguments of a call."""

    step: str


class Step:
    """What a flow knows of one step.

    Attributes:
        name: unique in the flow.
        options: how it is to be run.
        needs: the steps whose output it takes, each once.
        place: the folder in which it writes files, which one flow at a time does; None for none.
    """

    name: str
    options: Options
    needs: Sequence[str]
    place: Path | None = None

    def key_parts(self, reader: CodeReader, outputs: Mapping[str, Document]) -> dict[str, Any]:
        """Return the parts of the step's key by kind and name.

        Args:
            reader: looks at code.
            outputs: what the steps in ``needs`` returned.

        Raises:
            FlowError: a file that the step takes is not there.
        """
        raise NotImplementedError

    def perform(self, run: Run, values: Mapping[str, Any]) -> Document:
        """Do it, record the result on the run, and return how it lies there.

        Args:
            run: of the step, current here.
            values: what the steps in ``needs`` returned.
        """
        raise NotImplementedError

    def restore(self, workspace: Workspace, document: Document) -> None:
        """Put what an earlier run made where others look for it; by default nowhere."""


class Call(Step):
    """A step that is a call of a function."""

    def __init__(
        self, name: str, function: Any, arguments: inspect.BoundArguments, flow: Flow
    ) -> None:
        self.name = name
        self.function = function
        self.options = options_of(function)
        self.needs: list[str] = []
        self._links: dict[str, list[str]] = {}
        self._files: dict[str, list[Path]] = {}
        placed = {
            parameter: self._placed(parameter, value, flow)
            for parameter, value in arguments.arguments.items()
        }
        self._forms = {parameter: _form(value) for parameter, value in placed.items()}
        self.params = {
            parameter: value
            for parameter, value in placed.items()
            if parameter not in self._links and parameter not in self._files
        }
        arguments.arguments.update(placed)
        self.args, self.kwargs = arguments.args, arguments.kwargs

    def _placed(self, parameter: str, value: Any, flow: Flow) -> Any:
        """Return an argument with places for outputs."""
        if isinstance(value, Node):
            if value.flow is not flow:
                raise FlowError(f"{self.name!r} takes {value!r}; add that step to this flow, too")
            self._links.setdefault(parameter, []).append(value.name)
            if value.name not in self.needs:
                self.needs.append(value.name)
            return Output(value.name)
        if isinstance(value, Path):
            path = value.absolute()
            self._files.setdefault(parameter, []).append(path)
            return path
        if type(value) in (list, tuple):
            return type(value)(self._placed(parameter, each, flow) for each in value)
        if type(value) is dict:
            return {key: self._placed(parameter, each, flow) for key, each in value.items()}
        if not _is_json(value):
            raise FlowError(
                f"the argument {parameter} of {self.name!r} is a {type(value).__name__}; give "
                "numbers, texts, lists, dicts, a Path or a step, and let a step make all else"
            )
        return value

    def key_parts(self, reader: CodeReader, outputs: Mapping[str, Document]) -> dict[str, Any]:
        code = reader.read(self.function)
        inputs = {
            parameter: " ".join(digest_of(outputs[name]) for name in names)
            for parameter, names in self._links.items()
        }
        for parameter, paths in self._files.items():
            digests = [digest_of_file(path, current().home) for path in paths]
            if "" in digests:
                missing = paths[digests.index("")]
                raise FlowError(f"there is no file {missing}, which the step {self.name!r} takes")
            inputs[parameter] = " ".join([inputs.get(parameter, ""), *digests]).strip()
        return parts_of(code.parts, self._forms, inputs, code.packages, self.options)

    def perform(self, run: Run, values: Mapping[str, Any]) -> Document:
        if self.params:
            run.log_params(self.params)
        args = [_filled(value, values) for value in self.args]
        kwargs = {name: _filled(value, values) for name, value in self.kwargs.items()}
        return store(_called(self.function, args, kwargs), run, self.options)


def _called(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call the function of a step, which ends nothing but the step."""
    process = os.getpid()
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        if os.getpid() != process:
            _end_copy(error)
        if isinstance(error, (Exception, KeyboardInterrupt)):
            raise
        raise FlowError(f"it raised {error!r}") from error
    if os.getpid() != process:
        _end_copy(None)
    return result


def _end_copy(error: BaseException | None) -> None:
    """End this process, which the function has forked: the rest of the flow is not its own."""
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(status)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return an argument with outputs in their places."""
    if isinstance(value, Output):
        return values[value.step]
    if type(value) in (list, tuple):
        return type(value)(_filled(each, values) for each in value)
    if type(value) is dict:
        return {key: _filled(each, values) for key, each in value.items()}
    return value


def _form(value: Any) -> Any:
    """Return what tells an argument from every other one, but for the bytes of files and outputs:
    these are the inputs, in the order of their places here.
    """
    if isinstance(value, Output):
        return ["output"]
    if isinstance(value, Path):
        return ["file"]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(_form, value)]
    if isinstance(value, dict):  # in its order, which the function sees
        return ["dict", *([key, _form(each)] for key, each in value.items())]
    return value


def parts_of(
    code: Mapping[str, str],
    params: Mapping[str, Any],
    inputs: Mapping[str, str],
    packages: Mapping[str, str],
    options: Options,
) -> dict[str, Any]:
    """Return the parts of a key as texts. Of parameters only digests: what they are stands on the
    run, where secrets are withheld.
    """
    return {
        "code": dict(sorted(code.items())),
        "params": {name: digest_of({"value": value}) for name, value in sorted(params.items())},
        "inputs": dict(sorted(inputs.items())),
        "packages": dict(sorted(packages.items())),
        "version": {"version": options.version},
    }


class Flow:
    """Steps that are run in order, each only where something changed since a run of it.

    Example:
        >>> flow = Flow("train")
        >>> data = flow.add(load)
        >>> model = flow.add(fit, data, C=0.5)
        >>> result = flow.run()
        >>> result[model]

    Args:
        name: of the flow, and of its runs.
    """

    def __init__(self, name: str) -> None:
        self.name = checked_name(name, "a flow's name", FlowError)
        self.steps: dict[str, Step] = {}

    def add(self, function: Any, /, *args: Any, name: str | None = None, **kwargs: Any) -> Node:
        """Add the call ``function(*args, **kwargs)`` as a step, and return what stands for its
        result in the calls of later steps.

        Args:
            function: an ordinary function.
            args: numbers, texts, lists and dicts (parameters of the step), :class:`pathlib.Path`
                (files, which count by their bytes), and steps that were added before.
            name: of the step; the function's by default.
            kwargs: as ``args``.

        Raises:
            FlowError: there is a step of this name, or the function cannot be called so.
        """
        if not callable(function) or not hasattr(function, "__name__"):
            raise FlowError(f"a step is a function, not {function!r}")
        name = function.__name__ if name is None else name
        try:
            arguments = inspect.signature(function).bind(*args, **kwargs)
        except TypeError as error:
            raise FlowError(f"{name!r} cannot be called so: {error}") from None
        except ValueError:
            raise FlowError(f"{name!r} is not written in Python; wrap it in a function") from None
        given = set(arguments.arguments)
        arguments.apply_defaults()
        for parameter, value in list(arguments.arguments.items()):
            # such as a sentinel: it stands in the code, and the function puts it in by itself
            if parameter not in given and not (_is_json(value) or isinstance(value, Path)):
                del arguments.arguments[parameter]
        return self.put(Call(name, function, arguments, self))

    def put(self, step: Step) -> Node:
        """Add a step of any kind.

        Raises:
            FlowError: there is one of this name, or it has none.
        """
        checked_name(step.name, "a step's name", FlowError)
        if step.name in self.steps:
            raise FlowError(
                f"the flow {self.name!r} has a step {step.name!r} already; give this one another "
                f'name: flow.add({step.name}, ..., name="{step.name}-2")'
            )
        self.steps[step.name] = step
        return Node(self, step.name)

    def order(self, only: Sequence[str] = ()) -> list[Step]:
        """Return the steps, each behind those that it needs; with ``only`` these and what they
        need.

        Raises:
            FlowError: there is no such step, or steps need each other in a circle.
        """
        wanted = dict.fromkeys(self._with_needed(only) if only else self.steps)
        try:
            ordered = list(
                TopologicalSorter({name: self.steps[name].needs for name in wanted}).static_order()
            )
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise FlowError(
                f"steps need each other in a circle: {circle}; let one of them do without"
            ) from None
        return [self.steps[name] for name in ordered]

    def _with_needed(self, names: Sequence[str]) -> Iterator[str]:
        left, seen = list(names), set[str]()
        while left:
            name = left.pop()
            if name not in self.steps:
                hint = nearest(name, self.steps) or f"; its steps: {', '.join(self.steps)}"
                raise FlowError(f"the flow {self.name!r} has no step {name!r}{hint}")
            if name not in seen:
                seen.add(name)
                left += self.steps[name].needs
                yield name

    def plan(self, only: Sequence[str] = (), *, force: bool = False) -> list[Planned]:
        """Return what :meth:`run` would do with each step, and run nothing."""
        from fitprint_flow.planning import plan

        return plan(self, only, force=force)

    def run(
        self,
        *,
        executor: Any = "inline",
        jobs: int | None = None,
        only: Sequence[str] = (),
        force: bool = False,
    ) -> Result:
        """Run the steps of which something changed, and take the results of all others as they are.

        Args:
            executor: "inline" (in this process, one after the other), "processes" (each in a fresh
                one), "dask", "ray", "dask://HOST:PORT", "ray://HOST:PORT", or an object with
                ``submit``.
            jobs: how many steps may run at once; as many as there are cores by default.
            only: run these steps and what they need; all by default.
            force: run them even if nothing changed.

        Raises:
            FlowError: a step failed. What had ended by then is kept: running again goes on there.
        """
        from fitprint_flow.running import run

        return run(self, executor=executor, jobs=jobs, only=only, force=force)

    def __reduce__(self) -> Any:
        raise FlowError(
            f"the flow {self.name!r} is used by one of its steps, which cannot be sent elsewhere; "
            "hand steps what they need as arguments"
        )
