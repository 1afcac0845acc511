"""fitprint finds the plugin."""

from __future__ import annotations

from fitprint.hooks.manager import Hooks


def test_the_plugin_is_found_and_loads():
    found = {each.name: each.problem for each in Hooks().found if each.name == "projects"}
    assert {"projects": ""} == found
