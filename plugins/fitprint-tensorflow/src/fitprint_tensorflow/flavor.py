"""The Keras flavor: the framework's own ``.keras`` file, which holds a configuration and weights,
and code by name alone.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.flavor import Flavor, FlavorEntry, file_within
from fitprint.models.trial_data import attempt
from fitprint.models.trust import Trust
from fitprint_tensorflow.archive import LAMBDA, Archive, read_archive

__all__ = ["KerasFlavor", "load_keras", "save_keras"]

_FOLDER = "data"
_FILE = "model.keras"
_REMEDY = "decorate it with @keras.saving.register_keras_serializable() and give it a get_config()"


class KerasFlavor(Flavor):
    """Models of Keras 3, on any backend: sequential, functional and the user's own classes."""

    name = "keras"
    packages = ("keras",)

    def accepts(self, model: object) -> bool:
        return any(
            base.__module__ == "keras.src.models.model" and base.__name__ == "Model"
            for base in type(model).__mro__
        )

    def save(self, model: object, directory: Path) -> FlavorEntry:
        folder = directory / _FOLDER
        folder.mkdir()
        archive, functions = save_keras(model, folder / _FILE)
        needs = list(archive.needs)
        keras: Any = sys.modules["keras"]
        options: dict[str, Any] = {
            "code": None,
            "data": _FOLDER,
            "keras_backend": keras.backend.backend(),
            "save_exported_model": False,
        }
        options |= {"keras_version": archive.version, "size": (folder / _FILE).stat().st_size}
        if functions:
            options["functions"] = functions
        modules = {name.rpartition(".")[0] for name in needs} - {""}
        return FlavorEntry(
            options=options,
            pyfunc={"loader_module": "mlflow.keras"},
            serialization="keras",
            safe=not needs,
            needs=needs,
            modules=sorted(modules | {"keras", "numpy", keras.backend.backend()}),
        )

    def trial(self, directory: Path, options: Mapping[str, Any]) -> Callable[[Any, object], None]:  # noqa: ARG002 - the protocol's
        """Predict for inputs of zeros and ones."""
        return predict_odd

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        name = str(options.get("data", _FOLDER))
        if options.get("save_exported_model"):
            from fitprint_tensorflow.savedmodel import load_saved_model

            return load_saved_model(directory, f"{name}/model", trust)
        path = file_within(
            directory, f"{name}/{_FILE}" if (directory / name).is_dir() else f"{name}.keras"
        )
        return load_keras(path, options, trust)

    def predict(self, model: Any, data: Any, **options: Any) -> Any:
        """Return the model's predictions for arrays, a dict of arrays or a data frame."""
        if hasattr(data, "iloc") or hasattr(data, "to_numpy"):
            data = data.to_numpy()
        predict = getattr(model, "predict", None)
        if predict is None:  # a SavedModel
            return model.serve(data, **options)
        return predict(data, **{"verbose": 0, **options})

    def predict_array(self, model: Any) -> Callable[[Any], Any] | None:
        """Return what predicts for arrays: a frame becomes one anyway."""
        return partial(self.predict, model)


def save_keras(model: Any, path: Path) -> tuple[Archive, dict[str, str]]:
    """Write a model; return what the file says of itself, and where the functions in it are
    defined.

    Raises:
        FitprintError: Keras cannot write it; the text names the remedy.
    """
    keras: Any = sys.modules["keras"]
    try:
        keras.saving.save_model(model, path)
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[0][:300]
        foreign = ", ".join(_foreign(model))
        advice = f"; {foreign} is not Keras' own: {_REMEDY}" if foreign else ""
        raise FitprintError(
            f"Keras cannot save the model ({type(error).__name__}: {told}){advice}"
        ) from error
    functions = {
        function.__name__: f"{function.__module__}.{function.__qualname__}"
        for function in _functions(model)
    }
    # Keras has just written it: what shrinks well is no bomb
    return read_archive(path, functions, vast=True), functions


