"""Serving: what a request costs `fitprint serve`, and MLflow's scoring server in the same run."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NAMES = [f"f{number}" for number in range(10)]
CONNECTIONS = 8
ROUNDS = 3

_MODEL = """
import sys
from pathlib import Path
import numpy, pandas
from sklearn.linear_model import LogisticRegression
import fitprint
X = pandas.DataFrame(
    numpy.random.default_rng(0).normal(size=(500, 10)), columns=[f"f{n}" for n in range(10)]
)
with fitprint.start_run() as run:
    run.log_model(LogisticRegression().fit(X, X.sum(axis=1) > 0), inputs=X)
fitprint.get_run(run.id).download("model", Path("model"))
"""


def _body(rows: int) -> bytes:
    values = [[round(random.gauss(0, 1), 6) for _ in NAMES] for _ in range(rows)]
    return json.dumps({"dataframe_split": {"columns": NAMES, "data": values}}).encode()


def _cpu(process: int) -> float:
    """Return the seconds of CPU that a process has used, and its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _ask(port: int, body: bytes, count: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(count):
        connection.request("POST", "/invocations", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    connection.close()


def _cost(process: int, port: int, rows: int, count: int, connections: int) -> float:
    """Return the milliseconds of CPU of a request."""
    body = _body(rows)
    threads = [
        threading.Thread(target=_ask, args=(port, body, count // connections))
        for _ in range(connections)
    ]
    before = _cpu(process)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (_cpu(process) - before) / count * 1000


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@contextmanager
def _server(command: Sequence[str], **environment: str) -> Iterator[tuple[int, int, float]]:
    """Start a server; give its process, its port, and the seconds of CPU to the first answer."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--port", str(port)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                _ask(port, _body(1), 1)
                break
            except OSError:
                assert process.poll() is None, command
                assert time.monotonic() < deadline, command
                time.sleep(0.05)
        yield process.pid, port, _cpu(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _imports() -> float:
    """Return the seconds of CPU of a process that imports the framework alone."""
    program = "import time, sklearn.linear_model; print(time.process_time())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def serving() -> dict[str, float]:
    """Milliseconds of CPU of a request: ``one`` row alone in a call of the model, ``together``, and
    ``many`` (1000) rows, the best of the rounds; ``start`` in seconds above the framework's import.
    MLflow's are ``their_one`` and ``their_many``, asked in turn with ours.
    """
    subprocess.run([sys.executable, "-c", _MODEL], check=True, capture_output=True)
    found: dict[str, list[float]] = {}

    def keep(name: str, figure: float) -> None:
        found.setdefault(name, []).append(figure)

    alone = ["fitprint", "serve", "model", "--no-batching"]
    for _ in range(ROUNDS):
        with _server(alone) as (_, _, start):
            keep("start", start)
        keep("framework", _imports())
    with _server(alone) as ours, _server(alone[:-1]) as together:
        for _ in range(ROUNDS):
            keep("one", _cost(*ours[:2], 1, 2000, CONNECTIONS))
            keep("together", _cost(*together[:2], 1, 2000, CONNECTIONS))
            keep("many", _cost(*ours[:2], 1000, 200, 4))
        if importlib.util.find_spec("mlflow") is not None:
            theirs = ["uvicorn", "mlflow.pyfunc.scoring_server.app:app", "--log-level", "warning"]
            with _server(theirs, __pyfunc_model_path__="model") as peer:
                keep("their_start", peer[2])
                for _ in range(ROUNDS):
                    keep("their_one", _cost(*peer[:2], 1, 400, CONNECTIONS))
                    keep("beside", _cost(*ours[:2], 1, 2000, CONNECTIONS))
                    keep("their_many", _cost(*peer[:2], 1000, 80, 4))
    figures = {name: min(values) for name, values in found.items()}
    figures["start"] -= figures["framework"]
    if "beside" in found:
        beside, theirs_one = (statistics.median(found[name]) for name in ("beside", "their_one"))
        figures["share"] = beside / theirs_one
    return figures


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"FITPRINT_HOME": folder, "FITPRINT_NOTICE": "false"}
        print(json.dumps(globals()[sys.argv[1]]()))
