"""The guide for framework plugins: its example is small, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

from fitprint.autologging.call import Call
from fitprint.autologging.framework import Function, Method, SubclassMethod
from fitprint.autologging.rounds import Rounds

GUIDE = (Path(__file__).parents[2] / "docs/plugins/framework-plugin.md").read_text(encoding="utf-8")
FILE = re.compile(
    r"^<!-- file: (?P<name>[\w./-]+) -->\n+```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def test_the_example_plugin_is_small():
    """Plugin module, framework and observer, blank lines and docstrings included, are as many lines
    as the page says, and at most 40.
    """
    code = {file["name"]: file["text"] for file in FILE.finditer(GUIDE) if "/src/" in file["name"]}
    assert {"__init__.py", "framework.py", "conformance.py"} == {Path(name).name for name in code}
    lines = sum(
        len(text.splitlines()) for name, text in code.items() if not name.endswith("conformance.py")
    )
    assert lines <= 40
    assert f"an example of {lines} lines" in GUIDE


def test_what_the_guide_calls_exists():
    """Every `fit.name` and `rounds.name` in its code is there."""
    blocks = "\n".join(re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
    fit = Call(None, "toy", Function("toy:train", None), lambda: None, (), {}).fit
    assert [] == [
        name
        for name in set(re.findall(r"\bfit\.(\w+)", blocks + GUIDE))
        if not hasattr(fit, name) and name != "fit"
    ]
    assert [] == [
        name for name in set(re.findall(r"\brounds\.(\w+)", blocks)) if not hasattr(Rounds, name)
    ]


def test_every_kind_of_target_is_told():
    """With the observer of calls inside others, which all of them take."""
    for kind in (Function, Method, SubclassMethod):
        assert f"`{kind.__name__}(" in GUIDE
        assert "nested" in kind.__dataclass_fields__
