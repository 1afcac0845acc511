"""What differs among runs, as a record."""

from __future__ import annotations

import json
import math

import pytest

from fitprint.entities import Artifact, Dataset, MetricSummary, Param, RunRecord
from fitprint.views.comparison import ABSENT, Delta, Subject, compared


def metric(value, goal="max"):
    """Return the summary of a metric with one point."""
    return MetricSummary(value, 0, 0, value, 0, value, 0, value, 1, goal)


def run(name, metrics=None, params=None, environment=None, **facts):
    """Return a run that has ended; numbers of metrics are better when greater."""
    found = {
        key: value if isinstance(value, MetricSummary) else metric(value)
        for key, value in (metrics or {}).items()
    }
    values = {
        key: value if isinstance(value, Param) else Param(value)
        for key, value in (params or {}).items()
    }
    return Subject(
        RunRecord(
            name * 32, name, "e", "FINISHED", 0, 1_000_000, metrics=found, params=values, **facts
        ),
        environment,
    )


def rows(comparison, section):
    """Return the rows of a section by key."""
    return {row.key: row for row in comparison.section(section).rows}


def values(comparison, section):
    """Return the values of each row of a section."""
    return {row.key: row.values for row in comparison.section(section).rows}


def test_equal_values_are_hidden_and_counted():
    """What is the same stays out, with a number, until it is asked for."""
    runs = [
        run("a", {"m": 1.0, "n": 2.0}, {"C": 1, "solver": "x"}),
        run("b", {"m": 1.5, "n": 2.0}, {"C": 2, "solver": "x"}),
    ]
    comparison = compared(runs)
    assert ({"m": (1.0, 1.5)}, {"C": (1, 2)}) == (
        values(comparison, "metrics"),
        values(comparison, "params"),
    )
    assert (1, 1) == (comparison.section("metrics").hidden, comparison.section("params").hidden)
    assert {"C": (1, 2), "solver": ("x", "x")} == values(compared(runs, whole=True), "params")


@pytest.mark.parametrize(
    ("first", "second", "differs"),
    [
        (1, 1.0, False),
        (1, True, True),
        (math.nan, math.nan, False),
        (None, "None", True),
        (0.0, -0.0, False),
        ([1, {"a": [math.nan]}], [1.0, {"a": [math.nan]}], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"a": None}, {}, True),
        ([], {}, True),
        ("x" * 100_000, "x" * 100_000 + "y", True),
        (10**400, 10**400, False),
    ],
)
def test_when_values_differ(first, second, differs):
    """Numbers by their value, truth is no number, NaN is NaN, dicts have no order."""
    assert differs == bool(
        compared([run("a", params={"p": first}), run("b", params={"p": second})])
        .section("params")
        .rows
    )


def test_a_large_value_is_compared_whole():
    """Where the record has a preview, the digest of the whole value decides."""
    one, two = (
        run(
            name,
            params={"p": Param("xx", spilled="p.json")},
            artifacts=(Artifact("p.json", f"sha256:{name}", 9),),
        )
        for name in "ab"
    )
    assert ["p"] == list(values(compared([one, two]), "params"))


def test_a_default_that_others_lack_tells_nothing():
    """What one family of models has by default; what somebody set does tell, and so do defaults
    that are not the same.
    """
    runs = [
        run(
            "a",
            params={"tol": Param(1, "default"), "C": Param(1), "max_depth": Param(6, "default")},
        ),
        run("b"),
        run("c"),
    ]
    runs[1] = run("b", params={"max_depth": Param(None, "default")})
    assert ["C", "max_depth"] == list(values(compared(runs), "params"))


def test_what_was_set_comes_first():
    """Then what a framework chose."""
    runs = [run(name, params={"a": Param(name, "resolved"), "z": Param(name)}) for name in "ab"]
    assert ["z", "a"] == list(values(compared(runs), "params"))


def test_held_out_metrics_come_first():
    """Then those of the training data, counts, and times."""
    keys = ["fit_time", "n_iter", "training_score", "val_10", "val_9", "accuracy_score"]
    runs = [run(name, dict.fromkeys(keys, value)) for name, value in (("a", 1.0), ("b", 2.0))]
    assert ["accuracy_score", "val_9", "val_10", "training_score", "fit_time", "n_iter"] == list(
        values(compared(runs), "metrics")
    )


