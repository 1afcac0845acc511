"""A run as an object: compared, named, noted, tagged."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType

import pytest

import fitprint
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.stores.memory import MemoryStore
from fitprint.testing import captured_runs


@pytest.fixture
def run(home):
    """A run that has ended."""
    with fitprint.start_run("a", tags={"team": "x"}) as run:
        pass
    return run


def test_handles_on_one_run_are_equal(run):
    """Whatever led to them."""
    assert run == fitprint.get_run(run.id) == fitprint.search_runs()[0]
    assert 1 == len({run, fitprint.get_run("@last")})
    assert run != run.id
    with fitprint.start_run("a") as other:
        assert run != other


def test_name_and_note_are_set(run):
    """As by `rename` and `set_note`."""
    run.name = "better"
    run.note = "why"
    again = fitprint.get_run("better")
    assert ("better", "why") == (again.name, again.note)
    with pytest.raises(fitprint.FitprintError, match="the name of a run"):
        run.name = ""


def test_tags_are_items_of_a_dict(run):
    """Each way of changing a dict changes the run, and nothing else does."""
    tags = run.tags
    tags["n"] = 1
    tags.update({"a": "b"}, c="d")
    tags |= {"e": 5}
    assert "x" == tags.setdefault("team", "y")
    assert "new" == tags.setdefault("more", "new")
    assert "x" == tags.pop("team")
    assert "none" == tags.pop("team", "none")
    del tags["a"]
    expected = {"n": "1", "c": "d", "e": "5", "more": "new"}
    assert expected == tags == fitprint.get_run(run.id).tags
    tags["api_key"] = "sk-1234567890abcdef"
    assert ("api_key", "[redacted]") == tags.popitem()
    for missing in (lambda: tags.pop("zzz"), lambda: tags.__delitem__("zzz")):
        with pytest.raises(KeyError):
            missing()
    tags.clear()
    assert {} == tags == fitprint.get_run(run.id).tags
    with pytest.raises(KeyError):
        tags.popitem()


def test_a_handle_sees_the_tags_that_it_has_set(run):
    """At the next look, also on a run that was found."""
    found = fitprint.get_run(run.id)
    for handle in (run, found):
        handle.tags["w"] = "4"
        assert "4" == handle.tags["w"]
        del handle.tags["w"]
        assert {"team": "x"} == handle.tags


def test_a_handle_sees_what_it_has_added_after_the_end(run):
    """Metrics, parameters, data and artifacts alike; each further point, too."""
    found = fitprint.search_runs()[0]
    assert {} == found.metrics
    for value in (1.0, 2.0):
        found.log_metric("test_score", value)
        assert {"test_score": value} == found.metrics
    found.log_metrics({"test_loss": 3.0})
    assert 3.0 == found.metrics["test_loss"]
    found.log_params({"cut": 0.5})
    assert {"cut": 0.5} == found.params
    found.log_text("x", "notes.txt")
    assert ["notes.txt"] == [artifact.path for artifact in found.artifacts]


def test_a_metric_goes_on_after_the_end(home):
    """With the next step, and seen at once."""
    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0)
    assert {"loss": 1.0} == run.metrics
    run.log_metric("loss", 2.0)
    assert {"loss": 2.0} == run.metrics
    assert [0, 1] == list(run.history("loss").step)
    run.log_metrics({"loss": 3.0}, step=2)
    assert {"loss": 3.0} == run.metrics


def test_a_copy_of_the_tags_is_a_plain_dict(run):
    """It writes nothing."""
    for made in (
        copy.copy(run.tags),
        copy.deepcopy(run.tags),
        pickle.loads(pickle.dumps(run.tags)),
        run.tags.copy(),
        dict(run.tags),
    ):
        assert (dict, {"team": "x"}) == (type(made), made)


def test_a_short_text_waits_for_no_store_of_another_place():
    """It may be silent."""

    class Silent(MemoryStore):
        def run(self, run_id):
            raise AssertionError("the store was asked")

    plugin = ModuleType("plugin")
    plugin.register_stores = hookimpl(lambda: {"silent": Opener(Silent, delivery="background")})
    with captured_runs(plugins={"plugin": plugin}):
        fitprint.configure(store="silent://host")
        with fitprint.start_run("a") as run:
            pass
        assert f"<fitprint.Run {run.id[-6:]}>" == repr(run)


def test_short_texts_say_what_matters(run):
    """The end of the id, the name, how it ended, and the metric by which it is judged."""
    assert f"<fitprint.Run {run.id[-6:]} 'a', FINISHED>" == repr(run)
    with fitprint.start_run("b") as other:
        other.log_metrics({"loss": 1.0, "val_loss": 0.123456})
        assert f"<fitprint.Run {other.id[-6:]} 'b', RUNNING>" == repr(other)
    assert f"<fitprint.Run {other.id[-6:]} 'b', FINISHED, val_loss 0.1235>" == repr(other)
