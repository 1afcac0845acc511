"""Environments: what one is to hold (``wanted``), those that uv builds and keeps (``building``),
and packages that were installed from a folder (``local``).
"""

from __future__ import annotations
