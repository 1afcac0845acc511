"""Every fit leaves a print: one line records every training run, and nothing about the training changes."""

from __future__ import annotations

__version__ = "0.1.0"
