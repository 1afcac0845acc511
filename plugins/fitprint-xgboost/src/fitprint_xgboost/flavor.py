"""The XGBoost flavor: the framework's own format, which holds trees and no code, and what makes an
estimator of it again.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import sys
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, class_name, file_within
from fitprint.models.requirements import installed_version
from fitprint.models.trial_data import attempt, odd_rows
from fitprint.models.trust import Trust
from fitprint_xgboost.integrity import problem_of

__all__ = ["XGBoostFlavor"]

_FILE = "model.ubj"
_BOOSTER = "xgboost.core.Booster"
_ESTIMATORS = "XGBClassifier XGBModel XGBRFClassifier XGBRFRegressor XGBRanker XGBRegressor"
_OWN = frozenset(f"xgboost.sklearn.{name}" for name in _ESTIMATORS.split())


class XGBoostFlavor(Flavor):
    """Boosters, and estimators: XGBoost's and subclasses of them.

    The file is what XGBoost itself writes. Parameters of an estimator, which it leaves out, stand
    in the options, as far as they are numbers, texts, lists and dicts; so do such attributes of a
    subclass. An estimator of ``xgboost.dask`` comes back without Dask.
    """

    name = "xgboost"
    packages = ("xgboost",)
    parts: ClassVar[Mapping[str, Collection[str]]] = {
        "xgboost.core": ["Booster"],
        "xgboost.sklearn": [name.rpartition(".")[2] for name in _OWN],
    }  # their state is the booster's bytes and plain parameters

    def check_state(self, kind: str, state: Mapping[str, Any]) -> None:
        """Refuse a booster, in a model of another framework, of bytes that XGBoost would read
        beyond their end.
        """
        if kind == _BOOSTER:
            data = state.get("handle")
            if type(data) is not bytearray:
                raise IntegrityError("a booster of XGBoost has no trees")
            if (problem := problem_of(bytes(data))) is not None or data[:1] != b"{":
                raise IntegrityError(
                    f"a booster of XGBoost is damaged: {problem or 'it is of no known format'}"
                )

    def accepts(self, model: object) -> bool:
        return any((base.__module__, base.__name__) in _BASES for base in type(model).__mro__)

    def save(self, model: object, directory: Path) -> FlavorEntry:
        subject: Any = model
        named = _named(model)
        is_booster = not hasattr(subject, "get_booster")
        options: dict[str, Any] = {
            "code": None,
            "data": _FILE,
            "model_format": "ubj",
            "xgb_version": _version(),
        }
        options["model_class"] = _BOOSTER if is_booster else named
        path = directory / _FILE
        if is_booster:
            subject.save_model(path)
        else:
            try:
                _base(subject).save_model(subject, path)
            except TypeError:
                # an estimator of no kind, which XGBoost does not want to name in the file
                subject.get_booster().save_model(path)
            options |= _state_of(subject)
        options["size"] = path.stat().st_size
        is_own = is_booster or named in _OWN
        return FlavorEntry(
            options=options,
            pyfunc={"loader_module": "mlflow.xgboost", "data": _FILE},
            serialization="ubj",
            safe=is_own,
            needs=[] if is_own else [named],
            modules=sorted(
                {
                    "numpy",
                    "scipy",
                    "xgboost",
                    *([] if is_booster else ["sklearn", type(model).__module__]),
                }
            ),
        )

    def predict(self, model: Any, data: Any, **options: Any) -> Any:
        """Return predictions; a booster is given a ``DMatrix``, whose features take the booster's
        names where the data has none.
        """
        if hasattr(model, "get_booster"):
            return model.predict(data, **options)
        from xgboost import DMatrix

        names = None if hasattr(data, "columns") else model.feature_names
        matrix = (
            data
            if isinstance(data, DMatrix)
            else DMatrix(data, feature_names=names, enable_categorical=True)
        )
        return model.predict(matrix, **options)

    def predict_array(self, model: Any) -> Callable[[Any], Any] | None:
        """Return what predicts for arrays with a model of XGBoost's own classes, without categories
        and of trees: estimators of others want names.
        """
        booster = _trees_of(model)
        if booster is None or "c" in (booster.feature_types or ()):
            return None
        return partial(self.predict, model)

    def thread_safe(self, model: Any) -> bool:
        """Tell that several threads may predict: XGBoost says so of trees."""
        return _trees_of(model) is not None

    def trial(self, directory: Path, options: Mapping[str, Any]) -> Callable[[Any, object], None]:  # noqa: ARG002 - the protocol's
        """Predict margins and leaves of odd rows."""
        return _predict_odd

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("data", _FILE))
        named = str(options.get("model_class") or _BOOSTER)
        if named != _BOOSTER and named not in _OWN:
            trust.require([named], path.name)
        size = options.get("size")
        if size is not None and size != path.stat().st_size:
            raise IntegrityError(
                f"{path.name} of {trust.uri} is damaged: it has {path.stat().st_size} bytes, "
                f"written were {size}"
            )
        if not trust.own and (problem := problem_of(path.read_bytes())) is not None:
            raise _unreadable(path, options, trust, problem)
        from xgboost import Booster
        from xgboost.core import XGBoostError

        try:
            if named == _BOOSTER:
                booster = Booster()
                booster.load_model(path)
                return booster
            return _estimator(named, path, options)
        except (XGBoostError, UnicodeDecodeError) as error:
            told = str(error).strip().splitlines()[0][:300]
            raise _unreadable(path, options, trust, told) from error


def _unreadable(path: Path, options: Mapping[str, Any], trust: Trust, told: str) -> FitprintError:
    """Return the error for a file that is damaged, or that a newer XGBoost wrote in a way of its
    own.
    """
    written, here = str(options.get("xgb_version") or ""), _version() or ""
    if _release(written) > _release(here):
        return FitprintError(
            f"{trust.uri} was saved by XGBoost {written}, and XGBoost {here}, which is installed, "
            f"cannot read it ({told}): install xgboost>={written}"
        )
    return IntegrityError(f"{path.name} of {trust.uri} is damaged: {told}")


def _trees_of(model: Any) -> Any:
    """Return the booster of a model of XGBoost's own classes; None if it is not of trees."""
    if class_name(model) not in _OWN and class_name(model) != _BOOSTER:
        return None
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    kind = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"]
    return booster if kind in {"gbtree", "dart"} else None


