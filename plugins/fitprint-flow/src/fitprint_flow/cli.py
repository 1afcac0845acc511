"""``fitprint flow``."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fitprint.cli.command import add_verb, whole_number
from fitprint.cli.terminal import tell
from fitprint.ids import short_id
from fitprint.views.wording import clean
from fitprint_flow.commands import FILE, read_flow
from fitprint_flow.graph import Flow
from fitprint_flow.steps import FlowError

__all__ = ["COMMAND", "Flowing", "find_flow"]

_FLOW = "a file with a flow, or its folder; this folder by default"


class Flowing:
    """FLOW is a file fitprint.flow.toml, a Python file with a Flow (FILE.py:NAME if it has
    several), or a folder with one of them; by default fitprint.flow.toml or flow.py here.

    Examples:
      fitprint flow new churn
      fitprint flow run --jobs 2 --executor processes
      fitprint flow run --dry-run
      fitprint flow why train
      fitprint flow graph --mermaid
      fitprint flow export --to make > Makefile
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help="what to do")
        run = add_verb(verbs, "run", "run the steps of which something changed", {"[FLOW]": _FLOW})
        run.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="STEP",
            help="run this step and what it needs; may be repeated",
        )
        run.add_argument("--force", action="store_true", help="run steps that are cached, too")
        run.add_argument(
            "--executor",
            default=None,
            metavar="NAME",
            help="inline (the default), processes, dask, dask://HOST:PORT, ray, ray://HOST:PORT, "
            "or one of a plugin",
        )
        run.add_argument(
            "--jobs",
            type=whole_number(1),
            default=None,
            metavar="N",
            help="run up to N steps at once; without --executor in processes",
        )
        run.add_argument(
            "--dry-run", action="store_true", help="say what would be run, and run nothing"
        )
        graph = add_verb(verbs, "graph", "show which step takes what from which", {"[FLOW]": _FLOW})
        graph.add_argument("--mermaid", action="store_true", help="as a Mermaid diagram")
        add_verb(
            verbs,
            "why",
            "say why a step is run, or is not",
            {"STEP": "name of the step", "[FLOW]": _FLOW},
        )
        collect = add_verb(
            verbs,
            "gc",
            "move old runs of a flow, with their steps, to the trash",
            {"[FLOW]": _FLOW},
        )
        collect.add_argument(
            "--keep",
            type=whole_number(1),
            default=5,
            metavar="N",
            help="keep the newest N; 5 by default",
        )
        collect.add_argument("--dry-run", action="store_true", help="say which, and do nothing")
        add_verb(
            verbs,
            "new",
            "write an example of a whole life cycle",
            {"[FOLDER]": "the folder; this one by default"},
        )
        export = add_verb(
            verbs, "export", "print the flow as text that others run", {"[FLOW]": _FLOW}
        )
        export.add_argument(
            "--to", required=True, choices=("github", "gitlab", "make"), help="who runs it"
        )
        add_verb(
            verbs,
            "import",
            "write fitprint.flow.toml with the stages of DVC",
            {"[FILE]": "DVC's file; dvc.yaml by default"},
        )

    def run(self, arguments: argparse.Namespace) -> int:
        verb: Callable[[argparse.Namespace], int] = _VERBS[arguments.verb]
        return verb(arguments)


def find_flow(where: str | None) -> Flow:
    """Return the flow that a user means.

    Raises:
        FlowError: there is none, or there are several.
    """
    text, _, name = (where or ".").partition(":")
    path = Path(text)
    if path.is_dir():
        found = [path / each for each in (FILE, "flow.py") if (path / each).is_file()]
        if not found:
            raise FlowError(
                f"there is no {FILE} and no flow.py in {path.absolute()}; `fitprint flow new` "
                "writes an example"
            )
        path = found[0]
    if not path.is_file():
        raise FlowError(f"there is no file {path}")
    if path.suffix == ".toml":
        return read_flow(path)
    module = _imported(path.resolve())
    flows = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if name:
        if name not in flows:
            raise FlowError(f"{path} has no flow {name!r}; it has: {', '.join(flows) or 'none'}")
        return flows[name]
    if len({id(each) for each in flows.values()}) != 1:
        raise FlowError(
            f"{path} has {'several flows' if flows else 'no flow'} at its top level"
            + (f"; say which: {path}:{next(iter(flows))}" if flows else ": flow = Flow(...)")
        )
    return next(iter(flows.values()))


