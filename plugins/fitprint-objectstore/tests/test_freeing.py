"""``fitprint gc`` in a bucket that homes share."""

import hashlib
import json
import re
from functools import partial

import pytest

from fitprint_objectstore.artifacts import ObjectArtifacts

pytestmark = pytest.mark.thorough

RECORD = """
import fitprint

fitprint.configure(context=False)
with fitprint.start_run(name="{name}"):
    for text in {texts!r}:
        fitprint.log_text(text, f"{{text}}.txt")
"""
SYNC = """
from fitprint.cli import main

raise SystemExit(main(["sync"]))
"""
PURGE = """
import fitprint

run = fitprint.get_run("gone")
fitprint.delete_run(run.id)
fitprint.purge_run(run.id)
"""
GC = """
from fitprint.cli import main

raise SystemExit(main(["gc", "--grace", "0", "--yes", "--json"]))
"""
READ = """
import fitprint

print(fitprint.get_run("{name}").read("one.txt").decode())
"""
# halts before the object goes, behind the last look at its times
HALTING = """
import sys
from fitprint.recording import freeing
from fitprint_objectstore.bucket import Bucket

freeing._AT_ONCE = 1
original = Bucket.remove

def remove(*given):
    print("in the middle", flush=True)
    sys.stdin.readline()
    return original(*given)

Bucket.remove = remove
"""


def key(text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"


@pytest.fixture
def kept(server, bucket):
    """What returns which of three texts are in the bucket."""

    def find():
        keys = re.findall(r"<Key>team/([^<]*)</Key>", server.ask(bucket).decode())
        return {text for text in ("one", "two", "three") if key(text) in keys}

    return find


@pytest.fixture
def collecting(tmp_path, bucket, halting):
    """What starts a collection that halts before each object that it removes."""
    return partial(
        halting,
        HALTING + GC,
        FITPRINT_HOME=str(tmp_path / "ada"),
        FITPRINT_STORE=f"sqlite:///{tmp_path}/team.db",
    )


def record(at, home, name, *texts):
    at(home, RECORD.format(name=name, texts=texts))


def test_objects_to_which_nothing_refers_go(at, kept):
    record(at, "ada", "gone", "one", "two")
    record(at, "bob", "stays", "two")
    at("ada", PURGE)

    found = json.loads(at("bob", GC)[0])["artifact_store"]

    assert (1, 3, "") == (found["blobs"], found["bytes"], found["note"])
    assert {"two"} == kept()


def test_objects_that_went_are_brought_again(at, kept):
    record(at, "ada", "gone", "one")
    at("ada", PURGE)
    at("ada", GC)
    assert set() == kept()

    record(at, "bob", "again", "one")

    assert "one\n" == at("cid", READ.format(name="again"))[0]


def test_a_killed_collection_costs_nothing(at, kept, collecting):
    record(at, "ada", "gone", "one", "two", "three")
    record(at, "ada", "stays", "two")
    at("ada", PURGE)
    process = collecting()
    process.stdin.write("\n")
    process.stdin.flush()
    assert "in the middle\n" == process.stdout.readline()
    process.kill()
    process.wait()
    assert "two" in kept()
    assert 2 == len(kept())

    record(at, "bob", "again", "one", "three")
    assert {"one", "two", "three"} == kept()
    assert "one\n" == at("cid", READ.format(name="again"))[0]
    assert 0 == json.loads(at("ada", GC)[0])["artifact_store"]["blobs"]


def test_what_is_found_there_in_the_last_moment_is_brought_again(at, kept, collecting):
    record(at, "ada", "gone", "one")
    at("ada", PURGE)
    process = collecting()
    record(at, "bob", "again", "one")  # finds it there, and says so

    process.communicate("\n")

    assert set() == kept()
    at("bob", SYNC)
    assert "one\n" == at("cid", READ.format(name="again"))[0]


def test_a_prefix_of_two_stores_is_left_alone(at, kept, tmp_path):
    record(at, "ada", "gone", "one")
    at("ada", PURGE)
    at(
        "bob",
        RECORD.format(name="other", texts=["two"]),
        FITPRINT_STORE=f"sqlite:///{tmp_path}/other.db",
    )

    found = json.loads(at("ada", GC)[0])["artifact_store"]

    assert 0 == found["blobs"]
    assert "other stores keep files in the same place" in found["note"]
    assert {"one", "two"} == kept()


def test_a_bucket_that_is_down_is_told(at, kept):
    record(at, "ada", "gone", "one")
    at("ada", PURGE)

    out, errors = at("ada", GC, AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert "cannot be reached" in json.loads(out)["artifact_store"]["note"]
    assert "cannot be reached" in errors
    assert {"one"} == kept()


def test_other_objects_are_left_alone(store, server, bucket):
    server.ask(f"{bucket}/some/prefix/notes.txt", "PUT", b"mine")
    server.ask(f"{bucket}/some/prefix/below/{key('one')}", "PUT", b"mine")

    assert [] == list(store.kept())


def test_a_thousand_objects_are_listed(store, server, bucket):
    for number in range(1005):
        server.ask(f"{bucket}/some/prefix/{key(str(number))}", "PUT", b"x")

    assert 1005 == len(list(store.kept()))


def test_doctor_says_what_cannot_be_seen(at, bucket):
    record(at, "ada", "stays", "one")

    out, _ = at("ada", SYNC.replace('"sync"', '"doctor"'))

    assert "parts of uploads that were killed cannot be seen from here" in out
    assert "" == ObjectArtifacts("az://bucket?account_name=a&skip_signature=true").remark
