"""The third party's sources, and the faulty plugins, can be imported as if they were installed."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE / "faulty"),
    *(str(path) for path in sorted((HERE.parent / "integration/third_party").glob("*/src"))),
]
