"""Folders that Weights & Biases itself wrote in its offline mode: counts and values are equal."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import fitprint
from fitprint import cli
from fitprint.errors import StoreError
from fitprint.recording.workspace import current
from fitprint.testing import isolated

# what older versions of W&B do to newer ones of pydantic
pytestmark = pytest.mark.filterwarnings("ignore:The '.*' attribute with value .*has no effect")

TRAINING = """
import sys
import numpy as np
import wandb

with wandb.init(
    project="proj", name="first", id="abc", tags=["t1", "t2"], notes="a note", group="g",
    config={"lr": 0.1, "n": 3, "flag": True, "none": None, "nest": {"a": [1, 2], "b": "x"}},
) as run:
    run.define_metric("loss", summary="min")
    for step in range(500):
        run.log({"loss": 1 / (step + 1), "epoch": step // 100, "nest/deep": {"x": step}})
    run.log({"loss": float("nan"), "inf": float("inf"), "text": "words", "yes": True})
    run.log({"picture": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8))})
    run.log({"sizes": wandb.Histogram([1, 2, 3])})
    run.summary["best"] = 0.25
    with open("kept.txt", "w") as file:
        file.write("kept")
    run.save("kept.txt")
    for step in range(1000):
        run.log({"more": step, "words": "some words that take room"})
    data = wandb.Artifact("rows", "dataset", description="of it", metadata={"rows": 3})
    data.add_file("kept.txt", "sub/rows.csv")
    run.log_artifact(data)
    model = wandb.Artifact("net", "model")
    model.add_file("kept.txt", "net.bin")
    run.log_artifact(model)
    print("printed")
if "fail" in sys.argv:
    with wandb.init(project="proj", name="second", id="def") as run:
        run.log({"loss": 1.0})
        raise ValueError("oh")
"""
KILLED = """
import os, signal, wandb
run = wandb.init(project="proj", name="killed")
for step in range(3000):
    run.log({"loss": step, "words": "some words that take room"})
print("ready", flush=True)
signal.pause()
"""


def environment(folder: Path) -> dict[str, str]:
    """In which nothing leaves the machine, or the folder."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("WANDB_")},
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_DATA_DIR": str(folder / "data"),
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_CONFIG_DIR": str(folder / "config"),
        "WANDB_DIR": str(folder),
    }


def train(folder: Path, program: str, *arguments: str) -> int:
    """Run a training in the folder; return its exit status."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *arguments],
        cwd=folder, env=environment(folder), check=False, timeout=240, stderr=subprocess.DEVNULL,
    ).returncode  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """What a training recorded that has two runs, of which the second fails."""
    folder = tmp_path_factory.mktemp("wandb")
    assert 1 == train(folder, TRAINING, "fail")
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path) -> Iterator[Path]:
    """A home of the test's own."""
    with isolated(tmp_path / "home", context=False):
        yield tmp_path / "home"


def imported(folder: Path, **options):
    """What importing the folder says."""
    return fitprint.import_from("wandb", str(folder), **options)


def named(name: str):
    """The run of this name."""
    (run,) = (run for run in fitprint.search_runs(children=True) if run.name == name)
    return run


def test_runs_are_there(recorded):
    """With what they were, and how they ended."""
    done = imported(recorded)
    assert (2, {}, [], []) == (len(done.added), done.failed, done.problems, done.open)
    first, second = (current().store.run(named(name).id) for name in ("first", "second"))
    assert ("FINISHED", "FAILED") == (first.status, second.status)
    assert second.error.startswith("exit code")
    assert ("proj", "proj") == (first.experiment, second.experiment)
    assert first.start_time < first.end_time
    assert "a note" == first.documents["note"]
    assert {"t1": "true", "t2": "true", "wandb.group": "g", "wandb.run_id": "abc"}.items() <= (
        first.tags.items()
    )
    params = {key: param.value for key, param in first.params.items()}
    wanted = {
        "lr": 0.1, "n": 3, "flag": True, "none": None, "nest.a": [1, 2], "nest.b": "x",
    }  # fmt: skip
    assert (wanted, int) == (params, type(params["n"]))


