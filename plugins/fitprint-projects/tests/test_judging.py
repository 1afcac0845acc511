"""Words of a command, variables, conditions and numbers, each by itself."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fitprint_projects.reproducing import conditions, judging
from fitprint_projects.reproducing.commands import (
    Folders,
    MissingWordsError,
    command_of,
    folders_of,
    variables_of,
    wanting,
)

PYTHON = Path("/nowhere/bin/python")


def words(command: list[str], root: Path, **given: str) -> list[str]:
    folders = Folders(root, root, root)
    return command_of({"process": {"command": command}}, folders, PYTHON, given)[1:]


def test_secrets_are_named_by_their_flags():
    command = [
        "python", "t.py", "--token", "[redacted]", "--key=[redacted]", "[redacted]",
        "--url", "https://u:[redacted]@h/?k=[redacted]", "[redacted]", "--token", "[redacted]",
    ]  # fmt: skip
    assert {
        "token": (3, 0),
        "key": (4, 6),
        "argument5": (5, 0),
        "argument7": (7, 10),
        "argument7.2": (7, 26),
        "argument8": (8, 0),
        "token.2": (10, 0),
    } == wanting(command)


def test_secrets_take_their_places(tmp_path):
    command = ["python", "t.py", "--url", "https://u:[redacted]@h/?k=[redacted]"]
    given = {"argument3": "a b", "argument3.2": "$(x)"}
    assert ["t.py", "--url", "https://u:a b@h/?k=$(x)"] == words(command, tmp_path, **given)


def test_a_secret_that_nobody_asks_for(tmp_path):
    with pytest.raises(MissingWordsError, match="there is none"):
        words(["python", "t.py"], tmp_path, token="x")


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "print('$(touch x)'); '\n'"],
        ["-m", "package.train", "--x", "a;b"],
        ["-u", "-W", "error", "train.py", "-", ""],
        ["-X", "dev", "-Im", "train"],
    ],
)
def test_words_stay_as_they_are(tmp_path, command):
    assert command == words(["python", *command], tmp_path)


def test_paths_that_were_shortened_are_found_again(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").touch()
    folders = Folders(tmp_path, tmp_path, tmp_path / "code")
    (tmp_path / "data.csv").touch()
    command = ["python", "code/train.py", "data.csv", "train.py", "~/more"]
    assert [
        str(tmp_path / "code" / "train.py"),
        str(tmp_path / "data.csv"),
        "train.py",
        str(Path.home() / "more"),
    ] == command_of({"process": {"command": command}}, folders, PYTHON, {})[1:]


def test_a_script_of_the_environment_is_that_of_the_new_one(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "fitprint").touch()
    folders = Folders(tmp_path, tmp_path, tmp_path)
    command = ["/old/bin/python", "/old/bin/fitprint", "exec", "train.py"]
    python = tmp_path / "bin" / "python"
    assert [str(python), str(tmp_path / "bin" / "fitprint"), "exec", "train.py"] == command_of(
        {"process": {"command": command}}, folders, python, {}
    )


@pytest.mark.parametrize(
    ("inside", "below", "project", "work"),
    [
        (".", ".", "", ""),
        ("sub", "sub", "", "sub"),
        ("part/sub", "sub", "part", "part/sub"),
        ("part/sub", ".", "part/sub", "part/sub"),
        ("part", "~/elsewhere", "", "part"),
        ("../out", "x", "", ""),
    ],
)
def test_folders(tmp_path, inside, below, project, work):
    about = {"git": {"repository": "r", "folder": inside}, "process": {"folder": below}}
    found = folders_of(about, tmp_path)
    assert (tmp_path / project, tmp_path / work) == (found.project, found.work)
    assert not (tmp_path.parent / "out").exists()


def test_variables_that_decide_are_as_they_were():
    about = {
        "process": {"variables": {"PYTHONHASHSEED": "3", "RANK": "1", "XLA_FLAGS": "[redacted]"}}
    }
    around = {"OMP_NUM_THREADS": "8", "PATH": "/bin", "RANK": "0", "XLA_FLAGS": "mine"}
    assert {
        "PYTHONHASHSEED": "3",
        "PATH": "/bin",
        "RANK": "0",
        "XLA_FLAGS": "mine",
    } == variables_of(about, around)


def environment(model: str = "A", threads: int = 2, kernel: str = "Zen", **more: object):
    pool = {"kind": "blas", "library": "openblas", "threads": threads, "kernel": kernel}
    return {"hardware": {"cpu": {"model": model}, **more}, "threads": {"pools": [pool]}}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (environment(), []),
        (environment(threads=8), [("threads", "openblas 2 → 8")]),
        (environment(model="B"), [("hardware", "processor model A → B")]),
        (environment(kernel="Haswell"), [("hardware", "BLAS kernels Zen → Haswell")]),
        (environment(gpus=[{"model": "G"}]), [("hardware", "GPUs none → G")]),
    ],
)
def test_threads_and_hardware_are_named(now, expected):
    then = environment()
    found = [*conditions._threads(then, now), *conditions._hardware(then, now)]
    assert expected == found


@pytest.mark.parametrize(
    ("now", "most"),
    [
        (environment(), 1e-9),
        (environment(threads=8), 1e-9),
        (environment(model="B"), 1e-5),
        (environment(kernel="Haswell"), 1e-5),
        (environment(gpus=[{"model": "G"}]), 1e-3),
    ],
)
def test_what_is_usually_tolerated(now, most):
    assert most == conditions.usual_tolerance(environment(), now)[0]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1.0, 1.0, 0.0),
        (0.0, -0.0, 0.0),
        (math.nan, math.nan, 0.0),
        (math.inf, math.inf, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, -math.inf, math.inf),
        (2.0, 1.0, 0.5),
        (-1.0, 1.0, 2.0),
        (0.0, 1e-300, 1.0),
        (-1.7e308, 1.7e308, 2.0),
    ],
)
def test_relative_differences(old, new, expected):
    assert expected == pytest.approx(judging.relative_difference(old, new), rel=1e-12)


def test_an_exact_name_goes_before_patterns():
    tolerance = judging.Tolerance(1e-9, {"val_*": 1e-3, "val_loss": 1e-4, "*": 1.0})
    assert [1e-4, 1.0, 1.0] == [tolerance.of(name) for name in ("val_loss", "val_auc", "loss")]
