"""Tables as files, in the format of Arrow's IPC, and back exactly as they were.

Parquet has fewer types: categories that are no texts, or times in seconds, come back as others.
What pandas keeps as objects no format has: such a column is written if it comes back as it was.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from fitprint_flow.steps import FlowError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_frame", "read_table", "write_frame", "write_table"]

_HOW = b"fitprint.columns"  # which columns must be made into what, by their places
_ADVICE = "give its columns names and plain types"


def write_table(table: Any) -> bytes:
    """Return the bytes of a table of Arrow."""
    import pyarrow as pa

    codec = "zstd" if pa.Codec.is_available("zstd") else None
    sink = io.BytesIO()
    with pa.ipc.new_file(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)
    ) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read_table(data: bytes) -> Any:
    """Return the table of Arrow that :func:`write_table` wrote."""
    import pyarrow as pa

    return pa.ipc.open_file(pa.BufferReader(data)).read_all()


def write_frame(frame: Any) -> bytes:
    """Return the bytes of a data frame of pandas.

    Raises:
        FlowError: it would come back as another one, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise FlowError(
            "its result holds a table, which needs pyarrow: pip install pyarrow"
        ) from None
    try:
        table = pa.Table.from_pandas(frame)
        how = _columns_to_make(frame, table)
        known = table.schema.metadata or {}
        table = table.replace_schema_metadata({**known, _HOW: json.dumps(how).encode()})
        _check(frame, _frame_of(table, how))
        return write_table(table)
    except FlowError:
        raise
    except Exception as error:
        raise FlowError(
            f"its result holds a table that Arrow cannot write ({error}); {_ADVICE}"
        ) from error


def read_frame(data: bytes) -> Any:
    """Return the data frame that :func:`write_frame` wrote.

    Raises:
        FlowError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: F401 - of which Arrow makes it
    except ImportError as error:
        raise FlowError(f"a step handed on a table of pandas: {error}") from error
    table = read_table(data)
    return _frame_of(table, json.loads(table.schema.metadata[_HOW]))


def _frame_of(table: Any, how: Mapping[str, str]) -> Any:
    import pandas as pd

    # whole numbers with gaps stay whole
    frame = table.to_pandas(integer_object_nulls=True)
    for place, kind in how.items():
        column = frame.iloc[:, int(place)]
        if kind == "arrow":
            made = column.astype(pd.ArrowDtype(table.schema.field(int(place)).type))
        elif kind == "python":
            values = table.column(int(place)).to_pylist()
            made = pd.Series(values, index=frame.index, dtype=object)
        else:
            made = column.astype(object)
        frame.isetitem(int(place), made)
    return frame


def _columns_to_make(frame: Any, table: Any) -> dict[str, str]:
    """Return which columns Arrow alone would make others of, and what gives them back."""
    import pandas as pd

    plain = _frame_of(table, {})
    how = {}
    for place, kind in enumerate(frame.dtypes):
        if isinstance(kind, getattr(pd, "ArrowDtype", ())) and plain.dtypes.iloc[place] != kind:
            how[str(place)] = "arrow"
        elif kind.name == "object":
            values = plain.iloc[:, place].astype(object)
            kinds = [[type(each) for each in found] for found in (frame.iloc[:, place], values)]
            how[str(place)] = "object" if kinds[0] == kinds[1] else "python"
    return how


def _check(before: Any, after: Any) -> None:
    """Raise FlowError if a data frame came back as another one."""
    for what, old, new in (
        ("names of columns", before.columns, after.columns),
        ("index", before.index, after.index),
    ):
        same = old.equals(new) and list(old.names) == list(new.names)
        if not same or [type(each) for each in old[:1000]] != [type(each) for each in new[:1000]]:
            raise FlowError(f"its result holds a table whose {what} would change; {_ADVICE}")
    if not _is_equal(before.attrs, after.attrs):
        raise FlowError(
            "its result holds a table whose attrs would be lost; put plain values there"
        )
    for place, name in enumerate(before.columns):
        old, new = before.iloc[:, place], after.iloc[:, place]
        if old.dtype != new.dtype:
            raise FlowError(
                f"its result holds a table whose column {name!r} would come back as {new.dtype} "
                f"instead of {old.dtype}; {_ADVICE}"
            )
        changed = _first_change(old, new) if old.dtype.name == "object" else None
        if changed is not None:
            raise FlowError(
                f"its result holds a table whose column {name!r} has objects that would come back "
                f"as others, such as {changed[0]!r:.100} as {changed[1]!r:.100}; {_ADVICE}"
            )


def _first_change(before: Any, after: Any) -> tuple[Any, Any] | None:
    """Return the first object that came back as another one; what is missing may be None or NaN."""
    for old, new in zip(before, after, strict=True):
        if old is new:
            continue
        if type(old) is not type(new):
            if not (_is_missing(old) and _is_missing(new)):
                return old, new
        elif not (_is_missing(old) or _is_equal(old, new)):
            return old, new
    return None


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value  # NaN is not itself


def _is_equal(old: Any, new: Any) -> bool:
    try:
        if hasattr(old, "dtype"):
            return bool(old.dtype == new.dtype and (old == new).all())
        if isinstance(old, (list, tuple)) and len(old) == len(new):
            pairs = zip(old, new, strict=True)
            return all(type(a) is type(b) and _is_equal(a, b) for a, b in pairs)
        return bool(old == new)
    except (TypeError, ValueError, AttributeError):
        return False
