"""Hooks: the one way in which anything, built-in or third-party, becomes part of fitprint."""
