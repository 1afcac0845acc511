"""Writing a new plugin package that works before anything in it is changed."""

from __future__ import annotations

import importlib
import inspect
import keyword
import re
import shutil
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import fitprint
from fitprint.autologging.framework import SubclassMethod
from fitprint.cli.templates import AIMED, FILES, PREDICT, STAND_IN, STAND_IN_FILES
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks

__all__ = ["framework_name", "write_package"]

# What a training call is mostly given, as small examples.
_ROWS = "[[number % 3 + 0.5, number % 5 * 0.25] for number in range(20)]"
_LABELS = "[number % 2 for number in range(20)]"
_EXAMPLES = dict.fromkeys(("X", "x", "data", "inputs", "features"), _ROWS) | dict.fromkeys(
    ("y", "Y", "label", "labels", "target"), _LABELS
)


def framework_name(text: str, taken: Collection[str]) -> str:
    """Return the name of the framework that the user means: also the plugin's, and part of the
    package's.

    Args:
        text: what the user wrote; a dash counts as an underscore.
        taken: names that plugins have already.

    Raises:
        FitprintError: it is no name for a framework; the text says what is.
    """
    name = text.replace("-", "_")
    if name.startswith("fitprint_") and len(name) > len("fitprint_"):
        raise FitprintError(
            f"{text!r} would make a package fitprint-{text}: give the framework's name alone, "
            f"{text[len('fitprint_') :]!r}"
        )
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        rule = (
            "lower-case letters, digits and single dashes or underscores between them, a "
            "letter first"
        )
        raise FitprintError(f"{text!r} cannot be the name of a plugin: {rule}, such as 'toylearn'")
    if keyword.iskeyword(name):
        raise FitprintError(
            f"{text!r} is a word of Python's, which no module can be named: choose another name"
        )
    if name in taken or name in ("core", "fitprint"):
        raise FitprintError(
            f"there is already a plugin named {name!r}: choose another name, or uninstall that one "
            "(see `fitprint plugins`)"
        )
    return name


def write_package(name: str, parent: Path, framework: str = "") -> Path:
    """Write a package ``fitprint-NAME`` into a folder, and return its folder.

    Nothing that exists is overwritten.

    Args:
        name: of the framework, as :func:`framework_name` returns it.
        parent: the folder that is to hold the package's; it is made if need be.
        framework: "module:Class.fit" or "module:train", what the plugin is to observe, which is
            imported and looked at; by default the package brings a tiny framework of its own.

    Raises:
        FitprintError: the folder exists, cannot be written, or the framework has no such function.
    """
    distribution = f"fitprint-{name.replace('_', '-')}"
    folder = parent / distribution
    places = _places(name, distribution, framework)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        where = folder if folder.exists() or folder.is_symlink() else error.filename
        raise FitprintError(
            f"{where} already exists, and nothing was written: remove it, or choose another "
            "--directory"
        ) from error
    except OSError as error:
        raise FitprintError(f"{folder} cannot be made: {error.strerror}") from error
    try:
        for path, text in ({**FILES, **STAND_IN_FILES} if not framework else FILES).items():
            file = folder / _filled(path, places)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_filled(text, places), encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise FitprintError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def _places(name: str, distribution: str, framework: str) -> dict[str, str]:
    major, minor = fitprint.__version__.split(".")[:2]
    places = {
        "name": name,
        "distribution": distribution,
        "package": distribution.replace("-", "_"),
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "fitprint": f"fitprint>={major}.{minor},<{major}.{int(minor) + 1}",
    }
    chosen = {**AIMED, **_aimed(framework)} if framework else STAND_IN
    return {
        **places,
        **{place: _filled(text, places | {"target": framework}) for place, text in chosen.items()},
    }


def _filled(text: str, places: Mapping[str, str]) -> str:
    return Template(text).substitute(places)


# -- an installed framework ------------------------------------------------------------------------


class _Target(NamedTuple):
    """What is to be observed.

    Attributes:
        module: as the user wrote it.
        owner: the class; None of a function.
        function: the function, or the method as the class has it.
    """

    module: str
    owner: type | None
    function: Any


