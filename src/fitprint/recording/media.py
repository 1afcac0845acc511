"""Texts, JSON, figures, pictures and tables as the bytes of a file.

Nothing is imported but what the caller's objects come from.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from fitprint.data.values import param_value, type_name
from fitprint.errors import FitprintError

__all__ = ["figure_bytes", "image_bytes", "json_bytes", "table_bytes", "text_bytes", "zip_bytes"]


def text_bytes(text: str) -> bytes:
    """Return the text as UTF-8; a lone surrogate, which UTF-8 does not know, as its escape."""
    return str(text).encode("utf-8", "backslashreplace")


def json_bytes(content: Any) -> bytes:
    """Return the content as strict JSON, UTF-8, indented by two blanks.

    Numbers that JSON does not know are written as the texts ``"NaN"``, ``"Infinity"`` and
    ``"-Infinity"``, of which Python's ``float()`` and JavaScript's ``Number()`` make the same
    numbers again; ``null`` would make one of the three. Objects and keys that JSON does not know
    are written as :func:`fitprint.data.values.param_value` does.

    Raises:
        FitprintError: the content contains itself.
    """
    try:
        text = json.dumps(
            content, indent=2, ensure_ascii=False, allow_nan=False, default=param_value
        )
    except (TypeError, ValueError, RecursionError):
        try:
            text = json.dumps(_strict(content), indent=2, ensure_ascii=False, allow_nan=False)
        except RecursionError:
            raise FitprintError(
                "a dict or list that contains itself has no JSON form; log the parts instead"
            ) from None
    return text_bytes(text)


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive of files by path; the same files make the same bytes."""
    from io import BytesIO
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    archive = BytesIO()
    with ZipFile(archive, "w") as opened:
        for path in sorted(files):
            about = ZipInfo(path)  # of the year 1980
            about.external_attr = 0o600 << 16
            opened.writestr(about, files[path], ZIP_DEFLATED)
    return archive.getvalue()


def figure_bytes(figure: Any, path: str) -> bytes:
    """Return a Matplotlib or Plotly figure in the format that the path's suffix names (PNG without
    one).

    Anything with a ``figure`` of Matplotlib is taken, too: axes, a scikit-learn display, a seaborn
    grid. Plotly figures are written as ``.html`` (one file with all it needs) or ``.json``, other
    formats by Plotly's own exporter.

    Raises:
        FitprintError: not a figure, or its library cannot write this format.
    """
    suffix = _suffix(path) or "png"
    drawn = next(
        (
            found
            for found in _figures(figure)
            if hasattr(found, "savefig") or hasattr(found, "to_plotly_json")
        ),
        None,
    )
    if drawn is None:
        raise FitprintError(
            f"{type_name(figure)} is not a Matplotlib or Plotly figure; save it to a file and "
            "log_artifact() that"
        )
    try:
        if hasattr(drawn, "savefig"):
            return _saved(drawn.savefig, format=suffix)
        if suffix == "json":
            return text_bytes(drawn.to_json())
        if suffix in ("html", "htm"):
            return text_bytes(drawn.to_html(full_html=True, include_plotlyjs=True))
        return bytes(drawn.to_image(format=suffix))
    except Exception as error:
        raise FitprintError(f"the figure cannot be written as {path!r}: {error}") from error


def image_bytes(image: Any, path: str) -> bytes:
    """Return a picture as PNG, a PIL image in the format that the path's suffix names.

    Args:
        image: a PIL image, or an array (anything with a buffer) of shape height x width, alone or
            with 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA) channels at the end: booleans,
            integers from 0 to 255, or floats from 0 to 1, which are rounded to 256 levels; of
            floats, what lies outside is clipped and NaN is 0.
        path: where the picture will be kept.

    Raises:
        FitprintError: the shape, type or range is not that of a picture, or PIL cannot write the
            format.
    """
    suffix = _suffix(path) or "png"
    if hasattr(image, "save") and hasattr(image, "getbands"):
        registered = {"jpg": "JPEG", "tif": "TIFF"}
        try:
            return _saved(image.save, format=registered.get(suffix, suffix.upper()))
        except Exception as error:
            raise FitprintError(f"the picture cannot be written as {path!r}: {error}") from error
    if suffix != "png":
        raise FitprintError(
            f"arrays are written as PNG, not as {path!r}; end the path with .png, or give a PIL "
            "image"
        )
    # torch: a copy on the host is what is wanted here
    if hasattr(image, "detach") and hasattr(image, "cpu"):
        image = image.detach().cpu().numpy()
    if hasattr(image, "dtype") and hasattr(image, "astype"):
        image = _eight_bits(image)
    try:
        pixels = memoryview(image)
    except TypeError:
        raise FitprintError(
            f"{type_name(image)} is not a picture; give a PIL image or an array of shape H x W, H "
            "x W x 3 or H x W x 4"
        ) from None
    return _png(pixels)