def _predict_odd(model: Any, _: object) -> None:
    import numpy as np
    from xgboost import DMatrix

    booster = model.get_booster() if hasattr(model, "get_booster") else model
    for whole in (True, False):
        rows = np.array(odd_rows(booster.num_features(), whole=whole), dtype=np.float32)
        rows[np.isinf(rows)] = 3e38  # infinity is refused
        data = DMatrix(
            rows,
            feature_names=booster.feature_names,
            feature_types=booster.feature_types,
            enable_categorical=True,
        )
        for options in ({"output_margin": True}, {"pred_leaf": True}, {"pred_contribs": True}):
            attempt(booster.predict, data, **options)
        attempt(booster.inplace_predict, rows)
    attempt(booster.get_dump)


_BASES = frozenset({("xgboost.core", "Booster"), ("xgboost.sklearn", "XGBModel")})


def _version() -> str | None:
    module = sys.modules.get("xgboost")
    return str(module.__version__) if module is not None else installed_version("xgboost")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _named(model: Any) -> str:
    """Return the name of the model's class; of one that predicts by way of Dask, that of its like
    without.
    """
    module, _, name = class_name(model).rpartition(".")
    local = f"xgboost.sklearn.{name.removeprefix('Dask')}"
    return local if module.startswith("xgboost.dask") and local in _OWN else f"{module}.{name}"


