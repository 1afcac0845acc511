"""Which values a store gives back as they were given."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

from fitprint.entities import Artifact, Dataset, LoggedModel, Param
from fitprint.events import (
    ArtifactsLogged,
    DatasetLogged,
    DocumentLogged,
    ModelLogged,
    ParamsLogged,
    TagsSet,
)
from fitprint.ids import new_id
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, expect
from fitprint.testing.comparison import difference
from fitprint.testing.stores.feeding import (
    EPOCH,
    Feed,
    digest,
    ended,
    params,
    points,
    started,
    tags,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]


def nan_inf_metrics(conformance: StoreSubject, folder: Path) -> None:
    """Values, epochs, steps and times come back bit by bit: NaN, infinities, negative zero, the
    smallest and the largest numbers.
    """
    values = [math.nan, math.inf, -math.inf, -0.0, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1.5]
    steps = [-(2**63), 2**63 - 1, 0, -1, 7, 7, 8, 9]
    times = [EPOCH + step for step in (0, 1, 2, 3, 3, 3, 999_999, 1_000_001)]
    epochs = [math.nan, 0.0, 0.5, -0.0, math.inf, 1.0, 2.0, 3.0]
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run),
            points(run, "wild", values, steps=steps, times=times, epochs=epochs),
            points(run, "lost", [math.nan] * 2),
        )
        _expect_columns(store, run, values, steps, times, epochs)
        wild, lost = (store.run(run).metrics[key] for key in ("wild", "lost"))
        expect(
            (wild.min, wild.max, wild.count) == (-math.inf, math.inf, 8),
            f"min, max and count are {wild.min}, {wild.max}, {wild.count}",
        )
        expect(
            math.isnan(wild.first) and wild.last == -1.5,
            f"first and last are {wild.first} and {wild.last}",
        )
        expect(
            math.isnan(lost.min) and math.isnan(lost.best) and lost.count == 2,
            "the summary of nothing but NaN is not NaN",
        )
        feed.send(ended(run))
        _expect_columns(store, run, values, steps, times, epochs)
    with conformance.opened(folder) as store:
        _expect_columns(store, run, values, steps, times, epochs)


def _expect_columns(
    store: Store,
    run: str,
    values: list[float],
    steps: list[int],
    times: list[int],
    epochs: list[float],
) -> None:
    history = store.metric_history(run, "wild")
    floats: dict[str, array[Any]] = {"value": array("d", values), "epoch": array("d", epochs)}
    for name, expected in (
        floats | {"step": array("q", steps), "timestamp": array("q", times)}
    ).items():
        found = getattr(history, name)
        expect(
            isinstance(found, array) and found.typecode == expected.typecode,
            f"the column {name} is no array of {expected.typecode!r}",
        )
        expect(
            found.tobytes() == expected.tobytes(),
            f"the column {name} is {list(found)} instead of {list(expected)}",
        )


def typed_params_round_trip(conformance: StoreSubject, folder: Path) -> None:
    """Parameters keep type, provenance and spill: None, booleans, whole numbers of any size,
    floats, texts, lists, dicts.
    """
    values: list[Any] = [
        None,
        True,
        False,
        0,
        1,
        -(2**70),
        2**63,
        1.0,
        -0.0,
        1e300,
        math.nan,
        math.inf,
        -math.inf,
        "",
        "1",
        "true",
        "null",
    ]
    values += [
        "x" * 10_000,
        [],
        {},
        [1, 1.0, True, None, "a", [math.nan]],
        {"a": {"b": [1, {"c": None}]}, "": 1.5},
    ]
    logged = {
        f"p{number}": Param(value, "default" if number % 2 else "resolved")
        for number, value in enumerate(values)
    }
    logged["configured"] = Param(1, "config")
    logged["spilled"] = Param("the beginning ...", "set", "params/spilled.json")
    run = new_id()
    with conformance.opened(folder) as store:
        Feed(store).send(started(run), ParamsLogged(run, EPOCH, logged))
    with conformance.opened(folder) as store:
        found = store.run(run).params
        for key, param in logged.items():
            expect(key in found, f"the parameter {param.value!r:.60} is missing")
            told = difference(param, found[key])
            expect(not told, f"the parameter {param.value!r:.60} came back as {found[key]!r:.100}")


def unicode_and_long_keys(conformance: StoreSubject, folder: Path) -> None:
    """Keys and texts may be anything: any script, quotes, dots, slashes, percent signs, thousands
    of characters; none fall together.
    """
    keys = [
        "vélo",
        "损失/值",
        "🙂",
        "a b",
        "a.b",
        "a/b",
        'q"uote',
        "it's",
        "`tick`",
        "per%cent_",
        "loss",
        "Loss",
        "new\nline",
        "é",
        "e\u0301",
    ]
    keys += ["k" * 2000, "k" * 2001]
    run = new_id()
    name = "ru\"n %' 🙂"
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(started(run, name, experiment="экспери'мент"))
        feed.send(
            ParamsLogged(run, EPOCH, {key: Param(key) for key in keys}),
            TagsSet(run, EPOCH, {key: key for key in keys}),
        )
        feed.send(*(points(run, key, [float(number)]) for number, key in enumerate(keys)))
        record = store.run(run)
        expect(
            (record.name, record.experiment) == (name, "экспери'мент"),
            f"name and experiment are {record.name!r}, {record.experiment!r}",
        )
        for number, key in enumerate(keys):
            expect(
                key in record.params and record.params[key].value == key,
                f"the parameter {key!r:.50} is not what was logged",
            )
            expect(record.tags.get(key) == key, f"the tag {key!r:.50} is not what was set")
            expect(
                list(store.metric_history(run, key).value) == [float(number)],
                f"the metric {key!r:.50} is not what was logged",
            )
        expect(
            list(store.keys().metrics) == sorted(keys), "keys() does not list the metrics, sorted"
        )


def lone_surrogates(conformance: StoreSubject, folder: Path) -> None:
    """Half a surrogate pair, which Python texts may hold, stops no delivery; it is kept, or becomes
    its escape.
    """
    odd = "a\ud800b"
    kept = (odd, odd.encode(errors="backslashreplace").decode())
    run = new_id()
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run, odd), params(run, text=odd), tags(run, text=odd), points(run, odd, [1.0])
        )
        feed.send(
            DocumentLogged(run, EPOCH, "note", {"text": odd}),
            ended(run, status="FAILED", error=odd),
        )
        record = store.run(run)
        found = (
            record.name,
            record.params["text"].value,
            record.tags["text"],
            record.documents["note"]["text"],
            record.error,
        )
        expect(all(text in kept for text in found), f"texts came back as {found}")
        expect(len(store.metric_history(run, odd)) == 1, "a metric with such a name is lost")


def records_round_trip(conformance: StoreSubject, folder: Path) -> None:
    """Data sets, models, artifacts and documents come back as they were logged; a data set that is
    logged again is one.
    """
    run = new_id()
    facts = {"shape": [3, 4], "schema": {"a": "float64"}, "nothing": None, "ratio": 0.1 + 0.2}
    datasets = (
        Dataset("X", "train", digest(1), facts),
        Dataset("X", "eval", digest(2)),
        Dataset("y", "train"),
    )
    artifacts = (Artifact("a/b.txt", digest(3), 0), Artifact("model/MLmodel", digest(4), 2**40))
    model = LoggedModel(
        "model", "sklearn", digest(5), {"class": "a.B", "needs": ["a.B"], "safe": False}
    )
    document = {"captured": ["params"], "cost_ms": 1.25, "deep": [[{"x": None}]]}
    with conformance.opened(folder) as store:
        feed = Feed(store)
        feed.send(
            started(run),
            *(DatasetLogged(run, EPOCH, dataset) for dataset in datasets),
            ArtifactsLogged(run, EPOCH, artifacts[::-1]),
        )
        feed.send(
            DatasetLogged(run, EPOCH, datasets[0]),
            ModelLogged(run, EPOCH, model),
            DocumentLogged(run, EPOCH, "capture", document),
        )
        feed.send(DocumentLogged(run, EPOCH, "list", [1, 2]))
    with conformance.opened(folder) as store:
        record = store.run(run)
        for what, found, expected in (
            ("data sets", record.datasets, datasets),
            ("artifacts", record.artifacts, artifacts),
            ("models", record.models, (model,)),
            (
                "documents",
                dict(sorted(record.documents.items())),
                {"capture": document, "list": [1, 2]},
            ),
        ):
            told = difference(expected, found)
            expect(not told, f"the {what} are not what was logged: {told}")


CHECKS: tuple[Check, ...] = (
    nan_inf_metrics,
    typed_params_round_trip,
    unicode_and_long_keys,
    lone_surrogates,
    records_round_trip,
)
