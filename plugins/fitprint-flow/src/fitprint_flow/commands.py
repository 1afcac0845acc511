"""Flows of commands: ``fitprint.flow.toml``, and the steps that it lists."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fitprint.access import make_folder
from fitprint.arguments import nearest
from fitprint.artifacts.paths import checked_path
from fitprint.data.trees import PARTIAL, read_tree
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.recording.workspace import current
from fitprint_flow.graph import Flow, Step, parts_of
from fitprint_flow.programs import run_program
from fitprint_flow.steps import FlowError, Options
from fitprint_flow.values import Document, digest_of, digest_of_file, store

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from fitprint.recording.run import Run
    from fitprint.recording.workspace import Workspace
    from fitprint_flow.code import CodeReader

__all__ = ["FILE", "Command", "read_flow"]

FILE = "fitprint.flow.toml"
_ASIDE = "flow-aside"  # below the home
_KEYS = {
    "run": list,
    "inputs": list,
    "outputs": list,
    "params": list,
    "version": (str, int),
    "retries": int,
    "timeout": (int, float),
    "cache": bool,
}


class Command(Step):
    """A step that is a command: what it reads and writes are files of the flow's folder.

    Args:
        argv: the words; ``{name}`` in one stands for the parameter of that name, and no shell
            reads them.
        files: what it reads and writes, as paths relative to the folder.

    Attributes:
        makers: by input that another step writes, that step and its output.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        argv: Sequence[str],
        files: tuple[Sequence[str], Sequence[str]],
        params: Mapping[str, Any],
        options: Options,
        timeout: float | None,
    ) -> None:
        self.name = name
        self.options = options
        self.place = self.folder = folder
        self.argv = [_with_values(word, params) for word in argv]
        self.inputs, self.outputs = files
        self.params = dict(params)
        self.timeout = timeout
        self.makers: dict[str, tuple[str, str]] = {}
        self.needs: list[str] = []

    def key_parts(self, reader: CodeReader, outputs: Mapping[str, Document]) -> dict[str, Any]:  # noqa: ARG002 - a command's files are among its inputs
        inputs = {}
        for path in self.inputs:
            if path in self.makers:
                maker, output = self.makers[path]
                inputs[path] = _digest_within(outputs[maker]["of"][output], output, path)
            else:
                inputs[path] = digest_of_file(self.folder / path, current().home)
            if not inputs[path]:
                raise FlowError(f"there is no file {path}, which the step {self.name!r} takes")
        code = {"run": digest_of({"run": self.argv}), "outputs": digest_of({"of": self.outputs})}
        return parts_of(code, self.params, inputs, {}, self.options)

    def perform(self, run: Run, values: Mapping[str, Any]) -> Document:  # noqa: ARG002 - they lie in the folder
        if self.params:
            run.log_params(self.params)
        home = run.workspace.home
        for path in self.outputs:
            self._check(path, home)
        before = {path: _written(self.folder / path) for path in self.outputs}
        for path in self.outputs:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **run.environ()}
        try:
            status = run_program(self.argv, self.folder, environment, self.timeout, home)
        except subprocess.TimeoutExpired:
            raise FlowError(
                f"it took longer than its timeout of {self.timeout:g} s and was stopped"
            ) from None
        except (OSError, ValueError) as error:
            raise FlowError(f"{self.argv[0]} cannot be run: {error}") from None
        if status < 0:
            raise FlowError(f"{self.argv[0]} was killed by signal {-status}")
        if status:
            raise FlowError(f"{self.argv[0]} ended with status {status}")
        for path in self.outputs:
            if _written(self.folder / path) is None:
                raise FlowError(f"the command did not write {path}, which is among its outputs")
            if _written(self.folder / path) == before[path]:
                raise FlowError(
                    f"the command left {path} as it was, though it is among its outputs; remove "
                    "the file, or take it from the outputs"
                )
        return store({path: self.folder / path for path in self.outputs}, run, self.options)

    def _check(self, path: str, home: Path) -> None:
        """Raise FlowError if an output would be written outside of the flow's folder, or among
        what fitprint writes.
        """
        root, place = (os.path.realpath(each) for each in (self.folder, self.folder / path))
        if root != place and Path(root) not in Path(place).parents:
            raise FlowError(
                f"the output {path} is behind a link that leads out of {self.folder}; name a place "
                "inside it"
            )
        if Path(place) in (home, *home.parents) or home in Path(place).parents:
            raise FlowError(
                f"the output {path} holds what fitprint itself writes ({home}); let the command "
                "write beside it"
            )

    def restore(self, workspace: Workspace, document: Document) -> None:
        for path in self.outputs:  # whatever else a record names
            self._check(path, workspace.home)
            output, target = document["of"][path], self.folder / path
            files = (
                {target / checked_path(name): digest for name, digest in output["files"].items()}
                if "files" in output
                else {target: output["digest"]}
            )
            try:
                if "files" in output and target.is_dir():
                    self._remove_others(target, set(output["files"]), workspace)
                for file, digest in files.items():
                    if file.is_symlink() or digest_of_file(file) != digest:
                        file.parent.mkdir(parents=True, exist_ok=True)
                        whole = file.with_name(f"{PARTIAL}{new_id()}")
                        try:
                            whole.write_bytes(workspace.blobs.read(digest))
                            whole.replace(file)
                        finally:
                            whole.unlink(missing_ok=True)
            except OSError as error:
                raise FlowError(
                    f"the output {path} cannot be brought back: {error.filename or target}: "
                    f"{error.strerror or error}; move away what is there"
                ) from error

    def _remove_others(self, folder: Path, names: set[str], workspace: Workspace) -> None:
        """Remove files that the run did not write, such as another run's: who reads the folder
        would read them, too. Those whose bytes are not kept are moved aside.
        """
        aside = workspace.home / _ASIDE / new_id()
        moved = []
        for file in read_tree(folder).files:
            place = folder / file.path
            if file.path in names:
                continue
            try:
                workspace.blobs.open(f"sha256:{file.hex}").close()
                place.unlink()
            except FitprintError:
                target = aside / file.path
                make_folder(target.parent)
                shutil.move(place, target)
                moved.append(file.path)
        if moved:
            hooks().problem(
                f"no run has kept {moved[0]}{' and others' if moved[1:] else ''} in {folder}, an "
                f"output of the step {self.name!r}: moved to {aside}",
                "flow",
            )


