"""What a model takes and gives, told from its data without going through them."""

from __future__ import annotations

from typing import Any

from fitprint.data.description import Description
from fitprint.data.rows import row_count
from fitprint.data.schema import Field, Schema, schema_of
from fitprint.models.signature import Signature
from fitprint_catboost.data import is_pool

__all__ = ["signature_options"]

_ROWS = 5
_GROUP = 1000  # rows of a group that are predicted


def signature_options(model: Any, features: Description, *, with_example: bool) -> dict[str, Any]:
    """Return options of ``log_model``: the signature, from the data's own description and what a
    few rows give, and an input example.

    Outputs are not told where these rows cannot be cut out, or where predicting would run the
    user's own code; nor is anything for data that are no pool and cannot be cut.
    """
    if is_pool(features.data):
        return {
            "signature": Signature(
                _schema_of_pool(features.data), _outputs(model, _rows_of_pool(features.data))
            )
        }
    rows = features.example
    if rows is None or not row_count(rows):
        return {}
    inputs = features.schema if hasattr(features.data, "shape") else schema_of(rows)
    options: dict[str, Any] = {"signature": Signature(inputs, _outputs(model, rows))}
    return options | ({"input_example": rows} if with_example else {})


def _schema_of_pool(pool: Any) -> Schema:
    """Return the schema of a pool: a table if its features have names, else an array.

    A pool does not tell what its categories were made of, whole numbers or texts: they may be any
    object, and so may embeddings.
    """
    names = pool.get_feature_names()
    types = ["float64"] * len(names)
    for kind, word in (("cat", "object"), ("text", "string"), ("embedding", "object")):
        for place in getattr(pool, f"get_{kind}_feature_indices")():
            types[place] = word
    if not all(names):
        word = "float64" if set(types) <= {"float64"} else "object"
        return Schema("array", (Field(None, word, (-1, len(names)), nullable=True),))
    return Schema(
        "table",
        tuple(Field(name, word, nullable=True) for name, word in zip(names, types, strict=True)),
    )


def _rows_of_pool(pool: Any) -> Any:
    """Return a pool of the first rows; of one with groups the first group, which CatBoost does not
    cut; None if that is large.
    """
    rows = pool.num_row()
    groups = pool.get_group_id_hash() if hasattr(pool, "get_group_id_hash") else None
    if groups is None or not len(groups):
        return pool.slice(list(range(min(_ROWS, rows))))
    first = next(
        (place for place in range(min(rows, _GROUP + 1)) if groups[place] != groups[0]), rows
    )
    return pool.slice(list(range(first))) if first <= _GROUP else None


def _outputs(model: Any, rows: Any) -> Schema | None:
    if rows is None or not _predicts_itself(model):
        return None
    return schema_of(model.predict(rows, thread_count=1))


def _predicts_itself(model: Any) -> bool:
    """Tell whether ``predict`` is CatBoost's own: another may print or count, and is not called
    once more.
    """
    owner = next(cls for cls in type(model).__mro__ if "predict" in vars(cls))
    return owner.__module__.partition(".")[0] == "catboost" and "predict" not in vars(model)
