"""Runs while they happen: their life, the current run of a context,
and what is written about them.
"""
