"""A run of each framework comes out exactly the same, and what was changed is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.together

PROGRAM = """
import os, random, warnings
warnings.simplefilter("ignore")
import numpy as np
{prepare}
import fitprint
fitprint.autolog()
draw = np.random.default_rng({seed})
X = draw.normal(size=(80, 3))
y = (X[:, 0] + 0.1 * draw.normal(size=80) > 0).astype(int)
{train}
"""
CASES = {
    "sklearn": (
        "from sklearn.ensemble import RandomForestClassifier",
        "RandomForestClassifier(5, random_state=0).fit(X, y)",
    ),
    "xgboost": (
        "import xgboost",
        """
data = xgboost.DMatrix(X, y)
chosen = {"nthread": 1, "subsample": 0.5, "seed": 3, "objective": "binary:logistic"}
xgboost.train(chosen, data, 3, evals=[(data, "train")], verbose_eval=False)
""",
    ),
    "lightgbm": (
        "import lightgbm",
        """
data = lightgbm.Dataset(X, y)
chosen = {"verbose": -1, "num_threads": 1, "seed": 3, "bagging_fraction": 0.5, "bagging_freq": 1}
lightgbm.train(chosen, data, 3, valid_sets=[data])
""",
    ),
    "catboost": (
        "import catboost",
        """
catboost.CatBoostClassifier(
    iterations=3, verbose=0, thread_count=1, random_seed=3, allow_writing_files=False
).fit(X, y)
""",
    ),
    "keras": (
        "import keras; keras.utils.set_random_seed(3)",
        """
net = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
net.compile("sgd", "mse")
net.fit(X, y, epochs=2, verbose=0)
""",
    ),
}


def program(case: str, *, seed: int = 0, **changes: str) -> str:
    prepare, train = CASES[case]
    for old, new in changes.items():
        train = train.replace(old, new)
    return PROGRAM.format(prepare=prepare, train=train, seed=seed)


class Work:
    """A repository with a script that trains, and the commands that record and reproduce it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("FITPRINT_")},
            "FITPRINT_HOME": str(folder / "home"),
            "FITPRINT_NOTICE": "false",
            "XDG_STATE_HOME": str(folder / "state"),
            "CUDA_VISIBLE_DEVICES": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "OMP_NUM_THREADS": "1",
            **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "a@example.org" for who in ("AUTHOR", "COMMITTER")},
        }
        self.ran(["git", "init", "-q"])

    def ran(self, command: list[str], status: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert status == done.returncode, done.stdout + done.stderr
        return done.stdout

    def commit(self, text: str) -> None:
        (self.folder / "train.py").write_text(text)
        self.ran(["git", "add", "-A"])
        self.ran(["git", "commit", "-qm", "work"])

    def check(self, *words: str, status: int) -> Any:
        command = [sys.executable, "-m", "fitprint", "reproduce", "@last", "--check", "--json"]
        return json.loads(self.ran([*command, *words], status))


@pytest.mark.parametrize("case", CASES)
def test_a_run_comes_out_the_same(tmp_path, case):
    """Exactly, but for models whose bytes are new ones each time, and of which only predictions
    tell.
    """
    work = Work(tmp_path)
    work.commit(program(case))
    work.ran([sys.executable, "train.py"])

    report = work.check(status=0)

    other = {item["name"]: item["detail"] for item in report["items"] if item["outcome"] != "same"}
    compared = {item["section"] for item in report["items"]}
    assert {"data", "params", "metrics", "models"} == compared
    if case in ("catboost", "keras"):
        (told,) = other.values()
        assert ("WITHIN", True) == (report["verdict"], told.endswith("rows are the same"))
    else:
        assert ("EXACT", {}) == (report["verdict"], other)


def reasons(report: Any) -> set[str]:
    """Return what is said first of each item that differs."""
    return {item["reasons"][0] for item in report["items"] if item["outcome"] != "same"}


def test_a_seed_that_was_taken_away_is_named(tmp_path):
    work = Work(tmp_path)
    work.commit(program("sklearn", **{"random_state=0": "random_state=None"}))
    work.ran([sys.executable, "train.py"])
    report = work.check(status=1)
    assert {"seed: the parameter random_state was never set"} == reasons(report)
    assert {"models"} <= {i["section"] for i in report["items"] if i["outcome"] == "different"}


def test_models_that_name_the_same_classes_are_told_apart(tmp_path):
    """By their probabilities, also where the home is found from the folder alone."""
    work = Work(tmp_path)
    del work.environment["FITPRINT_HOME"]
    (work.folder / ".gitignore").write_text(".fitprint\n")
    draws = {"random_state=0": "random_state=None, max_depth=1"}
    work.commit(program("sklearn", **draws).replace("> 0)", "> 1)"))
    work.ran([sys.executable, "train.py"])
    report = work.check(status=1)
    model = next(item for item in report["items"] if item["section"] == "models")
    assert "different" == model["outcome"]
    assert "predictions for 64 made-up rows differ by" in model["detail"]


def test_code_and_data_that_changed_are_named(tmp_path):
    work = Work(tmp_path)
    work.commit(program("sklearn"))
    work.ran([sys.executable, "train.py"])
    work.commit(program("sklearn", seed=1))
    report = work.check("--code", "current", status=1)
    different = {item["name"]: item for item in report["items"] if item["outcome"] != "same"}
    assert "train X digest" in different
    first, *others = different["model"]["reasons"]
    assert (first[:12], True) == (
        "code: commit",
        any(reason.startswith("data: train X digest") for reason in others),
    )
