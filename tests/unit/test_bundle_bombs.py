"""Bundles of others: what would burst is refused before it is read, whatever is changed in one, and
in bounded memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import fitprint
from fitprint.bundles import export_runs, import_runs
from fitprint.errors import FitprintError
from fitprint.recording.workspace import Workspace, current, settle

RUN = "0" * 32
ZEROS = bytes(1 << 20)


@pytest.fixture
def bundle(home, tmp_path):
    """A bundle of one run."""
    with fitprint.start_run("a", experiment="e", tags={"team": "x"}) as run:
        run.log_params({"C": 1.0, "layers": [1, "a"]})
        run.log_history("loss", [2.0, 1.0, 0.5])
        run.log_metric("best", 0.1, goal="max")
        run.log_text("hello", "t.txt")
        run.log_dict({"a": [1, 2]}, "d.json")
    file = tmp_path / "a.zip"
    export_runs(current(), [run.id], file)
    return file


@pytest.fixture
def elsewhere(tmp_path):
    """An empty home."""
    workspace = Workspace(
        settle({"home": str(tmp_path / "elsewhere"), "store": f"memory://{tmp_path}/elsewhere"})
    )
    yield workspace
    workspace.close()


def made(path: Path, *, deflated: bool = True, **members: bytes | int) -> Path:
    """Make an archive; a number stands for so many MiB of zeros, or of spaces in a text."""
    with zipfile.ZipFile(
        path, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    ) as archive:
        for name, content in members.items():
            member = name.replace("__", "/").replace("_DOT_", ".")
            with archive.open(member, "w") as file:
                if isinstance(content, bytes):
                    file.write(content)
                    continue
                for _ in range(content):
                    file.write(ZEROS if member.startswith("blobs") else ZEROS.replace(b"\0", b" "))
    return path


def manifest(*, metrics: object = (), blobs: object = ()) -> bytes:
    runs = [{"id": RUN, "metrics": metrics}]
    return json.dumps(
        {"format": "fitprint-bundle", "version": 1, "fitprint": "0", "runs": runs, "blobs": blobs}
    ).encode()


POINTS = {"key": "m", "goal": "min", "count": 32 << 15}


@pytest.mark.parametrize(
    ("deflated", "members", "message"),
    [
        (True, {"manifest_DOT_json": 70}, "would become more than 100 times as large"),
        (
            False,
            {"manifest_DOT_json": 17},
            "manifest.json has 17825792 bytes, and may have 16777216",
        ),
        (
            True,
            {
                "manifest_DOT_json": manifest(),
                f"runs__{RUN}_DOT_jsonl": 40,
                "padding": os.urandom(1 << 20),
            },
            "jsonl has 41943040 bytes",
        ),
        (
            True,
            {"manifest_DOT_json": manifest(), "blobs__x": 80},
            "would become more than 100 times as large",
        ),
        (True, {"manifest_DOT_json": manifest(metrics=[{**POINTS, "count": 1 << 40}])}, "runs/0"),
        (
            True,
            {"manifest_DOT_json": manifest(metrics=[{**POINTS, "count": -1}])},
            "sizes that are none",
        ),
        (
            True,
            {"manifest_DOT_json": manifest(metrics=[{**POINTS, "count": True}])},
            "sizes that are none",
        ),
        (
            True,
            {"manifest_DOT_json": manifest(blobs=[{"digest": "sha256:" + "0" * 64, "size": 1e9}])},
            "sizes that are none",
        ),
        (True, {"manifest_DOT_json": b"[" * (1 << 20)}, "recursion"),
    ],
    ids=[
        "manifest bomb",
        "large manifest",
        "text bomb",
        "blob bomb",
        "points",
        "negative",
        "bool",
        "float",
        "deep",
    ],
)
def test_fault_5_a_bundle_that_would_burst_is_refused(
    elsewhere, tmp_path, deflated, members, message
):
    """The error says what is too large, and nothing is imported."""
    with pytest.raises(FitprintError) as caught:
        import_runs(elsewhere, made(tmp_path / "bomb.zip", deflated=deflated, **members))
    assert message in str(caught.value)
    assert [] == [experiment.name for experiment in elsewhere.store.experiments()]


def test_what_we_export_is_never_taken_for_a_bomb(home, elsewhere, tmp_path):
    """An artifact of zeros makes a bundle that is as large as it."""
    file = tmp_path / "zeros"
    with file.open("wb") as zeros:
        zeros.truncate(70 << 20)
    with fitprint.start_run("a") as run:
        run.log_artifact(file)
    bundle = tmp_path / "a.zip"
    export_runs(current(), [run.id], bundle)
    assert (run.id,) == import_runs(elsewhere, bundle).added


FUZZER = """
import json, random, resource, sys, zipfile
from pathlib import Path

resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from fitprint.bundles import import_runs
from fitprint.errors import FitprintError
from fitprint.recording.workspace import Workspace, settle

bundle, folder = Path(sys.argv[1]), Path(sys.argv[2])
original = bundle.read_bytes()
with zipfile.ZipFile(bundle) as archive:
    members = {about.filename: archive.read(about) for about in archive.infolist()}
odd = [None, True, -1, 0, 1, 1 << 70, 1e400, float("nan"), "", "x" * 300, "../up", "\\ud800"]
odd += [[], {}, [[]] * 50, {"a": {"b": []}}, "sha256:" + "0" * 64]
draw = random.Random(5)


def changed(value):
    if draw.random() < 0.15:
        return draw.choice(odd)
    if isinstance(value, dict):
        items = {key: changed(item) for key, item in value.items() if draw.random() > 0.05}
        return items | ({draw.choice(["", "x", "id"]): draw.choice(odd)} if draw.random() < 0.05 else {})
    if isinstance(value, list):
        items = [changed(item) for item in value if draw.random() > 0.05]
        return items + draw.choices(items, k=1) if items and draw.random() < 0.1 else items
    return value


def flipped(data):
    data = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        if data:
            data[draw.randrange(len(data))] = draw.randrange(256)
    start = draw.randrange(len(data) + 1)
    return bytes(data[:start] + data[start + draw.choice([0, 0, 1, 100]):])


def rebuilt():
    some = dict(members)
    name = draw.choice(list(some))
    if name.endswith("json") and draw.random() < 0.8:
        some[name] = json.dumps(changed(json.loads(some[name]))).encode("utf-8", "surrogatepass")
    elif name.endswith("jsonl") and draw.random() < 0.8:
        some[name] = b"\\n".join(json.dumps(changed(json.loads(line))).encode("utf-8", "surrogatepass") for line in some[name].splitlines())
    elif draw.random() < 0.2:
        del some[name]
    else:
        some[name] = flipped(some[name])
    file = folder / "new.zip"
    method = draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in some.items():
            archive.writestr(name, data)
    return file.read_bytes()


refused = taken = 0
for number in range(int(sys.argv[3])):
    file = folder / "mutant.zip"
    file.write_bytes(flipped(original) if number % 3 == 0 else rebuilt())
    workspace = Workspace(settle({"home": str(folder / "home"), "store": f"memory://{number}"}))
    try:
        import_runs(workspace, file)
        taken += 1
    except FitprintError:
        refused += 1
    for experiment in workspace.store.experiments():
        assert isinstance(experiment.name, str)
    workspace.close()
print(refused + taken, refused > 100, taken > 10)
"""  # noqa: E501


@pytest.mark.thorough
def test_fault_5_mutated_bundles_are_imported_or_refused(bundle, tmp_path):
    """600 of them, in a gigabyte of address space: one clear error for each, and no other."""
    (tmp_path / "fuzzing").mkdir()
    command = [sys.executable, "-c", FUZZER, str(bundle), str(tmp_path / "fuzzing"), "600"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"FITPRINT_DISABLE_PLUGINS": "*"},
    )
    assert ("600 True True\n", "") == (done.stdout, done.stderr)
