"""The LightGBM flavor: boosters as LightGBM's own text, estimators as scikit-learn's plugin stores
them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, Kept, class_name, file_within
from fitprint.models.requirements import installed_version, version_beside
from fitprint.models.trial_data import attempt, odd_rows
from fitprint.models.trust import Trust
from fitprint_lightgbm.integrity import check_text
from fitprint_sklearn.flavor import SklearnFlavor

__all__ = ["LightGBMFlavor"]

_BOOSTER = "lightgbm.basic.Booster"
_FILE = "model.lgb"


class LightGBMFlavor(Flavor):
    """Boosters, and LightGBM's estimators for scikit-learn, the user's own subclasses too.

    A booster is text, and loading it runs no code. An estimator is stored as scikit-learn's are: it
    comes back as the class that it was. Both are what MLflow's flavor of this name reads and
    writes.
    """

    name = "lightgbm"
    packages = ("lightgbm",)
    parts: ClassVar[Mapping[str, Collection[str]]] = {
        "lightgbm.basic": ["Booster"],
        "lightgbm.sklearn": ["LGBMClassifier", "LGBMModel", "LGBMRanker", "LGBMRegressor"],
    }  # their state is the booster's text and plain parameters

    def check_state(self, kind: str, state: Mapping[str, Any]) -> None:
        """Refuse a booster, in a model of another framework, that is none or whose trees lead
        nowhere.
        """
        if kind == _BOOSTER:
            text = state.get("_handle", state.get("handle"))
            if type(text) is not str:
                raise IntegrityError("a booster of LightGBM has no trees")
            check_text(text, "a booster of LightGBM")

    def accepts(self, model: object) -> bool:
        names = {(base.__module__, base.__name__) for base in type(model).__mro__}
        return not names.isdisjoint(
            {("lightgbm.basic", "Booster"), ("lightgbm.sklearn", "LGBMModel")}
        )

    def save(self, model: object, directory: Path) -> FlavorEntry:
        if hasattr(model, "model_to_string"):
            (directory / _FILE).write_bytes(_text_of(model))
            return _booster_entry()
        return _estimator_entry(model, SklearnFlavor().save(model, directory))

    def keep(self, model: object) -> Kept:
        if hasattr(model, "model_to_string"):
            return _booster_entry(), {_FILE: (_text_of(model),)}
        entry, contents = SklearnFlavor().keep(model)
        return _estimator_entry(model, entry), contents

    def predict_array(self, model: Any) -> Callable[[Any], Any] | None:
        """Return what predicts for arrays with a booster without categories; estimators would warn
        of names that an array does not have.
        """
        if class_name(model) != _BOOSTER or getattr(model, "pandas_categorical", None):
            return None
        import numpy as np

        def predict(array: Any) -> Any:
            # LightGBM makes narrow floats of integers in arrays, but not in frames
            if array.dtype.kind != "f":
                array = array.astype(np.result_type(array.dtype, np.float32))
            return model.predict(array)

        return predict

    def trial(self, directory: Path, options: Mapping[str, Any]) -> Callable[[Any, object], None]:  # noqa: ARG002 - the protocol's
        """Predict raw values and leaves of odd rows."""
        return _predict_odd

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("data", _FILE))
        try:
            if options.get("model_class", _BOOSTER) == _BOOSTER:
                return _booster_from(path, trust)
            return _estimator_from(directory, options, trust)
        except _unreadable() as error:
            raise IntegrityError(
                f"{path.name} of {trust.uri} cannot be read: {error}{_advice(options)}"
            ) from error


def _booster_entry() -> FlavorEntry:
    return FlavorEntry(
        options={
            "data": _FILE,
            "model_class": _BOOSTER,
            "code": None,
            "lgb_version": version_beside("lightgbm"),
        },
        pyfunc={"loader_module": "mlflow.lightgbm", "data": _FILE},
        serialization="lightgbm-text",
        safe=True,
        modules=["lightgbm", "numpy"],
    )


def _estimator_entry(model: object, entry: FlavorEntry) -> FlavorEntry:
    file = entry.options["pickled_model"]
    kept = {
        key: value
        for key, value in entry.options.items()
        if key in {"serialization_format", "skops_trusted_types"}
    }
    return replace(
        entry,
        options={
            "data": file,
            "model_class": class_name(model),
            **kept,
            "code": None,
            "lgb_version": version_beside("lightgbm"),
        },
        pyfunc={"loader_module": "mlflow.lightgbm", "data": file},
        modules=sorted({*entry.modules, "lightgbm"}),
    )


def _text_of(booster: Any) -> bytes:
    try:
        # up to the best iteration, as LightGBM itself saves and predicts
        text: str = booster.model_to_string()
    except Exception as error:
        raise FitprintError(f"LightGBM cannot write the booster: {error}") from error
    return text.encode()


def _booster_from(path: Path, trust: Trust) -> object:
    import lightgbm

    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{path.name} is damaged: {error}") from error
    if not trust.own:
        check_text(text, path.name)
    return lightgbm.Booster(model_str=text)


def _estimator_from(directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
    # MLflow before 3.17 wrote pickles, and said so in no word.
    serialization = options.get("serialization_format", "cloudpickle")
    return SklearnFlavor().load(
        directory, {"pickled_model": options["data"], "serialization_format": serialization}, trust
    )


def _unreadable() -> type[Exception]:
    import lightgbm

    error: type[Exception] = lightgbm.basic.LightGBMError
    return error


def _advice(options: Mapping[str, Any]) -> str:
    saved, installed = options.get("lgb_version"), installed_version("lightgbm")
    if not saved or not installed or _numbers(str(saved)) <= _numbers(installed):
        return ""
    return (
        f" (it was saved by LightGBM {saved}, and {installed} is installed here: install "
        f"lightgbm>={saved})"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _predict_odd(model: Any, _: object) -> None:
    import numpy as np

    booster = getattr(model, "booster_", model)
    for whole in (True, False):
        rows = np.array(odd_rows(booster.num_feature(), whole=whole))
        for options in (
            {"raw_score": True},
            {"pred_leaf": True},
            {"pred_contrib": True},
            {"num_iteration": 1},
        ):
            attempt(booster.predict, rows, num_threads=1, **options)
    attempt(booster.model_to_string)
