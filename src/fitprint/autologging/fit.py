"""The page that an author of a plugin reads: one observed call, what it was given, and what is
added to the record.

Nothing here raises: what cannot be recorded becomes a line of the run's capture report.
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
        subject: what trains, in a word: the class of the instance or the function's name. It names
            the run.
        kind: kind of the run; an observer may set it above the yield, before it records anything.
        call: number of this call in a sequence, from 1.
        elapsed: seconds that the user's call took (below the yield).
        overhead: seconds that parts of the observer took during the user's call, such as callbacks;
            they add to it.
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
        """The arguments by position, as the user gave them; of a method the instance is the first.

        Where they fit: ``arguments``.
        """
        return self._call.arguments.args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The arguments by keyword, as the user gave them."""
        return self._call.arguments.kwargs

    @property
    def arguments(self) -> Mapping[str, Any]:
        """All arguments by name, defaults included, ``self`` left out, as the user gave them.

        Raises:
            TypeError: the call does not fit the function (which will say so itself).
        """
        return self._call.arguments.by_name()

    def argument(self, name: str, default: Any = None) -> Any:
        """Return one argument as the user gave it, however it was given; ``default`` if there is
        none of this name.
        """
        return self.arguments.get(name, default)

    def given(self, name: str) -> bool:
        """Tell whether the user gave this argument."""
        return self._call.arguments.given(name)

    def replace_argument(self, name: str, value: Any) -> None:
        """Call the user's function with another value for this argument.

        The user's own object must not be changed: pass a copy.

        Raises:
            TypeError: the function takes no such argument.
        """
        self._call.arguments.replace(name, value)

    @contextmanager
    def ours(self, what: str) -> Iterator[None]:
        """Run a part of the observer inside the user's call, such as a callback: it neither raises
        nor warns, and its time counts as ours.

        Args:
            what: the part, as the capture report names it if it fails.
        """
        with self._call.ours(), self.part(what, quiet=True):
            yield

    # -- the run -----------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The run of this call, which begins at the first access."""
        return self._call.begun_run()

    @property
    def has_run(self) -> bool:
        """Whether the run of this call has begun."""
        return self._call.run is not None

    def skip(self, reason: str) -> None:
        """Do not record this call (above the yield, before anything was recorded)."""
        self._call.skip_reason = reason

    @property
    def is_skipped(self) -> bool:
        """Whether this call is not recorded."""
        return self._call.skip_reason is not None

    def note_on(self, run: Run) -> None:
        """Record what follows on a run that is there, which neither begins nor ends
        with this call.
        """
        self._call.record_on(run, as_note=True)

    def options(self) -> Mapping[str, Any]:
        """Return the settings of the framework's namespace, ``autolog``'s options included."""
        return self._call.engine.options(self.framework)

    def setting(self, name: str) -> Any:
        """Return one of fitprint's own settings."""
        return self._call.engine.setting(name)

    def child(self, name: str, *, kind: str, started: int | None = None) -> Child:
        """Begin a child run, such as a candidate of a search. End it with :meth:`Child.end`.

        If the user's call raises, the children that are open end with it, as FAILED.
        """
        run = open_run(
            name=name, parent=self.run, kind=kind, at=started, workspace=self.run.workspace
        )
        self._call.children = [*(child for child in self._call.children if child.is_open), run]
        return Child(run, self._report)

    def identify(self, trained: Any, **tags: str) -> None:
        """Tag the run with what is trained, and with the version of its framework where that tells
        it (``__version__``).

        Args:
            trained: the class or function, or its path, such as "xgboost.core.Booster"; None if
                there is none to speak of.
            tags: further ones, such as versions of other packages (``jax_version="0.9"``).
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
        """Record which model a training goes on from, and the run that made it, where that is
        known.

        Args:
            model: the object, or the path of a file; None if the training begins anew.
            rounds: given an object, returns how many rounds it has; None where that cannot be told.
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
        """Return what data of this call are: they are asked once, also where several parts of the
        record need it.
        """
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
            hints: of :meth:`fitprint.data.description.Description.dataset`, such as
                ``kind="target"``.
        """
        if data is not None and self.setting("datasets"):
            with self.part(f"dataset {name}"):
                self.run.log_input(self.described(data), name, role, **hints)

    def profile(self, data: Any, *, name: str, role: str = "train") -> None:
        """Record a profile of data's values, if data are recorded at all: of predictions, or beside
        facts that the plugin found.

        Args:
            data: the object, or what :meth:`described` says of it. It is not kept alive.
            name: a short name.
            role: "train", "eval", "test" or another word.
        """
        if data is not None and self.setting("datasets"):
            with self.part(f"profile {name}", quiet=True):
                self.run.log_profile(data, name, role)

    def dataset_facts(
        self, facts: Mapping[str, Any], *, name: str, role: str = "train", digest: str = ""
    ) -> None:
        """Record facts that the plugin itself found, if data are recorded at all: on a framework's
        own containers, and on files.

        Args:
            facts: JSON values; those that :meth:`fitprint.data.description.Description.dataset`
                names have the same meaning here.
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
                    else "there are no data of which columns and types can be told",
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
        """Remember that an object (a model, its predictions) belongs to this run, for as long as it
        lives.
        """
        self._call.engine.origins.remember(subject, self.run)

    def linked(self, subject: Any) -> Run | None:
        """Return the run that an object belongs to, or None."""
        run: Run | None = self._call.engine.origins.recall(subject)
        return run

    def when_sequence_ends(self, action: Callable[[], None]) -> None:
        """Call ``action`` before the run of this sequence ends (it must not keep the instance
        alive). The last one given counts.
        """
        sequence = self._call.engine.sequence_of(self.instance)
        if sequence is not None:
            sequence.at_end = action

    def release(self) -> None:
        """Forget the user's objects: a context that was copied inside the call may keep this handle
        alive.
        """
        self.instance, self.outer = None, None
        self._descriptions.clear()
