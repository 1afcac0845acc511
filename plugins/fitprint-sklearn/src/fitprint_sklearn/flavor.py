"""The scikit-learn flavor: skops where it can, which runs nothing at loading, else a pickle that is clearly marked."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fitprint.errors import IntegrityError
from fitprint.hooks.manager import hooks
from fitprint.models import pickles
from fitprint.models.flavor import FlavorEntry, file_within, parts_of
from fitprint.models.hashing import write_hashed
from fitprint.models.opcodes import dotted, scan
from fitprint.models.requirements import installed_version
from fitprint.models.trust import Trust
from fitprint_sklearn.archives import canonical
from fitprint_sklearn.trust import is_constructor, is_part, is_trusted

__all__ = ["SklearnFlavor"]


_CAREFUL = ("collections.", "functools.", "numpy.", "scipy.", "sklearn.")
_VAST = 100_000  # objects; skops takes some 15 microseconds and 400 bytes for each, a hundred times what a pickle does


class SklearnFlavor:
    """Estimators: scikit-learn's, third parties' and the user's own.

    The first model saved imports skops, which imports most of scikit-learn (up to a second, once). A model of very many Python
    objects, such as a vocabulary of a hundred thousand words, is a pickle: it loads under the same trust.
    """

    name = "sklearn"
    packages = ("sklearn",)

    def accepts(self, model: object) -> bool:
        return any(base.__module__ == "sklearn.base" and base.__name__ == "BaseEstimator" for base in type(model).__mro__)

    def save(self, model: object, directory: Path) -> FlavorEntry:
        from fitprint_sklearn.reach import holds_more_than

        options: dict[str, Any] = {"code": None, "sklearn_version": installed_version("scikit-learn")}
        packed = None if holds_more_than(model, _VAST) else _to_skops(model, directory / "model.skops")
        if packed is not None:
            digest, uses = packed
            file, serialization = "model.skops", "skops"
            needs = sorted({use.name for use in uses if not _is_known(use)})
            modules = {use.name.rpartition(".")[0] for use in uses}
            options["skops_trusted_types"] = _passed(uses)  # for MLflow's reader
        else:
            data, serialization, found = pickles.dump(model)
            file = "model.pkl"
            needs = pickles.needs(found.names - {name for name in found.only_made if is_part(*name)}, is_trusted)
            modules = {module for module, _ in found.names}
            digest = write_hashed(directory / file, data)
        options |= {"pickled_model": file, "serialization_format": serialization}
        return FlavorEntry(
            options=options,
            pyfunc={"loader_module": "mlflow.sklearn", "model_path": file} if hasattr(model, "predict") else None,
            serialization=serialization,
            safe=serialization == "skops",
            needs=needs,
            modules=sorted(modules | {"sklearn", "numpy", "scipy"} | ({serialization} - {"pickle"})),
            digests={file: digest},
        )

    def reads_unverified(self, options: Mapping[str, Any], trust: Trust) -> bool:
        # compiled code of other frameworks may not survive damaged bytes
        is_own = all(str(name).startswith(_CAREFUL) for name in options.get("skops_trusted_types") or ())
        return options.get("serialization_format") == "skops" and is_own and not trust.names

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("pickled_model", "model.pkl"))
        if options.get("serialization_format", "pickle") != "skops":
            data = path.read_bytes()
            model = pickles.load(data, trust, path.name, is_trusted, is_constructor, is_part)
            names = {dotted(*pair) for pair in scan(data).names}
        else:
            model, names = _from_skops(path, trust)
        _check_indices(model, names, path.name, trust)
        _check_parts(model, names)
        return model


class _Use(NamedTuple):
    """A dotted name in a skops archive, and the loader that is to make something of it."""

    name: str
    loader: str


# Loaders of plain data, and of references to what is merely held; all others call the name or set an object's state.
_HOLDERS = {"FunctionNode", "TypeNode"}
_DATA = {
    "BytearrayNode", "BytesNode", "CachedNode", "DTypeNode", "DefaultDictNode", "DictNode", "JsonNode", "ListNode", "MaskedArrayNode",
    "NdArrayNode", "RandomGeneratorNode", "RandomStateNode", "SetNode", "SliceNode", "SparseMatrixNode", "TupleNode",
}  # fmt: skip


class _Sink:
    """Where skops writes an archive to, in one piece."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = ""

    def write(self, data: memoryview) -> int:
        if self.digest:
            raise OSError("a second piece")
        self.digest = write_hashed(self.path, *canonical(data))
        return data.nbytes


