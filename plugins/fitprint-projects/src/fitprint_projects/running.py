"""Running a project: its command is put together, started on a runner, and recorded on one run."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import fitprint
from fitprint.access import make_folder
from fitprint.context.redaction import redact_argv, word_digest
from fitprint.context.secrecy import withheld
from fitprint.hooks.manager import hooks
from fitprint.hooks.runners import Job, Runner
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run
from fitprint.recording.sealing import sealed
from fitprint.recording.workspace import current
from fitprint_projects.environments.locks import LOCK, lock_of
from fitprint_projects.errors import ProjectError
from fitprint_projects.fetching import fetched
from fitprint_projects.interpreters import Interpreter, interpreter_for
from fitprint_projects.parameters import Arguments, parsed
from fitprint_projects.sources import Source, opened
from fitprint_projects.spec import EntryPoint
from fitprint_projects.table import read_project
from fitprint_projects.templates import command_of

__all__ = ["DOCUMENT", "Outcome", "Plan", "Wish", "ending_with_us", "planned", "prepare_process"]

DOCUMENT = "project.json"
# of this process, which only waits
_OWN_SETTINGS = ("context", "configuration", "system_metrics", "console")
_SIGNALS = {130: "an interrupt", 143: "a request to end", 137: "a kill"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to run.

    Attributes:
        source: see :func:`fitprint_projects.sources.opened`.
        entry: the entry point, or a script; "" for ``main``, or the only one.
        version: branch, tag or commit.
        environment: see :func:`fitprint_projects.interpreters.interpreter_for`.
        runner: name of one.
        options: of the runner.
        experiment: name of the experiment; "" for the one that is set.
        offline: use no network for environments.
        quiet: keep standard output free.
        build: make environments; False for a look only.
        trust: take the code of a run that somebody else recorded.
    """

    source: str
    entry: str = ""
    version: str = ""
    environment: str = "auto"
    runner: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    experiment: str = ""
    offline: bool = False
    quiet: bool = False
    build: bool = True
    trust: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of a project ended: its id and name, and the exit status of its command."""

    run: str
    name: str
    status: int


class Plan:
    """A project that is at hand, with all that its runs share."""

    def __init__(
        self,
        wish: Wish,
        source: Source,
        entry: EntryPoint,
        interpreter: Interpreter,
        runner: Runner,
        folder: Path,
    ) -> None:
        self.wish = wish
        self.source = source
        self.entry = entry
        self.interpreter = interpreter
        self.runner = runner
        self._folder = folder
        self._fetched: dict[str, str] = {}

    def arguments(self, given: Mapping[str, str]) -> Arguments:
        """Return the parameters of a run.

        Raises:
            ProjectError: one is missing or wrong.
        """
        return parsed(self.entry, given, self.source.folder, self._fetch)

    def _fetch(self, address: str) -> str:
        if not self.wish.build:
            return address
        if address not in self._fetched:
            place = self._folder / str(len(self._fetched))
            self._fetched[address] = str(fetched(address, place))
        return self._fetched[address]

    def template(self, arguments: Arguments) -> list[str]:
        """Return the command as the project says it, with its values."""
        return self._filled(arguments, {key: each.passed for key, each in arguments.items()})

    def shown(self, arguments: Arguments) -> list[str]:
        """Return the command without secrets."""
        texts = {key: withheld(key, each.passed) for key, each in arguments.items()}
        return redact_argv(self._filled(arguments, texts))

    def _filled(self, arguments: Arguments, texts: Mapping[str, str]) -> list[str]:
        declared = {key: texts[key] for key, each in arguments.items() if each.type}
        further = {key: texts[key] for key, each in arguments.items() if not each.type}
        return command_of(
            self.entry.command, declared, further, f"the entry point {self.entry.name!r}"
        )

    def job(self, command: list[str], run: str, name: str, variables: Mapping[str, str]) -> Job:
        """Return what the runner gets."""
        return Job(
            run=run,
            name=name,
            command=self.interpreter.applied(command),
            folder=self.source.folder,
            home=current().home,
            variables={**self.interpreter.environment(), **variables},
            image=self.interpreter.image,
            volumes=self.interpreter.volumes,
            options=self.wish.options,
        )

    def facts(self, arguments: Arguments) -> dict[str, Any]:
        """Return what is recorded beside parameters: all that makes the same run once more."""
        return {
            "version": 1,
            **self.source.facts(),
            "entry": self.entry.name,
            "parameters": {
                name: {
                    "text": withheld(name, each.text),
                    "type": each.type,
                    "origin": each.origin,
                }
                for name, each in arguments.items()
            },
            "command": self.shown(arguments),
            "environment": {
                "kind": self.interpreter.kind,
                "wish": self.wish.environment,
                **({"image": self.interpreter.image} if self.interpreter.image else {}),
                **({"key": self.interpreter.key} if self.interpreter.key else {}),
            },
            "runner": {"name": self.runner.name, "options": dict(self.wish.options)},
        }

    def execute(
        self,
        given: Mapping[str, str],
        *,
        name: str = "",
        parent: Run | None = None,
        tags: Mapping[str, str] | None = None,
        watch: Callable[[Any], None] = lambda _: None,
    ) -> Outcome:
        """Run the project once, record it, and return how it ended.

        Args:
            given: texts of parameters.
            name: of the run; drawn if not given.
            parent: the run that it is a part of.
            tags: of the run, beside those that name the project.
            watch: called with the runner's handle, as soon as there is one.

        Raises:
            ProjectError: it cannot be started; no run is left behind that says otherwise.
        """
        arguments = self.arguments(given)
        command = self.template(arguments)
        workspace = current()
        run = open_run(
            name=name or None,
            experiment=self.wish.experiment or None,
            parent=parent,
            tags={
                "project": self.source.shown,
                "project.entry": self.entry.name,
                **({"project.revision": self.source.revision} if self.source.revision else {}),
                **(tags or {}),
            },
            workspace=workspace,
        )
        try:
            run.log_params(
                {key: each.value for key, each in arguments.items()},
                defaults=[key for key, each in arguments.items() if each.origin == "default"],
            )
            run.log_dict(sealed(self.facts(arguments)), DOCUMENT)
            if self.interpreter.packages:
                run.log_dict(lock_of(self.interpreter.packages, self.interpreter.files), LOCK)
            variables = self._variables(run) | self._secrets(arguments, command)
            prepared = self.runner.prepare(self.job(command, run.id, run.name, variables))
            handle = self.runner.submit(prepared)
        except BaseException as error:
            run.end("FAILED", error=str(error))
            raise
        watch(handle)
        try:
            status = self.runner.wait(handle)
        except BaseException:
            self.runner.cancel(handle)
            run.end("KILLED")
            raise
        if status == 0:
            run.end()
        elif status in _SIGNALS:
            run.end("KILLED", error=f"the command was ended by {_SIGNALS[status]}")
        else:
            run.end("FAILED", error=f"the command ended with exit status {status}")
        return Outcome(run.id, run.name, status)

    def _secrets(self, arguments: Arguments, command: list[str]) -> dict[str, str]:
        """Return a variable that keeps secrets out of the command that a program records."""
        found = {
            each.passed
            for key, each in arguments.items()
            if each.passed and withheld(key, each.passed) != each.passed
        }
        words = {word for word in command if any(each in word for each in found)}
        return {"FITPRINT_WITHHELD": " ".join(map(word_digest, found | words))} if found else {}

    def _variables(self, run: Run) -> dict[str, str]:
        """Return the variables that make the run current where the command runs."""
        if not self.runner.is_distant:
            return run.environ(whole=True)
        token = run.token()
        token = replace(
            token,
            settings={
                key: each for key, each in token.settings.items() if key not in _OWN_SETTINGS
            },
        )
        if "://" not in token.store or token.store.startswith(("sqlite:", "memory:")):
            raise ProjectError(
                f"the runner {self.runner.name!r} may run it on another machine, and the store "
                "cannot be reached from there; set one that can, such as postgresql://HOST/NAME"
            )
        return {"FITPRINT_RUN": token.encode(), "FITPRINT_WHOLE": run.id}


@contextmanager
def planned(wish: Wish, tell: Callable[[str], None]) -> Iterator[Plan]:
    """Yield a project that is ready to be run; what was fetched for it is removed afterwards.

    Raises:
        ProjectError: the project, or what is wished of it, is wrong.
        FitprintError: its environment cannot be made.
    """
    runner = _runner(wish)
    places = None
    if wish.runner != "local" and wish.build:  # others share the home's disk, if any
        places = current().home / "checkouts"
        make_folder(current().home)
        make_folder(places)
    with (
        opened(wish.source, wish.version, places=places, trust=wish.trust) as source,
        tempfile.TemporaryDirectory(prefix="fitprint-inputs-", dir=places) as folder,
    ):
        project = read_project(source.folder)
        name = wish.entry or source.script or "main"
        if not wish.entry and not source.script and name not in project.entries:
            if len(project.entries) == 1:
                (name,) = project.entries
            elif not project.entries:
                raise ProjectError(
                    f"{source.folder} has no MLproject and no table [tool.fitprint.project]; name "
                    "what is to be run: -e SCRIPT.py"
                )
        entry = project.entry(name)
        interpreter = interpreter_for(
            project, wish.environment, offline=wish.offline, build=wish.build, tell=tell
        )
        if interpreter.image and runner.name == "local":
            runner = hooks().registered("register_project_runners")["container"]
        yield Plan(wish, source, entry, interpreter, runner, Path(folder))


def _runner(wish: Wish) -> Runner:
    from fitprint_projects.runners.local import LocalRunner

    runners: Mapping[str, Runner] = hooks().registered("register_project_runners")
    if wish.runner not in runners:
        raise ProjectError(
            f"there is no runner {wish.runner!r}; there are {', '.join(sorted(runners))}"
        )
    runner = runners[wish.runner]
    for name in wish.options:
        if name not in runner.options:
            raise ProjectError(
                f"the runner {runner.name!r} has no option {name!r}; it has "
                f"{', '.join(runner.options) or 'none'}"
            )
    return LocalRunner(quiet=True) if wish.quiet and wish.runner == "local" else runner


@contextmanager
def ending_with_us() -> Iterator[None]:
    """In this block, let a request to end be an interrupt, so that what was started ends, too."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def prepare_process(*, takes_over: bool) -> None:
    """Let this process record nothing of its own surroundings where the command records its own."""
    if takes_over:
        fitprint.configure(context=False, configuration=False, system_metrics=False, console=False)
