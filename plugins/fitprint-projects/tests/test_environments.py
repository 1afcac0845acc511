"""Environments are built once, whole or not at all, from wheels that lie here."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fitprint_projects
from fitprint.context.packages import describe_packages
from fitprint.context.process import describe_python
from fitprint_projects.caching import CacheBusyError, locked
from fitprint_projects.environments.building import find_uv, provide
from fitprint_projects.environments.wanted import (
    UnbuildableError,
    Wanted,
    other_packages,
    read_wanted,
    recorded,
)


@pytest.fixture
def cache(wheels, tmp_path: Path) -> Path:
    """Return a folder for environments."""
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def said(python: Path, code: str) -> str:
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_an_environment_is_built_once(cache):
    wanted = Wanted("requirements", "bean==1.0")
    first = provide(wanted, cache=cache)
    second = provide(Wanted("requirements", "\nbean==1.0\n"), cache=cache)

    assert [False, True] == [first.was_there, second.was_there]
    assert first.folder == second.folder == cache / wanted.key
    assert {"bean": "1.0"} == second.packages
    assert "1.0" == said(second.python, "import bean; print(bean.version)")


def test_other_requirements_are_another_environment(cache):
    python = str(describe_python()["version"])
    keys = {
        Wanted("requirements", "bean==1.0").key,
        Wanted("requirements", "bean==2.0").key,
        Wanted("lock", "bean==1.0").key,
        Wanted("requirements", "bean==1.0", python=f"{python}1").key,
        Wanted("requirements", "bean==1.0", implementation="pypy").key,
        Wanted("requirements", "bean==1.0", build=("pip",)).key,
    }
    assert 6 == len(keys)


def test_the_order_of_lines_is_no_matter():
    assert Wanted("lock", "a==1\nb==2").key == Wanted("lock", "b==2\na==1\n").key


def test_scripts_find_their_python_after_the_rename(cache):
    built = provide(Wanted("requirements", "bean==1.0"), cache=cache)
    script = built.python.parent / "sow"
    assert (
        "1.0" == subprocess.run([script], capture_output=True, text=True, check=True).stdout.strip()
    )


def test_what_cannot_be_built_leaves_nothing_and_says_why(cache):
    with pytest.raises(UnbuildableError, match=r"no network(?s:.*)bean"):
        provide(Wanted("requirements", "bean==3.0"), cache=cache)
    assert [] == [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_one_killed_while_it_builds_leaves_nothing_that_is_used(cache, tmp_path):
    """A uv that stands still in the middle is killed with its parent; the next one builds anew."""
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "uv").write_text(
        f'#!/bin/sh\nif [ "$1" = venv ]; then exec {find_uv()} "$@"; fi\n'
        f"touch {tmp_path}/stands\nexec sleep 600\n"
    )
    (slow / "uv").chmod(0o755)
    program = (
        "import sys; from pathlib import Path\n"
        "from fitprint_projects.environments.building import provide\n"
        "from fitprint_projects.environments.wanted import Wanted\n"
        f"provide(Wanted('requirements', 'bean==1.0'), cache=Path({str(cache)!r}))\n"
    )
    environment = {**os.environ, "PATH": f"{slow}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "stands").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    key = Wanted("requirements", "bean==1.0").key
    assert [f"{key}.tmp.{process.pid}"] == [each.name for each in cache.glob("*.tmp.*")]

    built = provide(Wanted("requirements", "bean==1.0"), cache=cache)

    assert (False, {"bean": "1.0"}) == (built.was_there, built.packages)
    assert [] == list(cache.glob("*.tmp.*"))


def test_one_that_nobody_called_complete_is_built_anew(cache):
    built = provide(Wanted("requirements", "bean==1.0"), cache=cache)
    (built.folder / "fitprint-environment.json").unlink()
    (built.folder / "half").touch()

    again = provide(Wanted("requirements", "bean==1.0"), cache=cache)

    assert (False, False) == (again.was_there, (built.folder / "half").exists())


def test_another_process_that_builds_is_waited_for_and_not_for_ever(cache):
    wanted, told = Wanted("requirements", "bean==1.0"), []
    with (
        locked(cache / f"{wanted.key}.lock", 0, lambda: None),
        pytest.raises(CacheBusyError, match="another process"),
    ):
        provide(wanted, cache=cache, tell=told.append, wait=0.2)
    assert ["another process builds this environment; waiting for it"] == told
    assert provide(wanted, cache=cache).packages == {"bean": "1.0"}


def test_a_hit_runs_no_uv(cache, monkeypatch):
    wanted = Wanted("requirements", "bean==1.0")
    provide(wanted, cache=cache)
    monkeypatch.setenv("PATH", "/nowhere")
    assert provide(wanted, cache=cache).was_there


# -- files of projects -----------------------------------------------------------------------------


def test_python_env_of_mlflow(tmp_path):
    (tmp_path / "python_env.yaml").write_text(
        "python: '3.11.7'\nbuild_dependencies: [setuptools]\n"
        "dependencies: ['-r requirements.txt', 'bean>=1']\n"
    )
    (tmp_path / "requirements.txt").write_text("# notes\nnumpy==2.0  # fast\n-r more/others.txt\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "others.txt").write_text("pandas \\\n  ==2.2\n")

    wanted = read_wanted(tmp_path)

    assert ("3.11.7", ("setuptools",)) == (wanted.python, wanted.build)
    assert ["numpy==2.0", "pandas    ==2.2", "bean>=1"] == wanted.text.splitlines()


def test_build_dependencies_come_first(cache):
    wanted = Wanted("requirements", "bean==2.0", build=("bean==1.0",))
    assert {"bean": "2.0"} == provide(wanted, cache=cache).packages


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("python: 3.1", "version in quotes"),
        ("python: '--help'", "version in quotes"),
        ("dependencies: bean", "list of requirements"),
        ("- bean", "must be a mapping"),
        ("a: [", "no YAML"),
        ("dependencies: ['-r ../outside.txt']", "outside of the project"),
        ("dependencies: ['-r missing.txt']", "cannot be read"),
        ("dependencies: ['-c limits.txt']", "constraints"),
        ("dependencies: ['-e .']", "from a folder"),
        ("dependencies: ['.[extra]']", "from a folder"),
        ("dependencies: ['-r round.txt']", "name each other"),
    ],
)
def test_bad_files_are_told(tmp_path, content, message):
    (tmp_path / "python_env.yaml").write_text(content)
    (tmp_path / "round.txt").write_text("-r round.txt")
    with pytest.raises(UnbuildableError, match=message):
        read_wanted(tmp_path)


def test_a_project_without_such_a_file(tmp_path):
    assert read_wanted(tmp_path) is None


def test_uv_lock(cache, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "plot"\nversion = "0"\nrequires-python = ">=3.10"\n'
        'dependencies = ["bean<2"]\n'
    )
    subprocess.run([find_uv(), "lock", "--quiet"], cwd=project, check=True)
    wanted = read_wanted(project)
    assert ("uv.lock", {"bean": "1.0"}) == (wanted.kind, provide(wanted, cache=cache).packages)


def test_pylock(cache, tmp_path):
    (tmp_path / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "test"\n[[packages]]\nname = "bean"\nversion = "1.0"\n'
        f'wheels = [{{ path = "{tmp_path}/wheels/bean-1.0-py3-none-any.whl", hashes = {{}} }}]\n'
    )
    wanted = read_wanted(tmp_path)
    assert ("pylock.toml", {"bean": "1.0"}) == (wanted.kind, provide(wanted, cache=cache).packages)


# -- runs ------------------------------------------------------------------------------------------


def facts(**installed: str) -> dict[str, object]:
    return {
        "packages": {"installed": installed, "imported": ["bean"]},
        "python": dict(describe_python()),
    }


def test_what_a_run_had_is_built(cache):
    wanted = recorded(facts(bean="1.0"))
    assert ("lock", "bean==1.0") == (wanted.kind, wanted.text)
    assert {"bean": "1.0"} == provide(wanted, cache=cache).packages


def test_packages_from_a_folder_come_from_there(cache):
    """fitprint itself, as developers have it, records from the environment of a run of theirs."""
    version = describe_packages()["installed"]["fitprint-projects"]
    wanted = recorded(facts(bean="1.0", **{"fitprint-projects": version}))
    if not wanted.local:
        pytest.skip("the plugin is not installed from a folder here")
    built = provide(wanted, cache=cache)
    found = said(
        built.python,
        "import importlib.metadata as m; print([e.name for e in m.entry_points(group='fitprint')])",
    )
    assert "['projects']" == found
    origin = "from importlib.util import find_spec; print(find_spec('fitprint_projects').origin)"
    assert fitprint_projects.__file__ == said(built.python, origin)


def test_a_run_without_context_is_told():
    with pytest.raises(UnbuildableError, match="context was off"):
        recorded({})


def test_what_is_otherwise_here():
    here = describe_packages()["installed"]
    about = facts(pytest=here["pytest"], pluggy="0.1", nowhere="7", bean="1")
    found = {str(each): each.is_used for each in other_packages(about)}
    assert {
        f"pluggy 0.1 → {here['pluggy']}": False,
        "nowhere 7 is missing": False,
        "bean 1 is missing": True,
    } == found


def test_another_python_is_told():
    about = facts()
    about["python"] = {"version": "3.1.4", "implementation": "CPython"}
    assert [f"Python 3.1.4 → {describe_python()['version']}"] == [
        str(each) for each in other_packages(about)
    ]


def test_what_is_kept_is_for_its_owner_alone(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    built = provide(Wanted("requirements", "bean==1.0"))
    assert tmp_path / "xdg" / "fitprint" / "environments" == built.folder.parent
    assert 0o700 == stat.S_IMODE(built.folder.parent.stat().st_mode)
    told = json.loads((built.folder / "fitprint-environment.json").read_text())
    assert (built.key, {"bean": "1.0"}, built.files) == (
        told["key"],
        told["packages"],
        told["files"],
    )
