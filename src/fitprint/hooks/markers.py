"""The marker with which a plugin says that a function implements a hook."""

from __future__ import annotations

import pluggy

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("fitprint")
hookimpl = pluggy.HookimplMarker("fitprint")
