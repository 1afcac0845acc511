"""Answers that are lost, programs and servers that are killed: everything is there once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.errors import StoreError
from fitprint.recording.workspace import current
from fitprint.testing import isolated

pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    """MLflow's own client."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server.uri, registry_uri=server.uri)


def record(name: str) -> str:
    """Record a run with one of everything in an experiment of this name; return its id."""
    fitprint.set_experiment(name)
    with fitprint.start_run("all") as run:
        run.log_params({"lr": 0.1, "depth": 3})
        run.set_tags({"owner": "ada"})
        for step in range(1200):
            run.log_metric("loss", 1 / (step + 1))
        run.log_input([1.0, 2.0, 3.0], name="numbers", role="train")
        run.log_text("hello", "notes/hello.txt")
        run.log_model({"weights": [1.0, 2.0]}, "model")
    fitprint.register_model(run, name, alias="champion")
    return run.id


def forward() -> None:
    """Try again and again, as the thread in the background does beside."""
    current().sync()
    for _ in range(100):
        try:
            done = current().forward()
        except StoreError:
            continue
        assert ((), ()) == (done.problems, done.left)
        return
    raise AssertionError("it does not come to an end")


def check_once(client: Any, name: str, run_id: str) -> None:
    """Hold what the server has against what is here: each thing, once."""
    experiment = client.get_experiment_by_name(name)
    (run,) = client.search_runs([experiment.experiment_id])
    ours = current().store.run(run_id)
    assert ("FINISHED", {"lr": "0.1", "depth": "3"}) == (run.info.status, dict(run.data.params))
    points = client.get_metric_history(run.info.run_id, "loss")
    history = current().store.metric_history(run_id, "loss")
    assert list(zip(history.step, history.value, strict=True)) == sorted(
        (point.step, point.value) for point in points
    )
    assert [each.name for each in ours.datasets] == [
        each.dataset.name for each in run.inputs.dataset_inputs
    ]
    assert 1 == len(client.search_logged_models([experiment.experiment_id]))
    assert 1 == len(run.outputs.model_outputs)
    (version,) = client.search_model_versions(f"name = '{name}'")
    assert version.version == client.get_model_version_by_alias(name, "champion").version


def test_an_answer_that_is_lost_doubles_nothing(client, server, between, tmp_path):
    """Each request is done by the server, whose answer is lost, or another's on the way; then it
    comes again.
    """
    seen: set[tuple[str, str, bytes]] = set()

    def lose(method: str, path: str, body: bytes) -> tuple[bool, int] | None:
        if method == "GET" or (method, path, body) in seen:
            return None
        seen.add((method, path, body))
        return True, 504 if len(seen) % 2 else 0

    with between(server.port, lose) as uri, isolated(tmp_path / "home", context=False):
        fitprint.configure(store=uri)
        run_id = record("lost-answers")
        forward()
        assert len(seen) > 15
        check_once(client, "lost-answers", run_id)


def test_a_server_that_is_busy_is_asked_again(client, server, between, tmp_path):
    """What it says of the time to wait is heeded, and nothing is doubled."""
    busy = iter([429, 503] * 4)

    def refuse(method: str, path: str, body: bytes) -> tuple[bool, int] | None:
        status = next(busy, None) if method != "GET" else None
        return None if status is None else (False, status)

    with between(server.port, refuse) as uri, isolated(tmp_path / "home", context=False):
        fitprint.configure(store=uri)
        run_id = record("busy")
        forward()
        assert None is next(busy, None)
        check_once(client, "busy", run_id)


def test_what_was_sent_can_be_forgotten(client, server, tmp_path):
    """The server is asked what it has, where nobody knows it any more."""
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=server.store)
        run_id = record("forgotten")
        forward()
        (ledger,) = (tmp_path / "home").glob("mlflow-*/*/")
        shutil.rmtree(ledger)
        forward()
        check_once(client, "forgotten", run_id)


PROGRAM = """
    import sys, time
    import fitprint

    fitprint.set_experiment("killed")
    with fitprint.start_run("all", run_id=sys.argv[1] or None) as run:
        print(run.id, flush=True)
        for step in range(int(sys.argv[2]), 100_000):
            run.log_metric("loss", 1 / (step + 1), step=step)
            print(step, flush=True)
            time.sleep(0.002)
"""


def test_a_program_that_is_killed_goes_on(client, server, tmp_path):
    """Again and again, also in the middle of a request: each point is there once."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    environment = os.environ | {
        "FITPRINT_HOME": str(tmp_path / "home"),
        "FITPRINT_STORE": server.store,
    }
    run_id, step = "", -1
    for count in (600, 900, 500, 800):
        running = subprocess.Popen(
            [sys.executable, str(program), run_id, str(step + 1)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        run_id = running.stdout.readline().strip()
        for _ in range(count):
            step = int(running.stdout.readline())
        running.send_signal(signal.SIGKILL)
        rest = running.communicate()[0].split("\n")[:-1]
        step = int(rest[-1]) if rest else step
    done = subprocess.run(
        [Path(sys.executable).with_name("fitprint"), "sync"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    experiment = client.get_experiment_by_name("killed")
    (run,) = client.search_runs([experiment.experiment_id])
    assert "KILLED" == run.info.status
    points = client.get_metric_history(run.info.run_id, "loss")
    found = sorted((point.step, point.timestamp) for point in points)
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=server.store)
        history = current().store.metric_history(run_id, "loss")
    ours = zip(history.step, (time // 1000 for time in history.timestamp), strict=True)
    assert sorted(ours) == found
    assert {*range(step + 1)} <= {step for step, _ in found}


def test_a_server_that_dies_in_the_middle_gets_the_rest_later(client, server, between, tmp_path):
    """What it had taken is not sent again."""
    asked, went_down = 0, threading.Event()

    def die(method: str, path: str, body: bytes) -> tuple[bool, int] | None:
        nonlocal asked
        asked += 1
        if asked == 8:
            server.stop()
            went_down.set()
        return None

    with between(server.port, die) as uri, isolated(tmp_path / "home", context=False):
        fitprint.configure(store=uri)
        run_id = record("dead")
        current().sync()
        with suppress(StoreError):
            current().forward()
        assert went_down.wait(120)
        server.start()
        forward()
        check_once(client, "dead", run_id)
