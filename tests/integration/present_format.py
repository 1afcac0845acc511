"""Writes what :mod:`test_formats` reads, as the present code writes it:
``python present_format.py formats/N``, N being the next number.

What is written says the same each time, down to the bytes of a journal's records and of a bundle's
members.
"""

from __future__ import annotations

import math
import sys
import zipfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fitprint import clock, events
from fitprint.bundles import export_runs
from fitprint.entities import Artifact, Dataset, History, LoggedModel, Param
from fitprint.events import Batch, Event, MetricPoints
from fitprint.journal import writer
from fitprint.recording import workspace
from fitprint.stores.sql.sqlite import open_sqlite
from fitprint.testing import isolated

RUN, LATE, CHILD, GONE = (f"18ebd00000000000000000000000000{last}" for last in "abcd")
MADE = "e" * 32
START = 1_790_000_000_000_000
END = START + 10_000_000
NOTE = Artifact(
    "notes/a.txt", "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", 6
)
MODEL = LoggedModel("model", "sklearn", "sha256:" + "cd" * 32, {"class": "LogisticRegression"})
FILE = Artifact("MLmodel", NOTE.digest, NOTE.size)


def act(number: int) -> str:
    """Return the id of an act."""
    return f"{number:032x}"


def points(
    run: str, key: str, values: Sequence[float], goal: str | None = None, *, at: int = START
) -> MetricPoints:
    count = range(len(values))
    times = array("q", [at + index * 1000 + index % 7 for index in count])
    history = History(
        array("q", count), times, array("d", values), array("d", [math.nan] * len(values))
    )
    return MetricPoints(run, times[-1], key, history, goal)  # type: ignore[arg-type]


def delivered() -> list[Event]:
    """Return what the database has: a whole run, its child in the trash,
    and one that was purged.
    """
    params = {
        "C": Param(0.5),
        "solver": Param("lbfgs", "default"),
        "list": Param([1, "a", None]),
        "odd": Param(math.nan),
    }
    return [
        events.RunStarted(RUN, START, "iris", "swift-otter-1", None, "fit"),
        events.ParamsLogged(RUN, START, params),
        events.TagsSet(RUN, START, {"team": "a", "café": "ü"}),
        points(RUN, "loss", [1 / (index + 1) for index in range(300)]),
        points(RUN, "acc", [math.nan, math.inf, -0.0, 0.5], "max"),
        points(RUN, "once", [0.25], "max"),
        events.DatasetLogged(
            RUN, START, Dataset("X", "train", "sha256:" + "ab" * 32, {"shape": [150, 4]})
        ),
        events.ArtifactsLogged(RUN, START, (NOTE,)),
        events.ModelLogged(
            RUN,
            START,
            LoggedModel("model", "sklearn", "sha256:" + "cd" * 32, {"class": "LogisticRegression"}),
        ),
        events.DocumentLogged(RUN, START, "capture", {"captured": ["params"]}),
        events.RunEnded(RUN, END, "FINISHED"),
        events.RunStarted(CHILD, START + 7, "wine", "calm-crow-2", RUN, "candidate"),
        points(CHILD, "long", [(index * 37 % 256) / 256 for index in range(5000)], "max"),
        events.RunEnded(CHILD, START + 8, "FAILED", "Traceback\nValueError: bad\n"),
        events.RunDeleted(CHILD, START + 9, act(1), "ann"),
        events.RunStarted(GONE, START + 10, "iris", "gone"),
        events.RunDeleted(GONE, START + 11, act(2), "ann"),
        events.RunPurged(GONE, START + 12, act(3), "ann"),
        events.ChangesFollowed(START + 13, "hooks", "somebody", 60.0),
        events.ModelVersionCreated(
            "churn",
            START + 14,
            act(20),
            "ann",
            RUN,
            MODEL,
            (FILE,),
            {"tags": {"team": "a"}},
            "first",
        ),
        events.AliasMoved("churn", START + 15, act(21), "ann", "champion", 1, 0, reason="good"),
    ]