def _imported(path: Path) -> Any:
    """Import a file under its own name, as processes that run its functions will."""
    if path.suffix != ".py":
        raise FlowError(f"{path} is neither a Python file nor a .toml file")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(path.stem)
    except (Exception, SystemExit) as error:
        told = "".join(traceback.format_exception_only(type(error), error)).strip()
        at = [
            each.lineno
            for each in traceback.extract_tb(error.__traceback__)
            if each.filename == str(path)
        ]
        where = f" (line {at[-1]})" if at else ""
        raise FlowError(f"{path} cannot be imported{where}: {told}") from error
    if Path(module.__file__ or "").resolve() != path:
        raise FlowError(
            f"{path.name} has the name of another module, {module.__file__}; rename the file"
        )
    return module


def _run(arguments: argparse.Namespace) -> int:
    flow = find_flow(arguments.flow)
    if arguments.dry_run:
        for planned in flow.plan(arguments.only, force=arguments.force):
            if planned.state == "cached":
                print(f"{clean(planned.name)}: cached from {short_id(planned.run)}")
            else:
                word = "runs: " if planned.state == "run" else ""
                print(f"{clean(planned.name)}: {word}{clean('; '.join(planned.reasons))}")
        return 0
    import fitprint
    from fitprint_flow.running import StepResult, run

    def told(name: str, result: StepResult) -> None:
        what = (
            f"cached from {short_id(result.cached_from)}"
            if result.cached_from
            else f"run {short_id(result.run)}"
        )
        if not getattr(sys.stdout, "closed", True):  # a step may have closed it
            print(f"{clean(name)}: {what}", flush=True)

    fitprint.autolog()
    executor = arguments.executor or ("inline" if arguments.jobs is None else "processes")
    result = run(
        flow,
        executor=executor,
        jobs=arguments.jobs,
        only=arguments.only,
        force=arguments.force,
        tell=told,
    )
    tell(f"{len(result.ran)} of {len(result.steps)} steps were run")
    return 0


def _graph(arguments: argparse.Namespace) -> int:
    flow = find_flow(arguments.flow)
    steps = flow.order()
    if arguments.mermaid:
        numbers = {step.name: number for number, step in enumerate(steps)}
        print("flowchart TD")
        for step in steps:
            shown = clean(step.name).replace('"', "#quot;")
            print(f'  s{numbers[step.name]}["{shown}"]')
        for step in steps:
            for name in step.needs:
                print(f"  s{numbers[name]} --> s{numbers[step.name]}")
        return 0
    for step in steps:
        needs = ", ".join(map(clean, step.needs))
        print(f"{clean(step.name)} ← {needs}" if needs else clean(step.name))
    return 0


def _why(arguments: argparse.Namespace) -> int:
    flow = find_flow(arguments.flow)
    planned = {each.name: each for each in flow.plan([arguments.step])}[arguments.step]
    if planned.state == "cached":
        print(f"nothing changed: cached from {short_id(planned.run)}")
    for reason in planned.reasons:
        print(clean(reason))
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    import fitprint
    from fitprint_flow.planning import runs_of

    name = find_flow(arguments.flow).name
    old = runs_of(name)[arguments.keep :]
    for record in old:
        if not arguments.dry_run:
            fitprint.delete_run(fitprint.get_run(record.id))
        print(record.id)
    done = "would be moved" if arguments.dry_run else "moved"
    tell(
        f"{len(old)} old runs of {name!r} {done} to the trash; `fitprint purge` and `fitprint gc` "
        "free their files"
    )
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from fitprint_flow.template import FILES

    folder = Path(arguments.folder or ".")
    for name in FILES:
        if (folder / name).exists():
            raise FlowError(f"{folder / name} is there already; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    tell(f"run it: fitprint flow run {folder / 'flow.py'}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from fitprint_flow.dvc import converted

    source = Path(arguments.file or "dvc.yaml")
    target = source.parent / FILE
    if target.exists():
        raise FlowError(f"{target} is there already; move it away first")
    text, left = converted(source)
    target.write_text(text, encoding="utf-8")
    print(target)
    for each in left:
        tell(f"not brought over: {each}")
    return 1 if left else 0


def _export(arguments: argparse.Namespace) -> int:
    from fitprint_flow.exporting import exported

    print(exported(find_flow(arguments.flow), arguments.to, arguments.flow or "."), end="")
    return 0


_VERBS = {
    "export": _export,
    "gc": _collect,
    "graph": _graph,
    "import": _import,
    "new": _new,
    "run": _run,
    "why": _why,
}

COMMAND = Flowing()
