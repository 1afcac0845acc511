"""Watchers of plugins see what models were given and what they answered."""

import json

import numpy as np
from clients import NAMES, frame, served, serving
from sklearn.linear_model import LogisticRegression

import fitprint
from fitprint.hooks.watchers import Watcher
from fitprint_serve.following import Follower, load
from fitprint_serve.served import Served
from fitprint_serve.watches import Watches

X = frame(6)


class Seen:
    """Watches everything, and keeps it."""

    def __init__(self):
        self.batches, self.closed = [], []
        self.watcher = Watcher(self.open)

    def open(self, uri):
        return _Watch(self, uri)


class _Watch:
    def __init__(self, seen, uri):
        self.seen, self.uri = seen, uri

    def observe(self, inputs, predictions):
        self.seen.batches.append((self.uri, np.asarray(inputs), np.asarray(predictions)))

    def close(self):
        self.seen.closed.append(self.uri)


class Broken:
    """Fails wherever it can."""

    def observe(self, inputs, predictions):
        raise RuntimeError("broken")

    def close(self):
        raise RuntimeError("broken, too")


def told(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_what_was_answered_is_seen_and_what_was_refused_is_not(folder):
    seen = Seen()
    watches = Watches({"seen": seen.watcher})
    model = served(folder, watches=watches)
    watches.open(model.predictor.uri)
    body = {"dataframe_split": {"columns": NAMES[::-1], "data": X[NAMES[::-1]].values.tolist()}}
    with serving(model) as client:
        status, answer = client.ask("/invocations", body)
        refused, _ = client.ask("/invocations", {"inputs": [[1, 2, 3, "x"]]})
        assert (200, 400) == (status, refused)
        again, _ = client.ask("/invocations", body)  # by now the first was looked at
        assert 200 == again
    uri, inputs, predictions = seen.batches[0]
    assert model.predictor.uri == uri
    assert np.array_equal(X.to_numpy(), inputs)  # in the model's order
    assert answer["predictions"] == predictions.tolist()
    assert {6} == {len(inputs) for _, inputs, _ in seen.batches}


def test_a_watcher_that_fails_is_told_once_and_the_others_go_on(folder, capsys):
    seen = Seen()
    broken = Watcher(lambda uri: Broken())
    unwilling = Watcher(lambda uri: 1 // 0)
    watches = Watches({"broken": broken, "unwilling": unwilling, "seen": seen.watcher})
    watches.open("models:/a/1")
    for _ in range(3):
        watches.observe("models:/a/1", [[1]], [1])
        watches.observe("models:/a/2", [[1]], [1])
    watches.keep(())
    assert (3, ["models:/a/1"]) == (len(seen.batches), seen.closed)
    assert [
        ("not watched", "unwilling", "models:/a/1"),
        ("watched no more", "broken", "models:/a/1"),
    ] == [(line["event"], line["watcher"], line["model"]) for line in told(capsys)]


def test_the_end_of_a_watcher_that_fails_is_told(capsys):
    watches = Watches({"broken": Watcher(lambda uri: Broken())})
    watches.open("models:/a/1")
    watches.keep(())
    assert ["not closed"] == [line["event"] for line in told(capsys)]


def test_versions_are_watched_as_long_as_they_may_answer(place):
    """An alias that moves leads to a version with a watch of its own; that before is kept for the
    way back, and no other.
    """
    for C in (0.1, 1.0, 10.0):
        with fitprint.start_run() as run:
            fitted = LogisticRegression(C=C).fit(X, [0, 1] * 3)
            run.log_model(fitted, inputs=X, outputs=fitted.predict(X))
        fitprint.register_model(run, "signs")
    registered = fitprint.get_registered_model("signs")
    registered.set_alias("champion", 1)
    seen = Seen()
    watches = Watches({"seen": seen.watcher})
    model = Served("signs", load("models:/signs@champion", []), watches=watches)
    watches.open(model.predictor.uri)
    follower = Follower([(model, "models:/signs@champion")], [], 60, watches)
    for version in (2, 3):
        registered.set_alias("champion", version)
        follower.look()
        watches.observe(model.predictor.uri, X, [version])
    assert ["models:/signs/2", "models:/signs/3"] == [uri for uri, _, _ in seen.batches]
    assert ["models:/signs/1"] == seen.closed
    watches.keep(())
    assert {"models:/signs/1", "models:/signs/2", "models:/signs/3"} == set(seen.closed)