def load_keras(path: Path, options: Mapping[str, Any], trust: Trust) -> Any:
    """Read a ``.keras`` file.

    Raises:
        UntrustedModelError: it refers to code that is not Keras' own, and not trusted.
        IntegrityError: it is damaged.
        FitprintError: Keras cannot read it, or code that it refers to cannot be found.
    """
    size = options.get("size")
    if size is not None and size != path.stat().st_size:
        raise IntegrityError(
            f"{path.name} of {trust.uri} is damaged: it has {path.stat().st_size} bytes, written "
            f"were {size}"
        )
    functions = options.get("functions")
    vast = bool(trust.own) or KerasFlavor.name in trust
    archive = read_archive(path, functions if isinstance(functions, dict) else {}, vast=vast)
    trust.require(archive.needs, path.name)
    import keras

    found = {}
    for name, asked in archive.needs.items():
        subject = keras.saving.get_registered_object(asked)
        found[asked] = subject if subject is not None else _found(name)
    custom = {key: subject for key, subject in found.items() if subject is not None}
    custom |= {key.rpartition(">")[2]: subject for key, subject in custom.items()}
    try:
        return keras.saving.load_model(
            path, custom_objects=custom, safe_mode=LAMBDA not in archive.needs
        )
    except Exception as error:
        told = (str(error).strip().splitlines() or [""])[0][:300]
        here = str(keras.__version__)
        if _release(archive.version) > _release(here):
            raise FitprintError(
                f"{trust.uri} was saved by Keras {archive.version}, and Keras {here}, which is "
                f"installed, cannot read it ({told}): install keras>={archive.version}"
            ) from error
        missing = [
            name
            for name, asked in archive.needs.items()
            if found.get(asked) is None and name != LAMBDA
        ]
        if missing:
            raise FitprintError(
                f"{trust.uri} needs {', '.join(missing)}, which cannot be found here ({told}): "
                "import the module that defines it, decorated with "
                "@keras.saving.register_keras_serializable(), or load inside `with "
                "keras.saving.custom_object_scope({...})`"
            ) from error
        raise FitprintError(
            f"{trust.uri} could not be loaded by Keras {here}: {type(error).__name__}: {told}"
        ) from error


def predict_odd(model: Any, _: object) -> None:
    """Predict for a few inputs; lengths that are open are short."""
    import numpy as np

    given = getattr(model, "inputs", None) or ()
    for value in (0, 1):
        arrays = [
            np.full(
                [2, *(size or 3 for size in tensor.shape[1:])],
                value,
                dtype=_plain_dtype(tensor.dtype),
            )
            for tensor in given
        ]
        attempt(model.predict, arrays[0] if len(arrays) == 1 else arrays, verbose=0)


def _plain_dtype(dtype: Any) -> str:
    name = str(getattr(dtype, "name", dtype))
    return name if name.startswith(("int", "uint", "float", "bool")) else "float32"


def _found(name: str) -> Any:
    """Return what a trusted dotted name leads to, or None."""
    module, _, attribute = name.rpartition(".")
    if not module or module.partition(".")[0] == "keras":
        return None
    try:
        subject: Any = importlib.import_module(module)
        return getattr(subject, attribute, None)
    except ImportError:
        return None


def _foreign(model: Any) -> list[str]:
    from fitprint_tensorflow.structure import unregistered

    try:
        return unregistered(model)
    except Exception:  # noqa: BLE001 - it is only to help
        return []


def _functions(model: Any) -> Iterator[Any]:
    """Yield the user's functions that a model was compiled with,
    and those that its layers apply.
    """
    subjects = [getattr(model, "loss", None)]
    for holder, names in (
        ("_compile_metrics", ("_user_metrics", "_user_weighted_metrics")),
        ("_compile_loss", ("_user_loss",)),
    ):
        inner = getattr(model, holder, None)
        subjects += [getattr(inner, name, None) for name in names]
    stack = list(getattr(model, "_layers", None) or ())
    while stack:
        layer = stack.pop()
        subjects.append(getattr(layer, "activation", None))
        stack += list(getattr(layer, "_layers", None) or ())
    while subjects:
        subject = subjects.pop()
        if isinstance(subject, Mapping):
            subjects.extend(subject.values())
        elif isinstance(subject, (list, tuple)):
            subjects.extend(subject)  # which TensorFlow may have wrapped: it cannot be added
        elif (
            callable(subject)
            and hasattr(subject, "__qualname__")
            and not subject.__module__.startswith("keras.")
        ):
            yield subject


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
