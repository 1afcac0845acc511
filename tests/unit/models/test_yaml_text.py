import math
import sys
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fitprint.errors import FitprintError
from fitprint.models.yaml_text import YamlError, _of_others, dump, load

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
    ),
    max_leaves=12,
)


CONTENTS = st.dictionaries(st.text(max_size=20), VALUES, min_size=1, max_size=5)


@settings(deadline=None, max_examples=50)
@given(CONTENTS)
def test_what_is_written_is_read(content):
    """Any JSON content survives, and PyYAML takes it to mean the same."""
    text = dump(content)
    assert content == load(text)
    assert content == _of_others(text)


@settings(deadline=None, max_examples=50)
@given(CONTENTS)
def test_what_pyyaml_writes_means_the_same(content):
    """Whatever its style."""
    for style in (None, "'", '"', "|", ">"):
        written = yaml.safe_dump(content, default_style=style, allow_unicode=style is None)
        assert yaml.safe_load(written) == load(written)


def test_what_was_written_here_is_read_without_pyyaml(monkeypatch):
    """A model of one's own needs no other package; of somebody else's the message says which."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    content = {
        "flavors": {
            "sklearn": {
                "code": None,
                "a b": [1, -2.5, 1e300, math.inf, True, "x: y", {}, [], ["ü\n\U0001f600"]],
            }
        }
    }
    assert content == load(dump(content))
    with pytest.raises(FitprintError, match=r"pip install 'fitprint\[mlflow\]'"):
        load("flavors: {}\n# by hand\n")


def test_what_pyyaml_writes_is_read():
    """Folded lines, quotes, lists without indentation, anchors."""
    text = """\
flavors:
  python_function:
    env:
      conda: conda.yaml
    loader_module: mlflow.sklearn
    python_version: 3.11.7
  sklearn: &id001
    code: null
    sklearn_version: '1.10'
copy: *id001
metadata:
  l:
  - 1
  - - 2
    - a: null
      b: {}
  q: 'it''s: "quoted" # no'
  u: "\\xFCn\\xEF \\U0001F600 a \\
    b"
  x: 'line one

    line two'
  plain: a long
    line
signature:
  inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, {"type":
    "double"}]'
  outputs: null
"""
    sklearn = {"code": None, "sklearn_version": "1.10"}

    assert load(text) == {
        "flavors": {
            "python_function": {
                "env": {"conda": "conda.yaml"},
                "loader_module": "mlflow.sklearn",
                "python_version": "3.11.7",
            },
            "sklearn": sklearn,
        },
        "copy": sklearn,
        "metadata": {
            "l": [1, [2, {"a": None, "b": {}}]],
            "q": 'it\'s: "quoted" # no',
            "u": "\xfcn\xef \U0001f600 a b",
            "x": "line one\nline two",
            "plain": "a long line",
        },
        "signature": {
            "inputs": (
                '[{"type": "double", "name": "sepal length (cm)", "required": true}, '
                '{"type": "double"}]'
            ),
            "outputs": None,
        },
    }


def test_what_people_write_is_read():
    """Flow mappings, comments, a document's beginning."""
    text = """\
---
# by hand
flavors:   # two of them
  python_function: {loader_module: mlflow.keras, data: [a, 'b, c', 1.5]}
  keras: {data: data, save_exported_model: false,
          keras_backend: }
"""

    assert load(text) == {
        "flavors": {
            "python_function": {"loader_module": "mlflow.keras", "data": ["a", "b, c", 1.5]},
            "keras": {"data": "data", "save_exported_model": False, "keras_backend": None},
        },
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("Off", False), ("~", None), ("012", 10), ("0x1F", 31), ("0b11", 3),
        ("1_000", 1000), ("1.5e+3", 1500.0), ("1e5", "1e5"), (".inf", math.inf),
        ("3.11.7", "3.11.7"), ("2024-01-02", "2024-01-02"), ("NULL", None), ("nULL", "nULL"),
    ],
)  # fmt: skip
def test_plain_scalars_have_the_types_of_yaml_1_1(text, value):
    """A word means what PyYAML takes it to mean."""
    assert {"key": value} == load(f"key: {text}\n")


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object:os.system x\n",
        "a: !!binary aGVsbG8=\n",
        "a: !!set {x}\n",
        "a: " + "[" * 60 + "]" * 60,
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in pairwise("abcdefg")),
        "a: &a {x: 1}\n"
        + "".join(
            f"{b}: &{b} {{<<: [{', '.join(['*' + a] * 10)}]}}\n"
            for a, b in pairwise("abcdefghijklmn")
        ),
        "a: &a [*a]\n",
        "a: !!timestamp x\n",
        "a: !!bool x\n",
        "a: !!int ''\n",
        "a: !!float ''\n",
        "~: 1\n",
        ".nan: 1\n",
        "# by hand\na: " + "x" * (4 << 20),
        'a: "x\n',
        "a: [1, 2\n",
        "a: *nowhere\n",
        "a: 'x' y\n",
        "a: 1\n b: 2\nc",
    ],
)
def test_what_no_mlmodel_holds_is_an_error(text):
    """Objects of programs, what is cut off, and what is small as text and vast as content."""
    with pytest.raises(YamlError):
        load(text)


@given(st.text("ab:-?[]{}'\"&*#| \n1.", max_size=60))
def test_any_text_is_read_or_refused(text):
    """No text ends in another error."""
    try:
        load(text)
    except YamlError:
        pass