def test_histories_are_whole(recorded):
    """Point by point, with steps, epochs and times that grow."""
    imported(recorded)
    run, store = named("first"), current().store
    loss = store.metric_history(run.id, "loss")
    assert [*range(501)] == list(loss.step)
    assert [1 / (step + 1) for step in range(500)] == list(loss.value)[:500]
    assert math.isnan(loss.value[500])
    assert [step // 100 for step in range(500)] == list(loss.epoch)[:500]
    assert list(loss.timestamp) == sorted(loss.timestamp)
    assert run.start_time.timestamp() <= loss.timestamp[0] / 1e6
    assert "min" == store.run(run.id).metrics["loss"].goal
    assert [*range(500)] == list(store.metric_history(run.id, "nest/deep.x").value)
    last = {key: run.metrics[key] for key in ("inf", "yes", "best", "epoch")}
    assert {"inf": math.inf, "yes": 1.0, "best": 0.25, "epoch": 4.0} == last


def test_what_is_no_number_is_in_files(recorded):
    """Texts and histograms by step, pictures, what was saved, printed and noticed."""
    imported(recorded)
    run = named("first")
    (text,) = map(json.loads, run.read("history/text.jsonl").splitlines())
    assert (500, "words") == (text["step"], text["value"])
    (sizes,) = map(json.loads, run.read("history/sizes.jsonl").splitlines())
    assert 3 == sum(sizes["value"]["values"])
    (picture,) = map(json.loads, run.read("history/picture.jsonl").splitlines())
    assert run.read(picture["value"]["path"]).startswith(b"\x89PNG")
    assert b"kept" == run.read("kept.txt")
    assert 0.25 == json.loads(run.read("wandb-summary.json"))["best"]
    assert json.loads(run.read("wandb-environment.json"))["python"]


def test_artifacts_are_data_models_and_files(recorded):
    """By name; those that changed since are told."""
    imported(recorded)
    run = named("first")
    record = current().store.run(run.id)
    assert b"kept" == run.read("artifacts/rows/sub/rows.csv")
    (data,) = record.datasets
    assert ("rows", "output", {"rows": 3}) == (
        data.name, data.role, data.facts["wandb"]["metadata"],
    )  # fmt: skip
    (model,) = record.models
    assert ("artifacts/net", "wandb") == (model.path, model.flavor)
    assert b"kept" == run.read("artifacts/net/net.bin")


def test_files_that_changed_or_are_gone_are_told(recorded, tmp_path):
    """The run comes without them, and a link is not followed out of the folder."""
    folder = tmp_path / "moved"
    shutil.copytree(recorded / "wandb", folder / "wandb", symlinks=True)
    staged = sorted((recorded / "data").rglob("staging/*"))
    kept = {each: each.read_bytes() for each in staged}
    try:
        for each in staged:
            each.write_bytes(b"other")
        done = imported(folder)
    finally:
        for each, content in kept.items():
            each.write_bytes(content)
    assert 2 == len(done.added)
    told = "\n".join(done.problems)
    assert "the file sub/rows.csv of the artifact rows cannot be had: it has changed" in told
    assert "the file kept.txt is a link that leads out of" in told
    assert not [
        file.path for file in current().store.run(named("first").id).artifacts
        if file.path.startswith("artifacts/") or file.path == "kept.txt"
    ]  # fmt: skip


def test_importing_again_adds_what_is_new(recorded, tmp_path, capsys):
    """Also from another place, and by the command."""
    first = imported(recorded)
    shutil.copytree(recorded / "wandb", tmp_path / "moved", symlinks=True)
    assert 0 == cli.main(["import", "--from", "wandb", str(tmp_path / "moved"), "--json"])
    again = json.loads(capsys.readouterr().out)
    assert ([], 2) == (again["added"], again["present"])
    assert 501 == len(current().store.metric_history(named("first").id, "loss"))
    assert 2 == len(first.added)


def test_a_dry_run_makes_nothing(recorded, home):
    """Not even a store."""
    assert 2 == len(imported(recorded, dry_run=True).added)
    assert not (home / "fitprint.db").exists()


@pytest.mark.skipif(not hasattr(signal, "pause"), reason="needs POSIX signals")
def test_a_training_that_was_killed_is_taken_as_far_as_it_was_written(tmp_path):
    """And left out while it may go on."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", KILLED],
        cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True,
    ) as program:  # fmt: skip
        assert b"ready\n" == program.stdout.readline()
        (file,) = tmp_path.rglob("*.wandb")
        for _ in range(600):  # what W&B holds back is written by another process
            if file.stat().st_size > 4 << 15:
                break
            threading.Event().wait(0.1)
        os.killpg(program.pid, signal.SIGKILL)
    done = imported(tmp_path / "wandb")
    assert ([], 1) == (done.added, len(done.open))
    os.utime(file, (1, 1))
    done = imported(tmp_path / "wandb")
    (run_id,) = done.added
    assert "KILLED" == current().store.run(run_id).status
    loss = current().store.metric_history(run_id, "loss")
    assert len(loss) > 100
    assert [float(step) for step in range(len(loss))] == list(loss.value)


# -- files that are odd ----------------------------------------------------------------------------


def frame(content: bytes) -> bytes:
    """A record of a file, of one fragment."""
    return struct.pack("<IHB", zlib.crc32(b"\1" + content), len(content), 1) + content


HEAD = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)


@pytest.fixture
def written(tmp_path):
    """What writes records into a folder of offline runs, long ago."""

    def write(*records, head: bytes = HEAD, name: str = "abc", project: str = "proj") -> Path:
        from wandb.proto import wandb_internal_pb2 as messages

        run = messages.RunRecord(run_id=name, project=project)
        run.start_time.seconds = 1_700_000_000
        folder = tmp_path / "odd" / "wandb" / f"offline-run-20260101_000000-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"run-{name}.wandb"
        records = (messages.Record(run=run), *records)
        content = (
            each if isinstance(each, bytes) else each.SerializeToString() for each in records
        )
        file.write_bytes(head + b"".join(map(frame, content)))
        os.utime(file, (1, 1))
        return file

    return write


def row(step: int, **values: str):
    """A row of a history, its values as JSON."""
    from wandb.proto import wandb_internal_pb2 as messages

    record = messages.Record()
    record.history.step.num = step
    for key, value in {"_timestamp": str(1_700_000_000 + step), **values}.items():
        record.history.item.add(nested_key=key.split("."), value_json=value)
    return record


def test_a_file_is_taken_up_to_where_it_is_cut_off(written, recorded):
    """At any byte; what is missing is told, and what is there is right."""
    (whole,) = recorded.rglob("run-abc.wandb")
    content = whole.read_bytes()
    file = written()
    counts = []
    for cut in range(100, len(content), len(content) // 7):
        file.write_bytes(content[:cut])
        os.utime(file, (1, 1))
        with isolated(file.parents[3] / f"home{cut}", context=False):
            done = imported(file.parents[2])
            assert (1, {}) == (len(done.added), done.failed)
            record = current().store.run(done.added[0])
            assert "KILLED" == record.status
            count = record.metrics["loss"].count if "loss" in record.metrics else 0
            counts.append(count)
            values = current().store.metric_history(record.id, "loss").value if count else []
            assert [1 / (step + 1) for step in range(min(count, 500))] == list(values)[:500]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_what_is_behind_a_damaged_block_is_taken(written, recorded):
    """One byte in the middle costs what is in its block, at most."""
    (whole,) = recorded.rglob("run-abc.wandb")
    content = bytearray(whole.read_bytes())
    assert len(content) > 3 << 15
    content[(1 << 15) + 5000] ^= 0xFF
    file = written()
    file.write_bytes(content)
    os.utime(file, (1, 1))
    done = imported(file.parents[2])
    assert any("block 1 is damaged or cut off" in problem for problem in done.problems)
    loss = current().store.metric_history(done.added[0], "loss")
    assert 100 < len(loss) < 500
    assert 500 in list(loss.step)
    assert "FINISHED" == current().store.run(done.added[0]).status


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a file of Weights & Biases"),
        (b"something else", "is not a file of Weights & Biases"),
        (struct.pack("<4sHB", b":W&B", 0xBEE1, 3), "its format has the number 3"),
        (HEAD, "holds no record that can be read"),
        (HEAD + b"\xff" * 50_000, "holds no record that can be read"),
    ],
    ids=["empty", "text", "later", "nothing", "damaged"],
)
def test_a_file_in_which_nothing_can_be_read_is_told(written, content, reason):
    """And others are taken."""
    written(row(0, loss="1"))
    odd = written(name="odd")
    odd.write_bytes(content)
    os.utime(odd, (1, 1))
    done = imported(odd.parents[2])
    assert 1 == len(done.added)
    assert any(reason in told for told in [*done.problems, *done.failed.values()])


def test_odd_records_are_told_and_cost_nothing_else(written):
    """What is no message, no JSON, too deep or too large, and names with control characters."""
    file = written(
        row(0, loss="1", bad="{", deep="[" * 5000, big="9" * 400, key="[" + "9" * 5000 + "]"),
        b"\xff\xff\xff",
        row(1, **{"lo\x00ss\x1b[2J": "2", "loss": "3", "_timestamp": "1e300"}),
    )
    done = imported(file.parents[2])
    record = current().store.run(done.added[0])
    assert 2 == record.metrics["loss"].count
    assert [1.0, 3.0] == list(current().store.metric_history(record.id, "loss").value)
    told = "\n".join(done.problems)
    assert "1 records cannot be read" in told
    assert "values that are no JSON" in told


@pytest.mark.parametrize("step", ["NaN", "Infinity", "1e308"])
def test_a_step_that_is_no_number_costs_no_run(written, step):
    """The point is taken."""
    odd = row(0, loss="2", _step=step)
    odd.history.ClearField("step")
    done = imported(written(row(1, loss="1"), odd).parents[2])
    assert (1, {}) == (len(done.added), done.failed)
    assert [1.0, 2.0] == list(current().store.metric_history(done.added[0], "loss").value)


def test_values_with_a_type_of_their_own_are_taken(written):
    """Newer messages have them beside JSON."""
    from wandb.proto import wandb_internal_pb2 as messages

    if "value" not in messages.HistoryItem.DESCRIPTOR.oneofs_by_name:
        pytest.skip("this version of W&B has JSON alone")
    record = messages.Record()
    item = record.history.item.add
    item(key="a", integer=3), item(key="b", number=0.5), item(key="c", boolean=True)
    item(key="d", text="x"), item(key="e", json="[1]")
    done = imported(written(record).parents[2])
    run = fitprint.get_run(done.added[0])
    assert {"a": 3.0, "b": 0.5, "c": 1.0} == dict(run.metrics)
    assert ["x", [1]] == [json.loads(run.read(f"history/{key}.jsonl"))["value"] for key in "de"]


def test_what_is_better_is_known_where_it_was_said(written):
    """By older versions' `define_metric`."""
    from wandb.proto import wandb_internal_pb2 as messages

    said = messages.Record()
    said.metric.name, said.metric.goal = "score", messages.MetricRecord.GOAL_MINIMIZE
    file = written(said, row(0, score="1"))
    assert "min" == current().store.run(imported(file.parents[2]).added[0]).metrics["score"].goal


def test_a_fork_is_below_the_run_that_it_came_from(written):
    """With the step, and a run that was resumed is one."""
    from wandb.proto import wandb_internal_pb2 as messages

    fork = messages.Record()
    fork.run.run_id, fork.run.project = "child", "proj"
    fork.run.branch_point.run, fork.run.branch_point.value = "abc", 100
    fork.run.branch_point.metric = "_step"
    written(row(0, loss="1"))
    file = written(row(101, loss="0.5"), name="child")
    file.write_bytes(HEAD + frame(fork.SerializeToString()) + frame(row(101).SerializeToString()))
    os.utime(file, (1, 1))
    again = file.parents[1] / "offline-run-20260102_000000-abc" / "run-abc.wandb"
    again.parent.mkdir()
    first = messages.Record()
    first.run.run_id, first.run.project = "abc", "proj"
    last = messages.Record()
    last.exit.exit_code = 0
    again.write_bytes(
        HEAD + b"".join(frame(each.SerializeToString()) for each in (first, row(1, loss="2"), last))
    )
    os.utime(again, (1, 1))
    done = imported(file.parents[2])
    assert (2, []) == (len(done.added), done.problems)
    parent, child = named("abc"), named("child")
    record = current().store.run(child.id)
    assert (parent.id, "_step=100") == (record.parent_id, record.tags["wandb.forked_at"])
    assert [1.0, 2.0] == list(current().store.metric_history(parent.id, "loss").value)
    assert "FINISHED" == parent.status


def test_a_manifest_cannot_take_other_files(written, tmp_path):
    """Only one whose content it knows; a path that leads out of the artifact is told, too."""
    import base64
    import hashlib

    from wandb.proto import wandb_internal_pb2 as messages

    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    record = messages.Record()
    record.artifact.name, record.artifact.type = "../../x", "dataset"
    known = base64.b64encode(hashlib.md5(b"secret").digest()).decode()
    for path, digest in (("a", "AAAA"), ("../../b", known)):
        record.artifact.manifest.contents.add(
            path=path, digest=digest, local_path=str(tmp_path / "secret")
        )
    saved = messages.Record()
    saved.files.files.add(path="../../../../secret")
    file = written(record, saved)
    done = imported(file.parents[2])
    assert (1, 3) == (len(done.added), len(done.problems))
    assert () == current().store.run(done.added[0]).artifacts


def test_both_kinds_of_digests_are_known(written, tmp_path):
    """The second came with version 0.31, and with its library."""
    import base64

    from wandb.proto import wandb_internal_pb2 as messages

    xxhash = pytest.importorskip("xxhash")
    if "digest_algorithm" not in messages.ArtifactRecord.DESCRIPTOR.fields_by_name:
        pytest.skip("this version of W&B has one kind")
    (tmp_path / "a").write_bytes(b"content")
    record = messages.Record()
    record.artifact.name, record.artifact.digest_algorithm = "x", "MANIFEST_XXH128"
    record.artifact.manifest.contents.add(
        path="a",
        digest=base64.b64encode(xxhash.xxh128(b"content").digest()).decode(),
        local_path=str(tmp_path / "a"),
    )
    done = imported(written(record).parents[2])
    assert b"content" == fitprint.get_run(done.added[0]).read("artifacts/x/a")


def test_what_is_no_folder_of_runs_is_told(tmp_path):
    """With what to give instead."""
    with pytest.raises(StoreError, match="is not a folder: give the folder 'wandb'"):
        imported(tmp_path / "nothing")
    with pytest.raises(StoreError, match="there are no runs of Weights & Biases in"):
        imported(tmp_path)


def test_without_wandb_it_is_said_how_to_get_it(written, monkeypatch):
    """The files are there, and what understands them is not."""
    file = written()
    for name in [each for each in sys.modules if each.startswith("wandb")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "fitprint_wandb.contents", raising=False)
    monkeypatch.delattr("fitprint_wandb.contents", raising=False)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(StoreError, match=r"pip install 'fitprint-wandb\[framework\]'"):
        imported(file.parents[2])


def test_wandb_is_loaded_by_an_import_alone(written):
    """And an import changes no variable and no logger of the program, and starts no process."""
    file = written(row(0, loss="1"))
    program = f"""
import logging, os, sys, fitprint
from fitprint import cli
before = dict(os.environ), logging.getLogger().level, list(logging.getLogger().handlers)
assert cli.main(["ls"]) == 0
assert not [name for name in sys.modules if name.startswith("wandb")]
assert cli.main(["import", "--from", "wandb", {str(file.parents[2])!r}]) == 0
assert before == (
    dict(os.environ), logging.getLogger().level, list(logging.getLogger().handlers)
)
"""
    environment = {**os.environ, "FITPRINT_HOME": str(file.parents[3] / "other")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)


def test_names_of_many_parts_are_told_and_cost_nothing_else(written):
    """In histories, configurations and summaries; and so are values that are as deep."""
    from wandb.proto import wandb_internal_pb2 as messages

    many = ["p"] * 1500  # more than Python calls can be inside one another
    config, summary, history = messages.Record(), messages.Record(), row(0, loss="1")
    config.config.update.add(nested_key=many, value_json="1")
    config.config.update.add(key="lr", value_json="2")
    config.config.remove.add(nested_key=many)
    summary.summary.update.add(nested_key=many, value_json="1")
    summary.summary.update.add(key="deep", value_json='{"a":' * 500 + "1" + "}" * 500)
    summary.summary.remove.add(nested_key=many)
    history.history.item.add(nested_key=many, value_json="1")
    file = written(config, summary, history, row(1, loss="2"))
    done = imported(file.parents[2])
    record = current().store.run(done.added[0])
    assert [2] == [param.value for key, param in record.params.items() if key == "lr"]
    assert 2 == record.metrics["loss"].count
    assert any("more than 100 inside one another" in problem for problem in done.problems)
