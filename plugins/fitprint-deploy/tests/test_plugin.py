"""fitprint finds the plugin, its commands and its targets."""

from __future__ import annotations

from fitprint.hooks.manager import Hooks


def test_the_plugin_is_found_and_loads():
    found = {each.name: each.problem for each in Hooks().found if each.name == "deploy"}
    assert {"deploy": ""} == found


def test_register_deploy_targets_brings_its_targets():
    assert {"image", "compose", "systemd", "kubernetes", "kserve", "sagemaker"} <= set(
        Hooks().registered("register_deploy_targets")
    )
