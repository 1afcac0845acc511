"""Two homes, one store and one bucket: what one trains, the other loads."""

import urllib.request

import pytest

pytestmark = pytest.mark.thorough

TRAINING = """
import fitprint
import numpy as np
from sklearn.linear_model import LinearRegression

fitprint.autolog()
X = np.arange(6.0).reshape(-1, 1)
with fitprint.start_run(name="first"):
    fitprint.log_text("it works", "note.txt")
    LinearRegression().fit(X, 2 * X.ravel() + 1)
print("trained", flush=True)
"""

READING = """
import fitprint

run = fitprint.get_run("first")
print(run.read("note.txt").decode())
model = fitprint.load_model(f"runs:/{run.id}/model")
print(type(model).__name__, model.predict([[10.0]]).round(6).tolist())
"""

SYNC = """
from fitprint.cli import main

raise SystemExit(main(["sync"]))
"""


READ = "it works\nLinearRegression [21.0]\n"


def test_what_one_home_trains_the_other_loads(at, server, bucket):
    at("ada", TRAINING)

    assert (READ, "") == at("bob", READING)
    assert b"<Key>team/" in server.ask(bucket)


def test_only_who_names_the_bucket_first_needs_to(at):
    at("ada", TRAINING)

    assert (READ, "") == at("bob", READING, FITPRINT_ARTIFACTS="")


def test_a_bucket_that_is_down_costs_a_line(at):
    down = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}

    stdout, stderr = at("ada", TRAINING, **down)

    assert "trained\n" == stdout
    assert 1 == stderr.count("cannot be reached")
    assert "and `fitprint sync` brings them" in stderr
    at("ada", SYNC)
    assert (READ, "") == at("bob", READING)


def test_a_bucket_that_is_silent_does_not_hold_up_the_end(at, silent):
    void = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        "FITPRINT_EXIT_WAIT": "0.5",
    }

    stdout, stderr = at("ada", TRAINING, **void)

    assert "trained\n" == stdout
    assert "`fitprint sync`" in stderr
    at("ada", SYNC)
    assert (READ, "") == at("bob", READING)


FORK = """
import os

child = os.fork()
if child:
    os._exit(os.waitpid(child, 0)[1])
"""


def test_a_forked_child_loads_a_model(at):
    at("ada", TRAINING)

    assert READ == at("bob", READING.replace("model = ", f"{FORK}model = ", 1))[0]


LINK = """
from fitprint.cli import main

raise SystemExit(main(["get", "first", "note.txt", "--link"]))
"""


def test_a_link_is_read_by_whoever_has_it(at):
    at("ada", TRAINING)

    link, _ = at("bob", LINK)

    with urllib.request.urlopen(link.strip()) as answer:
        assert b"it works" == answer.read()
