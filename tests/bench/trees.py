"""What it costs to tell what is in files and folders of data."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from fitprint.data.stat_cache import StatCache
from fitprint.data.trees import read_tree

Figures = dict[str, float]


def tree_digest() -> Figures:
    """Seconds to read 400 MB of data, half of it in one file, and to go through 50 000 files of
    which all are known.
    """
    with tempfile.TemporaryDirectory() as name:
        large, many = Path(name, "large"), Path(name, "many")
        large.mkdir()
        (large / "one").write_bytes(os.urandom(1 << 20) * 200)
        for number in range(200):
            (large / str(number)).write_bytes(os.urandom(1 << 20))
        for number in range(50_000):
            path = many / str(number // 1000) / str(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(number))
            os.utime(path, (1, 1))
        cache = StatCache(Path(name, "home"), many)
        expected = read_tree(many, cache).digest
        cold, warm = [], []
        for _ in range(5):
            started = time.perf_counter()
            read_tree(large)
            cold.append(time.perf_counter() - started)
            started = time.perf_counter()
            assert expected == read_tree(many, cache).digest
            warm.append(time.perf_counter() - started)
    return {"cold_s": statistics.median(cold), "warm_s": statistics.median(warm)}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))
