"""A flow as text that other programs run: GitHub Actions, GitLab CI, make."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fitprint_flow.commands import Command
from fitprint_flow.steps import FlowError

if TYPE_CHECKING:
    from fitprint_flow.graph import Flow, Step

__all__ = ["FORMS", "exported"]


def exported(flow: Flow, form: str, where: str) -> str:
    """Return a flow as a text of one of :data:`FORMS`. Nothing but the flow is looked at.

    Args:
        where: how the flow is named on the command line, from the folder that the text lies in.

    Raises:
        FlowError: the form has no words for something in it.
    """
    return FORMS[form](flow, flow.order(), where)


def _call(where: str, name: str) -> str:
    return shlex.join(["fitprint", "flow", "run", where, f"--only={name}"])


def _github(flow: Flow, steps: Sequence[Step], where: str) -> str:
    lines = [
        f"name: {_github_text(flow.name)}",
        "on: [push]",
        "jobs:",
        "  flow:",
        "    runs-on: ubuntu-latest",
        "    steps:",
        "      - uses: actions/checkout@v4",
        "      - uses: actions/setup-python@v5",
        "        with:",
        f"          python-version: {json.dumps(_python())}",
        "      - name: Install  # and what the steps import",
        "        run: pip install 'fitprint[flow]'",
        "      - uses: actions/cache@v4",
        "        with:",
        "          path: .fitprint",
        "          key: fitprint-flow-${{ github.run_id }}",
        "          restore-keys: fitprint-flow-",
    ]
    for step in steps:
        lines += [
            f"      - name: {_github_text(step.name)}",
            f"        run: {_github_text(_call(where, step.name))}",
        ]
    return "\n".join([*lines, ""])


def _github_text(text: str) -> str:
    # what the platform would replace stands for itself
    return json.dumps(text.replace("${{", "${{ '${{' }}"))


def _gitlab(flow: Flow, steps: Sequence[Step], where: str) -> str:  # noqa: ARG001 - no name there
    lines = [
        "flow:",
        f"  image: {json.dumps(f'python:{_python()}')}",
        "  cache:",
        "    key: fitprint-flow",
        "    paths: [.fitprint/]",
        "  script:",
        "    - pip install 'fitprint[flow]'  # and what the steps import",
        *(f"    - {json.dumps(_call(where, step.name))}" for step in steps),
    ]
    return "\n".join([*lines, ""])


def _python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def _make(flow: Flow, steps: Sequence[Step], where: str) -> str:
    """Commands become rules on their files, which need fitprint no longer; a function is run by
    `fitprint flow run`.
    """
    targets = {step.name: _targets(step, number) for number, step in enumerate(steps)}
    last = [name for step in steps for name in targets[step.name]]
    lines = [f"all: {' '.join(last)}", ".DELETE_ON_ERROR:"]
    phony = ["all"]
    for step in steps:
        mine = targets[step.name]
        if not (isinstance(step, Command) and step.outputs):
            phony += mine
        needs = dict.fromkeys(target for name in step.needs for target in targets[name])
        if isinstance(step, Command):
            made = {path for name in step.needs for path in _outputs(flow.steps[name])}
            files = [*step.inputs, *(each.rpartition(":")[0] for each in step.params)]
            needs |= dict.fromkeys(_make_path(path) for path in files if path and path not in made)
            call = shlex.join(step.argv)
        else:
            call = _call(where, step.name)
        if re.search(r"[\r\n\0]", call):
            raise FlowError(f"make has no words for the command of {step.name!r}: it has new lines")
        colon = "&:" if len(mine) > 1 else ":"  # one call makes all: GNU make 4.3
        made_in = sorted({posixpath.dirname(path) for path in _outputs(step)} - {""})
        folders = [f"\t@mkdir -p {_make_words(shlex.join(made_in))}"] if made_in else []
        lines += ["", " ".join([*mine, colon, *needs]), *folders, f"\t{_make_words(call)}"]
    return "\n".join([*lines, "", f".PHONY: {' '.join(phony)}", ""])


def _outputs(step: Step) -> Iterable[str]:
    return step.outputs if isinstance(step, Command) else ()


def _targets(step: Step, number: int) -> list[str]:
    if found := [_make_path(path) for path in _outputs(step)]:
        return found
    # another name could be that of a file, or steer make
    plain = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", step.name) and step.name != "all"
    return [step.name if plain else f"step-{number}"]


def _make_path(path: str) -> str:
    if re.search(r"[\s:;%*?\[\]~|&='\"\\<>()]", path):
        raise FlowError(f"make has no words for the path {path!r}; rename it")
    return path.replace("$", "$$").replace("#", "\\#")


def _make_words(words: str) -> str:
    return words.replace("$", "$$")


FORMS: Mapping[str, Callable[[Flow, Sequence[Step], str], str]] = {
    "github": _github,
    "gitlab": _gitlab,
    "make": _make,
}
