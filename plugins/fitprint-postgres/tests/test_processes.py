"""Many processes, killed clients and a server that loses its power: what was acknowledged is there,
once.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from fitprint_postgres.server import Server
from fitprint_postgres.store import PostgresStore

pytestmark = pytest.mark.thorough

WORKER = """
import os, sys, time
from array import array
from math import nan
from pathlib import Path

from fitprint.entities import History
from fitprint.errors import StoreError
from fitprint.events import Batch, MetricPoints, RunStarted
from fitprint_postgres.store import PostgresStore

uri, folder, first, last, batches = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])


def batch(number, at):
    one = History(array("q", [at]), array("q", [at]), array("d", [at]), array("d", [nan]))
    events = [MetricPoints(f"r{number}", 1, "loss", one)] if at else [RunStarted(f"r{number}", 1, "e", f"run {number}")]
    return Batch(f"j{number}", at, at + 1, events)


def work(number):
    store, deadline = PostgresStore(uri), time.monotonic() + 100
    while True:
        try:
            at = store.position(f"j{number}")
            while at < batches:
                store.append(batch(number, at))
                at += 1
                (folder / f"{number}").write_text(str(at))
            return
        except StoreError as error:  # a delivery that comes later goes on where the store says
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


children = []
for number in range(first, last):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(number)
            status = 0
        finally:
            os._exit(status)
    children.append(child)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""  # noqa: E501


def start(server, folder, first, last, batches):
    """Start processes that deliver the journals from first to last."""
    arguments = [server.uri(), str(folder), *map(str, (first, last, batches))]
    return subprocess.Popen([sys.executable, "-c", WORKER, *arguments], start_new_session=True)


def acknowledged(folder, number):
    try:
        return int((folder / f"{number}").read_text() or 0)
    except FileNotFoundError:
        return 0


def wait_for(condition):
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def limited():
    """A server with few connections, that keeps what it acknowledged."""
    server = Server(max_connections=20)
    yield server
    server.remove()


def test_sixty_processes_share_twenty_connections(limited, tmp_path):
    process = start(limited, tmp_path, 0, 60, 6)
    assert 0 == process.wait(150)
    store = PostgresStore(limited.uri())
    assert {f"r{number}": list(range(1, 6)) for number in range(60)} == {
        f"r{number}": list(store.metric_history(f"r{number}", "loss").step) for number in range(60)
    }
    store.close()


def test_killed_clients_and_a_server_without_power_lose_and_double_nothing(limited, tmp_path):
    batches, count = 120, 6
    running = {
        number: start(limited, tmp_path, number, number + 1, batches) for number in range(count)
    }
    draw = random.Random(7)
    for turn in range(1, 5):
        wait_for(
            lambda turn=turn: (
                sum(acknowledged(tmp_path, number) for number in running) >= turn * 100
            )
        )
        if turn % 2:
            limited.stop("immediate")
            limited.start()
        for number in draw.sample(range(count), 2):
            if running[number].poll() is None:
                os.killpg(running[number].pid, signal.SIGKILL)
            running[number].wait()
            running[number] = start(limited, tmp_path, number, number + 1, batches)
    assert [0] * count == [process.wait(150) for process in running.values()]
    store = PostgresStore(limited.uri())
    for number in range(count):
        assert batches == store.position(f"j{number}") >= acknowledged(tmp_path, number)
        assert list(range(1, batches)) == list(store.metric_history(f"r{number}", "loss").step)
        assert batches - 1 == store.run(f"r{number}").metrics["loss"].count
    store.close()
