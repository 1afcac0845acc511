"""What an estimator is: its kind and capabilities, and what it is composed of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fitprint.context.secrecy import withheld
from fitprint.data.values import param_value
from fitprint_sklearn.parameters import asked_params, defaults_of, is_default, is_estimator

__all__ = [
    "class_name",
    "describe_estimator",
    "facts_after_fit",
    "kind_of",
    "structure_of",
    "version_tags",
]

_PARTS = 1000  # of one estimator that are listed
_DEPTH = 12
_NAMES = 1000  # feature names or classes that are listed
_NOTHING = object()


def class_name(subject: Any) -> str:
    """Return the dotted name of an object's class."""
    return f"{type(subject).__module__}.{type(subject).__qualname__}"


def _tags_of(estimator: Any) -> Any:
    try:
        return estimator.__sklearn_tags__()
    except Exception:  # noqa: BLE001
        # scikit-learn before 1.6 has none, and a user's own class may fail
        return None


def kind_of(estimator: Any) -> str | None:
    """Return "classifier", "regressor", "clusterer", "outlier_detector", "density_estimator",
    "transformer", or None.
    """
    return _kind(estimator, _tags_of(estimator))


def _kind(estimator: Any, tags: Any) -> str | None:
    kind = getattr(tags, "estimator_type", None)
    if kind is None:
        try:
            kind = getattr(estimator, "_estimator_type", None)
        except Exception:  # noqa: BLE001 - a property of the user's class
            kind = None
    if kind == "DensityEstimator":
        kind = "density_estimator"
    if kind is None and hasattr(estimator, "transform"):
        kind = "transformer"
    return kind if isinstance(kind, str) else None


def version_tags(estimator: Any) -> dict[str, str]:
    """Return the tags with these versions."""
    return {f"{package}_version": version for package, version in _versions_of(estimator).items()}


def _versions_of(estimator: Any) -> dict[str, str]:
    """Return the versions of scikit-learn and of the package that the estimator's class comes from,
    by package.
    """
    versions = {}
    for package in dict.fromkeys(("sklearn", type(estimator).__module__.partition(".")[0])):
        version = getattr(sys.modules.get(package), "__version__", None)
        if isinstance(version, str):
            versions[package] = version
    return versions


def describe_estimator(estimator: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON document on an estimator: class, kind, versions, capabilities (scikit-learn's
    tags) and structure.

    Args:
        estimator: the estimator.
        params: its parameters, nested ones included.
    """
    tags = _tags_of(estimator)
    document: dict[str, Any] = {
        "class": class_name(estimator),
        "kind": _kind(estimator, tags),
        "versions": _versions_of(estimator),
    }
    if tags is not None:
        document["tags"] = _flat_tags(tags)
    if any(is_estimator(value) or isinstance(value, (list, tuple)) for value in params.values()):
        structure = structure_of(estimator)
        if "parts" in structure:
            document["structure"] = structure
    return document


def _flat_tags(tags: Any) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in getattr(tags, "__dataclass_fields__", ()):
        value = getattr(tags, name, None)
        if hasattr(value, "__dataclass_fields__"):
            flat[name] = _flat_tags(value)
        elif not name.startswith("_") and (value is None or isinstance(value, (bool, str))):
            flat[name] = value
    return flat


def structure_of(estimator: Any, depth: int = 0) -> dict[str, Any]:
    """Return what an estimator is composed of: its class, the parameters that are not at their
    default, and its parts.

    Each part has a ``name`` (of the step, or of the parameter that holds it) and ``role`` (the
    parameter), and, in a ColumnTransformer, its ``columns``. What stands in the place of an
    estimator, such as "passthrough", is its ``value``.
    """
    node: dict[str, Any] = {"class": class_name(estimator)}
    try:
        params = asked_params(estimator, deep=False)
    except Exception:  # noqa: BLE001 - the user's own get_params may fail in any way
        return node
    defaults = defaults_of(type(estimator))
    parts: list[dict[str, Any]] = []
    plain: dict[str, Any] = {}
    for name, value in params.items():
        found = _parts(name, value, depth) if depth < _DEPTH else []
        if found:
            parts += found
        elif not is_default(value, defaults.get(name, _NOTHING)) and not is_estimator(value):
            plain[name] = withheld(name, param_value(value))
    if plain:
        node["params"] = plain
    if parts:
        node["parts"] = parts[:_PARTS]
    return node


def _parts(role: str, value: Any, depth: int) -> list[dict[str, Any]]:
    if is_estimator(value):
        return [{"name": role, "role": role, **structure_of(value, depth + 1)}]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, (list, tuple)) or not any(_holds_estimator(item) for item in value):
        return []
    parts = []
    for position, item in enumerate(value[:_PARTS]):
        if is_estimator(item):
            parts.append({"name": str(position), "role": role, **structure_of(item, depth + 1)})
        elif isinstance(item, (list, tuple)) and len(item) >= 2:
            part = {"name": str(item[0]), "role": role}
            part.update(
                structure_of(item[1], depth + 1)
                if is_estimator(item[1])
                else {"value": param_value(item[1])}
            )
            if len(item) > 2:
                part["columns"] = param_value(item[2])
            parts.append(part)
    return parts


def _holds_estimator(item: Any) -> bool:
    return is_estimator(item) or (
        isinstance(item, (list, tuple)) and len(item) >= 2 and is_estimator(item[1])
    )


def facts_after_fit(estimator: Any) -> dict[str, Any]:
    """Return what fitting told of the data: number and names of features,
    classes (the first 1000).
    """
    facts: dict[str, Any] = {}
    for name in ("n_features_in_", "n_outputs_", "feature_names_in_", "classes_"):
        try:
            value = getattr(estimator, name)
        except Exception:  # noqa: BLE001, S112
            # properties of composites raise where a part has no such attribute
            continue
        if hasattr(value, "shape") and value.shape:
            if len(value.shape) == 1:
                facts[name.rstrip("_")] = [param_value(item) for item in value[:_NAMES].tolist()]
        elif isinstance(value, int):
            facts[name.rstrip("_")] = int(value)
    return facts
