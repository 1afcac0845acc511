"""Event files that TensorBoard's and tensorboardX's own writers made: counts and values are equal
to what was written.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fitprint
from fitprint import cli
from fitprint.errors import StoreError
from fitprint.recording.workspace import current
from fitprint.testing import isolated

START = 1_700_000_000.0
PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture(autouse=True)
def home(tmp_path) -> Iterator[Path]:
    """A home of the test's own."""
    with isolated(tmp_path / "home", context=False):
        yield tmp_path / "home"


@pytest.fixture
def writer():
    """What writes events, by TensorBoard's own writer, into a folder that is an hour old then."""
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def write(folder: Path, *summaries, start: float = START) -> Path:
        made = EventFileWriter(str(folder))
        for place, summary in enumerate(summaries):
            step, value = summary
            event = event_pb2.Event(wall_time=start + place, step=step)
            event.summary.value.append(value)
            made.add_event(event)
        made.close()
        return aged(folder)

    return write


def aged(folder: Path) -> Path:
    """Let the event files be as old as those of a training that is over; return the newest."""
    files = sorted(each for each in folder.rglob("*tfevents*") if each.is_file())
    for file in files:
        os.utime(file, (START, START))
    return files[-1]


def scalar(tag: str, number: float):
    """A scalar in the old form."""
    from tensorboard.compat.proto import summary_pb2

    return summary_pb2.Summary.Value(tag=tag, simple_value=number)


def tensor(tag: str, value, plugin: str = "", content: bytes = b""):
    """A value in the new form, of a plugin."""
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.util import tensor_util

    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    )
    return summary_pb2.Summary.Value(
        tag=tag, metadata=metadata, tensor=tensor_util.make_tensor_proto(value)
    )


def imported(folder: Path, **options):
    """What importing the folder says."""
    return fitprint.import_from("tensorboard", str(folder), **options)


def named(name: str):
    """The run of this name."""
    (run,) = (run for run in fitprint.search_runs(children=True) if run.name == name)
    return run


def test_scalars_are_the_same_point_by_point(tmp_path, writer):
    """Old and new ones, numbers that are none, steps that go back, and times."""
    numbers = [0.5, math.nan, math.inf, -math.inf, 1e30]
    steps = [0, 7, 3, 2**40, -1]
    writer(
        tmp_path / "logs",
        *((step, scalar("old", number)) for step, number in zip(steps, numbers, strict=True)),
        (1, tensor("new", np.float64(0.1), "scalars")),
        (2, tensor("new", np.float32(0.1))),  # a tag says its plugin once
    )
    done = imported(tmp_path / "logs")
    assert (1, {}, [], []) == (len(done.added), done.failed, done.problems, done.open)
    store = current().store
    old, new = (store.metric_history(done.added[0], key) for key in ("old", "new"))
    assert steps == list(old.step)
    assert np.array_equal(np.float32(numbers), np.float32(old.value), equal_nan=True)
    assert [round((START + place) * 1e6) for place in range(5)] == list(old.timestamp)
    assert ([1, 2], [0.1, float(np.float32(0.1))]) == (list(new.step), list(new.value))
    run = store.run(done.added[0])
    assert ("logs", "logs", "FINISHED") == (run.name, run.experiment, run.status)


