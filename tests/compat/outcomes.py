"""A pytest plugin (``-p outcomes``) that writes the outcome of every test to the file
``TRANSPARENCY_OUTCOMES``.

Where ``TRANSPARENCY_HOME`` is set, everything is recorded there by fitprint, models included if
``TRANSPARENCY_MODELS`` is "1". ``TRANSPARENCY_SAMPLE`` = n/k keeps the k-th part in n of the tests,
the same ones in every run.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

_outcomes: dict[str, list[str]] = {}
_details: dict[str, str] = {}


def pytest_configure(config: Any) -> None:
    home = os.environ.get("TRANSPARENCY_HOME")
    is_controller = not hasattr(config, "workerinput") and getattr(
        config.option, "numprocesses", None
    )
    if home and not is_controller:
        import fitprint
        from fitprint.autologging import callers

        # What a framework's own checks train is no run of a user's; here it is to be, so that more
        # is compared.
        callers._TESTS |= {"estimator_checks"}
        models = os.environ.get("TRANSPARENCY_MODELS") == "1"
        fitprint.configure(home=home, models=models, notice=False, context=False)
        fitprint.autolog()


def pytest_collection_modifyitems(items: list[Any]) -> None:
    sample, offset = map(int, os.environ.get("TRANSPARENCY_SAMPLE", "1/0").split("/"))
    items[:] = [item for item in items if zlib.crc32(item.nodeid.encode()) % sample == offset]


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _outcomes[report.nodeid] = ["collect:failed"]
        _details[report.nodeid] = str(report.longrepr)[-3000:]


def pytest_runtest_logreport(report: Any) -> None:
    word = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
    _outcomes.setdefault(report.nodeid, []).append(f"{report.when}:{word}")
    if report.failed:
        _details[report.nodeid] = str(report.longrepr)[-3000:]


def pytest_sessionfinish(session: Any) -> None:
    if not hasattr(session.config, "workerinput"):
        content = {"outcomes": _outcomes, "details": _details}
        Path(os.environ["TRANSPARENCY_OUTCOMES"]).write_text(json.dumps(content), encoding="utf-8")
