"""``python -m fitprint``: a command, or a script to record."""

from __future__ import annotations

import sys

from fitprint.cli import main

if __name__ == "__main__":
    sys.exit(main())