def waiting() -> list[Event]:
    """Return what nobody has delivered: every kind of event that a journal may have."""
    return [
        events.RunStarted(LATE, START + 100, "iris", "late-lynx-3"),
        events.ParamsLogged(LATE, START + 101, {"C": Param(2, "config")}),
        points(LATE, "curve", [index / 8 for index in range(50)]),
        events.TagsSet(LATE, START + 200, {"kept": "x", "none": None}),
        events.DatasetLogged(LATE, START + 201, Dataset("y", "train", "", {})),
        events.DocumentLogged(LATE, START + 202, "failure", {"error": "ü\n"}),
        events.ArtifactsLogged(LATE, START + 203, (NOTE,)),
        events.ModelLogged(
            LATE, START + 204, LoggedModel("model", "xgboost", "sha256:" + "ef" * 32, {})
        ),
        events.RunRestored(CHILD, START + 205, act(4), "ann"),
        events.ExperimentCreated(MADE, START + 206, act(5), "ann", "first"),
        events.ExperimentRenamed(MADE, START + 207, act(6), "ann", "made"),
        events.ExperimentTagged(MADE, START + 208, act(7), "ann", {"team": "a"}),
        events.ExperimentNoted(MADE, START + 209, act(8), "ann", "# About"),
        events.ExperimentArchived(MADE, START + 210, act(9), "ann"),
        events.ExperimentRestored(MADE, START + 211, act(10), "ann"),
        events.RunRenamed(LATE, START + 212, act(11), "ann", "renamed"),
        events.RunMoved(LATE, START + 213, act(12), "ann", MADE),
        events.RunNoted(LATE, START + 214, act(13), "ann", "# Note"),
        events.RunDeleted(LATE, START + 215, act(14), "ann"),
        events.RunRestored(LATE, START + 216, act(15), "ann"),
        events.RunPurged(LATE, START + 217, act(16), "ann"),  # refused: it is not in the trash
        events.BytesArrived(START + 218, (NOTE.digest,)),
        events.ModelVersionCreated("churn", START + 219, act(22), "ann", LATE, MODEL, (FILE,)),
        events.RegisteredModelEdited(
            "churn",
            START + 220,
            act(23),
            "ann",
            {"note": "# About", "rules": {"champion": {"approvals": 1}}},
        ),
        events.ModelVersionEdited(
            "churn", START + 221, act(24), "ann", 2, {"stage": "Staging"}, "try"
        ),
        # refused: nobody approved
        events.AliasMoved("churn", START + 222, act(25), "ann", "champion", 2),
    ]


def write_home(home: Path) -> None:
    """Write a home: a database, a journal that nobody has delivered,
    and the bytes of an artifact.
    """
    home.mkdir(parents=True)
    with clock.replaced(lambda: END):
        store = open_sqlite(f"sqlite:///{home / 'fitprint.db'}")
        store.append(
            Batch("f" * 32, 0, 100, delivered(), {"pid": 1, "host": "here", "user": "ann"})
        )
        store.close()
    blob = home / "blobs" / NOTE.digest[7:9] / NOTE.digest[9:]
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"hello\n")
    facts = {"destination": "", "user": "ann", "host": "here", "pid": 1, "fitprint": "0.1.0"}
    journal = writer.JournalWriter(home / "journal", facts=lambda: facts)
    first, *others = waiting()
    journal.append(first)
    for index in range(5):
        journal.point(LATE, "loss", index, START + 102 + index, 1 / (index + 1))
    journal.append(*others)
    journal.close()


def write_bundle(home: Path, target: Path) -> None:
    """Write a bundle of the whole run of a home."""
    with isolated(home, store=f"sqlite:///{home / 'fitprint.db'}"):
        export_runs(workspace.current(), [RUN], target)


def write(folder: Path) -> None:
    """Write the files of a format, which must not be there."""
    folder.mkdir()
    with TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        write_home(home)
        with zipfile.ZipFile(folder / "home.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(home.rglob("*")):
                archive.write(path, path.relative_to(home))
        write_bundle(home, folder / "run.fitprint.zip")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
