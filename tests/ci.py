"""What ran in CI: `python tests/ci.py PYTHONS SECONDS [OPTION...]`, with the Pythons that are here,
the time it took, and tox's options.

After a run of tox it reads what tox and pytest write for machines, prints a line for each
environment, and one with the sum of all tests. It fails where an environment was left out, or ran
on another Python than the first of those it asks for that are here, and, where all ran, if a test
ran in none of them for want of a library.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

__all__ = ["asked", "counted", "fault", "main", "outcomes", "unmet"]

_WANTING = re.compile(r"could not import '(\w+)|(\w+)\S* is not installed")
_ELSEWHERE = {"torch"}  # of keras-torch and gpu-torch, which are too large for every run


def asked(base_python: Iterable[str]) -> list[str]:
    """Return the versions that an environment asks for, such as ["3.10", "3.11"]; nothing if any
    Python will do.
    """
    return [
        f"{found[1]}.{found[2]}"
        for found in (re.fullmatch(r"py(?:thon)?(\d)\.?(\d+)", each) for each in base_python)
        if found
    ]


def fault(versions: list[str], here: Collection[str], ran_on: str | None) -> str:
    """Return what is wrong with the Python that an environment ran on (None: it did not run), or ""
    if nothing is.
    """
    first = next((version for version in versions if version in here), None)
    if ran_on is None:
        return "did not run" if first or not versions else ""
    return f"ran on Python {ran_on}, not on {first}" if first not in {None, ran_on} else ""


def counted(report: str) -> Counter[str]:
    """Return how many tests had which outcome, from pytest's report."""
    counts: Counter[str] = Counter()
    for suite in ET.fromstring(report).iter("testsuite"):
        failed, errors, skipped = (
            int(suite.attrib[name]) for name in ("failures", "errors", "skipped")
        )
        counts.update(
            failed=failed,
            passed=int(suite.attrib["tests"]) - failed - errors - skipped,
            skipped=skipped,
            error=errors,
        )
    return counts


def unmet(reports: Iterable[str]) -> list[str]:
    """Return the tests that ran in no environment because a library was there in none, from
    pytest's reports.
    """
    ran, wanting = set[str](), set[str]()
    for report in reports:
        for case in ET.fromstring(report).iter("testcase"):
            name = f"{case.get('classname')}.{case.get('name')}"
            skipped = case.find("skipped")
            if skipped is None:
                ran.add(name)
                continue
            found = _WANTING.search(skipped.get("message") or "")
            if found and (found[1] or found[2]) not in _ELSEWHERE:
                wanting.add(name)
    return sorted(wanting - ran)


def outcomes(counts: Counter[str]) -> str:
    """Return counts as pytest's closing line has them."""
    return ", ".join(
        f"{counts[word]} {word}"
        for word in ("failed", "passed", "skipped", "error")
        if counts[word]
    )


def main(here: Collection[str], seconds: float, *options: str) -> str:
    """Print what ran; return what is wrong, or ""."""
    command = [
        sys.executable,
        "-m",
        "tox",
        "config",
        "-q",
        "--format",
        "json",
        "-k",
        "base_python",
        "env_tmp_dir",
        *options,
    ]
    wanted = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)[
        "env"
    ]
    results = json.loads(Path(os.environ["TOX_RESULT_JSON"]).read_text(encoding="utf-8"))[
        "testenvs"
    ]
    faults, reports, total = [], list[str](), Counter[str]()
    for name, settings in wanted.items():
        result = results.get(name, {})
        ran_on = (
            ".".join(map(str, result["python"]["version_info"][:2])) if "python" in result else None
        )
        wrong = fault(asked(settings["base_python"]), here, ran_on)
        if wrong:
            faults.append(f"{name} {wrong}")
        if ran_on is None:
            print(f"{name:18} {wrong or 'has no Python here'}")
            continue
        path = Path(settings["env_tmp_dir"], "tests.xml")
        report = path.read_text(encoding="utf-8") if path.exists() else "<none/>"
        reports.append(report)
        counts = counted(report)
        total += counts
        outcome = "ok" if result["result"]["success"] else "FAILED"
        print(
            f"{name:18} {ran_on:5} {outcome:6} {result['result']['duration']:5.0f} s  "
            f"{outcomes(counts)}"
        )
    print(f" {outcomes(total) or 'no tests ran'} in {seconds:.2f}s ".center(80, "="))
    if not options:
        faults += [
            f"{name} ran nowhere: a library that it needs is nowhere" for name in unmet(reports)
        ]
    return "; ".join(faults)


if __name__ == "__main__":
    pythons, took, *arguments = sys.argv[1:]
    sys.exit(main(pythons.split(), float(took), *arguments) or None)