def _to_skops(model: object, path: Path) -> tuple[str, set[_Use]] | None:
    """Write the model as skops; return the file's digest and the names in it.

    None, and no file, where skops cannot write the model, or what it writes leads nowhere.
    """
    try:
        import skops.io

        sink = _Sink(path)
        skops.io.dump(model, sink)
        uses = _uses(path)
        foreign = [use.name for use in uses if not _is_known(use)]
        if not foreign:
            return sink.digest, uses
        # code that nobody has tried with skops: see that the way back exists
        leads_back = not any(name.startswith("__main__.") or "<" in name for name in foreign)
        if leads_back and type(skops.io.load(path, trusted=_passed(uses))) is type(model):
            return sink.digest, uses
    except Exception:  # noqa: BLE001, S110 - every failure has the same answer: another format
        pass
    path.unlink(missing_ok=True)
    return None


def _from_skops(path: Path, trust: Trust) -> tuple[object, set[str]]:
    try:
        uses = _uses(path)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise IntegrityError(f"{path.name} of {trust.uri} is damaged: {error}") from error
    trust.require((use.name for use in uses if not _is_known(use)), path.name)
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    passed = sorted({*_passed(uses), *trust.names})
    try:
        return skops.io.load(path, trusted=passed), {use.name for use in uses}
    except (zipfile.BadZipFile, EOFError) as error:
        raise IntegrityError(f"{path.name} of {trust.uri} is damaged: {error}") from error
    except UntrustedTypesFoundException:  # skops sees a name where we did not
        trust.require(set(skops.io.get_untrusted_types(file=path)) - set(passed), path.name)
        raise


def _is_known(use: _Use) -> bool:
    """Tell if the frameworks' own models use the name so.

    A part of another framework is only made bare and given its state; a file that holds the type itself, or calls it, is refused.
    """
    module, _, name = use.name.rpartition(".")
    if use.loader == "ObjectNode" and is_part(module, name):
        return True
    if use.loader in _DATA:
        return is_trusted(module, name)
    if use.loader in _HOLDERS:
        return is_trusted(module, name) and use.name != "numpy.ndarray"
    return is_constructor(module, name) and not module.startswith("numpy")


def _passed(uses: set[_Use]) -> list[str]:
    """Return the names that skops has to be told to trust: it knows plain data by itself, and arrays only as such."""
    return sorted({use.name for use in uses if not use.name.startswith("builtins.") and use.name != "numpy.ndarray"})


def _uses(path: Path) -> set[_Use]:
    """Return all types, functions and methods that a skops archive refers to."""
    with zipfile.ZipFile(path) as archive:
        schema = json.loads(archive.read("schema.json"))
    uses: set[_Use] = set()
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                name, loader = f"{node.get('__module__')}.{node['__class__']}", str(node.get("__loader__"))
                uses.add(_Use(name, loader))
                content = node.get("content")
                if loader == "MethodNode":
                    uses.add(_Use(f"{name}.{node['content']['func']}", loader))
                elif isinstance(content, dict) and "module_path" in content:  # a function, as the first skops wrote it
                    uses.add(_Use(f"{content['module_path']}.{content.get('function')}", loader))
            stack.extend(value for value in node.values() if isinstance(value, dict | list))
        else:
            stack.extend(value for value in node if isinstance(value, dict | list))
    return uses


def _check_indices(model: object, names: set[str], file: str, trust: Trust) -> None:
    from fitprint_sklearn.indices import KINDS, out_of_bounds

    if KINDS & names and (problem := out_of_bounds(model)) is not None:
        raise IntegrityError(f"{file} of {trust.uri} is damaged: {problem}")


def _check_parts(model: object, names: set[str]) -> None:
    """Let the frameworks look at the parts that are theirs."""
    checks = {
        (module, name): flavor.check_part
        for flavor in hooks().registered("register_flavors").values()
        if hasattr(flavor, "check_part")
        for module, name in parts_of([flavor])
        if f"{module}.{name}" in names
    }
    if not checks:
        return
    from fitprint_sklearn.reach import reachable

    for found in reachable(model):
        check = checks.get((type(found).__module__, type(found).__qualname__))
        if check is not None:
            check(found)
