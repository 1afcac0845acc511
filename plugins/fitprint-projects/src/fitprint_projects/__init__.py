"""The plugin of projects: code is run anew, with parameters, and recorded."""

from __future__ import annotations
