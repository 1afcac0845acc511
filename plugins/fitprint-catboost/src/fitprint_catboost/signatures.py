"""What a model takes and gives, told from its data without going through them."""

from __future__ import annotations

from typing import Any

from fitprint.models.schema import Field, Schema, describe
from fitprint.models.signature import Signature
from fitprint_catboost.data import is_pool, rows_shown

__all__ = ["signature_options"]

_ROWS = 5


def signature_options(model: Any, features: Any, *, with_example: bool) -> dict[str, Any]:
    """Return options of ``log_model``: the signature, from the data's own description and what five rows give, and an input example.

    Empty for data that cannot be cut, and for pools of which it is not known what their categories and texts were made of.
    """
    if is_pool(features):
        schema = _schema_of_pool(features)
        if schema is None:
            return {}
        rows = features.slice(list(range(min(_ROWS, features.num_row()))))
        return {"signature": Signature(schema, describe(model.predict(rows, thread_count=1)))}
    rows = rows_shown(features)
    if rows is None or not len(rows):
        return {}
    options = {"inputs": features if hasattr(features, "shape") else rows, "outputs": model.predict(rows, thread_count=1)}
    return options | ({"input_example": rows} if with_example else {})


def _schema_of_pool(pool: Any) -> Schema | None:
    """Return the schema of a pool of numbers: a table if its features have names, else an array."""
    if any(getattr(pool, f"get_{kind}_feature_indices")() for kind in ("cat", "text", "embedding")):
        return None
    names = pool.get_feature_names()
    if not all(names):
        return Schema("array", (Field(None, "float64", (-1, len(names)), nullable=True),))
    return Schema("table", tuple(Field(name, "float64", nullable=True) for name in names))
