"""Listings that are kept by name, in the table ``[tool.fitprint.views]`` of the project's
``pyproject.toml``.

They are shared as the project is, and can be written by hand. A file is changed only where the
change, read back, is the one that was meant: whatever else it holds stays as it is, comments
included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fitprint.arguments import nearest, shown
from fitprint.errors import FitprintError, SettingsError
from fitprint.query.grammar import parse
from fitprint.settings import VIEWS, find_file, parsed, read_table

__all__ = ["SavedView", "find_view", "joined", "remove_view", "save_view", "saved_views"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER = "tool.fitprint.views"


@dataclass(frozen=True, slots=True)
class SavedView:
    """A listing that has a name. What is "", 0 or () says nothing.

    Attributes:
        name: letters, digits, - and _.
        filter: which runs, in the language of filters.
        experiment: of which experiment.
        sort: in which order, such as ``-val_auc,lr``.
        columns: which columns, such as ``val_*,lr``.
        metric: by which the runs are judged; several names where the same thing has several.
        by: what a table is printed for each value of.
        top: how many runs at most.
    """

    name: str
    filter: str = ""
    experiment: str = ""
    sort: str = ""
    columns: str = ""
    metric: tuple[str, ...] = ()
    by: str = ""
    top: int = 0

    def fields(self) -> dict[str, Any]:
        """Return all that there is to a view, as JSON has it."""
        return {**asdict(self), "metric": list(self.metric)}


def joined(*filters: str) -> str:
    """Return the filter that holds where all of these do."""
    given = [text for text in filters if text.strip()]
    return given[0] if len(given) == 1 else " and ".join(f"({text})" for text in given)


def saved_views(home: str | None = None) -> dict[str, SavedView]:
    """Return the views of the project that the working directory is in, by name.

    Args:
        home: the home, if the user has chosen one: whose project that is counts as the user's own.

    Raises:
        SettingsError: the file cannot be read.
        FitprintError: a view in it is none.
    """
    path = find_file(None, home, [])
    return {} if path is None else _views(path)


def find_view(name: str, home: str | None = None) -> SavedView:
    """Return the view of this name.

    Raises:
        FitprintError: there is none, or it cannot be read.
    """
    views = saved_views(home)
    if name not in views:
        raise FitprintError(
            f"there is no view {shown(name)}"
            f"{nearest(name, views) or '; `fitprint views` lists the views'}"
        )
    return views[name]


def save_view(view: SavedView, home: str | None = None) -> Path:
    """Keep a view, in the place of one of the same name, and return the file.

    Raises:
        QueryError: the filter cannot be understood.
        FitprintError: it cannot be kept; nothing is changed.
    """
    if not _NAME.fullmatch(view.name):
        raise FitprintError(
            "the name of a view has letters, digits, - and _, and at most 64 of them; "
            f"{shown(view.name)} has others"
        )
    parse(view.filter)
    foreign: list[str] = []
    path = find_file(None, home, foreign)
    if path is None:
        why = (
            f"{foreign[0].partition(',')[0]}"
            if foreign
            else "there is no pyproject.toml in this folder or above it"
        )
        raise FitprintError(
            f"{why}; views are kept in that of a project: make one where yours begins (it may be "
            "empty)"
        )
    _views(path)  # what is wrong there is told first
    _change(
        path,
        view.name,
        {key: value for key, value in view.fields().items() if value and key != "name"},
    )
    return path


def remove_view(name: str, home: str | None = None) -> Path:
    """Forget a view, and return the file that held it.

    Raises:
        FitprintError: there is none of this name, or it cannot be removed; nothing is changed.
    """
    find_view(name, home)
    path = find_file(None, home, [])
    assert path is not None
    _change(path, name, None)
    return path


def _views(path: Path) -> dict[str, SavedView]:
    tables = read_table(path).get(VIEWS, {})
    if not isinstance(tables, dict) or not all(
        isinstance(table, dict) for table in tables.values()
    ):
        raise FitprintError(
            f"[{_HEADER}] in {path} must have a table for each view, such as [{_HEADER}.best]"
        )
    return {name: _view(name, table, path) for name, table in tables.items()}


def _view(name: str, table: Mapping[str, Any], path: Path) -> SavedView:
    known = {key: type(value) for key, value in SavedView(name).fields().items() if key != "name"}
    for key, value in table.items():
        if key not in known:
            raise FitprintError(
                f"[{_HEADER}.{name}] in {path} has a key "
                f"{shown(key)}{nearest(key, known) or f'; there are {list(known)}'}"
            )
        if type(value) is not known[key] or (
            known[key] is list and not all(isinstance(each, str) for each in value)
        ):
            word = {str: "a text", int: "a whole number", list: "a list of texts"}[known[key]]
            raise FitprintError(
                f"{key} of [{_HEADER}.{name}] in {path} must be {word}, not {shown(value)}"
            )
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return SavedView(name, **given)


def _change(path: Path, name: str, table: Mapping[str, Any] | None) -> None:
    """Put a view's table into a file, or None for no table.

    Raises:
        FitprintError: the file has the view in a form that is not changed here, or it cannot be
            written; it is as it was.
    """
    try:
        path = path.resolve()
        before = path.read_bytes()
        after = _text(before.decode(), name, table).encode()
        views, others = _parts(before, path)
        wanted = {key: value for key, value in views.items() if key != name} | (
            {} if table is None else {name: table}
        )
        if not _says(after, (wanted, others), path):
            raise FitprintError(
                f"fitprint cannot change the view {name!r} as it is written in {path}; edit that "
                "file yourself"
            )
        _replace(path, after)
    except OSError as error:
        raise FitprintError(
            f"the view {name!r} cannot be changed in {path} ({error.strerror}); the file is as it "
            "was"
        ) from error


def _says(content: bytes, wanted: tuple[dict[str, Any], str], path: Path) -> bool:
    try:
        return _parts(content, path) == wanted
    except SettingsError:
        return False


def _parts(content: bytes, path: Path) -> tuple[dict[str, Any], str]:
    """Return the views of a file, and all else that it says."""
    whole = parsed(content, path)
    table = whole.get("tool", {}).get("fitprint", {})
    views: dict[str, Any] = table.pop(VIEWS, {})
    if not table:
        whole.get("tool", {}).pop("fitprint", None)
    if not whole.get("tool"):
        whole.pop("tool", None)
    return views, json.dumps(whole, sort_keys=True, default=str)


def _replace(path: Path, content: bytes) -> None:
    """Put a file in the place of another at once, with its mode."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix=".fitprint-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        new.write_bytes(content)
        shutil.copymode(path, new)
        new.replace(path)