def test_what_tensorboardx_wrote_is_there(tmp_path):
    """Scalars, hyperparameters with their types, texts and images, one run for each folder."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(tmp_path / "logs" / "a")) as made:
        for step in range(100):
            made.add_scalar("loss/train", 1 / (step + 1), step, walltime=START + step)
        made.add_text("note", "two\nlines", 0)
        made.add_text("note", "and \x1b[31m more", 1)
        made.add_image("digits/zero", np.zeros((3, 8, 8), dtype=np.uint8), 4)
        made.add_hparams({"lr": 0.1, "n": 3, "b": True, "s": "x"}, {"acc": 0.5}, name="h")
    aged(tmp_path / "logs")
    done = imported(tmp_path / "logs")
    assert (2, {}, []) == (len(done.added), done.failed, done.problems)
    above, below = named("a"), named("a/h")
    store = current().store
    assert above.id == store.run(below.id).parent_id
    assert [1 / (step + 1) for step in range(100)] == pytest.approx(
        list(store.metric_history(above.id, "loss/train").value)
    )
    params = {key: param.value for key, param in store.run(below.id).params.items()}
    assert {"lr": 0.1, "n": 3, "b": True, "s": "x"} == params
    assert [float, int, bool, str] == [type(params[key]) for key in ("lr", "n", "b", "s")]
    assert {"acc": 0.5} == dict(below.metrics)
    lines = [json.loads(line) for line in above.read("texts/note/text_summary.jsonl").splitlines()]
    assert [(0, "two\nlines"), (1, "and \x1b[31m more")] == [
        (line["step"], line["text"]) for line in lines
    ]
    assert above.read("images/digits/zero/4.png").startswith(b"\x89PNG")


def test_how_a_session_ended_is_its_status(tmp_path, writer):
    """Also its group."""
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    start = plugin_data_pb2.SessionStartInfo(group_name="sweep")
    start.hparams["layers"].list_value.extend([1, "a"])
    said = [
        plugin_data_pb2.HParamsPluginData(session_start_info=start),
        plugin_data_pb2.HParamsPluginData(
            session_end_info=plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_FAILURE)
        ),
    ]
    writer(
        tmp_path / "logs",
        *((0, tensor(f"_{at}", 0.0, "hparams", content=each.SerializeToString()))
          for at, each in enumerate(said)),
        (0, tensor("_x", 0.0, "hparams", content=b"\xff\xff")),
    )  # fmt: skip
    done = imported(tmp_path / "logs")
    assert ["logs: hyperparameters cannot be read"] == done.problems
    run = current().store.run(done.added[0])
    assert ("FAILED", {"tensorboard.group_name": "sweep"}) == (run.status, dict(run.tags))
    assert [1.0, "a"] == run.params["layers"].value


def test_what_has_no_other_place_stays_in_its_file(tmp_path, writer):
    """The file comes along, and the report says for what."""
    from tensorboard.compat.proto import summary_pb2

    histogram = summary_pb2.Summary.Value(
        tag="weights", histo=summary_pb2.HistogramProto(min=0, max=1, num=1)
    )
    file = writer(
        tmp_path / "logs",
        (0, histogram),
        (0, tensor("curve", [[1.0]], "pr_curves")),
        (0, tensor("scalar", "text", "scalars")),
    )
    done = imported(tmp_path / "logs")
    kinds = "histograms (1), pr_curves (1), scalars that are no number (1)"
    assert [f"logs: {kinds}: only in the file tensorboard/{file.name}, for TensorBoard"] == (
        done.problems
    )
    assert file.read_bytes() == fitprint.get_run(done.added[0]).read(f"tensorboard/{file.name}")


def test_a_scalar_that_claims_to_be_large_is_no_number(tmp_path, writer):
    """It is not made as large as it says; what is beside it is taken."""
    large = tensor("large", 1.0, "scalars")
    large.tensor.tensor_shape.dim.add().size = 1 << 40
    writer(tmp_path / "logs", (0, large), (1, scalar("small", 0.5)))
    done = imported(tmp_path / "logs")
    assert (1, {}) == (len(done.added), done.failed)
    assert "scalars that are no number (1)" in done.problems[0]
    assert {"small": 0.5} == dict(fitprint.get_run(done.added[0]).metrics)


def test_images_and_sounds_of_the_new_form_are_files(tmp_path, writer):
    """Several of one step, and names that lead elsewhere."""
    writer(
        tmp_path / "logs",
        (3, tensor("../a", [b"1", b"1", PNG, PNG + b"2"], "images")),
        (3, tensor("b", [[b"RIFF sound", b"label"]], "audio")),
    )
    done = imported(tmp_path / "logs")
    run = fitprint.get_run(done.added[0])
    assert ["audio/b/3.wav", "images/a/3-2.png", "images/a/3.png"] == sorted(
        file.path for file in current().store.run(run.id).artifacts
    )
    assert (PNG, b"RIFF sound") == (run.read("images/a/3.png"), run.read("audio/b/3.wav"))


def test_importing_again_adds_what_is_new(tmp_path, writer, monkeypatch, capsys):
    """Also from another place, and by the command."""
    writer(tmp_path / "logs" / "a", (0, scalar("loss", 1.0)))
    first = imported(tmp_path / "logs")
    writer(tmp_path / "logs" / "b", (0, scalar("loss", 2.0)), start=START + 100)
    (tmp_path / "logs").rename(tmp_path / "moved")
    assert 0 == cli.main(["import", "--from", "tensorboard", str(tmp_path / "moved"), "--json"])
    again = json.loads(capsys.readouterr().out)
    assert (1, 1) == (len(again["added"]), again["present"])
    assert first.added[0] not in again["added"]
    assert 1 == len(current().store.metric_history(first.added[0], "loss"))


def test_a_dry_run_makes_nothing(tmp_path, writer, home):
    """Not even a store."""
    writer(tmp_path / "logs", (0, scalar("loss", 1.0)))
    assert 1 == len(imported(tmp_path / "logs", dry_run=True).added)
    assert not (home / "fitprint.db").exists()


def test_a_training_that_goes_on_is_left_out(tmp_path, writer):
    """One that was copied a moment ago is none."""
    from fitprint import clock

    file = writer(tmp_path / "logs", (0, scalar("loss", 1.0)), start=clock.now() / 1e6)
    os.utime(file)
    done = imported(tmp_path / "logs")
    assert ([], 1) == (done.added, len(done.open))
    os.utime(file, (START, START))
    assert 1 == len(imported(tmp_path / "logs").added)


def test_a_file_that_is_cut_off_is_taken_up_to_there(tmp_path, writer):
    """At every byte of the last record; what is missing is told."""
    file = writer(tmp_path / "logs", *((step, scalar("loss", step)) for step in range(3)))
    whole = file.read_bytes()
    # all records of these scalars are of equal length but the first, whose step is not written
    for cut in (1, 5, 20):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / file.name).write_bytes(whole[:-cut])
        aged(folder)
        done = imported(folder)
        assert 1 == len(done.added)
        assert "damaged or cut off behind 3 records" in done.problems[0]
        assert [0, 1] == list(current().store.metric_history(done.added[0], "loss").step)


def test_a_damaged_record_is_told(tmp_path, writer):
    """A checksum that is wrong, in the content or the length."""
    file = writer(tmp_path / "logs", *((step, scalar("loss", step)) for step in range(3)))
    for place in (-6, -22):
        damaged = bytearray(file.read_bytes())
        damaged[place] ^= 0xFF
        folder = tmp_path / f"damaged{place}"
        folder.mkdir()
        (folder / file.name).write_bytes(damaged)
        aged(folder)
        assert "is damaged" in imported(folder).problems[0]


def frame(content: bytes, length: int | None = None) -> bytes:
    """A record of an event file, whose length may be a lie."""
    import struct

    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    head = struct.pack("<Q", len(content) if length is None else length)
    return b"".join(
        [head, struct.pack("<I", masked_crc32c(head)), content,
         struct.pack("<I", masked_crc32c(content))]
    )  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b"no events", frame(b"\xff\xff\xff"), frame(b"x", 1 << 62), frame(b"x", (1 << 64) - 1)],
    ids=["empty", "text", "no-event", "huge", "beyond"],
)
def test_a_folder_in_which_nothing_can_be_read_is_left_out(tmp_path, writer, content):
    """With the reason; others are taken."""
    writer(tmp_path / "logs" / "sound", (0, scalar("loss", 1.0)))
    (tmp_path / "logs" / "odd").mkdir()
    (tmp_path / "logs" / "odd" / "events.out.tfevents.1").write_bytes(content)
    aged(tmp_path / "logs")
    done = imported(tmp_path / "logs")
    assert 1 == len(done.added)
    (reason,) = done.failed.values()
    assert "hold no event that can be read" in reason


def test_times_and_steps_that_no_calendar_has_are_taken(tmp_path):
    """And names with control characters, which do not reach the terminal."""
    from tensorboard.compat.proto import event_pb2

    events = [
        event_pb2.Event(wall_time=time, step=step)
        for time, step in ((START, 1), (math.nan, 2), (math.inf, 2**63 - 1), (-1e300, -(2**63)))
    ]
    for event in events:
        event.summary.value.append(scalar("lo\x00ss\x1b[2J", 1.0))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.out.tfevents.1").write_bytes(
        b"".join(frame(event.SerializeToString()) for event in events)
    )
    aged(tmp_path / "logs")
    done = imported(tmp_path / "logs")
    (key,) = current().store.run(done.added[0]).metrics
    history = current().store.metric_history(done.added[0], key)
    assert [1, 2, 2**63 - 1, -(2**63)] == list(history.step)
    assert {round(START * 1e6)} == set(history.timestamp)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_no_event_file(tmp_path, writer):
    """It would be waited for for ever; what is beside it is taken, also through a link in a
    circle, but not what a link leads to elsewhere.
    """
    writer(tmp_path / "logs", (0, scalar("loss", 1.0)))
    os.mkfifo(tmp_path / "logs" / "tfevents.pipe")
    (tmp_path / "logs" / "again").symlink_to(tmp_path / "logs")
    writer(tmp_path / "elsewhere", (0, scalar("loss", 1.0)))
    (tmp_path / "logs" / "out").symlink_to(tmp_path / "elsewhere")
    done = imported(tmp_path / "logs")
    assert 1 == len(done.added)
    assert "tfevents.pipe cannot be read" in done.problems[0]


def test_a_copy_of_a_folder_is_a_run_and_a_file_twice_is_told(tmp_path, writer):
    """The name of the folder tells them apart."""
    file = writer(tmp_path / "logs" / "a", (0, scalar("loss", 1.0)))
    for folder in ("b", "c/a"):
        (tmp_path / "logs" / folder).mkdir(parents=True)
        (tmp_path / "logs" / folder / file.name).write_bytes(file.read_bytes())
    aged(tmp_path / "logs")
    done = imported(tmp_path / "logs")
    assert 2 == len(done.added)
    assert ["c/a has the same event file as a, and is left out"] == done.problems


def test_what_is_no_folder_of_events_is_told(tmp_path):
    """With what to give instead."""
    with pytest.raises(
        StoreError, match="is not a folder: give the one that `tensorboard --logdir`"
    ):
        imported(tmp_path / "nothing")
    with pytest.raises(StoreError, match="there are no event files in"):
        imported(tmp_path)
    assert not (tmp_path / "nothing").exists()


def test_without_tensorboard_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    """The files are there, and who reads them is not."""
    for name in [each for each in sys.modules if each.startswith("tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "fitprint_tensorboard.contents", raising=False)
    monkeypatch.delattr("fitprint_tensorboard.contents", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    (tmp_path / "tfevents").write_bytes(b"")
    with pytest.raises(StoreError, match=r"pip install 'fitprint-tensorboard\[framework\]'"):
        imported(tmp_path)


def test_tensorflow_is_never_loaded(tmp_path, writer):
    """And TensorBoard not before an import is asked for."""
    writer(tmp_path / "logs", (0, scalar("loss", 1.0)))
    program = f"""