def _aimed(framework: str) -> dict[str, str]:
    """Return what is known of an installed framework's function, and guessed from its signature."""
    target = _found(framework)
    parameters = list(inspect.signature(target.function).parameters.values())
    constructor = [] if target.owner is None else _required(target.owner)
    if target.owner is not None:
        parameters = parameters[1:]
    chosen = [
        parameter.name
        for parameter in parameters
        if parameter.kind
        in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and (parameter.default is parameter.empty or parameter.name in _EXAMPLES)
    ]
    built = [
        (
            f'        "{name}": '
            f"{_EXAMPLES.get(name, 'None')},{'' if name in _EXAMPLES else '  # CHANGE: a value'}"
        )
        for name in chosen
    ]
    leading = [
        name for name, parameter in zip(chosen, parameters, strict=False) if name == parameter.name
    ]
    by_name = {
        parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY
    } | set(chosen[len(leading) :])
    passed = ", ".join(f"{name}={name}" if name in by_name else name for name in chosen)
    datasets = [
        f'    fit.dataset(fit.argument("{name}"), name="{name}")'
        for name in chosen
        if name in _EXAMPLES
    ]
    described = ", ".join(f'"{name}"' for name in chosen if name in _EXAMPLES)
    distribution, requirement = _distribution(target.module.partition(".")[0])
    common = {
        "framework_distribution": distribution,
        "requirement": f'"{requirement}"',
        "target": framework,
        "record": f", datasets={{{described}}}" if described else "",
        "told": "",
        "predict": "",
        "case": target.function.__name__,
    }
    if target.owner is None:
        function = target.function.__name__
        called = _free(function, chosen)
        imported = function if called == function else f"{function} as {called}"
        others = (
            "{name: value for name, value in fit.arguments.items() if isinstance(value, "
            "(bool, int, float, str))}"
        )
        return common | {
            "imported": "Framework, Function",
            "targets": f'Function("{framework}", observe)',
            "within": "",
            "above": "\n".join(
                [f"    fit.params({others})  # CHANGE: what decides the training", *datasets]
            ),
            "yielded": "model = yield",
            "below": "    fit.model(model)",
            "imports": "",
            "built": "\n".join(built),
            "names": ", ".join(chosen),
            "call": f"    from {target.module} import {imported}\n\n    return {called}({passed})",
            "subject": function,
        }
    cls = target.owner.__name__
    # What is given a model trains it, and is none.
    instance = "model" if "model" not in chosen else _free("trainer", chosen)
    arguments = ", ".join(f"{name}=None" for name in constructor)
    known = (
        f"{{name: value for name, value in vars({instance}).items() if isinstance(value, "
        "(bool, int, float, str))}"
    )
    asked = f"{instance}.get_params()" if hasattr(target.owner, "get_params") else known
    comment = "  # CHANGE: what it needs" if constructor else ""
    rows = next((name for name in chosen if _EXAMPLES.get(name) == _ROWS), None)
    if rows is not None and inspect.isfunction(getattr(target.owner, "predict", None)):
        common |= {"told": ", predict", "predict": _filled(PREDICT, {"rows": rows})}
    covering = _covering(target.owner, target.function.__name__)
    within = ", ".join(f'"{name}"' for name in covering)
    trains = dict.fromkeys(
        [target.function.__name__, *(name for names in covering.values() for name in names)]
    )
    return common | {
        "imported": "Framework, SubclassMethod",
        "targets": ", ".join(
            f'SubclassMethod("{framework.rpartition(".")[0]}", "{name}", observe)'
            for name in trains
        ),
        "within": (
            "\n"
            f"    within = ({within},)  # what else trains its objects, and is observed by "
            "other plugins"
        )
        if covering
        else "",
        "above": "\n".join(
            [f"    {instance} = fit.instance", f"    fit.params({asked})", *datasets]
        ),
        "yielded": "yield",
        "below": "    fit.model(model)"
        if instance == "model"
        else '    fit.model(fit.argument("model"))  # CHANGE: what was trained',
        "imports": f"    from {target.module} import {cls}\n",
        "built": "\n".join([f'        "{instance}": {cls}({arguments}),{comment}', *built]),
        "names": ", ".join([instance, *chosen]),
        "call": f"    return {instance}.{target.function.__name__}({passed})",
        "subject": cls,
    }


def _free(name: str, taken: Collection[str]) -> str:
    """Return the name, or one like it that is not taken."""
    while name in taken:
        name += "_"
    return name


def _covering(owner: type, method: str) -> dict[str, list[str]]:
    """Return by name the other frameworks whose base classes cover a class's method, with all of
    its methods that they say train.
    """
    bases = {f"{base.__module__}:{base.__qualname__}" for base in owner.__mro__}
    found = {}
    for name, framework in hooks().registered("register_frameworks").items():
        targets = [
            target
            for target in framework.targets()
            if isinstance(target, SubclassMethod) and target.path in bases
        ]
        names = [
            target.name
            for target in targets
            if target.role == "run" and inspect.isfunction(getattr(owner, target.name, None))
        ]
        if method in names:
            found[name] = names
    return found


def _required(owner: type) -> list[str]:
    """Return the names of what a class must be given."""
    try:
        parameters = inspect.signature(owner).parameters.values()
    except (TypeError, ValueError):
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty and parameter.kind not in variadic
    ]


def _found(framework: str) -> _Target:
    module_name, colon, path = framework.partition(":")
    if (
        not colon
        or not re.fullmatch(r"\w+(\.\w+)*", module_name)
        or not re.fullmatch(r"\w+(\.\w+)?", path)
    ):
        raise FitprintError(
            f"{framework!r} names no function: write module:Class.fit or module:train, such as "
            "'toylearn:Mean.train'"
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise FitprintError(
            f"{module_name} cannot be imported here ({type(error).__name__}: {error}): install it "
            "first"
        ) from error
    found: Any = module
    for name in path.split("."):
        try:
            owner, found = found, getattr(found, name)
        except AttributeError:
            raise FitprintError(f"{found.__name__} has no {name!r}{_near(found, name)}") from None
    if not inspect.isfunction(found):
        raise FitprintError(
            f"{framework} is not a Python function, so it cannot be observed: name the one that "
            "calls it"
        )
    return _Target(module_name, owner if isinstance(owner, type) else None, found)


def _near(owner: Any, name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [other for other in dir(owner) if not other.startswith("_")], 3)
    return f"; it has {', '.join(near)}" if near else ""


def _distribution(package: str) -> tuple[str, str]:
    """Return the distribution that brings a package, and it with the installed version as the lower
    bound.
    """
    name = next(iter(metadata.packages_distributions().get(package, ())), package)
    try:
        return name, f"{name}>={metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return name, name
