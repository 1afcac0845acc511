"""Isolation: the fixture ``runs``."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

pytest_plugins = ["fitprint.testing.fixtures"]
