"""Pictures of what commands print, as SVG: ``python docs/pictures.py [FOLDER]``.

The commands are fitprint's own, run on records that are the same each time, under a clock that
stands still; a test compares the pictures with those that are kept beside this file.
"""

from __future__ import annotations

import io
import math
import os
import re
import sys
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import fitprint
from fitprint import clock, events
from fitprint.cli import main
from fitprint.entities import Dataset, History, Param
from fitprint.recording.workspace import current
from fitprint.views.widths import display_width

__all__ = ["PICTURES", "draw"]

PICTURES: Mapping[str, tuple[int, str]] = {  # columns of the terminal, and the command
    "ls": (100, "ls"),
    "show": (106, "show @best:accuracy_score"),
    "compare": (100, "compare @best:accuracy_score 9a0031 9a0021"),
    "plot": (84, "plot @last:Sequential -m val_loss"),
}
_NOW = 1_780_000_000_000_000  # microseconds: a day in 2026
_HOUR, _SECOND = 3_600_000_000, 1_000_000
# of a letter, a line, the font and the margin, in pixels
_WIDE, _HIGH, _SIZE, _EDGE = 7.8, 18, 13, 14
_COLORS = {
    "31": "#f7768e",
    "32": "#9ece6a",
    "33": "#e0af68",
    "34": "#7aa2f7",
    "35": "#bb9af7",
    "36": "#7dcfff",
}
_PLAIN, _BEHIND, _DIM = "#c0caf5", "#1a1b26", "#7f88b0"
_STYLE = re.compile(r"\x1b\[([\d;]*)m")


