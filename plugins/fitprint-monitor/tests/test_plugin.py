"""fitprint finds the plugin, and servers find its watcher."""

from __future__ import annotations

import pytest

from fitprint.errors import FitprintError
from fitprint.hooks.manager import Hooks
from fitprint_monitor import MissingDataError, watch_model


def test_the_plugin_is_found_and_loads():
    found = {each.name: each.problem for each in Hooks().found if each.name == "monitor"}
    assert {"monitor": ""} == found


def test_register_watchers_brings_what_counts():
    assert watch_model is Hooks().registered("register_watchers")["monitor"].open


@pytest.mark.usefixtures("place")
def test_a_folder_has_no_record_of_the_training():
    """A model that is served from one is not watched, and the reason says so."""
    with pytest.raises(MissingDataError, match="name the model as"):
        watch_model("/srv/model")
    with pytest.raises(FitprintError):
        watch_model("models:/churn/1")
