"""The fixture `runs`: a home, a store and settings for one test; what a plugin does wrong is raised."""

from fitprint.testing.fixtures import runs

__all__ = ["runs"]
