"""Distributions, as others get them: built, installed from their wheels, and used. The third
party's are those of the guides.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheels

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "docs/plugins/framework-plugin.md", ROOT / "docs/plugins/store.md"]
FILE = re.compile(
    r"^<!-- file: (?P<name>[\w./-]+) -->\n+```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def run(*command: object, **options) -> subprocess.CompletedProcess[str]:
    """Run a command, and show what it printed if it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="session")
def third_party(tmp_path_factory):
    """The folder with the distributions that the guides make."""
    folder = tmp_path_factory.mktemp("third-party")
    for guide in GUIDES:
        for file in FILE.finditer(guide.read_text(encoding="utf-8")):
            path = folder / file["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["text"], encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def wheels(tmp_path_factory, third_party):
    """The wheels of all distributions, by name."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
    for source in (*sources, *sorted(path.parent for path in third_party.glob("*/pyproject.toml"))):
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source)
    return {path.name.partition("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="session")
def installed(tmp_path_factory, wheels):
    """An environment with the wheels of the core and of the guides, in front of everything else."""
    folder = tmp_path_factory.mktemp("installed")
    chosen = [path for name, path in wheels.items() if not (ROOT / "plugins" / name).is_dir()]
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        folder,
        *chosen,
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FITPRINT_")
    }
    return {**environment, "PYTHONPATH": str(folder), "NO_COLOR": "1"}


@pytest.fixture
def python(installed, tmp_path):
    """Run the interpreter in that environment and an empty folder, warnings being errors."""

    def python(*arguments: object, **environment: str) -> str:
        home = {"FITPRINT_HOME": str(tmp_path / ".fitprint")}
        return run(
            sys.executable,
            "-W",
            "error",
            *arguments,
            cwd=tmp_path,
            env={**installed, **home, **environment},
        ).stdout

    return python


def test_the_guides_make_three_distributions(third_party):
    """A framework, a plugin for it, and a store."""
    assert {"fitprint-lines", "fitprint-toylearn", "toylearn"} == {
        path.name for path in third_party.iterdir()
    }


def test_the_core_wheel_holds_the_core_alone(wheels):
    """It brings the package with its type marker, the licence and the command, and nothing of tests
    or tools.
    """
    names = zipfile.ZipFile(wheels["fitprint"]).namelist()
    folders = {name.split("/")[0] for name in names}
    assert {"fitprint", "fitprint-0.1.0.dist-info"} == folders
    assert {
        "fitprint/py.typed",
        "fitprint-0.1.0.dist-info/licenses/LICENSE",
        "fitprint-0.1.0.dist-info/entry_points.txt",
    } <= set(names)


def test_every_plugin_wheel_is_typed_and_announces_itself(wheels):
    """A plugin's wheel has its type marker and its entry point."""
    for name in (path.name for path in ROOT.glob("plugins/*") if path.is_dir()):
        wheel = zipfile.ZipFile(wheels[name])
        package = name.replace("-", "_")
        assert f"{package}/py.typed" in wheel.namelist()
        (entry_points,) = (
            member for member in wheel.namelist() if member.endswith("entry_points.txt")
        )
        assert "[fitprint]" in wheel.read(entry_points).decode()


def test_the_source_archive_holds_what_a_build_needs(tmp_path):
    """The archive has the sources and the pages beside them, and no environment or store that
    happened to lie about.
    """
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        found = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {
        "src",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "PKG-INFO",
    } == found - {".gitignore"}


def test_the_wheels_are_what_runs(python):
    """The environment of these tests imports the installed wheels, not the sources."""
    assert str(ROOT) not in python("-c", "import fitprint; print(fitprint.__file__)")


def test_a_third_party_plugin_records_a_run(python):
    """A plugin that was installed from its wheel is found, and records a fit; the framework was
    imported first.
    """
    python(
        "-c",
        "import toylearn, fitprint; fitprint.autolog(); toylearn.Mean(rate=0.25, "
        "rounds=4).train([1.0, 2.0])",
    )
    shown = (
        "r = fitprint.get_run('@last'); print(json.dumps([r.status, r.params, "
        "list(r.history('loss').step), r.models[0].path]))"
    )
    assert ["FINISHED", {"rate": 0.25, "rounds": 4}, [0, 1, 2, 3], "model"] == json.loads(
        python("-c", f"import json, fitprint; {shown}")
    )


def test_a_third_party_store_keeps_runs(python, tmp_path):
    """A store that was installed from its wheel is opened by its scheme, and answers in another
    process.
    """
    store = f"lines://{tmp_path / 'runs.jsonl'}"
    logged = (
        "with fitprint.start_run() as run: fitprint.log_metric('loss', float('nan')); "
        "fitprint.log_metric('loss', 0.5)"
    )
    python("-c", f"import fitprint\n{logged}", FITPRINT_STORE=store)
    shown = (
        "print(*[r.summary('loss').count for r in "
        "fitprint.search_runs(filter_string='metrics.loss = 0.5')])"
    )
    assert "2" == python("-c", f"import fitprint; {shown}", FITPRINT_STORE=store).strip()


def test_both_at_once(python, tmp_path):
    """The third party's plugin records into the third party's store."""
    store = f"lines://{tmp_path / 'runs.jsonl'}"
    python(
        "-c",
        "import toylearn, fitprint; fitprint.autolog(); toylearn.Mean().train([1.0, 2.0])",
        FITPRINT_STORE=store,
    )
    shown = python(
        "-c", "import fitprint; print(fitprint.get_run('@last').params)", FITPRINT_STORE=store
    )
    assert "{'rate': 0.5, 'rounds': 10}" == shown.strip()


@pytest.mark.parametrize("plugin", ["toylearn", "lines"])
def test_third_party_plugins_pass_the_kit(python, plugin):
    """The command checks an installed plugin, and finds nothing wrong with those of the guides."""
    assert " passed" in python("-m", "fitprint", "plugins", "check", plugin).splitlines()[-1]


def test_the_kit_is_a_test_suite_too(installed, third_party, tmp_path):
    """The guide's test module passes under pytest, with warnings as errors."""
    tests = third_party / "fitprint-toylearn" / "tests"
    pytest_ = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
    ]
    assert " passed" in run(*pytest_, "--rootdir", tests, tests, cwd=tmp_path, env=installed).stdout


