"""What a model takes and gives, told by its own inputs and outputs; data is looked at only where
the model does not say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fitprint.data.kinds import is_array
from fitprint.data.rows import first_rows
from fitprint.models.signature import Signature, infer_signature

__all__ = ["head", "signature_of"]


def signature_of(model: Any, data: Any = None) -> Signature | None:
    """Return the signature of a model; None where neither it nor the data says.

    Several inputs or outputs are named: by the keys of the dict that the model takes, or by the
    names of its inputs.
    """
    inputs, outputs = _told(model, "inputs"), _told(model, "outputs")
    if inputs is not None:
        return infer_signature(inputs, outputs)
    sample = _specification(data) if hasattr(data, "element_spec") else head(data)
    return None if sample is None else infer_signature(sample)


def head(data: Any) -> Any:
    """Return the first rows of arrays, or of a structure of arrays; None of what would have to be
    run.
    """
    if isinstance(data, Mapping):
        parts = {str(key): head(value) for key, value in data.items()}
        return None if any(part is None for part in parts.values()) else parts
    if isinstance(data, (list, tuple)):
        found = [head(value) for value in data]
        return (
            None
            if not found or any(part is None for part in found)
            else {f"input_{n}": part for n, part in enumerate(found)}
        )
    if not hasattr(data, "iloc") and not is_array(data):
        return None
    rows = first_rows(data)
    return (
        rows.numpy()
        if hasattr(rows, "numpy") and not hasattr(rows, "__array_interface__")
        else rows
    )


def _specification(data: Any) -> Any:
    """Return what a ``tf.data`` pipeline says of the inputs that it yields."""
    specification = data.element_spec
    if isinstance(specification, tuple) and specification:
        specification = specification[0]
    parts = specification.values() if isinstance(specification, Mapping) else [specification]
    return (
        specification
        if all(hasattr(part, "shape") and hasattr(part, "dtype") for part in parts)
        else None
    )


def _told(model: Any, what: str) -> Any:
    """Return the symbolic inputs or outputs: one, or several by name; None of a model that is not
    made of them.
    """
    try:
        found = getattr(model, what, None)
    except Exception:  # noqa: BLE001 - a model that has not been built, or the user's own property
        return None
    struct = getattr(model, f"_{what}_struct", None)  # a dict, where the user gave one
    if isinstance(struct, Mapping) and all(hasattr(value, "shape") for value in struct.values()):
        return dict(struct)
    if (
        not isinstance(found, Sequence)
        or not found
        or not all(hasattr(tensor, "shape") for tensor in found)
    ):
        return None
    if len(found) == 1:
        return found[0]
    names = [getattr(tensor, "name", "") for tensor in found]
    if what == "outputs":
        names = list(getattr(model, "output_names", None) or names)
    return dict(zip(names, found, strict=True)) if len(set(names)) == len(found) else None
