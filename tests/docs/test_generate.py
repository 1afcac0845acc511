"""Docstrings become Markdown as one expects."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate():
    """The script that writes the reference."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sections_become_lists(generate):
    """Items of a Google section are a list, their further lines stay with them, and what follows is
    a paragraph again.
    """
    doc = "Do it.\n\nArgs:\n    a, b: two\n        things.\n    c: one.\n\nMore."
    assert (
        "Do it.\n\n**Args**\n\n- `a`, `b`: two\n    things.\n- `c`: one.\n\nMore."
        == generate.markdown(doc)
    )


def test_examples_are_code(generate):
    """An example keeps its prompts, as Python."""
    assert "**Example**\n\n```python\n>>> f(1)\n2\n```" == generate.markdown(
        "Example:\n    >>> f(1)\n    2"
    )


def test_double_colons_open_a_block(generate):
    """What is indented after a double colon is shown as it is."""
    assert "So:\n\n```text\na ``b``\n  c\n```\n\nEnd." == generate.markdown(
        "So::\n\n    a ``b``\n      c\n\nEnd."
    )


def test_roles_and_quotes_become_code(generate):
    """References and double back-quotes are code; our own package's name is left out."""
    assert "`errors.QueryError` of `parse` and `Run`" == generate.markdown(
        ":class:`fitprint.errors.QueryError` of ``parse`` and :class:`~Run`"
    )


def test_signatures_are_shown_as_written(generate):
    """Annotations stand without the quotes of a text, defaults with theirs."""

    def verb(path: str = "model", *, goal: int | None = None) -> None:
        """Do nothing."""

    assert "verb(path: str = 'model', *, goal: int | None = None) -> None" == generate.heading(
        "verb", verb
    )


def test_what_an_observer_may_call_is_in_the_reference(generate):
    """All of a call, of a child and of rounds is on one page, with the flavor."""
    from fitprint.autologging.fit import Fit
    from fitprint.autologging.recorder import Child
    from fitprint.autologging.rounds import Rounds
    from fitprint.models.flavor import Flavor

    page = generate.pages()["reference/plugins.md"]
    names = [
        f"{cls.__name__}.{name}"
        for cls in (Fit, Child, Rounds, Flavor)
        for name in dir(cls)
        if callable(getattr(cls, name)) and name[0] != "_"
    ]
    assert [] == [name for name in names if f"#### {name}\n" not in page]


def test_what_plugins_say_of_themselves_is_in_the_reference(generate):
    """Each has a page of the site, whose links lead to others of it, and which the navigation
    names.
    """
    root = Path(__file__).parents[2]
    navigation = (root / ".mkdocs.yml").read_text(encoding="utf-8")
    for folder in (root / "plugins").iterdir():
        page = generate.pages()[f"reference/{folder.name}.md"]
        assert page.startswith(f"# {folder.name}\n")
        assert "../../" not in page
        assert f"reference/{folder.name}.md" in navigation
