"""The checks of a framework plugin, run with the author's cases."""

from __future__ import annotations

from fitprint.testing.frameworks import patching, processes, recording, transparency
from fitprint.testing.frameworks.subject import FrameworkSubject

__all__ = ["FrameworkConformance"]


class FrameworkConformance(FrameworkSubject):
    """Check that a framework plugin keeps the promises of autologging.

    Attributes:
        framework: the plugin's framework; the plugin's other hooks are taken from the top-level
            package of its class.
        cases: calls that train, at least one.

    Example:
        >>> class TestToylearn(FrameworkConformance):
        ...     framework = Toylearn()
        ...     cases = (Case("mean", build, fit, params={"rate"}, metrics={"loss": 10}),)
    """

    checks = (
        transparency.trains_unobserved,
        *processes.CHECKS,
        *patching.CHECKS,
        *recording.CHECKS,
        *transparency.CHECKS,
    )