@pytest.fixture(scope="session")
def begun(tmp_path_factory, wheels):
    """A folder in which `fitprint plugins new demo` was run, and an environment with the core where
    what it made is worked on.
    """
    folder = tmp_path_factory.mktemp("begun")
    binaries = environment_with(folder / "environment", wheels["fitprint"])
    run(binaries / "fitprint", "plugins", "new", "demo", cwd=folder, env=clean())
    run(
        binaries / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "-e",
        f"{folder / 'fitprint-demo'}[framework,test]",
    )
    return folder, binaries


def environment_with(folder, *installed):
    """Make a virtual environment with these wheels and what they depend on, and return its folder
    of commands.
    """
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", *installed)
    return folder / "bin"


def clean(**environment: str) -> dict[str, str]:
    """Return this environment without anything that leads to our sources or records."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FITPRINT_", "PYTHON"))
    }
    return {**kept, "NO_COLOR": "1", **environment}


def test_a_new_plugin_passes_its_own_tests_at_once(begun):
    """What `fitprint plugins new` writes passes the kit and its own tests, unchanged, with warnings
    as errors.
    """
    folder, binaries = begun
    tested = run(
        binaries / "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        cwd=folder / "fitprint-demo",
        env=clean(),
    )
    assert " passed" in tested.stdout
    assert "failed" not in tested.stdout
    checked = run(
        binaries / "fitprint",
        "plugins",
        "check",
        "demo",
        cwd=folder,
        env=clean(FITPRINT_HOME=str(folder / ".fitprint")),
    )
    assert checked.stdout.splitlines()[-1].startswith("demo: ")
    assert " failed" not in checked.stdout.splitlines()[-1]


def test_a_new_plugin_travels_as_a_wheel(begun, wheels, tmp_path):
    """Built and installed elsewhere, it records a run."""
    folder, _ = begun
    run(
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        tmp_path,
        folder / "fitprint-demo",
    )
    binaries = environment_with(tmp_path / "elsewhere", wheels["fitprint"], *tmp_path.glob("*.whl"))
    train = (
        "import fitprint; fitprint.autolog(); from demo_stand_in import Line; "
        "Line(rounds=4).fit([1.0, 2.0], [2.0, 4.0])"
    )
    shown = (
        "r = fitprint.get_run('@last'); print(json.dumps([r.name, r.status, r.params, "
        "len(r.history('loss')), r.models[0].path]))"
    )
    environment = clean(FITPRINT_HOME=str(tmp_path / ".fitprint"))
    run(binaries / "python", "-W", "error", "-c", train, cwd=tmp_path, env=environment)
    told = run(
        binaries / "python", "-c", f"import json, fitprint; {shown}", cwd=tmp_path, env=environment
    ).stdout
    assert ["Line", "FINISHED", {"rate": 0.1, "rounds": 4}, 4, "model"] == json.loads(told)
