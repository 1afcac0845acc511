"""Observing frameworks: the plugin author's API, patching and its undoing, and the driver of
observers.
"""
