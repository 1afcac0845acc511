"""What two recorded models predict for the same rows, in the environment of the reproduction."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fitprint.carriers.environment import CARRIER
from fitprint.context.redaction import redact_text
from fitprint.errors import FitprintError
from fitprint.recording.run import Run
from fitprint.views.facts import part

__all__ = ["predictions"]

_SECONDS = 300
_ROWS = 64
_MOST_NUMBERS = 1 << 20
_MOST_COLUMNS = 4096
# The environment need not have this plugin: the program asks for no more than fitprint itself.
_PROGRAM = """
import json, sys
asked = json.load(sys.stdin)
import types
import fitprint
def plain(value, most):
    if hasattr(value, "toarray"): value = value.toarray()
    if hasattr(value, "to_numpy"): value = value.to_numpy()
    if hasattr(value, "tolist"): value = value.tolist()
    pending, found = [value], []
    while pending and len(found) <= most:
        each = pending.pop()
        if isinstance(each, dict): pending += [each[key] for key in sorted(each, key=str)][::-1]
        elif isinstance(each, (list, tuple)): pending += list(each)[::-1]
        elif hasattr(each, "tolist"): pending.append(each.tolist())
        elif each is None or isinstance(each, (bool, int, float, str)): found.append(each)
        else: found.append(str(each))
    return found
rows = asked["rows"]
if asked["array"]:
    import numpy
    rows = numpy.array(rows, dtype=asked["array"])
told = []
for uri in asked["models"]:
    predictor = fitprint.load_predictor(uri)
    found = plain(predictor.predict(rows), asked["most"])
    chances = getattr(predictor.model, "predict_proba", None)
    if callable(chances):  # models that differ often name the same classes
        predictor.model = types.SimpleNamespace(predict=chances)
        found += plain(predictor.predict(rows), asked["most"])
    told.append(found)
print("\\n" + json.dumps(told))
"""


def predictions(
    then: Run, now: Run, path: str, python: Path, variables: Mapping[str, str], folder: Path
) -> tuple[Sequence[Any], Sequence[Any], str]:
    """Return the numbers that both models predict, flat, and for which rows.

    The rows are the example that was stored with the model, or else made for a model of plain
    numbers.

    Raises:
        FitprintError: there are no such rows, or a model cannot be loaded.
    """
    rows, kind, told = _rows(then, path)
    asked = {
        "models": [f"runs:/{run.id}/{path}" for run in (then, now)],
        "rows": rows,
        "array": kind,
        "most": _MOST_NUMBERS,
    }
    try:
        done = subprocess.run(
            [str(python), "-c", _PROGRAM],
            input=json.dumps(asked).encode(),
            capture_output=True,
            cwd=folder,
            env=_variables(variables, now),
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise FitprintError(redact_text(said[:500]) or f"status {done.returncode}")
        before, after = json.loads(done.stdout.rstrip().rpartition(b"\n")[2])
    except subprocess.TimeoutExpired:
        raise FitprintError(f"they took longer than {_SECONDS} seconds") from None
    except (OSError, ValueError) as error:
        raise FitprintError(str(error)) from error
    return before, after, told


def _variables(around: Mapping[str, str], run: Run) -> dict[str, str]:
    """Return environment variables with which fitprint finds the store of a run from any folder."""
    carried = {**CARRIER.variables(run), "FITPRINT_NOTICE": "false"}
    return {
        name: text
        for name, text in {**around, **carried}.items()
        if name not in ("FITPRINT_RUN", "FITPRINT_WHOLE")  # it belongs to no run
    }


def _rows(run: Run, path: str) -> tuple[Any, str, str]:
    """Return rows, the type of their array ("" for none), and what they are."""
    paths = {artifact.path for artifact in run.artifacts}
    if f"{path}/input_example.json" in paths:
        content = json.loads(run.read(f"{path}/input_example.json"))
        if isinstance(content, dict) and set(content) == {"columns", "data"}:
            names = content["columns"]
            content = {
                str(name): [row[at] for row in content["data"]] for at, name in enumerate(names)
            }
            return content, "", "the stored example"
        if isinstance(content, dict) and set(content) == {"data"}:
            content = content["data"]
        return content, "float64" if isinstance(content, list) else "", "the stored example"
    model = next(each for each in run.models if each.path == path)
    inputs = part(part(model.facts, "signature"), "inputs")
    fields: list[Any] = list(inputs.get("fields") or ())
    draw = random.Random(0)  # noqa: S311 - the same rows each time
    types = [str(field.get("type")) for field in fields if isinstance(field, Mapping)]
    if not types or not all(kind.startswith(("float", "int", "uint")) for kind in types):
        raise FitprintError(
            "no example was stored with the model; log_model(..., input_example=X) stores one"
        )
    told = f"{_ROWS} made-up rows"
    if inputs.get("container") == "array" and len(types) == 1:
        shape = list(fields[0].get("shape") or ())
        width = shape[1] if len(shape) == 2 and shape[0] == -1 else 0
        if 0 < width <= _MOST_COLUMNS:
            made = [[_number(draw, types[0]) for _ in range(width)] for _ in range(_ROWS)]
            return made, types[0], told
    elif inputs.get("container") == "table":
        names = [str(field.get("name")) for field in fields]
        made_columns = {
            name: [_number(draw, kind) for _ in range(_ROWS)]
            for name, kind in zip(names, types, strict=True)
        }
        return made_columns, "", told
    raise FitprintError(
        "no example was stored with the model; log_model(..., input_example=X) stores one"
    )


def _number(draw: random.Random, kind: str) -> float:
    if not kind.startswith("float"):
        return draw.randrange(8)
    return draw.gauss(0, 2) * 10.0 ** draw.randrange(-1, 4)  # the scale of the data is not known