def test_metrics_of_the_machine_are_asked_for():
    """They always differ, and say nothing about a model."""
    runs = [run("a", {"system/cpu": 1.0}), run("b", {"system/cpu": 2.0})]
    assert ({}, ["system/cpu"]) == (
        values(compared(runs), "metrics"),
        list(values(compared(runs, whole=True), "metrics")),
    )


def test_the_best_of_a_row():
    """By the goal, all of them; none where all are the same, where goals differ, and for counts."""
    runs = [
        run(
            "a",
            {
                "acc": 0.9,
                "loss": metric(0.1, "min"),
                "odd": metric(1.0, "min"),
                "n_iter": 3.0,
                "auc": 1.0,
            },
        ),
        run(
            "b", {"acc": 0.9, "loss": metric(0.2, "min"), "odd": metric(2.0, "max"), "n_iter": 4.0}
        ),
        run(
            "c",
            {"acc": 0.8, "loss": metric(math.nan, "min"), "odd": metric(2.0, "max"), "n_iter": 4.0},
        ),
    ]
    found = rows(compared(runs), "metrics")
    assert {"acc": (0, 1), "loss": (0,), "odd": (), "n_iter": (), "auc": ()} == {
        key: row.best for key, row in found.items()
    }
    assert {"acc": "max", "loss": "min", "odd": None, "n_iter": None, "auc": "max"} == {
        key: row.goal for key, row in found.items()
    }


def test_deltas_against_a_baseline():
    """Difference, percent of the baseline's magnitude, and whether it is better."""
    runs = [
        run("a", {"acc": 0.5, "loss": metric(-2.0, "min")}),
        run("b", {"acc": 0.6, "loss": metric(-1.0, "min")}),
    ]
    found = rows(compared(runs, baseline=0), "metrics")
    assert Delta(pytest.approx(0.1), pytest.approx(20), better=True) == found["acc"].deltas[1]
    assert (Delta(1.0, 50.0, better=False), Delta(0.0, 0.0, None)) == (
        found["loss"].deltas[1],
        found["loss"].deltas[0],
    )
    assert () == rows(compared(runs), "metrics")["acc"].deltas


@pytest.mark.parametrize(
    ("base", "value", "expected"),
    [
        (0.0, 1.0, Delta(1.0, None, better=True)),
        (math.nan, 1.0, Delta()),
        (1.0, math.inf, Delta()),
        (None, 1.0, Delta()),
        (1.0, None, Delta()),
        (1.7e308, -1.7e308, Delta()),
        (5e-324, 1e308, Delta(1e308, None, better=True)),
    ],
)
def test_deltas_that_say_nothing(base, value, expected):
    """Nothing is divided by 0, nothing overflows, and what is missing has no difference."""
    runs = [
        run(name, {} if each is None else {"acc": each})
        for name, each in (("a", base), ("b", value))
    ]
    assert expected == rows(compared(runs, baseline=0), "metrics")["acc"].deltas[1]


def test_a_name_that_says_nothing_has_no_best():
    """More of it may be worse: nobody is misled by a guess."""
    runs = [
        run(name, {"layer_norm": value, "cost_eur": metric(value, "min")})
        for name, value in (("a", 1.0), ("b", 2.0))
    ]
    found = rows(compared(runs, baseline=0), "metrics")
    assert {"layer_norm": (None, (), None), "cost_eur": ("min", (0,), False)} == {
        key: (row.goal, row.best, row.deltas[1].better) for key, row in found.items()
    }


def test_times_alone_make_no_difference():
    """A run that is made again takes another time, and is the same."""
    runs = [run("a", {"fit_time": 1.0, "m": 1.0}), run("b", {"fit_time": 2.0, "m": 1.0})]
    assert (["fit_time"], False) == (
        list(values(compared(runs), "metrics")),
        compared(runs).differs,
    )
    assert compared([runs[0], run("c", {"fit_time": 1.0, "m": 1.1})]).differs


TABLE = {
    "shape": [10, 2],
    "type": "pandas.DataFrame",
    "schema": [{"name": "a", "dtype": "int64"}, {"name": "b", "dtype": "int64"}],
}


