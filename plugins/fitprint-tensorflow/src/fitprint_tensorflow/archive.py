"""Looking into a ``.keras`` file before anything of it is loaded: which code it refers to."""

from __future__ import annotations

import importlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fitprint.errors import IntegrityError
from fitprint.models.archives import opened

__all__ = ["LAMBDA", "Archive", "read_archive"]

LAMBDA = "keras.layers.Lambda"

# Public packages of Keras whose classes and functions a configuration may name: they make models
# and nothing else.
_MODELLING = frozenset(
    (
        "activations constraints dtype_policies initializers layers losses metrics models ops "
        "optimizers quantizers random regularizers"
    ).split()
)
_TOP = frozenset(
    {
        "DTypePolicy",
        "FloatDTypePolicy",
        "Functional",
        "Initializer",
        "Layer",
        "Model",
        "SeedGenerator",
        "Sequential",
    }
)
# These run code or read files that the configuration names.
_RISKY = frozenset({"FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"})
_READING = {
    "IntegerLookup": "vocabulary",
    "StringLookup": "vocabulary",
    "TextVectorization": "vocabulary",
}
_BUILTIN = (
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
)
_NOT_MODELLING = frozenset({"clone_model", "load_model", "model_from_json", "save_model"})
_FUNCTION = "function"


class Archive:
    """What a ``.keras`` file says of itself.

    Attributes:
        version: of the Keras that wrote it.
        needs: names of code that is not Keras' own, sorted, with the name under which the file asks
            for each.
    """

    def __init__(self, version: str, needs: Mapping[str, str]) -> None:
        self.version = version
        self.needs = dict(sorted(needs.items()))


def read_archive(path: Path, functions: Mapping[str, str], *, vast: bool = False) -> Archive:
    """Return what a file says of itself; no code of it is imported or run.

    Args:
        functions: where functions are defined, ``{name: "module.name"}``: the file has their names
            alone.
        vast: it may be much smaller than what is in it.

    Raises:
        IntegrityError: the file is damaged.
    """
    try:
        with opened(path, vast=vast) as archive:
            config = json.loads(archive.read("config.json"))
            version = str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
            weights = [name for name in archive.namelist() if name.startswith("model.weights")]
            if not weights:
                raise IntegrityError(f"{path.name} is damaged: it holds no weights")
            damaged = archive.testzip()
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, AttributeError) as error:
        raise IntegrityError(f"{path.name} is damaged: {error}") from error
    if damaged is not None:
        raise IntegrityError(f"{path.name} is damaged: {damaged} in it is not what was written")
    needs: dict[str, str] = {}
    for name, asked in _uses(config):
        needs[functions.get(name, name)] = asked
    return Archive(version, needs)


def _uses(config: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of all code that is not Keras' own, with the names under which Keras would
    ask for it.
    """
    stack = [config]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            if isinstance(node.get("class_name"), str):
                found = _use(node)
                if found is not None:
                    yield found
            stack.extend(node.values())


def _use(node: Mapping[str, Any]) -> tuple[str, str] | None:
    name, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    config = node.get("config")
    if name in _RISKY or name == "__lambda__":
        return (
            (LAMBDA, LAMBDA) if name in {"Lambda", "__lambda__"} else (f"keras.layers.{name}", name)
        )
    if (
        name in _READING
        and isinstance(config, Mapping)
        and isinstance(config.get(_READING[name]), str)
    ):
        return f"keras.layers.{name}", name
    if name == "__typespec__":
        inner = config if isinstance(config, Mapping) else node
        where = str(inner.get("module") or "")
        return (
            None
            if where.startswith("tensorflow.")
            else (f"{where}.{inner.get('spec_name')}", str(inner.get("spec_name")))
        )
    if name.startswith("__"):
        return None
    if name == _FUNCTION:
        called = str(config)
        if (module in (None, "builtins") and _is_builtin(called)) or _is_modelling(module, called):
            return None
        return (called if module in (None, "builtins") else f"{module}.{called}"), called
    if _is_modelling(module, name) and (registered is None or registered == name):
        return None
    if module is None and "module" not in node and registered is None:
        # in the old way of telling a configuration, which finds Keras' own and what the caller has
        # registered
        return None
    where = "" if module in (None, "builtins") else f"{module}."
    return f"{where}{name}", str(registered or name)


def _is_modelling(module: Any, name: str) -> bool:
    """Tell whether a module of Keras' has a class or function of that name that makes models, and
    that is defined in such a module.

    Whatever else its modules hold, such as what they import, is of no concern to a configuration.
    """
    if (
        not isinstance(module, str)
        or name in _NOT_MODELLING
        or not name.isidentifier()
        or not _makes_models(module, name)
    ):
        return False
    try:
        found = vars(importlib.import_module(module)).get(name)
    except (ImportError, ValueError):
        return False
    if found is None:
        return True  # a newer Keras may have it; this one finds nothing either
    return _makes_models(str(getattr(found, "__module__", "")), name)


def _makes_models(module: str, name: str) -> bool:
    parts = module.split(".")
    if parts[0] != "keras":
        return False
    parts = parts[2:] if parts[1:2] == ["src"] else parts[1:]
    if parts[:1] == ["backend"]:  # optimizers are a matter of the backend
        return "optimizers" in parts
    return name in _TOP if not parts else parts[0] in _MODELLING


def _is_builtin(name: str) -> bool:
    """Tell whether Keras has a function of this name, which it then takes,
    whatever else there is.
    """
    return any(hasattr(importlib.import_module(f"keras.{module}"), name) for module in _BUILTIN)
