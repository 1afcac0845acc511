"""Estimators of one framework inside calls of another: one run, with true children, whichever
plugins are switched on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.recording.run import Run
from fitprint.testing.capture import CapturedRuns, captured_runs

pytestmark = [
    pytest.mark.together,
    # Keras, pickled
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    ),
]

Make = Callable[[], Any]


def make_xgboost() -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)


def make_lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(n_estimators=3, num_leaves=4, n_jobs=1, verbosity=-1)


def make_catboost() -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        iterations=3, depth=2, thread_count=1, verbose=False, allow_writing_files=False
    )


def make_keras() -> Any:
    from keras_estimator import KerasEstimator

    return KerasEstimator(epochs=2)


FRAMEWORKS = {"xgboost": make_xgboost, "lightgbm": make_lightgbm, "keras": make_keras}


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def make(framework: str) -> Make:
    return FRAMEWORKS[framework]


@pytest.fixture(params=["all", "alone", "without"])
def captured(
    request: pytest.FixtureRequest, framework: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CapturedRuns]:
    """Autologging with all plugins, with the framework's alone, or with all but it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "estimators"))
    settings: dict[str, Any] = {
        "all": {},
        "alone": {"include_frameworks": [framework]},
        "without": {"exclude_frameworks": [framework]},
    }
    with captured_runs(training_metrics_code=["keras_estimator.KerasEstimator"]) as runs:
        fitprint.autolog(**settings[request.param])
        yield runs


def data() -> tuple[Any, Any]:
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    return X[::3].astype("float32"), y[::3]


def family(captured: CapturedRuns) -> tuple[Run, list[Run]]:
    """Return the only outermost run, and the others, which must be its children."""
    top = captured.one()
    runs = captured.all()
    children = [run for run in runs if run.parent_id is not None]
    assert {child.parent_id for child in children} <= {top.id}
    assert {run.status for run in runs} == {"FINISHED"}
    return top, children


@pytest.mark.parametrize("workers", ["one thread", "threads", "processes"])
def test_a_search_is_one_parent_with_its_candidates(
    make: Make, captured: CapturedRuns, workers: str
) -> None:
    from joblib import parallel_config
    from sklearn.model_selection import GridSearchCV

    X, y = data()
    with parallel_config(
        "threading" if workers == "threads" else "loky", n_jobs=1 if workers == "one thread" else 2
    ):
        search = GridSearchCV(make(), {next(iter(_grid(make()))): [1, 2]}, cv=2).fit(X, y)
    top, children = family(captured)
    assert (top.name, top.kind, len(children)) == ("GridSearchCV", "search", 2)
    assert sorted(child.metrics["mean_test_score"] for child in children) == sorted(
        search.cv_results_["mean_test_score"]
    )
    assert [model.path for model in top.models] == ["model"]


def _grid(estimator: Any) -> list[str]:
    return [
        name for name in ("n_estimators", "iterations", "epochs") if name in estimator.get_params()
    ]


def test_a_cross_validation_is_one_run(make: Make, captured: CapturedRuns) -> None:
    from sklearn.model_selection import cross_val_score

    X, y = data()
    scores = cross_val_score(make(), X, y, cv=2)
    top, children = family(captured)
    assert (top.kind, children) == ("cross-validation", [])
    assert list(top.history("test_score").value) == list(scores)


@pytest.mark.parametrize(
    "composition", ["pipeline", "stacking", "one against the rest", "calibrated"]
)
def test_a_composition_is_one_run(make: Make, captured: CapturedRuns, composition: str) -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    compose: dict[str, Callable[[Any], Any]] = {
        "pipeline": lambda inner: make_pipeline(StandardScaler(), inner),
        "stacking": lambda inner: StackingClassifier(
            [("inner", inner)], LogisticRegression(), cv=2
        ),
        "one against the rest": OneVsRestClassifier,
        "calibrated": lambda inner: CalibratedClassifierCV(inner, cv=2),
    }
    model = compose[composition](make())
    X, y = data()
    model.fit(X, y)
    top, children = family(captured)
    assert (top.name, children, len(top.models)) == (type(model).__name__, [], 1)
    assert top.metrics["training_score"] == pytest.approx(model.score(X, y))


def test_threads_of_several_frameworks_keep_to_their_runs() -> None:
    """Six threads train models of three frameworks at once: six complete runs."""
    X, y = data()
    with captured_runs() as captured:
        fitprint.autolog()
        threads = [
            threading.Thread(target=lambda make=make: make().fit(X, y))
            for make in (make_xgboost, make_lightgbm, make_catboost) * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        runs = captured.roots()
        assert sorted(run.name for run in runs) == sorted(
            ["XGBClassifier", "LGBMClassifier", "CatBoostClassifier"] * 2
        )
        assert {run.status for run in runs} == {"FINISHED"}
        # CatBoost's facts hold those of y
        complete = {"XGBClassifier": (1, 2), "LGBMClassifier": (1, 2), "CatBoostClassifier": (1, 1)}
        assert [(run.name, (len(run.models), len(run.datasets))) for run in runs] == [
            (run.name, complete[run.name]) for run in runs
        ]
        assert all(
            run.params["n_estimators" if "n_estimators" in run.params else "iterations"] == 3
            for run in runs
        )