def test_columns_of_data_are_told_as_they_differ():
    """Added, removed, and of another type, against the baseline."""
    other = TABLE | {"schema": [{"name": "b", "dtype": "float64"}, {"name": "c", "dtype": "int64"}]}
    runs = [
        run("a", datasets=(Dataset("X", "train", "1", TABLE),)),
        run("b", datasets=(Dataset("X", "train", "2", other),)),
    ]
    assert {
        "train digest": ("1", "2"),
        "train columns": ("2", "2, +c, -a, b: int64 → float64"),
    } == values(compared(runs), "data")


def test_types_that_one_run_does_not_know_are_no_difference():
    """The names of columns are compared alone."""
    names = {"feature_names": ["a", "b"]}
    runs = [
        run("a", datasets=(Dataset("X", "train", "1", TABLE),)),
        run("b", datasets=(Dataset("X", "train", "1", names),)),
    ]
    assert "train columns" not in values(compared(runs), "data")


def test_data_of_a_role_are_matched_under_any_name():
    """The name then differs like everything else; of data that others lack it is enough to say
    which.
    """
    runs = [
        run("a", datasets=(Dataset("X", "train", "1"),)),
        run("b", datasets=(Dataset("learn", "train", "1"), Dataset("v", "eval", "9"))),
    ]
    assert {"train name": ("X", "learn"), "eval digest": (ABSENT, "9")} == values(
        compared(runs), "data"
    )


def test_two_data_sets_of_a_role_are_matched_by_name():
    """Also where they have the same name."""
    runs = [
        run("a", datasets=(Dataset("X", "train", "1"), Dataset("y", "train", "2"))),
        run("b", datasets=(Dataset("X", "train", "1"), Dataset("X", "train", "3"))),
    ]
    assert {"train y digest": ("2", ABSENT), "train X (2) digest": (ABSENT, "3")} == values(
        compared(runs), "data"
    )


def environment(**packages):
    return {
        "packages": {"installed": {"numpy": "1", **packages}, "imported": ["pandas"]},
        "process": {"pid": 1, "host": "h", "command": ["/usr/bin/python", "train.py", "a b"]},
        "hardware": {
            "cpu": {"model": "x"},
            "memory": {"available": 1},
            "gpus": [{"model": "H100"}, {"model": "H100"}],
        },
        "git": {"commit": "c" * 40, "branch": "main"},
    }


def test_environment_packages_and_code():
    """Each in a section of its own; what is never the same twice is left out."""
    one, two = environment(pandas="2"), environment(pandas="3", scipy="1")
    two["process"] |= {"pid": 2, "host": "g", "command": ["python", "train.py"]}
    two["hardware"] |= {"memory": {"available": 2}, "gpus": []}
    two["git"] = {"commit": "d" * 40, "branch": "main", "patch": {"exact": True}}
    patch = (Artifact("code/uncommitted.patch", "sha256:p", 1),)
    comparison = compared([run("a", environment=one), run("b", environment=two, artifacts=patch)])
    assert {"pandas": ("2", "3"), "scipy": (ABSENT, "1")} == values(comparison, "packages")
    assert {"process.host": ("h", "g"), "hardware.gpus": ("H100, H100", ABSENT)} == values(
        comparison, "environment"
    )
    assert {
        "command": ("python train.py 'a b'", "python train.py"),
        "commit": ("c" * 40, "d" * 40),
        "patch": (ABSENT, "sha256:p"),
    } == values(comparison, "code")


def test_an_environment_that_is_not_known_makes_no_difference():
    """The others are compared; the run has no values."""
    comparison = compared(
        [
            run("a", environment=environment()),
            run("b"),
            run("c", environment=environment(scipy="1")),
        ]
    )
    assert {"scipy": (ABSENT, ABSENT, "1")} == values(comparison, "packages")
    assert {} == values(compared([run("a", environment=environment()), run("b")]), "packages")


