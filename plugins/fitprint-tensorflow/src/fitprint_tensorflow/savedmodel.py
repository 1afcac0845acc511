"""The TensorFlow flavor: SavedModels, on request, and what MLflow's flavor of that name wrote."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, file_within
from fitprint.models.trust import Trust
from fitprint_tensorflow.flavor import load_keras, predict_odd

__all__ = ["TensorFlowFlavor", "load_saved_model"]

_FOLDER = "tf2model"
_LOAD = "tensorflow.saved_model.load"


class TensorFlowFlavor(Flavor):
    """SavedModels of ``tf.Module`` objects, and, with ``flavor="tensorflow"``, of Keras models on
    the TensorFlow or JAX backend.

    A SavedModel is a program: it loads for who trusts ``tensorflow.saved_model.load``.
    """

    name = "tensorflow"
    packages = ("tensorflow",)

    def accepts(self, model: object) -> bool:
        names = {(base.__module__.partition(".")[0], base.__name__) for base in type(model).__mro__}
        return bool(names & {("tensorflow", "Module"), ("tensorflow", "AutoTrackable")})

    def save(self, model: object, directory: Path) -> FlavorEntry:
        folder = directory / _FOLDER
        subject: Any = model
        try:
            if hasattr(subject, "export") and hasattr(subject, "layers"):
                quiet = (
                    {"verbose": False}
                    if "verbose" in inspect.signature(subject.export).parameters
                    else {}
                )
                subject.export(str(folder), **quiet)
            else:
                sys.modules["tensorflow"].saved_model.save(subject, str(folder))
        except Exception as error:
            raise FitprintError(
                f"TensorFlow cannot save the model as a SavedModel ({type(error).__name__}: "
                f"{error})"
            ) from error
        options = {"code": None, "model_type": "tf2-module", "saved_model_dir": _FOLDER}
        return FlavorEntry(
            options=options,
            pyfunc={"loader_module": "mlflow.tensorflow"},
            serialization="saved_model",
            safe=False,
            needs=[_LOAD],
            modules=["numpy", "tensorflow"],
        )

    def trial(self, directory: Path, options: Mapping[str, Any]) -> Callable[[Any, object], None]:  # noqa: ARG002 - the protocol's
        """Predict for inputs of zeros and ones, as far as the model tells of them."""
        return predict_odd

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        kind = options.get("model_type") or ("keras" if "save_format" in options else "tf2-module")
        if kind == "keras":
            if options.get("save_format") not in (None, "keras", "tf"):
                raise FitprintError(
                    f"{trust.uri} is a Keras model in the format {options['save_format']!r}, which "
                    "only MLflow reads"
                )
            return load_keras(
                file_within(directory, f"{options.get('data', 'data')}/model.keras"), {}, trust
            )
        return load_saved_model(directory, str(options.get("saved_model_dir", _FOLDER)), trust)

    def predict(self, model: Any, data: Any, **options: Any) -> Any:
        """Return what the model's ``serve`` function, its default signature or the model itself
        gives.
        """
        if hasattr(model, "predict"):
            return model.predict(data, **{"verbose": 0, **options})
        if hasattr(data, "iloc"):
            data = data.to_numpy()
        function = getattr(model, "serve", None) or (model if callable(model) else None)
        if function is not None:
            return function(data, **options)
        signature = model.signatures["serving_default"]
        tensorflow: Any = sys.modules["tensorflow"]
        names = signature.structured_input_signature[1]
        given = data if isinstance(data, Mapping) else dict.fromkeys(names, data)
        return signature(
            **{
                name: tensorflow.convert_to_tensor(given[name], spec.dtype)
                for name, spec in names.items()
            }
        )


def load_saved_model(directory: Path, folder: str, trust: Trust) -> Any:
    """Load a SavedModel, which may run code.

    Raises:
        UntrustedModelError: the caller does not trust SavedModels.
        IntegrityError: it is damaged.
    """
    path = file_within(directory, f"{folder}/saved_model.pb")
    trust.require([_LOAD], path.name)
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(path.parent))
    except Exception as error:
        raise IntegrityError(
            f"{folder} of {trust.uri} is damaged: {type(error).__name__}: {str(error)[:300]}"
        ) from error
