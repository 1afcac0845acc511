"""The flavor for objects that nothing better fits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.models.flavor import Flavor, FlavorEntry, Kept, file_within
from fitprint.models.picklers import load_own, pickled
from fitprint.models.trust import Trust

__all__ = ["PickleFlavor"]


class PickleFlavor(Flavor):
    """Any Python object, as a pickle.

    Unsafe by nature: it loads only for a caller who names all that it refers to.
    """

    name = "pickle"
    packages = ()

    def accepts(self, model: object) -> bool:
        return model is not None

    def save(self, model: object, directory: Path) -> FlavorEntry:
        from fitprint.models import pickles

        data, serialization, found = pickles.dump(model)
        (directory / "model.pkl").write_bytes(data)
        return FlavorEntry(
            options={"file": "model.pkl", "serialization_format": serialization},
            pyfunc={"loader_module": "mlflow.sklearn", "model_path": "model.pkl"}
            if callable(getattr(model, "predict", None))
            else None,
            serialization=serialization,
            safe=False,
            needs=pickles.needs(found.names),
            modules=sorted({module for module, _ in found.names if module}),
        )

    def keep(self, model: object) -> Kept:
        found = pickled(model)
        entry = FlavorEntry(
            options={"file": "model.pkl", "serialization_format": found.serialization},
            pyfunc={"loader_module": "mlflow.sklearn", "model_path": "model.pkl"}
            if callable(getattr(model, "predict", None))
            else None,
            serialization=found.serialization,
            safe=False,
            modules=sorted({*found.modules, *({"cloudpickle"} & {found.serialization})}),
        )
        return entry, {"model.pkl": found.pieces}

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        path = file_within(directory, options.get("file", "model.pkl"))
        if trust.own:
            return load_own(directory, path, trust)
        from fitprint.models import pickles

        return pickles.load(path.read_bytes(), trust, path.name)