def table_bytes(table: Any, path: str) -> bytes:
    """Return a table as JSON of the form ``{"columns": [...], "data": [[...], ...]}``, or as CSV
    where the path ends with ``.csv``.

    JSON is the form because it keeps numbers, texts, booleans and missing values apart, which CSV
    does not; ``pandas.read_json(path, orient="split")`` reads it. Numbers that JSON does not know
    are written as in :func:`json_bytes`.

    Args:
        table: a pandas or polars data frame (an index other than the row number is kept as
            ``"index"``, in CSV as the first column), a dict of columns of equal length, or a list
            of dicts, whose missing entries are null.
        path: where the table will be kept; it ends with ``.json``, ``.csv`` or without a suffix
            (JSON).

    Raises:
        FitprintError: not a table, columns of different lengths, or another suffix.
    """
    suffix = _suffix(path) or "json"
    if suffix not in ("json", "csv"):
        raise FitprintError(
            f"tables are written as JSON or CSV, not as {path!r}; end the path with .json or .csv"
        )
    columns, rows, index = _table(table)
    if suffix == "csv":
        return _csv(columns, rows, index)
    content: dict[str, Any] = {"columns": columns, "data": rows}
    if index is not None:
        content["index"] = index
    return text_bytes(
        json.dumps(_strict(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    )


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix[1:].lower()


def _saved(save: Any, **options: Any) -> bytes:
    from io import BytesIO

    file = BytesIO()
    save(file, **options)
    return file.getvalue()


def _figures(figure: Any) -> Sequence[Any]:
    return [
        found
        for found in (
            figure,
            *(getattr(figure, name, None) for name in ("figure", "figure_", "fig")),
        )
        if found is not None
    ]


# -- JSON ------------------------------------------------------------------------------------------


def _strict(value: Any) -> Any:
    """Return a copy that strict JSON can express, whole at any size."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return (
            value
            if math.isfinite(value)
            else ("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
        )
    if isinstance(value, Mapping):
        strict: dict[str, Any] = {}
        for key, item in value.items():
            name = next(iter(param_value({key: None})))
            strict[f"{name} ({type(key).__name__})" if name in strict else name] = _strict(item)
        return strict
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return _strict(param_value(value))


# -- tables ----------------------------------------------------------------------------------------


def _table(table: Any) -> tuple[list[str], list[Sequence[Any]], list[Any] | None]:
    """Return names of columns, rows, and the index where it says more than the row's number."""
    if hasattr(table, "iloc") and hasattr(table, "columns"):
        split = table.to_dict("split")
        plain = type(table.index).__name__ == "RangeIndex" and table.index.name is None
        return _names(split["columns"]), split["data"], None if plain else split["index"]
    if hasattr(table, "rows") and hasattr(table, "columns"):
        return _names(table.columns), table.rows(), None
    if isinstance(table, Mapping):
        columns = {str(param_value(name)): _column(name, values) for name, values in table.items()}
        if len(set(map(len, columns.values()))) > 1:
            lengths = ", ".join(f"{name!r}: {len(values)}" for name, values in columns.items())
            raise FitprintError(f"columns of a table must have equal lengths, not {lengths}")
        return list(columns), [list(row) for row in zip(*columns.values(), strict=True)], None
    if isinstance(table, (list, tuple)) and all(isinstance(row, Mapping) for row in table):
        names = list(dict.fromkeys(name for row in table for name in row))
        return _names(names), [[row.get(name) for name in names] for row in table], None
    raise FitprintError(
        f"{type_name(table)} is not a table; give a data frame, a dict of columns or a list of "
        "dicts"
    )


def _names(columns: Sequence[Any]) -> list[str]:
    return [name if isinstance(name, str) else str(param_value(name)) for name in columns]


def _column(name: Any, values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__iter__"):
        raise FitprintError(
            f"column {name!r} of a table must be a list of values, not {type_name(values)}"
        )
    return list(values)


def _csv(columns: list[str], rows: Sequence[Sequence[Any]], index: list[Any] | None) -> bytes:
    import csv
    from io import StringIO

    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns if index is None else ["", *columns])
    writer.writerows(
        rows if index is None else [[label, *row] for label, row in zip(index, rows, strict=True)]
    )
    return text_bytes(file.getvalue())


# -- pictures --------------------------------------------------------------------------------------


def _eight_bits(array: Any) -> Any:
    """Return an array of bytes for one of booleans, integers or floats."""
    kind = array.dtype.kind if hasattr(array.dtype, "kind") else ""
    if kind == "b":
        return array.astype("uint8") * 255
    if kind == "f":
        scaled = sys.modules["numpy"].nan_to_num(array.clip(0.0, 1.0), nan=0.0)
        return (scaled * 255).round().astype("uint8")
    if kind in ("i", "u") and array.size and not 0 <= int(array.min()) <= int(array.max()) <= 255:
        raise FitprintError(
            f"a picture of integers holds values from 0 to 255, not from {array.min()} to "
            f"{array.max()}; scale it"
        )
    if kind in ("i", "u"):
        return array.astype("uint8")
    raise FitprintError(f"a picture holds booleans, integers or floats, not {array.dtype}")


def _png(pixels: memoryview) -> bytes:
    """Return bytes of shape H x W or height x width x channels as a PNG file."""
    shape = pixels.shape or ()
    channels = shape[2] if len(shape) == 3 else 1
    if (
        len(shape) not in (2, 3)
        or channels not in (1, 2, 3, 4)
        or 0 in shape
        or pixels.itemsize != 1
    ):
        advice = (
            "; move the channels to the end" if len(shape) == 3 and shape[0] in (1, 3, 4) else ""
        )
        raise FitprintError(
            "a picture has the shape H x W, H x W x 3 or H x W x 4 and one byte a channel, not "
            f"{tuple(shape)}{advice}"
        )
    height, width = shape[:2]
    flat = memoryview(pixels.tobytes())
    stride = width * channels
    # 0: no filter
    lines = b"".join(
        b"\0" + flat[start : start + stride] for start in range(0, height * stride, stride)
    )
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
