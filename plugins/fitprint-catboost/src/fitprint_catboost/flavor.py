"""The CatBoost flavor: CatBoost's own binary format, which holds no code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, file_within
from fitprint.models.requirements import installed_version, version_beside
from fitprint.models.trial_data import attempt, odd_rows
from fitprint.models.trust import Trust
from fitprint_catboost.structure import UNSEEN, problem_of

__all__ = ["CatBoostFlavor"]

_CLASSES = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")
_FORMATS = ("cbm", "json")
_FILE = "model.cb"  # MLflow's name


class CatBoostFlavor(Flavor):
    """CatBoost's own classes.

    What the user derives from them is a pickle, which brings back the class that it was.
    """

    name = "catboost"
    packages = ("catboost",)
    parts: ClassVar[Mapping[str, Collection[str]]] = {
        "catboost.core": _CLASSES
    }  # their state is the bytes of this format, read by CatBoost itself, and plain parameters

    def check_state(self, kind: str, state: Mapping[str, Any]) -> None:
        """Refuse a model, as a part of another framework's, whose trees lead nowhere."""
        if "__model" in state:
            data = state["__model"]
            if type(data) is not bytes or (problem := problem_of(data, "cbm")) is not None:
                raise IntegrityError(
                    f"a {kind} is damaged: {problem if type(data) is bytes else 'it has no trees'}"
                )

    def accepts(self, model: object) -> bool:
        kind = type(model)
        return kind.__module__ == "catboost.core" and kind.__name__ in _CLASSES

    def save(self, model: Any, directory: Path) -> FlavorEntry:
        if not model.is_fitted():
            raise FitprintError(
                f"the {type(model).__name__} is not fitted, and CatBoost saves fitted models "
                "alone: call fit first"
            )
        model.save_model(str(directory / _FILE), format="cbm")
        options = {
            "catboost_version": version_beside("catboost"),
            "code": None,
            "data": _FILE,
            "model_type": type(model).__name__,
            "save_format": "cbm",
        }
        pyfunc = {"loader_module": "mlflow.catboost", "data": _FILE}
        return FlavorEntry(
            options=options,
            serialization="cbm",
            safe=True,
            modules=["catboost", "numpy"],
            pyfunc=pyfunc,
        )

    def predict_array(self, model: Any) -> Callable[[Any], Any] | None:
        """Return what predicts for arrays with a model whose features are all numbers."""
        others = (
            model.get_cat_feature_indices(),
            model.get_text_feature_indices(),
            model.get_embedding_feature_indices(),
        )
        return None if any(others) else partial(self.predict, model)

    def trial(self, directory: Path, options: Mapping[str, Any]) -> Callable[[Any, object], None]:  # noqa: ARG002 - the protocol's
        """Predict raw values of odd rows."""
        return _predict_odd

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("data", _FILE))
        kind, form = options.get("model_type"), options.get("save_format", "cbm")
        if kind not in _CLASSES:
            raise IntegrityError(
                f"{trust.uri} is of the class {kind!r}, which is none of CatBoost's: "
                f"{', '.join(_CLASSES)}"
            )
        if form not in _FORMATS:
            raise FitprintError(
                f"{trust.uri} has the format {form!r}, which CatBoost can write but not read: save "
                "it as cbm"
            )
        problem = None if trust.own else problem_of(path.read_bytes(), str(form))
        if problem == UNSEEN and self.name not in trust:
            raise FitprintError(
                f"{trust.uri} was not loaded: it is not this user's own recording, and {problem}. "
                'Name "catboost" in trust to load it all the same, if you know who made it'
            )
        if problem not in {None, UNSEEN}:
            raise _unreadable(path, options, trust, str(problem))
        import catboost

        model = getattr(catboost, str(kind))()
        try:
            model.load_model(str(path), format=form)
        except catboost.CatBoostError as error:
            raise _unreadable(
                path, options, trust, str(error).strip().splitlines()[-1][:200]
            ) from error
        return model


def _unreadable(path: Path, options: Mapping[str, Any], trust: Trust, told: str) -> IntegrityError:
    return IntegrityError(
        f"{path.name} of {trust.uri} cannot be read by CatBoost {installed_version('catboost')} "
        f"(it was written by {options.get('catboost_version') or 'an unknown version'}): it is "
        f"damaged ({told}), or a newer CatBoost is needed"
    )


def _predict_odd(model: Any, _: object) -> None:
    categories = set(model.get_cat_feature_indices())
    texts = set(model.get_text_feature_indices())
    for whole in (True, False):
        rows = [
            [
                str(value) if place in categories | texts else value
                for place, value in enumerate(row)
            ]
            for row in odd_rows(len(model.feature_names_), whole=whole)
        ]
        attempt(model.predict, rows, prediction_type="RawFormulaVal", thread_count=1)
        attempt(model.calc_leaf_indexes, rows, thread_count=1)
    attempt(model.get_feature_importance)
