"""The other side of :mod:`fitprint.models.trials`: the process that is copied for each trial, and
the copies, which hold them.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fitprint.models.directory import read_manifest
from fitprint.models.loading import load_untried
from fitprint.models.trust import Trust
from fitprint.platform.copies import is_out_of_time, limit_time, run_copy
from fitprint.platform.processes import bound

__all__ = ["serve"]

# bytes of addresses that a trial may take beyond what is there: these, some for the stacks of the
# threads that frameworks start for each core, and eight times its files
_MEMORY = 4 << 30
_MEMORY_OF_CORE = 64 << 20
_GRACE = 2  # seconds after which a copy that should be gone is ended


def serve() -> None:
    """Hold trials, one after the other, until the standard input ends."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    warnings.simplefilter("ignore")
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        # of the process that started this one
        flavor = pickle.loads(base64.b64decode(request["flavor"]))  # noqa: S301
        for package in flavor.packages:
            try:
                importlib.import_module(package)
            except Exception:  # noqa: BLE001, S110 - loading says so
                pass
        answer = _held(flavor, request) if request.get("alone") else _by_a_copy(flavor, request)
        channel.write(json.dumps(answer).encode() + b"\n")


def _by_a_copy(flavor: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    ended = run_copy(
        lambda: json.dumps(_held(flavor, request)).encode(),
        2 * request["seconds"] + _GRACE,
        sys.stdin.fileno(),
    )
    if ended.told is None or is_out_of_time(ended.signal):
        return {"hung": request["seconds"], "busy": is_out_of_time(ended.signal, of_cpu=True)}
    if ended.signal:
        return {"died": ended.signal}
    return dict(json.loads(ended.told)) if ended.told else {"died": 256 + ended.status}


def _held(flavor: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """Load the model and predict with it, within limits; what prediction raises is no matter: the
    data is made up.
    """
    directory = Path(request["directory"])
    _limit(directory, request["seconds"])
    trust = Trust(request["trust"], request["uri"], request["verb"])
    try:
        manifest = read_manifest(directory)
        options = manifest.flavors.get(flavor.name) or {}
        model = load_untried(directory, manifest, flavor, options, trust)
    except BaseException as error:  # noqa: BLE001 - it is raised where the model was asked for
        return {"error": [type(error).__name__, str(error)]}
    predict: Callable[[Any, Any], None] = flavor.trial(directory, options)
    try:
        predict(model, manifest.signature)
    except BaseException:  # noqa: BLE001, S110 - as said above
        pass
    try:
        del model
    except BaseException:  # noqa: BLE001, S110 - the same
        pass
    return {}


def _limit(directory: Path, seconds: int) -> None:
    """Bound time and memory; a limit that the system does not set is done without."""
    limit_time(2 * seconds)
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    cores = os.cpu_count() or 1
    bound(seconds=seconds, memory=_MEMORY + _MEMORY_OF_CORE * cores + 8 * size)
