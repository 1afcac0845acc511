"""Facts on a DMatrix, told by itself: the data are not copied, except labels and weights of
moderate number, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.data.description import described
from fitprint.data.values import type_name
from fitprint.entities import Dataset

__all__ = ["evals_of", "record_matrices", "record_matrix"]

_NAMES = 1000  # features that are named
_ROWS = 1_000_000  # labels that are looked at: XGBoost hands out a copy of 4 bytes each


def record_matrix(
    fit: Fit, matrix: Any, *, name: str, role: str, discrete: bool | None = None
) -> None:
    """Record facts on a DMatrix of any kind, also one that was made from an iterator.

    Args:
        fit: where to.
        matrix: the DMatrix.
        name: a short name.
        role: "train" or "eval".
        discrete: whether labels are classes, None if that is to be told from their values.
    """
    record_matrices(fit, [(matrix, name, role)], discrete=discrete)


def record_matrices(
    fit: Fit, matrices: Iterable[tuple[Any, str, str]], *, discrete: bool | None = None
) -> None:
    """Record facts on several matrices with name and role;
    one that occurs again is looked at once.
    """
    if not fit.setting("datasets"):
        return
    seen: list[tuple[Any, Dataset]] = []
    for matrix, name, role in matrices:
        with fit.part(f"dataset {name}"):
            known = next((dataset for other, dataset in seen if other is matrix), None)
            if known is None:
                known = _dataset(fit, matrix, name, role, discrete)
                seen.append((matrix, known))
            fit.run.log_input(replace(known, name=name, role=role), name, role)


def evals_of(fit: Fit, evals: Any) -> list[tuple[Any, str, str]]:
    """Return matrix, name and role of each evaluation set."""
    if not evals:
        return []
    if not isinstance(evals, (list, tuple)):  # it may be possible to go over it only once
        fit.skipped("evaluation sets", "`evals` is neither a list nor a tuple")
        return []
    pairs = [entry for entry in evals if isinstance(entry, (list, tuple)) and len(entry) == 2]
    return [(matrix, str(name), "eval") for matrix, name in pairs if hasattr(matrix, "num_row")]


def _dataset(fit: Fit, matrix: Any, name: str, role: str, discrete: bool | None) -> Dataset:
    rows, columns = int(matrix.num_row()), int(matrix.num_col())
    facts: dict[str, Any] = {"type": type_name(matrix), "shape": [rows, columns]}
    if hasattr(matrix, "num_nonmissing"):
        present = int(matrix.num_nonmissing())
        facts |= {"present": present, "missing": rows * columns - present}
    names, types = matrix.feature_names, matrix.feature_types
    if names is not None:
        facts["feature_names"] = [str(feature) for feature in names[:_NAMES]]
    if types is not None:
        facts["feature_types"] = [str(kind) for kind in types[:_NAMES]]
    if rows > _ROWS:
        facts["labels"] = f"not looked at: there are more than {_ROWS} rows"
        return Dataset(name, role, "", facts)
    labels = matrix.get_label()
    if labels.size:
        target = described(labels)
        facts["target"] = target.facts("target", discrete)
        fit.profile(target, name=f"{name} target", role=role)
        del target
    del labels
    if matrix.get_float_info("weight").size:
        facts["weights"] = described(matrix.get_float_info("weight")).facts("weights")
    if matrix.get_float_info("base_margin").size:
        facts["base_margin"] = True
    groups = matrix.get_uint_info("group_ptr").size
    if groups > 1:
        facts["groups"] = int(groups) - 1
    return Dataset(name, role, "", facts)
