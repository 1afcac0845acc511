"""``fitprint deploy`` and ``fitprint image``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fitprint.arguments import shown
from fitprint.cli import reading
from fitprint.cli.command import add_verb
from fitprint.cli.terminal import tell
from fitprint.errors import (
    ArtifactNotFoundError,
    FitprintError,
    ModelNotFoundError,
    RefusedError,
    RunNotFinishedError,
    RunNotFoundError,
)
from fitprint.views.wording import clean, moment
from fitprint_deploy.errors import DeployError

__all__ = ["DEPLOY", "IMAGE", "Building", "Deploying"]

_REFUSED, _USAGE, _MISSING = 1, 2, 3
_ENGINES = ("buildah", "docker", "podman")
_VERSION = "models:/NAME@ALIAS or models:/NAME/3"
_MODEL = "models:/NAME@ALIAS, models:/NAME/3 or runs:/RUN/model"


class Deploying:
    """TARGET is image, compose, systemd, kubernetes, kserve, sagemaker, or one of a plugin. MODEL
    is models:/NAME@ALIAS, models:/NAME/3, or, to render and validate, runs:/RUN/model; models:/NAME
    is enough for `status`, `rollback` and `delete`.

    What serves is recorded in the registry: the alias deployed-TARGET-NAME of the model leads to
    the version, so `fitprint models history NAME` says since when, by whom and why, and a tag of
    the version says with which files. `apply` judges the run of the model first, as `fitprint
    check` does with the same options, and stops if it fails. `rollback` lets the version serve that
    served before, with the options that it had.

    The exit status is 0 if all went well, 1 if the check, a rule or the target says no, 2 if an
    option, a tool or a credential is missing, and 3 if the model or its run is not there.

    Examples:
      fitprint deploy render kubernetes models:/churn@champion --option image=NAME@sha256:... -o k8s
      fitprint deploy apply kubernetes models:/churn/4 --require "metrics.val_auc >= 0.9" ...
      fitprint deploy status kubernetes models:/churn
      fitprint deploy rollback kubernetes models:/churn --reason "errors since noon"

    --json prints an object. `render` and `validate`: target, name, uri, digest, files (paths),
    notes, problems. All others: target, name, model, version, since, actor, reason, files (a
    digest), options, known, and for `status` state.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help="what to do")
        for verb, (told, _) in _VERBS.items():
            model = {"render": _MODEL, "validate": _MODEL, "apply": _VERSION}.get(
                verb, "models:/NAME"
            )
            names = {"TARGET": "where it serves, such as kubernetes", "MODEL": model}
            one = add_verb(verbs, verb, told, names)
            one.add_argument(
                "--name", default="", help="of the deployment; the model's name by default"
            )
            if verb in ("render", "validate", "apply"):
                _add_option(one, "image=NAME@sha256:...")
            if verb in ("render", "apply", "rollback"):
                without = "they are printed" if verb == "render" else "they are not kept"
                _add_output(one, without)
            if verb == "apply":
                _add_gate(one)
            if verb in ("apply", "rollback", "delete"):
                one.add_argument(
                    "--reason", metavar="TEXT", default="", help="why; the history shows it"
                )
            one.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        return _guarded(_VERBS[arguments.verb][1], arguments)


