"""How scikit-learn's models travel: as skops where it can, which runs nothing at loading, else as a
marked pickle.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fitprint.errors import IntegrityError
from fitprint.models import pickles
from fitprint.models.archives import opened
from fitprint.models.flavor import FlavorEntry
from fitprint.models.hashing import write_hashed
from fitprint.models.opcodes import scan
from fitprint.models.requirements import installed_version
from fitprint.models.trial_data import attempt, odd_rows
from fitprint.models.trust import Trust
from fitprint_sklearn.archives import canonical
from fitprint_sklearn.compiled import BUILDERS, MAKERS
from fitprint_sklearn.reach import holds_more_than
from fitprint_sklearn.trust import is_constructor, is_trusted, parts

__all__ = ["load", "save", "trial"]

# objects; skops takes some 15 microseconds and 400 bytes for each, a hundred times what a pickle
# does
_VAST = 100_000


def save(model: object, directory: Path) -> FlavorEntry:
    """Write a model in a form that needs no seal: skops, or else a pickle; see
    :class:`fitprint.models.flavor.Flavor`.
    """
    options: dict[str, Any] = {"code": None, "sklearn_version": installed_version("scikit-learn")}
    packed = None if holds_more_than(model, _VAST) else _to_skops(model, directory / "model.skops")
    if packed is not None:
        digest, uses = packed
        file, serialization = "model.skops", "skops"
        needs = _foreign(uses)
        modules = {use.name.rpartition(".")[0] for use in uses}
        options["skops_trusted_types"] = _passed(uses)  # for MLflow's reader
    else:
        data, serialization, found = pickles.dump(model)
        file = "model.pkl"
        needs = pickles.needs(found.names - (found.only_made & parts().keys()), is_trusted)
        modules = {module for module, _ in found.names}
        digest = write_hashed(directory / file, data)
    options |= {"pickled_model": file, "serialization_format": serialization}
    return FlavorEntry(
        options=options,
        pyfunc={"loader_module": "mlflow.sklearn", "model_path": file}
        if hasattr(model, "predict")
        else None,
        serialization=serialization,
        safe=serialization == "skops",
        needs=needs,
        modules=sorted(modules | {"sklearn", "numpy", "scipy"} | ({serialization} - {"pickle"})),
        digests={file: digest},
    )


def load(path: Path, trust: Trust, *, is_pickle: bool) -> object:
    """Read what :func:`save` or MLflow wrote, as a stranger's.

    Raises:
        UntrustedModelError: it refers to code that is neither the framework's own nor trusted.
        IntegrityError: it is damaged.
    """
    if is_pickle:
        data = path.read_bytes()
        model = pickles.load(
            data, trust, path.name, is_trusted, is_constructor, parts(), MAKERS, BUILDERS
        )
    else:
        model = _from_skops(path, trust)
    _check_indices(model, path.name, trust)
    return model


def trial(path: Path, options: Mapping[str, Any]) -> Callable[[Any, object], None] | None:
    """Return what predicts with a model that has parts of other frameworks; scikit-learn's own are
    looked at when they are read.
    """
    return _predict_odd if parts().keys() & _names(path, options) else None


def _names(path: Path, options: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return what a file refers to; nothing of one that is damaged, which is told when it is
    loaded.
    """
    try:
        if options.get("serialization_format", "pickle") != "skops":
            return {*scan(path.read_bytes()).names}
        return {
            (str(node.get("__module__")), str(node["__class__"])) for node in _nodes(_schema(path))
        }
    except (IntegrityError, zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError):
        return set()


def _predict_odd(model: Any, _: object) -> None:
    import numpy as np

    for whole in (True, False):
        rows = np.nan_to_num(
            odd_rows(int(getattr(model, "n_features_in_", 1)), whole=whole),
            posinf=3e38,
            neginf=-3e38,
        )
        for name in ("predict", "predict_proba", "decision_function", "transform"):
            attempt(lambda name=name, rows=rows: getattr(model, name)(rows))


class _Use(NamedTuple):
    """A dotted name in a skops archive, and the loader that is to make something of it."""

    name: str
    loader: str


