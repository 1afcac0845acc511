"""The scikit-learn flavor: a pickle under its owner's seal at home; elsewhere skops where it can,
else a pickle that is clearly marked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fitprint.models.flavor import Flavor, FlavorEntry, Kept, file_within
from fitprint.models.picklers import load_own, pickled
from fitprint.models.requirements import version_beside
from fitprint.models.trust import Trust

__all__ = ["SklearnFlavor"]


_PICKLE = "model.pkl"
_CAREFUL = ("collections.", "functools.", "numpy.", "scipy.", "sklearn.")


class SklearnFlavor(Flavor):
    """Estimators: scikit-learn's, third parties' and the user's own.

    What is kept at home is a pickle. What travels is written with skops, whose import brings most
    of scikit-learn (up to a second, once); a model of very many Python objects, such as a
    vocabulary of a hundred thousand words, stays a pickle: it loads under the same trust.
    """

    name = "sklearn"
    packages = ("sklearn",)

    def accepts(self, model: object) -> bool:
        return any(
            base.__module__ == "sklearn.base" and base.__name__ == "BaseEstimator"
            for base in type(model).__mro__
        )

    def save(self, model: object, directory: Path) -> FlavorEntry:
        from fitprint_sklearn.portable import save

        return save(model, directory)

    def keep(self, model: object) -> Kept:
        found = pickled(model)
        options = {
            "code": None,
            "sklearn_version": version_beside("sklearn"),
            "pickled_model": _PICKLE,
            "serialization_format": found.serialization,
        }
        entry = FlavorEntry(
            options=options,
            pyfunc={"loader_module": "mlflow.sklearn", "model_path": _PICKLE}
            if hasattr(model, "predict")
            else None,
            serialization=found.serialization,
            safe=False,
            modules=sorted(
                {
                    *found.modules,
                    "sklearn",
                    "numpy",
                    "scipy",
                    *({"cloudpickle"} & {found.serialization}),
                }
            ),
        )
        return entry, {_PICKLE: found.pieces}

    def predict_array(self, model: Any) -> Callable[[Any], Any] | None:
        from fitprint_sklearn.arrays import on_array

        return on_array(model)

    def reads_unverified(self, options: Mapping[str, Any], trust: Trust) -> bool:
        # compiled code of other frameworks may not survive damaged bytes
        is_own = all(
            str(name).startswith(_CAREFUL) for name in options.get("skops_trusted_types") or ()
        )
        return options.get("serialization_format") == "skops" and is_own and not trust.names

    def trial(
        self, directory: Path, options: Mapping[str, Any]
    ) -> Callable[[Any, object], None] | None:
        """Predict for odd rows with a model that has parts of other frameworks; scikit-learn's own
        are looked at when they are read.
        """
        from fitprint_sklearn.portable import trial

        return trial(file_within(directory, options.get("pickled_model", _PICKLE)), options)

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("pickled_model", _PICKLE))
        is_pickle = options.get("serialization_format", "pickle") != "skops"
        if is_pickle and trust.own:
            return load_own(directory, path, trust)
        from fitprint_sklearn.portable import load

        return load(path, trust, is_pickle=is_pickle)
