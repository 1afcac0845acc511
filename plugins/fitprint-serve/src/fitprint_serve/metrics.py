"""Metrics in the text format of Prometheus. Every sample is a sum, so those of several processes
can be added.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from fitprint import __version__
from fitprint_serve.served import Served

__all__ = ["Metrics", "text_of"]

Samples = dict[str, float]

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FAMILIES = {
    "fitprint_requests_total": ("counter", "Requests by model, protocol and status."),
    "fitprint_request_seconds": ("histogram", "From the headers of a request to its answer."),
    "fitprint_rows_total": ("counter", "Rows that models were asked for."),
    "fitprint_batches_total": ("counter", "Calls of models; each may answer several requests."),
    "fitprint_model_seconds_total": ("counter", "Time inside of models."),
    "fitprint_model_errors_total": ("counter", "Calls of models that raised."),
    "fitprint_waiting_requests": ("gauge", "Requests that were taken and are not answered."),
    "fitprint_model_info": ("gauge", "Processes that serve a model, by its URI and flavor."),
    "process_cpu_seconds_total": ("counter", "CPU of all processes."),
    "process_resident_memory_bytes": ("gauge", "Memory of all processes."),
}


class Metrics:
    """Counts of one process."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], int] = {}
        self._seconds: dict[str, list[float]] = {}

    def count(self, model: str, protocol: str, status: int, seconds: float) -> None:
        """Count an answer; ``model`` is "" where none was asked."""
        key = model, protocol, status
        self._requests[key] = self._requests.get(key, 0) + 1
        if model:
            found = self._seconds.get(model)
            if found is None:
                found = self._seconds[model] = [0.0] * (len(_BOUNDS) + 2)
            found[bisect_left(_BOUNDS, seconds)] += 1
            found[-1] += seconds

    def samples(self, models: Iterable[Served]) -> Samples:
        """Return all samples by name and labels."""
        found: Samples = {}
        for (model, protocol, status), number in self._requests.items():
            labels = f'model="{_escaped(model)}",protocol="{protocol}",code="{status}"'
            found[f"fitprint_requests_total{{{labels}}}"] = number
        for model, counts in self._seconds.items():
            label, total = f'model="{_escaped(model)}"', 0.0
            for bound, many in zip((*_BOUNDS, "+Inf"), counts, strict=False):
                total += many
                found[f'fitprint_request_seconds_bucket{{{label},le="{bound}"}}'] = total
            found[f"fitprint_request_seconds_sum{{{label}}}"] = counts[-1]
            found[f"fitprint_request_seconds_count{{{label}}}"] = total
        for served in models:
            label = f'model="{_escaped(served.name)}"'
            for name, value in served.counts.items():
                found[f"fitprint_{name}_total{{{label}}}"] = value
            found[f"fitprint_waiting_requests{{{label}}}"] = served.waiting
            uri, flavor = _escaped(served.predictor.uri), _escaped(served.predictor.flavor)
            about = f'uri="{uri}",flavor="{flavor}"'
            found[f'fitprint_model_info{{{label},{about},fitprint="{__version__}"}}'] = 1
        found["process_cpu_seconds_total"] = time.process_time()
        if memory := _memory():
            found["process_resident_memory_bytes"] = memory
        return found


def text_of(samples: Mapping[str, float]) -> bytes:
    """Return samples as Prometheus reads them."""
    lines = []
    for family, (kind, told) in _FAMILIES.items():
        names = [name for name in samples if name.partition("{")[0].startswith(family)]
        if names:
            lines += [f"# HELP {family} {told}", f"# TYPE {family} {kind}"]
            lines += [f"{name} {samples[name]:.17g}" for name in names]
    return "".join(f"{line}\n" for line in lines).encode(errors="replace")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _memory() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0