def _base(model: Any) -> Any:
    """Return the nearest class of XGBoost's own: a subclass may have put something else in the
    place of its methods.
    """
    return next(cls for cls in type(model).__mro__ if f"{cls.__module__}.{cls.__name__}" in _OWN)


def _state_of(model: Any) -> dict[str, Any]:
    """Return the parameters that are not at their default, and attributes of a subclass, as far as
    JSON can hold them.
    """
    names = _parameters(type(model))
    state = vars(model)
    params = {
        name: state[name]
        for name, default in names.items()
        if name in state and not _same(state[name], default)
    }
    extra = state.get("kwargs")
    told: dict[str, Any] = {}
    plain = {name: _plain(value) for name, value in params.items()}
    told["params"] = {name: value for name, value in plain.items() if value is not _LEFT_OUT}
    if isinstance(extra, dict) and (kept := {name: _plain(value) for name, value in extra.items()}):
        told["kwargs"] = {name: value for name, value in kept.items() if value is not _LEFT_OUT}
    left_out = sorted(name for name, value in plain.items() if value is _LEFT_OUT)
    if _named(model) not in _OWN:
        known = {*names, *_FITTED, "kwargs"}
        found = {name: _plain(value) for name, value in state.items() if name not in known}
        told["attributes"] = {
            name: value for name, value in found.items() if value is not _LEFT_OUT
        }
        left_out += sorted(name for name, value in found.items() if value is _LEFT_OUT)
    if left_out:
        told["left_out"] = left_out
    return told


# what loading makes anew, or the run has as metrics
_FITTED = frozenset("_Booster n_classes_ evals_result_ classes_".split())
_LEFT_OUT = object()


def _parameters(cls: type) -> dict[str, Any]:
    """Return the parameters of an estimator's class and of its bases, with their defaults."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            for name, entry in inspect.signature(base.__init__).parameters.items():  # type: ignore[misc]  # of a class, not an instance
                if name != "self" and entry.kind not in (entry.VAR_KEYWORD, entry.VAR_POSITIONAL):
                    found.setdefault(name, None if entry.default is entry.empty else entry.default)
        if base.__name__ == "XGBModel":
            break
    return found


def _same(value: Any, default: Any) -> bool:
    return value is default or (
        type(value) is type(default) and (value == default or value != value)
    )


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back; a marker if it does not."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _LEFT_OUT
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return _LEFT_OUT if any(item is _LEFT_OUT for item in items) else items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        entries = {key: _plain(item) for key, item in value.items()}
        return _LEFT_OUT if any(item is _LEFT_OUT for item in entries.values()) else entries
    return _LEFT_OUT


def _estimator(named: str, path: Path, options: Mapping[str, Any]) -> Any:
    module, _, name = named.rpartition(".")
    try:
        cls: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise FitprintError(
            f"the model is a {named}, which cannot be imported here ({error}); make its module "
            "importable"
        ) from error
    if ("xgboost.sklearn", "XGBModel") not in {
        (base.__module__, base.__name__) for base in getattr(cls, "__mro__", ())
    }:
        raise IntegrityError(
            f"the model names {named} as its class, which is no estimator of XGBoost's"
        )
    params = {str(key): value for key, value in (options.get("params") or {}).items()}
    try:
        model: Any = cls()
    except TypeError:  # it takes what others may leave out
        model = cls(**params)
    if "params" not in options:  # written by MLflow
        cls.load_model(model, path)
        return model
    before = dict(vars(model))
    model.n_jobs = params.get("n_jobs")
    _base(model).load_model(model, path)
    for key in _parameters(cls):  # reading the file sets some of them to what training made of them
        if key in before or key in params:
            setattr(model, key, params.get(key, before.get(key)))
    for key, value in (options.get("attributes") or {}).items():
        setattr(model, key, value)
    if options.get("kwargs"):
        model.kwargs = dict(options["kwargs"])
    return model
