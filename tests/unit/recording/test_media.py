"""Bytes of texts, JSON, figures, pictures and tables."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections import OrderedDict
from types import SimpleNamespace

import pytest

from fitprint.errors import FitprintError
from fitprint.recording.media import figure_bytes, image_bytes, json_bytes, table_bytes, text_bytes


def read_png(data):
    """Return width, height, color type and the rows of pixels of a PNG with unfiltered lines,
    checksums checked.
    """
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    position, chunks = 8, {}
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        name, content = (
            data[position + 4 : position + 8],
            data[position + 8 : position + 8 + length],
        )
        assert struct.unpack(">I", data[position + 8 + length : position + 12 + length]) == (
            zlib.crc32(name + content),
        )
        chunks[name] = content
        position += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    raw = zlib.decompress(chunks[b"IDAT"])
    stride = len(raw) // height
    lines = [raw[start : start + stride] for start in range(0, len(raw), stride)]
    assert {line[0] for line in lines} == {0}
    return width, height, color, [line[1:] for line in lines]


def picture(*shape):
    return memoryview(bytes(index % 256 for index in range(math.prod(shape)))).cast("B", shape)


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def strict(data):
    return json.loads(data, parse_constant=refuse)


def test_text_is_utf8():
    """Any text has bytes, also one that UTF-8 does not know."""
    assert text_bytes("äß") == "äß".encode()
    assert text_bytes("a\ud800") == b"a\\ud800"


def test_json_is_strict_and_keeps_all_numbers():
    """NaN and infinities are written as texts of which float() makes the same numbers."""
    loaded = strict(json_bytes({"a": [1, math.nan, math.inf, -math.inf, 0.1]}))
    assert loaded == {"a": [1, "NaN", "Infinity", "-Infinity", 0.1]}
    assert float(loaded["a"][3]) == -math.inf


def test_json_takes_what_json_does_not_know():
    """Keys, sets, functions and objects get the form that parameters have."""
    content = OrderedDict([((1, 2), {3, 1}), (1, len), ("1", (1, 2)), (None, math.nan)])
    assert strict(json_bytes(content)) == {
        "[1, 2]": [1, 3],
        "1": "builtins.len",
        "1 (str)": [1, 2],
        "null": "NaN",
    }


def test_json_is_whole_at_any_size():
    """Nothing is cut, also where a number needs the slow way."""
    assert len(strict(json_bytes([0] * 200_000 + [math.nan]))) == 200_001


def test_json_that_contains_itself_is_refused():
    """A cycle is an error that says so."""
    loop = []
    loop.append(loop)
    with pytest.raises(FitprintError, match="contains itself"):
        json_bytes(loop)


@pytest.mark.parametrize(
    ("shape", "color"),
    [((2, 3), 0), ((2, 3, 1), 0), ((2, 3, 2), 4), ((2, 3, 3), 2), ((2, 3, 4), 6)],
)
def test_pictures_are_written_as_png(shape, color):
    """Grey, grey with alpha, RGB and RGBA pixels come back from the file as they were."""
    pixels = picture(*shape)
    width, height, written, rows = read_png(image_bytes(pixels, "a/picture.png"))
    assert (width, height, written) == (3, 2, color)
    assert b"".join(rows) == pixels.tobytes()


@pytest.mark.parametrize("shape", [(4,), (2, 2, 5), (3, 0), (1, 2, 2, 3)])
def test_other_shapes_are_no_pictures(shape):
    """The error tells shape and remedy."""
    with pytest.raises(FitprintError, match="a picture has the shape"):
        image_bytes(SimpleBuffer(shape), "p.png") if 0 in shape else image_bytes(
            picture(*shape), "p.png"
        )


def SimpleBuffer(shape):
    return memoryview(b"")


def test_channels_first_are_explained():
    """A picture with its channels in front is told apart."""
    with pytest.raises(FitprintError, match="move the channels to the end"):
        image_bytes(picture(3, 8, 8), "p.png")


def test_arrays_are_png_only():
    """A path with another suffix is refused with advice."""
    with pytest.raises(FitprintError, match=r"end the path with \.png"):
        image_bytes(picture(2, 2), "p.jpg")
    with pytest.raises(FitprintError, match="is not a picture"):
        image_bytes("cat", "p.png")


def test_a_pil_image_writes_itself():
    """The suffix decides the format."""
    image = SimpleNamespace(
        getbands=lambda: "RGB", save=lambda file, format: file.write(format.encode())
    )
    assert [image_bytes(image, path) for path in ("a.png", "a.jpg", "a.webp", "a")] == [
        b"PNG",
        b"JPEG",
        b"WEBP",
        b"PNG",
    ]


def test_figures_are_saved_in_the_format_of_the_path():
    """Matplotlib's figures and what carries one, Plotly's as HTML or JSON."""
    figure = SimpleNamespace(savefig=lambda file, format: file.write(format.encode()))
    plot = SimpleNamespace(
        to_plotly_json=dict,
        to_json=lambda: "{}",
        to_html=lambda **options: f"<html>{sorted(options)}",
        to_image=lambda format: b"image",
    )
    assert [figure_bytes(figure, "a.svg"), figure_bytes(SimpleNamespace(figure_=figure), "a")] == [
        b"svg",
        b"png",
    ]
    assert [
        figure_bytes(plot, "a.json"),
        figure_bytes(plot, "a.html")[:6],
        figure_bytes(plot, "a.png"),
    ] == [b"{}", b"<html>", b"image"]


def test_what_is_no_figure_is_refused():
    """The error says what to do instead."""
    with pytest.raises(FitprintError, match="not a Matplotlib or Plotly figure"):
        figure_bytes(object(), "a.png")


def test_a_format_that_fails_is_named():
    """An error of the drawing library becomes one of ours."""

    def savefig(file, format):
        raise ValueError(f"Format '{format}' is not supported")

    with pytest.raises(FitprintError, match=r"'a\.xyz'.*not supported"):
        figure_bytes(SimpleNamespace(savefig=savefig), "a.xyz")


def test_tables_are_columns_and_rows():
    """Dicts of columns and lists of dicts give the same table, and types are kept."""
    expected = {"columns": ["name", "score"], "data": [["a", 0.5], ["b", None], ["c", "NaN"]]}
    columns = {"name": ["a", "b", "c"], "score": [0.5, None, math.nan]}
    rows = [{"name": "a", "score": 0.5}, {"name": "b"}, {"name": "c", "score": math.nan}]
    assert strict(table_bytes(columns, "t.json")) == strict(table_bytes(rows, "t")) == expected


def test_tables_are_csv_where_the_path_says_so():
    """Quoting is that of Python's csv module."""
    assert table_bytes({"a": [1, None], "b": ["x,y", 'q"']}, "t.csv") == b'a,b\n1,"x,y"\n,"q"""\n'


def test_frames_are_tables():
    """A table with rows and columns of its own, as polars has, is taken as it is."""
    frame = SimpleNamespace(columns=["a"], rows=lambda: [(1,), (2,)])
    assert strict(table_bytes(frame, "t.json")) == {"columns": ["a"], "data": [[1], [2]]}


@pytest.mark.parametrize(
    ("table", "path", "message"),
    [
        ({"a": [1], "b": [1, 2]}, "t.json", "equal lengths, not 'a': 1, 'b': 2"),
        ({"a": "text"}, "t.json", "column 'a' of a table must be a list"),
        ({"a": 3}, "t.json", "column 'a' of a table must be a list"),
        (42, "t.json", "is not a table"),
        ({"a": [1]}, "t.parquet", r"end the path with \.json or \.csv"),
    ],
)
def test_what_is_no_table_is_refused(table, path, message):
    """The error says what is wrong."""
    with pytest.raises(FitprintError, match=message):
        table_bytes(table, path)


def test_an_empty_table_is_a_table():
    """No rows are rows, too."""
    assert strict(table_bytes([], "t.json")) == {"columns": [], "data": []}
    assert strict(table_bytes({"a": []}, "t.json")) == {"columns": ["a"], "data": []}