# Loaders of plain data, and of references to what is merely held; all others call the name or set
# an object's state.
_HOLDERS = {"FunctionNode", "TypeNode"}
_DATA = {
    "BytearrayNode", "BytesNode", "CachedNode", "DTypeNode", "DefaultDictNode", "DictNode",
    "JsonNode", "ListNode", "MaskedArrayNode", "NdArrayNode", "RandomGeneratorNode",
    "RandomStateNode", "SetNode", "SliceNode", "SparseMatrixNode", "TupleNode",
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
        uses = _uses(_schema(path))
        foreign = _foreign(uses)
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


def _from_skops(path: Path, trust: Trust) -> object:
    try:
        schema = _schema(path, trust)
        uses = _uses(schema)
        trust.require(_foreign(uses), path.name)
        _check_states(schema, path)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
        raise IntegrityError(f"{path.name} of {trust.uri} is damaged: {error}") from error
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    passed = sorted({*_passed(uses), *trust.names})
    try:
        return skops.io.load(path, trusted=passed)
    except (zipfile.BadZipFile, EOFError) as error:
        raise IntegrityError(f"{path.name} of {trust.uri} is damaged: {error}") from error
    except UntrustedTypesFoundException:  # skops sees a name where we did not
        trust.require(set(skops.io.get_untrusted_types(file=path)) - set(passed), path.name)
        raise


def _foreign(uses: set[_Use]) -> list[str]:
    """Return the names that the frameworks' own models do not use so, sorted.

    A part of another framework is only made bare and given its state; a file that holds the type
    itself, or calls it, is refused.
    """
    lent = {f"{module}.{name}" for module, name in parts()}
    return sorted(
        {
            use.name
            for use in uses
            if not (use.loader == "ObjectNode" and use.name in lent) and not _is_known(use)
        }
    )


def _is_known(use: _Use) -> bool:
    module, _, name = use.name.rpartition(".")
    if use.loader in _DATA:
        return is_trusted(module, name)
    if use.loader in _HOLDERS:
        return is_trusted(module, name) and use.name != "numpy.ndarray"
    return is_constructor(module, name) and not module.startswith("numpy")


def _passed(uses: set[_Use]) -> list[str]:
    """Return the names that skops has to be told to trust: it knows plain data by itself, and
    arrays only as such.
    """
    return sorted(
        {
            use.name
            for use in uses
            if not use.name.startswith("builtins.") and use.name != "numpy.ndarray"
        }
    )


def _schema(path: Path, trust: Trust | None = None) -> Any:
    with opened(
        path, vast=trust is not None and (bool(trust.own) or "sklearn" in trust)
    ) as archive:
        return json.loads(archive.read("schema.json"))


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield whatever in a schema names a type or function."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                yield node
            stack.extend(value for value in node.values() if isinstance(value, dict | list))
        else:
            stack.extend(value for value in node if isinstance(value, dict | list))


def _name_of(node: Mapping[str, Any]) -> str:
    return f"{node.get('__module__')}.{node['__class__']}"


def _uses(schema: Any) -> set[_Use]:
    """Return all types, functions and methods that a skops archive refers to."""
    uses: set[_Use] = set()
    for node in _nodes(schema):
        name, loader = _name_of(node), str(node.get("__loader__"))
        uses.add(_Use(name, loader))
        content = node.get("content")
        if loader == "MethodNode":
            uses.add(_Use(f"{name}.{node['content']['func']}", loader))
        elif isinstance(content, dict) and "module_path" in content:
            # a function, as the first skops wrote it
            uses.add(_Use(f"{content['module_path']}.{content.get('function')}", loader))
    return uses


def _check_states(schema: Any, path: Path) -> None:
    """Let the frameworks look at the states of the parts that are theirs, before anything is made
    of them.

    Raises:
        IntegrityError: a state is none, or would lead compiled code astray.
    """
    lent = {f"{module}.{name}": check for (module, name), check in parts().items()}
    states = [
        (lent[_name_of(node)], node.get("content"))
        for node in _nodes(schema)
        if _is_object_of(lent, node)
    ]
    if not states:
        return
    with zipfile.ZipFile(path) as archive:
        for check, content in states:
            if content is not None:
                check(_state(content, archive))


def _is_object_of(kinds: Collection[str], node: Mapping[str, Any]) -> bool:
    return node.get("__loader__") == "ObjectNode" and _name_of(node) in kinds


def _state(node: Any, archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return the attributes that a node for them stands for; those that are neither plain values
    nor bytes as nodes.
    """
    if not (
        isinstance(node, dict)
        and node.get("__loader__") == "DictNode"
        and _name_of(node) == "builtins.dict"
    ):
        raise IntegrityError(
            f"{archive.filename} is damaged: a part of another framework is given a state that no "
            "honest one has"
        )
    return {name: _value(value, archive) for name, value in node["content"].items()}


def _value(node: Any, archive: zipfile.ZipFile) -> Any:
    loader = node["__loader__"]
    if loader == "JsonNode":
        return json.loads(node["content"])
    if loader in {"BytesNode", "BytearrayNode"}:
        data = archive.read(node["file"])
        return data if loader == "BytesNode" else bytearray(data)
    return node


def _check_indices(model: object, file: str, trust: Trust) -> None:
    from fitprint_sklearn.indices import out_of_bounds

    if not trust.own and (problem := out_of_bounds(model)) is not None:
        raise IntegrityError(f"{file} of {trust.uri} is damaged: {problem}")