def _text(before: str, name: str, table: Mapping[str, Any] | None) -> str:
    """Return the text of a file with a view's table, where it was or at the end."""
    end = "\r\n" if "\r\n" in before else "\n"
    lines = before.split(end)
    header = re.compile(
        rf"\s*\[\s*tool\s*\.\s*fitprint\s*\.\s*views\s*\.\s*[\"']?{re.escape(name)}"
        r"[\"']?\s*\]\s*(#.*)?"
    )
    begin = next((number for number, line in enumerate(lines) if header.fullmatch(line)), None)
    new = (
        []
        if table is None
        else [f"[{_HEADER}.{name}]", *(f"{key} = {_value(value)}" for key, value in table.items())]
    )
    if begin is None:
        while lines and not lines[-1].strip():
            lines.pop()
        return end.join([*lines, *([""] if lines else []), *new, ""])
    after = next(
        (
            number
            for number in range(begin + 1, len(lines))
            if lines[number].lstrip().startswith("[")
        ),
        len(lines),
    )
    # they belong to what follows
    while not lines[after - 1].strip() or lines[after - 1].lstrip().startswith("#"):
        after -= 1
    if table is None and begin and not lines[begin - 1].strip():
        begin -= 1  # with the empty line above it
    return end.join([*lines[:begin], *new, *lines[after:]])


def _value(value: Any) -> str:
    """Return a value as TOML has it, whose texts are JSON's but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