ODD = [None, 1, "x", [], [[]], [None], {}, {"a": {"b": []}}, True, math.nan, {"": None}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_facts_of_any_form_are_compared(odd):
    """Records come from anywhere: what has another form than ours neither breaks the comparison nor
    its JSON.
    """
    one, two = environment(), environment()
    for name in one:
        two |= {name: odd}
    one["hardware"] = {"gpus": odd, "cpu": odd}
    two["packages"] = {"installed": odd, "imported": odd}
    two["git"] = {"commit": odd, "script": odd, "submodules": odd, "remote": odd}
    facts = {
        "shape": odd,
        "schema": odd,
        "feature_names": odd,
        "target": odd,
        "type": odd,
        "missing": odd,
    }
    subjects = [
        run(
            "a",
            environment=one,
            datasets=(Dataset("X", "train", "", facts), Dataset("Y", "", "", {"schema": [odd]})),
        ),
        run("b", params={"p": odd}, environment=two, datasets=(Dataset("X", "train", "1", TABLE),)),
        run(
            "c",
            params={"p": 0},
            environment={"process": odd, "a": {"b": {"c": {"d": {"e": {"f": {"g": odd}}}}}}},
        ),
    ]
    for whole in (False, True):
        comparison = compared(subjects, baseline=1, whole=whole)
        json.dumps(comparison.to_dict(), allow_nan=False)
        assert str(comparison)


def test_deep_values_are_compared():
    """However deep they are nested, as far as a record can be read."""

    def deep(value):
        for _ in range(600):
            value = [value]
        return value

    runs = [run(name, params={"p": deep(value)}) for name, value in (("a", 1), ("b", 2), ("c", 1))]
    assert (["p"], []) == (
        list(values(compared(runs[:2]), "params")),
        list(values(compared(runs[::2]), "params")),
    )
    assert "[[[" in str(compared(runs))


def test_the_json_form():
    """An object with a version, runs, sections and rows; a value that a run lacks is missing, None
    is null.
    """
    runs = [run("a", {"acc": math.nan}, {"p": None}), run("b", {"acc": 1.0})]
    content = compared(runs, baseline=1, notes=["careful"]).to_dict()
    a, b = "a" * 32, "b" * 32
    assert (1, b, ["careful"]) == (content["schema"], content["baseline"], content["notes"])
    assert {"id": a, "name": "a", "status": "FINISHED", "experiment": "e"}.items() <= content[
        "runs"
    ][0].items()
    sections = {section["name"]: section for section in content["sections"]}
    assert ["metrics", "params", "tags", "data", "packages", "environment", "code"] == list(
        sections
    )
    nothing = {"delta": None, "percent": None, "better": None}
    assert [
        {
            "key": "acc",
            "differs": True,
            "values": {a: "NaN", b: 1.0},
            "goal": "max",
            "best": [],
            "deltas": {a: nothing, b: {"delta": 0.0, "percent": 0.0, "better": None}},
        }
    ] == sections["metrics"]["rows"]
    assert [{"key": "p", "differs": True, "values": {a: None}}] == sections["params"]["rows"]


def test_columns_for_a_frame():
    """A column for each row, a value for each run."""
    columns = compared([run("a", {"m": 1.0}, {"p": [1]}), run("b", {"m": 2.0})]).columns()
    assert {
        "metrics.m": [1.0, 2.0],
        "params.p": [[1], None],
        "name": ["a", "b"],
    }.items() <= columns.items()


def test_a_data_frame():
    """A row for each run; metrics are numbers."""
    pytest.importorskip("pandas")
    frame = compared([run("a", {"m": 1.0}, {"p": 1}), run("b", {}, {"p": 2})]).to_pandas()
    assert (["a", "b"], "float64", [1, 2]) == (
        list(frame["name"]),
        str(frame["metrics.m"].dtype),
        list(frame["params.p"]),
    )


def test_twelve_thousand_keys():
    """Every key is compared; the table shows the first forty of a section, and says so."""
    runs = [
        run(name, {f"m{index}": value for index in range(12_000)})
        for name, value in (("a", 1.0), ("b", 2.0))
    ]
    comparison = compared(runs)
    text = str(comparison)
    assert 12_000 == len(comparison.section("metrics").rows)
    assert len(text.splitlines()) < 60
    assert "these are the first 40 of 12000 metrics" in text


def test_the_short_form():
    """It says how many runs there are, and how much differs."""
    assert "<fitprint.Comparison of 2 runs: 1 metrics>" == repr(
        compared([run("a", {"m": 1.0}), run("b", {"m": 2.0})])
    )
    assert "<fitprint.Comparison of 2 runs: no difference>" == repr(compared([run("a"), run("b")]))
