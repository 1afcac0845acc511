"""Facts on LightGBM's data sets: never constructed, copied or kept by looking at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.data.description import Description, described
from fitprint.data.values import param_value
from fitprint.entities import Dataset

__all__ = ["is_dataset", "raw_data", "record_dataset", "record_datasets"]

_CLASSES = ("binary", "multiclass", "multiclassova", "cross_entropy")
_NAMES = 1000  # of features that are listed
_OPTIONS = ("feature_name", "categorical_feature", "free_raw_data")


def is_dataset(data: Any) -> bool:
    """Tell whether an object is a LightGBM data set."""
    return any(
        base.__module__ == "lightgbm.basic" and base.__name__ == "Dataset"
        for base in type(data).__mro__
    )


def raw_data(data: Any) -> Description:
    """Return what the raw data of a data set are.

    It must not be kept during the training, in which LightGBM may free them.
    """
    return described(vars(data).get("data"))


def record_datasets(
    fit: Fit,
    arguments: Mapping[str, Any],
    params: Mapping[str, Any],
    raw: Description | None = None,
) -> None:
    """Record facts on the training data and on all that is evaluated in each round, by the names
    that their metrics have.

    Args:
        fit: where to.
        arguments: of the training call.
        params: LightGBM's parameters.
        raw: what the raw training data are, if that has been asked already.
    """
    if not fit.setting("datasets"):
        return
    train_set = arguments.get("train_set")
    discrete = True if str(params.get("objective", "")) in _CLASSES[:3] else None
    record_dataset(fit, train_set, name="train", role="train", discrete=discrete, raw=raw)
    valid_sets, names = arguments.get("valid_sets"), arguments.get("valid_names")
    if is_dataset(valid_sets):
        valid_sets = [valid_sets]
    if isinstance(names, str):
        names = [names]
    for position, data in enumerate(valid_sets if isinstance(valid_sets, (list, tuple)) else ()):
        if data is not train_set:
            given = isinstance(names, (list, tuple)) and position < len(names)
            name = str(names[position]) if given and names is not None else f"valid_{position}"
            record_dataset(fit, data, name=name, role="eval", discrete=discrete)


def record_dataset(
    fit: Fit,
    data: Any,
    *,
    name: str,
    role: str,
    discrete: bool | None = None,
    raw: Description | None = None,
) -> None:
    """Record facts on one data set: shape, types, features, label, weights, groups, and whether
    LightGBM may free the raw data.
    """
    if not is_dataset(data):
        return
    with fit.part(f"dataset {name}"):
        raw = raw or raw_data(data)
        fit.run.log_input(_dataset(data, raw, name, role, discrete), name, role)
        fit.profile(raw, name=name, role=role)
        fit.profile(vars(data).get("label"), name=f"{name} target", role=role)


def _dataset(data: Any, raw: Description, name: str, role: str, discrete: bool | None) -> Dataset:
    fields = vars(data)
    label = fields.get("label")
    names = fields.get("feature_name")
    if raw.data is None:
        digest, facts = "", _facts_of_constructed(data)
        if label is None and _is_constructed(data):
            label = data.get_field("label")
        if label is not None:
            facts["target"] = described(label).facts("target", discrete)
    elif isinstance(raw.data, (str, PathLike)):
        digest, facts = "", {"type": "file", "path": str(raw.data)}
    else:
        hints: dict[str, Any] = (
            {"feature_names": names}
            if isinstance(names, Sequence) and not isinstance(names, str)
            else {}
        )
        told = raw.dataset(name, role, target=label, discrete=discrete, **hints)
        digest, facts = told.digest, dict(told.facts)
    for attribute in ("weight", "group", "init_score", "position"):
        value = fields.get(attribute)
        if value is not None:
            facts[attribute] = described(value).facts("weights")
    categorical = fields.get("categorical_feature")
    if categorical is not None and categorical != "auto":
        facts["categorical_feature"] = param_value(categorical)
    if fields.get("params"):
        facts["params"] = param_value(fields["params"])
    facts["free_raw_data"] = bool(fields.get("free_raw_data"))
    return Dataset(name, role, digest, facts)


def _facts_of_constructed(data: Any) -> dict[str, Any]:
    """Return what is known of data whose raw form has been freed,
    or that are rows of other data.
    """
    if _is_constructed(data):
        names = data.get_feature_name()
        return {
            "type": "lightgbm.Dataset",
            "shape": [data.num_data(), data.num_feature()],
            "feature_names": names[:_NAMES],
        }
    rows = vars(data).get("used_indices")
    return {"type": "lightgbm.Dataset"} | (
        {} if rows is None else {"shape": [len(rows), None], "subset": True}
    )


def _is_constructed(data: Any) -> bool:
    return vars(data).get("_handle", vars(data).get("handle")) is not None