import sys, fitprint
from fitprint import cli
assert cli.main(["ls"]) == 0
assert not [name for name in sys.modules if name.startswith("tensorboard")]
assert cli.main(["import", "--from", "tensorboard", {str(tmp_path / "logs")!r}]) == 0
assert not [name for name in sys.modules if name == "tensorflow"]
"""
    environment = {**os.environ, "FITPRINT_HOME": str(tmp_path / "other")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)


def test_a_long_text_is_a_file_of_its_own(tmp_path, writer, monkeypatch):
    """And so are all behind those that are kept in memory until the end; others stay together."""
    monkeypatch.setattr("fitprint_tensorboard.contents._MOST_HELD", 1_300_000)
    long = b"a long text\n" * 100_000
    notes = [(place, tensor("note", each, "text")) for place, each in enumerate([b"one", long])]
    writer(
        tmp_path / "logs", *notes, (2, tensor("note", b"two")), (3, tensor("note", long[: 10**5]))
    )
    done = imported(tmp_path / "logs")
    run = fitprint.get_run(done.added[0])
    paths = {"texts/note.jsonl", "texts/note/1.txt", "texts/note/3.txt"}
    assert paths == {each.path for each in run.artifacts}
    lines = run.read("texts/note.jsonl").splitlines()
    assert ["one", "two"] == [json.loads(line)["text"] for line in lines]
    assert (long, long[: 10**5]) == tuple(run.read(f"texts/note/{step}.txt") for step in (1, 3))
