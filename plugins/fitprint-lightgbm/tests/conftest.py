"""Runs are recorded into a place of each test's own."""

from __future__ import annotations

pytest_plugins = ["fitprint.testing.fixtures"]
