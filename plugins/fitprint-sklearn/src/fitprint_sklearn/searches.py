"""Searches over hyperparameters: the parent run's results, and a child run for every candidate."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fitprint import clock
from fitprint.autologging.fit import Fit
from fitprint.context.secrecy import withheld
from fitprint.data.values import param_value
from fitprint_sklearn.parameters import plain

__all__ = ["is_search", "record_search"]

_NAME = 120  # characters of a candidate's name


def is_search(estimator: Any) -> bool:
    """Tell whether the estimator searches over hyperparameters (``BaseSearchCV``)."""
    module = sys.modules.get("sklearn.model_selection._search")
    return module is not None and isinstance(estimator, module.BaseSearchCV)


def record_search(fit: Fit, search: Any, started: int) -> None:
    """Record what a search found.

    On the parent: ``best_<param>``, ``best_cv_score``, the table ``cv_results.csv``, the mean test
    scores over the candidates. Each candidate is a child with its own params, every mean, standard
    deviation and rank, and its scores on the splits as a history.

    Args:
        fit: the search's call.
        search: the fitted search.
        started: when it began, in microseconds.
    """
    results = getattr(search, "cv_results_", None)
    if not isinstance(results, Mapping) or "params" not in results:
        return
    columns = {
        name: _column(values)
        for name, values in results.items()
        if name != "params" and not name.startswith("param_")
    }
    candidates = [
        {str(name): plain(value) for name, value in candidate.items()}
        for candidate in results["params"]
    ]
    _record_best(fit, search, candidates)
    fit.metric("n_candidates", len(candidates))
    for name, values in columns.items():
        if name.startswith("mean_test_"):
            fit.history(name, values, goal="max")
    with fit.part("cv_results.csv"):
        table = {
            "params": [json.dumps(param_value(candidate)) for candidate in candidates]
        } | columns
        fit.run.log_table(table, "cv_results.csv")
    chosen = _chosen(fit, columns, len(candidates))
    with fit.part("candidates"):
        _record_candidates(fit, search, candidates, columns, chosen, started)


def _record_best(fit: Fit, search: Any, candidates: list[dict[str, Any]]) -> None:
    best = vars(search).get("best_index_")
    if best is not None:
        fit.params(
            {f"best_{name}": value for name, value in candidates[int(best)].items()}, resolved=True
        )
    for attribute, name, goal in (
        ("best_score_", "best_cv_score", "max"),
        ("refit_time_", "refit_time", "min"),
        ("n_splits_", "n_splits", None),
    ):
        value = vars(search).get(attribute)
        if isinstance(value, (int, float, np.number)):
            fit.metric(name, float(value), goal=goal)  # type: ignore[arg-type]


def _column(values: Any) -> list[Any]:
    return (
        list(np.ma.filled(values.astype(object), None))
        if isinstance(values, np.ma.MaskedArray)
        else np.asarray(values).tolist()
    )


def _chosen(fit: Fit, columns: Mapping[str, list[Any]], count: int) -> list[int]:
    """Return the positions of the candidates to record: all of them unless the setting says
    otherwise, then the best.
    """
    most = fit.options()["max_candidates"]
    if most is None or most >= count:
        return list(range(count))
    fit.skipped("candidates", f"{count - most} of {count}, by the setting `sklearn.max_candidates`")
    ranks = next(
        (values for name, values in columns.items() if name.startswith("rank_test_")), range(count)
    )
    return sorted(sorted(range(count), key=lambda position: ranks[position])[:most])


def _record_candidates(
    fit: Fit,
    search: Any,
    candidates: list[dict[str, Any]],
    columns: Mapping[str, list[Any]],
    chosen: list[int],
    started: int,
) -> None:
    splits = dict(_splits(columns))
    single = {name: values for name, values in columns.items() if not name.startswith("split")}
    test_scores = [values for name, values in single.items() if name.startswith("mean_test_")]
    folds = vars(search).get("n_splits_") or 1
    for position in chosen:
        params = candidates[position]
        child = fit.child(_name(params, columns, position), kind="candidate", started=started)
        child.params(params)
        for name, values in single.items():
            child.metric(name, values[position], goal=_goal(name))
        for name, histories in splits.items():
            child.history(name, [history[position] for history in histories], goal="max")
        failed = bool(test_scores) and all(math.isnan(values[position]) for values in test_scores)
        seconds = (
            sum(
                columns[name][position]
                for name in ("mean_fit_time", "mean_score_time")
                if name in columns
            )
            * folds
        )
        child.end(
            "FAILED" if failed else "FINISHED",
            error="no split of this candidate could be fitted or scored" if failed else None,
            at=min(
                clock.now(),
                started + int(seconds * 1_000_000) if math.isfinite(seconds) else started,
            ),
        )


def _splits(columns: Mapping[str, list[Any]]) -> Iterator[tuple[str, list[list[Any]]]]:
    """Yield the splits' columns, in order, by name of the score: ``split0_test_score``,
    ``split1_test_score`` ... as ``test_score``.
    """
    found: dict[str, dict[int, list[Any]]] = {}
    for name, values in columns.items():
        split, _, score = name.partition("_")
        if split.startswith("split") and split[5:].isdigit() and score:
            found.setdefault(score, {})[int(split[5:])] = values
    for score, by_split in found.items():
        yield score, [by_split[split] for split in sorted(by_split)]


def _name(params: Mapping[str, Any], columns: Mapping[str, list[Any]], position: int) -> str:
    name = (
        ", ".join(f"{key}={withheld(key, value)}" for key, value in params.items())
        or f"candidate {position}"
    )
    if "iter" in columns:
        name = f"iteration {columns['iter'][position]}: {name}"
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _goal(name: str) -> Any:
    if name.startswith(("mean_test_", "mean_train_")):
        return "max"
    return "min" if name.startswith(("rank_", "std_")) or name.endswith("_time") else None
