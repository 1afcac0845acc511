"""What a framework plugin is held against: all checks of its framework, with the author's cases."""

from __future__ import annotations

from fitprint.testing.frameworks import patching, processes, recording, transparency
from fitprint.testing.frameworks.subject import FrameworkSubject

__all__ = ["FrameworkConformance"]


class FrameworkConformance(FrameworkSubject):
    """Hold a framework plugin against the promises of autologging.

    Attributes:
        framework: the plugin's framework; hooks beside it are taken from its top-level package.
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