class _Fake(io.StringIO):
    """A terminal that keeps what is written to it."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class _Made(NamedTuple):
    """A run to record."""

    name: str
    params: Mapping[str, Any]
    defaults: Mapping[str, Any]
    metrics: Mapping[str, list[float]]
    seconds: float


def _runs() -> Iterator[_Made]:
    """Yield what somebody may have trained in an afternoon, in this order."""
    for place, strength in enumerate((0.01, 0.1, 1.0)):
        score = 0.944 + 0.014 * place
        metrics = {
            "training_score": [score + 0.008],
            "accuracy_score": [score],
            "fit_time": [0.011 + 0.004 * place],
        }
        yield _Made(
            "LogisticRegression",
            {"C": strength, "max_iter": 500},
            {"solver": "lbfgs", "tol": 1e-4},
            metrics,
            0.05 + 0.01 * place,
        )
    for place, depth in enumerate((2, 6)):
        metrics = {
            "training_score": [0.965 + 0.034 * place],
            "accuracy_score": [0.951 + 0.014 * place],
            "fit_time": [0.12 + 0.05 * place],
        }
        yield _Made(
            "RandomForestClassifier",
            {"max_depth": depth, "n_estimators": 100},
            {"criterion": "gini"},
            metrics,
            0.3,
        )
    rounds = [round(0.09 + 0.55 * math.exp(-step / 9), 4) for step in range(40)]
    metrics = {"validation_0-logloss": rounds, "training_score": [1.0], "accuracy_score": [0.9790]}
    yield _Made(
        "XGBClassifier",
        {"max_depth": 3, "learning_rate": 0.3, "n_estimators": 40},
        {"booster": "gbtree"},
        metrics,
        0.9,
    )
    loss = [round(0.06 + 0.6 * math.exp(-step / 6), 4) for step in range(30)]
    held_out = [
        round(0.11 + 0.55 * math.exp(-step / 6) + 0.00012 * step * step, 4) for step in range(30)
    ]
    metrics = {
        "loss": loss,
        "val_loss": held_out,
        "val_accuracy": [round(0.97 - 0.35 * math.exp(-step / 5), 4) for step in range(30)],
    }
    yield _Made("Sequential", {"epochs": 30, "batch_size": 32}, {"shuffle": True}, metrics, 6.2)


def _record() -> None:
    """Record the runs."""
    data = [
        Dataset(
            "X",
            "train",
            "sha256:" + "5e" * 32,
            {"shape": [426, 30], "type": "numpy.ndarray", "dtype": "float64"},
        )
    ]
    for place, made in enumerate(_runs()):
        run, start = f"{place:04x}{'0' * 22}9a00{place}1", _NOW - (9 - place) * _HOUR
        params = {key: Param(value) for key, value in made.params.items()}
        params |= {key: Param(value, "default") for key, value in made.defaults.items()}
        end = start + int(made.seconds * _SECOND)
        current().writer.append(
            events.RunStarted(run, start, "cancer", made.name, None, "fit"),
            events.ParamsLogged(run, start, params),
            *(events.DatasetLogged(run, start, each) for each in data),
            *(
                events.MetricPoints(run, end, key, _history(values, start, end))
                for key, values in made.metrics.items()
            ),
            events.RunEnded(run, end, "FINISHED"),
        )


def _history(values: list[float], start: int, end: int) -> History:
    count = len(values)
    times = [start + (end - start) * (step + 1) // count for step in range(count)]
    return History(
        array("q", range(count)),
        array("q", times),
        array("d", values),
        array("d", [math.nan] * count),
    )


def _printed(command: str, width: int) -> str:
    """Return what a command prints to a terminal of this width."""
    os.environ["COLUMNS"] = str(width)
    with redirect_stdout(_Fake()) as out, redirect_stderr(io.StringIO()) as told:
        status = main(command.split())
    if status:
        raise SystemExit(f"fitprint {command} ended with status {status}: {told.getvalue()}")
    return out.getvalue()


def draw(text: str, command: str) -> str:
    """Return what a terminal shows as SVG: each piece of one style has its place and its width,
    whatever the font is.
    """
    lines = text.rstrip("\n").split("\n")
    columns = max(display_width(_STYLE.sub("", line)) for line in lines)
    width, height = round(columns * _WIDE + 2 * _EDGE), (len(lines) + 2) * _HIGH + 2 * _EDGE
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">'
        ),
        f"<title>fitprint {escape(command)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{_BEHIND}"/>',
        (
            '<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" '
            f'font-size="{_SIZE}" fill="{_PLAIN}">'
        ),
        *_line(f"\x1b[32m$\x1b[0m fitprint {command}", 0),
    ]
    for number, line in enumerate(lines):
        parts += _line(line, number + 2)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _line(line: str, number: int) -> Iterator[str]:
    column = 0
    style = ""
    for place, piece in enumerate(_STYLE.split(line)):
        if place % 2:
            style = "" if piece in ("", "0") else piece
            continue
        shown = piece.strip(" ")
        if shown:
            at = column + display_width(piece[: len(piece) - len(piece.lstrip(" "))])
            codes = style.split(";")
            color = next(
                (_COLORS[code] for code in codes if code in _COLORS), _DIM if "2" in codes else ""
            )
            looks = (f' fill="{color}"' if color else "") + (
                ' font-weight="bold"' if "1" in codes else ""
            )
            where = f'x="{_EDGE + at * _WIDE:.1f}" y="{_EDGE + number * _HIGH + _SIZE}"'
            long = f'textLength="{display_width(shown) * _WIDE:.1f}"'
            yield (
                f'<text {where} {long} lengthAdjust="spacingAndGlyphs" '
                f'xml:space="preserve"{looks}>{escape(shown)}</text>'
            )
        column += display_width(piece)


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("FITPRINT_")] + [
        "NO_COLOR",
        "TERM",
    ]:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as home, clock.replaced(lambda: _NOW):
        os.chdir(home)
        fitprint.configure(home=home, store="memory://pictures", notice=False)
        _record()
        for name, (width, command) in PICTURES.items():
            (folder / f"{name}.svg").write_text(
                draw(_printed(command, width), command), encoding="utf-8"
            )
        current().close()


if __name__ == "__main__":
    _write(
        Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "pictures").absolute()
    )
