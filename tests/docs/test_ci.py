"""What ran in CI is told as it was, and what did not run that should have is a failure."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CI = runpy.run_path(str(ROOT / "tests/ci.py"))
TWO = ["3.10", "3.13"]


@pytest.mark.parametrize(
    ("base_python", "versions"),
    [
        (["py313"], ["3.13"]),
        (["python3.10", "python3.9"], ["3.10", "3.9"]),
        (["bin/python3"], []),
        (["of/python3.11"], []),
    ],
)
def test_what_an_environment_asks_for(base_python, versions):
    """By its own name, by a list, or none: then tox names the interpreter that it runs on."""
    assert versions == CI["asked"](base_python)


@pytest.mark.parametrize(
    ("versions", "ran_on", "fault"),
    [
        ([], "3.11", ""),
        ([], None, "did not run"),
        (["3.13"], "3.13", ""),
        (["3.13"], None, "did not run"),
        (["3.14"], None, ""),
        (["3.9", "3.10", "3.13"], "3.10", ""),
        (["3.9", "3.10", "3.13"], "3.13", "ran on Python 3.13, not on 3.10"),
        (["3.9", "3.10", "3.13"], None, "did not run"),
    ],
)
def test_what_should_have_run(versions, ran_on, fault):
    """What asks for no Python in particular, and what asks for one that is here, on the first of
    them.
    """
    assert fault == CI["fault"](versions, TWO, ran_on)


def test_tests_are_counted(tmp_path):
    """From the report that pytest writes: what passed is what is left of all."""
    path = tmp_path / "test_toy.py"
    path.write_text(
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): pass\n"
        "def test_c(): assert 0\n"
        "def test_d(): pytest.skip('so')\n"
        "@pytest.fixture\ndef broken(): raise OSError\n"
        "def test_e(broken): pass\n"
    )
    subprocess.run(
        [sys.executable, "-m", "pytest", "--junitxml=tests.xml", path.name],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert {"passed": 2, "failed": 1, "skipped": 1, "error": 1} == CI["counted"](
        (tmp_path / "tests.xml").read_text(encoding="utf-8")
    )


def test_a_test_that_ran_nowhere_for_want_of_a_library_is_told(tmp_path):
    """One that ran somewhere is not, nor one that was left out for another reason."""
    (tmp_path / "test_toy.py").write_text(
        "import sys, pytest\n"
        "def test_there(): pytest.importorskip('json')\n"
        "def test_once(): pytest.importorskip('json' if sys.flags.optimize else 'nowhere.part')\n"
        "def test_never(): pytest.importorskip('nowhere.part')\n"
        "def test_kit(): pytest.skip('nowhere.part is not installed')\n"
        "def test_system(): pytest.skip('only on other systems')\n"
        "def test_torch(): pytest.importorskip('torch.none')\n"
    )
    for flag, report in (("-B", "a.xml"), ("-O", "b.xml")):
        subprocess.run(
            [sys.executable, flag, "-m", "pytest", f"--junitxml={report}", "test_toy.py"],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
        )
    reports = [(tmp_path / name).read_text(encoding="utf-8") for name in ("a.xml", "b.xml")]
    assert ["test_toy.test_kit", "test_toy.test_never"] == CI["unmet"](reports)
    assert ["test_toy.test_kit", "test_toy.test_never", "test_toy.test_once"] == CI["unmet"](
        reports[:1]
    )


def test_the_last_line_is_like_pytest_s_own():
    """What did not happen is left out."""
    assert "2 passed, 1 error" == CI["outcomes"](Counter(passed=2, error=1, failed=0))
