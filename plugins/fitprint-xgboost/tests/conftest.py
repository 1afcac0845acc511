"""Isolation: the fixture ``runs``."""

pytest_plugins = ["fitprint.testing.fixtures"]
