"""What counting costs while a model serves, beside the model's own `predict`; and the report of a
month.

    python tests/bench/watching.py
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ROUNDS = 9
_DAYS, _COLUMNS = 30, 100


def _microseconds(action: Callable[[], object], count: int) -> float:
    """CPU of one call, in the best of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        before = time.process_time()
        for _ in range(count):
            action()
        best = min(best, (time.process_time() - before) / count * 1e6)
    return best


def counting_costs() -> None:
    """Print what `observe` costs for one row and for a thousand, of ten columns."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from fitprint.data.description import Description
    from fitprint.data.profiles import profile
    from fitprint.data.sampling import sample
    from fitprint_monitor.watching import Watch

    def told(data: Any) -> dict[str, Any]:
        taken = sample(Description(data))
        assert taken is not None
        return profile(taken)

    X = np.random.default_rng(0).normal(size=(8192, 10))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    watch = Watch(told(X), told(model.predict(X)))
    for rows, count in ((1, 8192), (1000, 100)):
        batch = X[:rows].copy()
        answer = model.predict(batch)

        def whole(batch: Any = batch, answer: Any = answer) -> None:
            watch._counted = 0
            watch.observe(batch, answer)

        predict = _microseconds(lambda batch=batch: model.predict(batch), 400)
        counted = _microseconds(whole, count)
        watch._counted = 1 << 30
        later = _microseconds(
            lambda batch=batch, answer=answer: watch.observe(batch, answer), count
        )
        print(
            f"{rows} x 10: predict {predict:.1f} us; observe {counted:.1f} us in the first 8192 "
            f"rows of an hour, then {later:.1f} us"
        )


def report_costs() -> None:
    """Print what the report of a month costs, with an hour's window of a hundred columns each."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    import fitprint
    from fitprint import clock
    from fitprint_monitor.keeping import watch_model
    from fitprint_monitor.reporting import report

    draw = np.random.default_rng(0)
    X = draw.normal(size=(2000, _COLUMNS))
    with fitprint.start_run() as run:
        fitprint.log_input(X, name="X")
        fitprint.log_model(LogisticRegression().fit(X, X[:, 0] > 0), "model")
    fitprint.register_model(run, "bench")
    hour = 3_600_000_000
    time_ = [clock.now() - _DAYS * 24 * hour]
    with clock.replaced(lambda: time_[0]), watch_model("models:/bench/1") as watched:
        for number in range(_DAYS * 24):
            watched.observe(draw.normal(size=(600, _COLUMNS)))
            time_[0] += hour
            if number % 24 == 0:
                watched.flush()
    report("models:/bench/1", "31d")
    before = time.process_time()
    (found,) = report("models:/bench/1", "31d")
    took = (time.process_time() - before) * 1000
    print(f"report of {len(found.rows)} days, {_COLUMNS} columns: {took:.0f} ms of CPU")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FITPRINT_HOME"] = str(Path(folder, "home"))
        counting_costs()
        report_costs()