class Building:
    """The image holds the model, what it was made with, and `fitprint serve`. It is built by
    buildah, docker or podman, whichever is here first; without a network with --option
    wheels=FOLDER and a base that is here.

    Printed is NAME@sha256:DIGEST of an image that was pushed, the id of one that was not.

    Examples:
      fitprint image build models:/churn@champion --option base=python@sha256:...
      fitprint image build models:/churn/4 --option tag=HOST/churn:4 --option push=yes
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, help="what to do")
        one = add_verb(verbs, "build", "build an image that serves a model", {"MODEL": _MODEL})
        one.add_argument("--name", default="", help="of the image; the model's name by default")
        one.add_argument(
            "--engine", choices=_ENGINES, default="", help="what builds; the first that is here"
        )
        _add_option(one, "base=NAME@sha256:...")
        _add_output(one, "they are not kept")
        one.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        return _guarded(_build, arguments)


DEPLOY, IMAGE = Deploying(), Building()


def _add_output(parser: argparse.ArgumentParser, without: str) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help=f"where the files are written; without it {without}",
    )


def _add_option(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help=f"an option of the target, such as {example}; may be given several times",
    )


def _add_gate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--require",
        metavar="FILTER",
        action="append",
        default=[],
        help="what must hold of the model's run, as for `fitprint check`",
    )
    parser.add_argument(
        "--no-worse-than", metavar="BASELINE", help="a run or a version, as for `fitprint check`"
    )
    parser.add_argument(
        "--metric", metavar="NAME", action="append", default=[], help="by which both are compared"
    )
    parser.add_argument(
        "--tolerance", metavar="NUMBER", type=float, default=0.0, help="by how much it may be worse"
    )


def _guarded(verb: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    try:
        if nothing := reading.nothing_yet():
            tell(nothing)
            return _MISSING
        reading.store()
        return verb(arguments)
    except DeployError as error:
        tell(str(error))
        return error.status
    except (
        ArtifactNotFoundError,
        ModelNotFoundError,
        RunNotFinishedError,
        RunNotFoundError,
    ) as error:
        tell(str(error))
        return _MISSING
    except RefusedError as error:
        tell(str(error))
        return _REFUSED


def _wish(arguments: argparse.Namespace, target: str = "") -> Any:
    from fitprint_deploy.deploying import Wish

    return Wish(
        target or arguments.target,
        arguments.model,
        arguments.name,
        _assigned(getattr(arguments, "option", ())),
        getattr(arguments, "output", None),
        getattr(arguments, "reason", ""),
    )


def _assigned(pairs: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise DeployError(f"--option needs NAME=VALUE, not {shown(pair)}")
        if found.setdefault(name, value) != value:
            raise DeployError(f"--option gives {shown(name)} two values; give one")
    return found


# -- verbs -----------------------------------------------------------------------------------------


def _render(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import render

    rendered = render(_wish(arguments))
    if arguments.output is not None:
        with rendered.written(arguments.output):
            pass
    if arguments.json:
        print(_dumped(_rendered_fields(rendered, ())))
        return 0
    for note in rendered.rendering.notes:
        tell(note)
    if arguments.output is not None:
        print(
            f"{arguments.output} has the {len(rendered.rendering.files)} files of "
            f"{rendered.release.name} for {rendered.target.name}, {rendered.rendering.digest}"
        )
        return 0
    for path, content in rendered.rendering.files.items():
        if isinstance(content, str):
            print(f"# {path}\n{content}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import render

    rendered = render(_wish(arguments))
    problems = rendered.problems()
    if arguments.json:
        print(_dumped(_rendered_fields(rendered, problems)))
    else:
        for problem in problems:
            print(problem)
        if not problems:
            print(f"nothing is wrong with {len(rendered.rendering.files)} files")
    return _REFUSED if problems else 0


def _apply(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import apply

    wish = _wish(arguments)
    if arguments.require or arguments.no_worse_than is not None:
        uri = _passed(wish, arguments)
        if uri is None:
            return _REFUSED
        # what was judged is what serves, whatever an alias names by now
        wish = replace(wish, uri=uri)
    return _say("serves", wish, apply(wish, tell), arguments)


def _passed(wish: Any, arguments: argparse.Namespace) -> str | None:
    """Say whether the run of the model is good enough, and return the URI of the version that was
    judged; None if it is not.
    """
    from fitprint.checking import check
    from fitprint_deploy.releases import read_release

    release = read_release(wish.uri, wish.name, {})[0]
    if not release.run:
        raise RunNotFoundError(
            f"no run is known that recorded {release.uri}, so nothing can be required of it"
        )
    try:
        gate = check(
            release.run,
            arguments.require,
            no_worse_than=arguments.no_worse_than,
            metric=arguments.metric,
            tolerance=arguments.tolerance,
        )
    except (RunNotFoundError, RunNotFinishedError, ModelNotFoundError):
        raise
    except FitprintError as error:
        raise DeployError(str(error)) from None
    if not gate or not arguments.json:
        tell(str(gate))
    return release.uri if gate else None


def _status(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import status

    wish = _wish(arguments)
    found, state = status(wish)
    return _say("is recorded to serve", wish, found, arguments, state)


def _roll_back(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import rolled_back

    wish = _wish(arguments)
    return _say("serves again", wish, rolled_back(wish, tell), arguments)


def _delete(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import delete

    wish = _wish(arguments)
    return _say("serves no more", wish, delete(wish), arguments)


def _build(arguments: argparse.Namespace) -> int:
    from fitprint_deploy.deploying import render
    from fitprint_deploy.engines import build

    rendered = render(_wish(arguments, "image"))
    for note in rendered.rendering.notes:
        tell(note)
    with rendered.written(arguments.output) as folder:
        image = build(folder, rendered.release, arguments.engine, tell)
    if arguments.json:
        print(_dumped({"id": image.id, "tag": image.tag, "digest": image.digest}))
    else:
        print(image.name)
    return 0


_VERBS: Mapping[str, tuple[str, Callable[[argparse.Namespace], int]]] = {
    "render": ("write the files of a deployment; nothing else happens", _render),
    "validate": ("say what is wrong with the files", _validate),
    "apply": ("let a version serve, and record it", _apply),
    "status": ("say what serves, by the record and by the target", _status),
    "rollback": ("let the version serve that served before", _roll_back),
    "delete": ("take a deployment away", _delete),
}


def _rendered_fields(rendered: Any, problems: Sequence[str]) -> dict[str, Any]:
    return {
        "target": rendered.target.name,
        "name": rendered.release.name,
        "uri": rendered.release.uri,
        "digest": rendered.rendering.digest,
        "files": sorted(rendered.rendering.files),
        "notes": list(rendered.rendering.notes),
        "problems": list(problems),
    }


def _say(
    did: str, wish: Any, found: Any, arguments: argparse.Namespace, state: str | None = None
) -> int:
    from fitprint_deploy.deploying import place_of

    model, name = place_of(wish)
    if arguments.json:
        fields: dict[str, Any] = {
            "target": wish.target,
            "name": name,
            "model": model,
            "version": found.version,
            "since": found.since,
            "actor": found.actor,
            "reason": found.reason,
            "files": found.files,
            "options": dict(found.options),
            "known": dict(found.known),
        }
        print(_dumped(fields if state is None else {**fields, "state": state}))
        return 0
    print(f"{clean(model)}/{found.version} {did} as {name} on {wish.target}")
    by = f", by {clean(found.actor)}" if found.actor else ""
    why = f": {clean(found.reason)}" if found.reason else ""
    print(f"since    {moment(found.since)}{by}{why}")
    print(f"files    {found.files}")
    for key, value in found.known.items():
        print(f"{key:8} {clean(value)}")
    if state is not None:
        print(f"target   {clean(state)}")
    return 0


def _dumped(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
