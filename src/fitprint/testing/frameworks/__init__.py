"""Conformance of framework plugins."""