def _with_values(word: str, params: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in params:
            return match[0]
        found = params[match[1]]
        return found if isinstance(found, str) else json.dumps(found)

    return re.sub(r"\{([^{}]{1,200})\}", value, word)


def _digest_within(document: Document, output: str, path: str) -> str:
    """Return the digest of a file or folder that is an output, or lies in one."""
    if path == output:
        return digest_of(document)
    found: str = document.get("files", {}).get(path[len(output) + 1 :], "")
    return found


def _written(path: Path) -> tuple[int, ...] | None:
    """Return what changes when somebody writes a file, or into a folder; None if there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    if path.is_dir():
        times = [each.lstat().st_mtime_ns for each in path.rglob("*")]
        return (len(times), *sorted(times))
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


# -- the file --------------------------------------------------------------------------------------


def read_flow(file: Path) -> Flow:
    """Return the flow that a file describes.

    Raises:
        FlowError: it says something that no flow says; the message names the place.
    """
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeError, ValueError) as error:
        raise FlowError(f"{file} cannot be read: {error}") from None
    folder = file.absolute().parent
    _known(said, {"name": str, "params": dict, "step": dict}, str(file))
    flow = Flow(said.get("name", folder.name or "flow"))
    for name, about in said.get("step", {}).items():
        flow.put(_command(name, about, folder, said.get("params", {}), f"{file}, step {name}"))
    if not flow.steps:
        raise FlowError(f"{file} has no step; add a table such as [step.train]")
    _link([step for step in flow.steps.values() if isinstance(step, Command)])
    return flow


def _known(said: Any, known: Mapping[str, Any], where: str) -> None:
    if not isinstance(said, dict):
        raise FlowError(f"{where}: a table is needed, not {said!r}")
    for key, value in said.items():
        if key not in known:
            raise FlowError(f"{where}: there is no key {key!r}{nearest(key, known)}")
        if not isinstance(value, known[key]) or (
            isinstance(value, bool) and known[key] is not bool
        ):
            raise FlowError(f"{where}: {key} has a value of the wrong type: {value!r}")


def _command(name: str, about: Any, folder: Path, table: Mapping[str, Any], where: str) -> Command:
    _known(about, _KEYS, where)
    lists = {key: about.get(key, []) for key in ("run", "inputs", "outputs", "params")}
    for key, words in lists.items():
        if not all(isinstance(word, str) and word and "\0" not in word for word in words):
            raise FlowError(f"{where}: {key} is a list of texts, not {words!r}")
    if not lists["run"]:
        raise FlowError(f'{where}: run is missing, such as run = ["python", "train.py"]')
    inputs = [_plain(path) for path in lists["inputs"]]
    outputs = [_plain(path) for path in lists["outputs"]]
    for path in outputs:
        if os.path.isabs(path) or path.split("/")[0] == "..":  # noqa: PTH117 - a text
            raise FlowError(f"{where}: the output {path} lies outside of the flow's folder")
    retries, timeout = about.get("retries", 0), about.get("timeout")
    if retries < 0 or (timeout is not None and not 0 < timeout < math.inf):
        raise FlowError(f"{where}: retries must be 0 or more, and timeout above 0 seconds")
    options = Options(str(about.get("version", "")), about.get("cache", True), retries)
    params = {each: _param(each, table, folder, where) for each in lists["params"]}
    return Command(name, folder, lists["run"], (inputs, outputs), params, options, timeout)


def _plain(path: str) -> str:
    return os.path.normpath(path).replace(os.sep, "/")


def _param(word: str, table: Mapping[str, Any], folder: Path, where: str) -> Any:
    """Return the value of ``train.lr`` in the table of parameters, or of ``FILE:train.lr``."""
    file, colon, key = word.rpartition(":")
    value: Any = _content(folder / file, where) if colon else table
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            place = file if colon else "the table [params]"
            raise FlowError(f"{where}: there is no parameter {key} in {place}")
        value = value[part]
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise FlowError(f"{where}: the parameter {key} is {value!r:.100}: {error}") from None
    return value


def _content(file: Path, where: str) -> Any:
    read = _READERS.get(file.suffix)
    if read is None:
        raise FlowError(
            f"{where}: parameters are read from .json, .toml and .yaml files, not {file}"
        )
    try:
        return read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, FitprintError) as error:
        raise FlowError(f"{where}: {file} cannot be read: {error}") from None


def _yaml(text: str) -> Any:
    from fitprint.models.yaml_text import load

    return load(text)


_READERS: Mapping[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}


def _link(steps: Sequence[Command]) -> None:
    """Find out which step writes what another reads."""
    makers: dict[str, str] = {}
    for step in steps:
        for path in step.outputs:
            if path in makers:
                raise FlowError(
                    f"the steps {makers[path]!r} and {step.name!r} both write {path}; let each "
                    "write a file of its own"
                )
            makers[path] = step.name
    for path, name in makers.items():
        for above in PurePosixPath(path).parents:
            if (other := makers.get(str(above))) is not None:
                raise FlowError(
                    f"the step {name!r} writes {path} into {above}, an output of {other!r}; let "
                    "each write a place of its own"
                )
    for step in steps:
        for path in step.inputs:
            parts = path.split("/")
            for length in range(len(parts), 0, -1):
                output = "/".join(parts[:length])
                if output in makers:
                    step.makers[path] = (makers[output], output)
                    if makers[output] not in step.needs:
                        step.needs.append(makers[output])
                    break
