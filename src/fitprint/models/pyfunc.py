"""MLflow's ``python_function`` models that no other flavor reads: code of their own loads them, so
all of it has to be trusted.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.code_paths import model_code
from fitprint.models.flavor import Flavor, FlavorEntry, file_within
from fitprint.models.opcodes import scan
from fitprint.models.pickles import needs
from fitprint.models.trust import Trust

__all__ = ["PyfuncFlavor"]

_PYTHON_MODEL = "mlflow.pyfunc.model"


class PyfuncFlavor(Flavor):
    """What MLflow saved with ``python_model=``, ``loader_module=`` or a flavor of which no plugin
    is installed.

    It only reads. The names that a caller has to trust are the loader's function, each file of code
    that the directory brings, and, where the loader is MLflow's own for Python models, what the
    pickle of that model refers to.
    """

    name = "python_function"
    packages = ()

    def accepts(self, model: object) -> bool:  # noqa: ARG002 - the protocol's
        return False

    def save(self, model: object, directory: Path) -> FlavorEntry:  # noqa: ARG002 - the protocol's
        raise FitprintError("python_function models are MLflow's: fitprint only loads them")

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        loader = str(options.get("loader_module") or "")
        if not all(part.isidentifier() for part in loader.split(".")):
            raise IntegrityError(
                f"the model names {loader!r} as the module that loads it, which is no module's name"
            )
        needed = {f"{loader}._load_pyfunc", *_files_of_code(directory, options)}
        if (
            loader == _PYTHON_MODEL
            and (pickled := options.get("python_model")) is not None
            and not str(pickled).endswith(".py")
        ):
            needed.update(needs(scan(file_within(directory, pickled).read_bytes()).names))
        trust.require(needed, "MLmodel")
        data = _within(directory, options.get("data") or ".")
        try:
            # the name that MLflow gave to it
            load = importlib.import_module(loader)._load_pyfunc  # noqa: SLF001
        except ImportError as error:
            package = loader.partition(".")[0]
            raise FitprintError(
                f"{trust.uri} is loaded by {loader}, which cannot be imported ({error}): pip "
                f"install {package}"
            ) from error
        return load(str(data))

    def predict(self, model: Any, data: Any, **options: Any) -> Any:
        """Return the predictions; ``options`` are MLflow's ``params``, where the model has any."""
        parameters = inspect.signature(model.predict).parameters
        return (
            model.predict(data, params=options or None)
            if "params" in parameters
            else model.predict(data, **options)
        )


def _files_of_code(directory: Path, options: Mapping[str, Any]) -> set[str]:
    code = model_code(directory, options)
    scripts = {
        value for value in options.values() if isinstance(value, str) and value.endswith(".py")
    }
    return scripts | set(code.names if code is not None else ())


def _within(directory: Path, name: object) -> Path:
    path = directory / str(name)
    if not path.resolve().is_relative_to(directory.resolve()):
        raise IntegrityError(
            f"the model names the file {name!r}, which lies outside of its directory"
        )
    if not path.exists():
        raise IntegrityError(f"{name} is missing from the model directory")
    return path
