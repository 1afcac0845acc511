"""Workflows: what a flow costs in which nothing is to be done, and what a step costs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitprint_flow import Flow

STEPS = 20
LONG = 1000

_NOTHING = """
import time
before = time.process_time()
import fitprint.api, fitprint.recording.workspace
core = time.process_time()
import fitprint_flow
fitprint_flow.Flow, fitprint_flow.step
ours = time.process_time()
import flows
flows.chain(flows.STEPS).run()
print((ours - core) * 1000, (time.process_time() - core) * 1000)
"""


def add(number: int = 0) -> int:
    return number + 1


def chain(count: int, start: int = 0) -> Flow:
    """Return a flow of steps of which each takes what the one before returned."""
    from fitprint_flow import Flow

    flow = Flow("chain")
    node = flow.add(add, start, name="0")
    for number in range(1, count):
        node = flow.add(add, node, name=str(number))
    return flow


def _cpu(action: Callable[[], object]) -> float:
    before = os.times()
    action()
    return (sum(os.times()[:4]) - sum(before[:4])) * 1000


def flow_costs() -> dict[str, float]:
    """Milliseconds of CPU, of ``process`` by the clock; ``plan`` of a chain of which all is known,
    and of which nothing is.
    """
    chain(STEPS).run()
    looks = [_look() for _ in range(7)]
    imports, nothing = (statistics.median(each) for each in zip(*looks, strict=True))
    bare = _cpu(lambda: [add(number) for number in range(LONG)])
    unknown = _cpu(lambda: chain(LONG, 10_000).plan())
    inline = _cpu(chain(LONG, 10_000).run)
    known = _cpu(lambda: chain(LONG, 10_000).plan())
    chain(1, 20_000).run(executor="processes", jobs=1)
    began = time.perf_counter()  # the processes are nobody's children whose CPU could be asked for
    chain(10, 30_000).run(executor="processes", jobs=1)
    spawned = (time.perf_counter() - began) * 1000
    return {
        "import": imports,
        "nothing": nothing,
        "plan": max(known, unknown),
        "inline": (inline - bare) / LONG,
        "process": spawned / 10,
    }


def _look() -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _NOTHING],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    imports, nothing = map(float, done.stdout.split())
    return imports, nothing


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"FITPRINT_HOME": folder, "FITPRINT_NOTICE": "false"}
        print(json.dumps(globals()[sys.argv[1]]()))
        from fitprint.recording.workspace import current

        current().close()
