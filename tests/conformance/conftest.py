"""The third party's sources can be imported as if they were installed."""

import sys
from pathlib import Path

sys.path[:0] = [str(path) for path in sorted((Path(__file__).parents[1] / "integration/third_party").glob("*/src"))]
