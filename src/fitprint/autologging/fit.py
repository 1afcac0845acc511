"""What an observer works with: one observed call, its arguments, and what to record of it.

The methods that record do not raise: what cannot be recorded becomes a line of the run's capture
report.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint.autologging.recorder import Child, Recorder
from fitprint.entities import Dataset
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from fitprint.autologging.call import Call
    from fitprint.data.description import Description

__all__ = ["Fit"]


class Fit(Recorder):
    """One observed call.

    Attributes:
        function: what the user calls, unpatched.
        instance: the object whose method is called; None for a function.
        framework: name of the framework.
        subject: name of what trains: the class of the instance, or the function. It becomes the
            name of the run.
        kind: kind of the run; an observer may set it above the ``yield``, before it records
            anything.
        call: number of this call in a sequence, from 1.
        elapsed: seconds that the user's call took (set below the ``yield``).
        overhead: seconds of ``elapsed`` that parts of the observer took, such as callbacks.
        outer: the training call that this one is nested in, on whose run it records; None for an
            outermost call.
        position: number of this nested call within the outer one, from 1; 0 for an outermost call.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(call.report)
        self._call = call
        self.function = call.function
        self.instance: Any = call.instance
        self.framework = call.framework
        self.subject = (
            type(call.instance).__name__ if call.instance is not None else call.function.__name__
        )
        self.kind = call.target.kind
        self.call = 1
        self.elapsed = 0.0
        self.overhead = 0.0
        self.outer: Fit | None = call.outer.fit if call.outer is not None else None
        self.position = call.position
        self._descriptions: dict[int, Description] = {}

    # -- the call ----------------------------------------------------------------------------------

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments as the user gave them; for a method, the first is the instance.

        Prefer ``arguments`` if the call fits the function.
        """
        return self._call.arguments.args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments as the user gave them."""
        return self._call.arguments.kwargs

    @property
    def arguments(self) -> Mapping[str, Any]:
        """All arguments by name, as the user gave them, with defaults and without ``self``.

        Raises:
            TypeError: the arguments do not fit the function; the user's call will raise, too.
        """
        return self._call.arguments.by_name()

    def argument(self, name: str, default: Any = None) -> Any:
        """Return an argument by name, whether it was given by position or by keyword; ``default``
        if the function has none of this name.
        """
        return self.arguments.get(name, default)

    def given(self, name: str) -> bool:
        """Tell whether the user gave this argument."""
        return self._call.arguments.given(name)

    def replace_argument(self, name: str, value: Any) -> None:
        """Call the user's function with another value for this argument.

        Do not change the user's own object: pass a copy.

        Raises:
            TypeError: the function takes no such argument.
        """
        self._call.arguments.replace(name, value)

    @contextmanager
    def ours(self, what: str) -> Iterator[None]:
        """Run a part of the observer inside the user's call, such as a callback: it neither raises
        nor warns, and its time counts as fitprint's.

        Args:
            what: a name for the part, which the capture report shows if it fails.
        """
        with self._call.ours(), self.part(what, quiet=True):
            yield

    # -- the run -----------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The run of this call; it begins when this is read first."""
        return self._call.begun_run()

    @property
    def has_run(self) -> bool:
        """Whether the run of this call has begun."""
        return self._call.run is not None

    def skip(self, reason: str) -> None:
        """Do not record this call. Use it above the ``yield``, before you record anything."""
        self._call.skip_reason = reason

    @property
    def is_skipped(self) -> bool:
        """Whether this call is not recorded."""
        return self._call.skip_reason is not None

    def note_on(self, run: Run) -> None:
        """Record everything that follows on an existing run, which this call neither begins nor
        ends.
        """
        self._call.record_on(run, as_note=True)

    def options(self) -> Mapping[str, Any]:
        """Return the settings of the framework's namespace, including options of ``autolog``."""
        return self._call.engine.options(self.framework)

    def setting(self, name: str) -> Any:
        """Return one of fitprint's own settings."""
        return self._call.engine.setting(name)

    def child(self, name: str, *, kind: str, started: int | None = None) -> Child:
        """Begin a child run, such as a candidate of a search. End it with :meth:`Child.end`.

        If the user's call raises, open children end with it, as FAILED.
        """
        run = open_run(
            name=name, parent=self.run, kind=kind, at=started, workspace=self.run.workspace
        )
        self._call.children = [*(child for child in self._call.children if child.is_open), run]
        return Child(run, self._report)

    def identify(self, trained: Any, **tags: str) -> None:
        """Tag the run with what is trained, and with the version of the framework if its module has
        a ``__version__``.

        Args:
            trained: the class or function, or its path, such as "xgboost.core.Booster"; None if
                there is none.
            tags: further tags, such as versions of other packages (``jax_version="0.9"``).
        """
        with self.part("tags", quiet=True):
            found: dict[str, str] = {}
            if trained is not None:
                path = (
                    trained
                    if isinstance(trained, str)
                    else f"{trained.__module__}.{trained.__qualname__}"
                )
                found = {"estimator_name": path.rpartition(".")[2], "estimator_class": path}
            version = getattr(sys.modules.get(self.framework), "__version__", None)
            if isinstance(version, str):
                found[f"{self.framework}_version"] = version
            self.run.set_tags(found | tags)

    def continues(self, model: Any, rounds: Callable[[Any], int | None]) -> None:
        """Record which model this training continues, and the run that made it, if known.

        Args:
            model: the object, or the path of a file; None if the training starts from scratch.
            rounds: takes the object, and returns its number of rounds, or None if that is unknown.
        """
        if model is None:
            return
        with self.part("continuation", quiet=True):
            told: dict[str, Any] = {"model": type(model).__name__}
            if isinstance(model, (str, os.PathLike)):
                told["file"] = os.fspath(model)
                self.tags({"continues_file": Path(told["file"]).name})
            elif (count := rounds(model)) is not None:
                told["rounds"] = count
            run = self.linked(model)
            if run is not None:
                told["run"] = run.id
                self.tags({"continues_run": run.id})
            self.document("continuation", told)

    def described(self, data: Any) -> Description:
        """Return a description of data of this call. The data are examined only once, even if
        several parts of the record need the description.
        """
        found = self._descriptions.get(id(data))
        if found is None:
            from fitprint.data.description import described

            found = self._descriptions[id(data)] = described(data)
        return found

    def dataset(self, data: Any, *, name: str, role: str = "train", **hints: Any) -> None:
        """Record facts about data, if the setting ``datasets`` is on.

        Args:
            data: the object; nothing is recorded of None.
            name: a short name.
            role: "train", "eval", "test" or another word.
            hints: of :meth:`fitprint.data.description.Description.dataset`, such as
                ``kind="target"``.
        """
        if data is not None and self.setting("datasets"):
            with self.part(f"dataset {name}"):
                self.run.log_input(self.described(data), name, role, **hints)

    def profile(self, data: Any, *, name: str, role: str = "train") -> None:
        """Record a profile of the values of data, if the setting ``datasets`` is on:
        of predictions, or in addition to :meth:`dataset_facts`.

        Args:
            data: the object, or what :meth:`described` returned for it. It is not kept alive.
            name: a short name.
            role: "train", "eval", "test" or another word.
        """
        if data is not None and self.setting("datasets"):
            with self.part(f"profile {name}", quiet=True):
                self.run.log_profile(data, name, role)

    def dataset_facts(
        self, facts: Mapping[str, Any], *, name: str, role: str = "train", digest: str = ""
    ) -> None:
        """Record facts that the plugin itself found, if the setting ``datasets`` is on: about the
        framework's own containers, and about files.

        Args:
            facts: JSON values; those that :meth:`fitprint.data.description.Description.dataset`
                names have the same meaning here.
            name: a short name.
            role: "train", "eval", "test" or another word.
            digest: of the content, if the plugin can take it without copying or converting it.
        """
        if self.setting("datasets"):
            with self.part(f"dataset {name}"):
                self.run.log_input(Dataset(name, role, digest, dict(facts)), name, role)

    def model(self, model: Any, *, path: str = "model", **options: Any) -> None:
        """Record the fitted model, if the setting ``models`` is on, and link it to the run.

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
            register = (
                self._registered_name() if path == "model" and self.run.parent_id is None else None
            )
            facts = self.run.log_model(model, path, register=register, **options).facts
            if facts.get("signature") is None and "signature" not in self._report.get(
                "skipped", {}
            ):
                problems = [
                    problem for problem in facts.get("problems", ()) if "signature" in problem
                ]
                self.skipped(
                    "signature",
                    problems[0]
                    if problems
                    else "there are no data whose columns and types are known",
                )

    def _registered_name(self) -> str | None:
        """Return the name under which models are to be registered, if there is one that can be;
        else the capture report says so.
        """
        name: str | None = self.setting("register")
        if not name:
            return None
        from fitprint.registered import why_no_name

        wrong = why_no_name(name)
        if wrong:
            self.skipped("registration", wrong)
        return None if wrong else name

    def link(self, subject: Any) -> None:
        """Remember, as long as the object lives, that it belongs to this run: a model, or its
        predictions.
        """
        self._call.engine.origins.remember(subject, self.run)

    def linked(self, subject: Any) -> Run | None:
        """Return the run that an object belongs to, or None."""
        run: Run | None = self._call.engine.origins.recall(subject)
        return run

    def when_sequence_ends(self, action: Callable[[], None]) -> None:
        """Call ``action`` before the run of this sequence ends. A later call replaces the action,
        which must not keep the instance alive.
        """
        sequence = self._call.engine.sequence_of(self.instance)
        if sequence is not None:
            sequence.at_end = action

    def release(self) -> None:
        """Drop the references to the user's objects: a context that was copied inside the call may
        keep this handle alive.
        """
        self.instance, self.outer = None, None
        self._descriptions.clear()
