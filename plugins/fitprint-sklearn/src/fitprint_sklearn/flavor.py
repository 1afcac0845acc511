"""The scikit-learn flavor: skops where it can, which runs nothing at loading, else a pickle that is clearly marked."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.errors import IntegrityError
from fitprint.models import pickles
from fitprint.models.flavor import FlavorEntry, file_within
from fitprint.models.opcodes import dotted, scan
from fitprint.models.requirements import installed_version
from fitprint.models.trust import Trust
from fitprint_sklearn.trust import is_constructor, is_trusted, is_trusted_name

__all__ = ["SklearnFlavor"]


class SklearnFlavor:
    """Estimators: scikit-learn's, third parties' and the user's own.

    The first model saved imports skops, which imports most of scikit-learn (about a second, once).
    """

    name = "sklearn"
    packages = ("sklearn",)

    def accepts(self, model: object) -> bool:
        return any(base.__module__ == "sklearn.base" and base.__name__ == "BaseEstimator" for base in type(model).__mro__)

    def save(self, model: object, directory: Path) -> FlavorEntry:
        options: dict[str, Any] = {"code": None, "sklearn_version": installed_version("scikit-learn")}
        packed = _to_skops(model)
        if packed is not None:
            data, names = packed
            file, serialization = "model.skops", "skops"
            needs = sorted(name for name in names if not is_trusted_name(name))
            modules = {name.rpartition(".")[0] for name in names}
            options["skops_trusted_types"] = sorted(name for name in names if not name.startswith("builtins."))  # for MLflow's reader
        else:
            data, serialization, pairs = pickles.dump(model)
            file = "model.pkl"
            needs = sorted(dotted(*pair) for pair in pairs if not is_trusted(*pair))
            modules = {module for module, _ in pairs}
        (directory / file).write_bytes(data)
        options |= {"pickled_model": file, "serialization_format": serialization}
        return FlavorEntry(
            options=options,
            pyfunc={"loader_module": "mlflow.sklearn", "model_path": file} if hasattr(model, "predict") else None,
            serialization=serialization,
            safe=serialization == "skops",
            needs=needs,
            modules=sorted(modules | {"sklearn", "numpy", "scipy"} | ({serialization} - {"pickle"})),
        )

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("pickled_model", "model.pkl"))
        data = path.read_bytes()
        if options.get("serialization_format", "pickle") != "skops":
            model = pickles.load(data, trust, path.name, is_trusted, is_constructor)
            names = {dotted(*pair) for pair in scan(data).names}
        else:
            try:
                names = _names(data)
            except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
                raise IntegrityError(f"{path.name} of {trust.uri} is damaged: {error}") from error
            trust.require((name for name in names if not is_trusted_name(name)), path.name)
            import skops.io

            model = skops.io.loads(data, trusted=sorted(names))  # it refuses whatever it would make beyond these names
        _check_indices(model, names, path.name, trust)
        return model


def _to_skops(model: object) -> tuple[bytes, set[str]] | None:
    """Return the model as skops and the names in it; None where skops cannot write it, or what it writes leads nowhere."""
    try:
        import skops.io

        data: bytes = skops.io.dumps(model)
        names = _names(data)
        foreign = [name for name in names if not is_trusted_name(name)]
        if foreign:  # code that nobody has tried with skops: see that the way back exists
            if any(name.startswith("__main__.") or "<" in name for name in foreign):
                return None
            if type(skops.io.loads(data, trusted=sorted(names))) is not type(model):
                return None
    except Exception:  # noqa: BLE001 - every failure has the same answer: another format
        return None
    return data, names


def _names(data: bytes) -> set[str]:
    """Return the dotted names of all types, functions and methods that a skops archive refers to."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
    names: set[str] = set()
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                names.add(f"{node.get('__module__')}.{node['__class__']}")
                if node.get("__loader__") == "MethodNode":
                    names.add(f"{node.get('__module__')}.{node['__class__']}.{node['content']['func']}")
            stack.extend(value for value in node.values() if isinstance(value, dict | list))
        else:
            stack.extend(value for value in node if isinstance(value, dict | list))
    return names


def _check_indices(model: object, names: set[str], file: str, trust: Trust) -> None:
    from fitprint_sklearn.indices import KINDS, out_of_bounds

    if KINDS & names and (problem := out_of_bounds(model)) is not None:
        raise IntegrityError(f"{file} of {trust.uri} is damaged: {problem}")
