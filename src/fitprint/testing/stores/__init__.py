"""Conformance of backend stores."""
