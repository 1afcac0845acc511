"""Runs as one HTML file that can be sent to somebody: without scripts, without anything from a
network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from fitprint.entities import RunRecord
from fitprint.views.comparison_markup import comparison_page
from fitprint.views.markup import page, run_page, svg_curve, text

if TYPE_CHECKING:
    from fitprint.views.comparison import Comparison
    from fitprint.views.markup import Curves

__all__ = ["note_report", "report"]

_VIEW = re.compile(r"!\[(?P<title>[^\]]*)\]\(view:(?P<name>[A-Za-z0-9_-]+)\)")
_POINTS = 400  # of a large curve
_MOST_CURVES = 24
_STYLE = (
    ":root{color-scheme:light dark}body{font:14px/1.45 "
    "system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.4em}h2{font-size:1.1em;margin-top:2em}figure{display:inline-block;margin:0 "
    "1.5em 1em 0}"
    "figcaption{opacity:.65}pre{white-space:pre-wrap}"
)


def report(
    title: str,
    runs: Sequence[RunRecord],
    curves: Curves,
    comparison: Comparison | None,
    tables: str = "",
) -> str:
    """Return a whole HTML document: of one run all that is most worth knowing with its curves, of
    several a table and what differs.

    Args:
        title: of the document.
        runs: at least one.
        curves: gives the curves of metrics.
        comparison: of the runs, where there are several.
        tables: what shows several runs, as HTML.
    """
    if len(runs) == 1:
        parts = [run_page(runs[0], curves), *_notes(runs[0]), *_large_curves(runs[0], curves)]
    else:
        parts = [tables]
    if comparison is not None:
        parts += ["<h2>What differs</h2>", comparison_page(comparison)]
    return _document(title, parts)


def note_report(title: str, note: str, table_of: Callable[[str], str]) -> str:
    """Return a note as a whole HTML document, in which a line ``![TITLE](view:NAME)`` is the table
    of a saved view.

    Args:
        title: of the document.
        note: the text, shown as it is written.
        table_of: gives the table of a view, as HTML.
    """
    parts: list[str] = []
    for line in note.splitlines():
        embedded = _VIEW.fullmatch(line.strip())
        if embedded is not None:
            parts += [
                f"<h2>{text(embedded['title'] or embedded['name'])}</h2>",
                table_of(embedded["name"]),
            ]
        elif parts and parts[-1].startswith("<pre>"):
            parts[-1] = f"{parts[-1].removesuffix('</pre>')}\n{escape(line)}</pre>"
        elif line.strip():
            parts.append(f"<pre>{escape(line)}</pre>")
    return _document(title, parts)


def _document(title: str, parts: Sequence[str]) -> str:
    shown = text(title)
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width">'
        f"<title>{shown}</title><style>{_STYLE}</style></head><body><h1>{shown}</h1>\n"
        f"{''.join(parts)}\n"
        "</body></html>\n"
    )


def _notes(run: RunRecord) -> list[str]:
    note = str(run.documents.get("note", ""))
    is_cut = text(note) != escape(note)  # where the run is shown above
    return [f"<h2>Note</h2><pre>{escape(note)}</pre>"] if is_cut else []


def _large_curves(run: RunRecord, curves: Curves) -> list[str]:
    keys = [key for key, summary in sorted(run.metrics.items()) if summary.count > 1][:_MOST_CURVES]
    drawn = ((key, svg_curve(curves(run.id, key, _POINTS), 320, 90)) for key in keys)
    figures = [
        f"<figure>{curve}<figcaption>{text(key)}</figcaption></figure>"
        for key, curve in drawn
        if curve
    ]
    return ["<h2>Curves</h2>", page(*figures)] if figures else []
