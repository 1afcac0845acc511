"""A recorded run is run again in a fresh folder, and compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from fitprint_projects.environments.building import provide
from fitprint_projects.environments.local import local_packages
from fitprint_projects.environments.wanted import Wanted
from fitprint_projects.reproducing.places import fresh_folder

# Records as a framework's plugin would, without one.
SCRIPT = """
import argparse, random, sys
import fitprint
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.5)
parser.add_argument("--token")
fitprint.autolog()
given = parser.parse_args()
random.seed({seed})
with fitprint.start_run("training") as run:
    fitprint.log_param("rate", given.rate)
    {more}
    for step in range(3):
        fitprint.log_metric("loss", random.random() * given.rate, step=step)
"""


class Project:
    """A git repository with a script, and programs that record into its home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = Path(sys.executable)
        folder.mkdir()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FITPRINT_") and name != "PYTHONHASHSEED"  # which tox sets
        }
        self.environment |= {
            "FITPRINT_NOTICE": "false",
            # modules are edited within a second, which Python's caches of code do not see
            "PYTHONDONTWRITEBYTECODE": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "XDG_CACHE_HOME": str(folder.parent / "cache"),
        }
        for who in ("AUTHOR", "COMMITTER"):
            for what in ("NAME", "EMAIL"):
                self.environment[f"GIT_{who}_{what}"] = "a@example.org"
        self.git("init", "-q")
        (folder / ".gitignore").write_text(".fitprint\nignored*\n")

    def git(self, *words: str) -> str:
        return self._ran(["git", *words]).stdout.strip()

    def commit(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "work")

    def train(self, *words: str, **variables: str) -> None:
        self._ran([str(self.python), *words], **variables)

    def _ran(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stderr
        return done

    def ask(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fitprint", *words],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def check(self, *words: str, status: int, run: str = "@last", **variables: str) -> Any:
        """Reproduce a run and return the report."""
        done = self.ask("reproduce", run, "--check", "--json", *words, **variables)
        assert status == done.returncode, done.stdout + done.stderr
        return json.loads(done.stdout)

    def runs(self) -> list[dict[str, Any]]:
        done = self.ask("ls", "--json", "--all")
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path / "work")
    found.commit("train.py", SCRIPT.format(seed=1, more="pass"))
    return found


def outcomes(report: Any) -> dict[str, str]:
    return {f"{item['section']} {item['name']}": item["outcome"] for item in report["items"]}


def reasons(report: Any, name: str) -> list[str]:
    found: list[str] = next(item["reasons"] for item in report["items"] if item["name"] == name)
    return found


def test_the_same_comes_out_exactly_and_leaves_the_tree_alone(project):
    (project.folder / "train.py").write_text(SCRIPT.format(seed=7, more="pass"))
    project.train("train.py", "--rate", "0.25")
    project.commit("train.py", "raise SystemExit('later work')")
    (project.folder / "train.py").write_text("half an idea")
    before = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")

    report = project.check(status=0)

    assert ("EXACT", []) == (report["verdict"], report["reasons"])
    assert {"params rate", "params config.rate", "metrics loss"} <= outcomes(report).keys()
    assert {"same"} == set(outcomes(report).values())
    assert before == (project.git("status", "--porcelain"), project.git("rev-parse", "HEAD"))
    assert "half an idea" == (project.folder / "train.py").read_text()
    new, old = project.runs()
    assert (report["reproduction"]["id"], report["run"]["id"]) == (new["id"], old["id"])
    assert old["id"] == new["tags"]["reproduces"]
    assert "reproduction.json" in {artifact["path"] for artifact in new["artifacts"]}


def test_a_run_of_somebody_else_runs_only_where_that_is_said(project, tmp_path):
    """As an imported one does, or one whose record was changed: the key is another's."""
    project.train("train.py", XDG_STATE_HOME=str(tmp_path / "theirs"))
    mine = str(tmp_path / "mine")
    for words in (
        ["reproduce", "@last"],
        ["reproduce", "@last", "--check"],
        ["run", "runs:/@last"],
    ):
        done = project.ask(*words, XDG_STATE_HOME=mine)
        assert 2 == done.returncode
        assert "no program of yours recorded the run training" in done.stderr
        assert "add --trust" in done.stderr
    assert 1 == len(project.runs())
    report = project.check("--trust", status=0, XDG_STATE_HOME=mine)
    assert "EXACT" == report["verdict"]
    report = project.check(status=0, XDG_STATE_HOME=mine)  # the new one is mine
    assert "EXACT" == report["verdict"]


def test_without_check_it_only_runs(project):
    project.train("train.py")
    done = project.ask("reproduce", "@last")
    assert (0, 2) == (done.returncode, len(project.runs())), done.stderr
    assert done.stdout.startswith("training (")


def test_the_recorded_command_is_run_also_of_fitprint_exec(project):
    project.ask("exec", "train.py", "--rate=2")
    assert "EXACT" == project.check(status=0)["verdict"]


def test_a_folder_inside_the_repository(project):
    (project.folder / "sub").mkdir()
    project.commit(
        "sub/other.py",
        "import fitprint, os\nwith fitprint.start_run():\n"
        "    fitprint.log_param('at', os.path.basename(os.getcwd()))\n",
    )
    subprocess.run(
        [sys.executable, "other.py"],
        cwd=project.folder / "sub",
        env=project.environment,
        check=True,
    )
    assert {"params at": "same"} == outcomes(project.check(status=0))


def test_the_second_of_several_runs_of_one_program(project):
    project.commit(
        "two.py",
        "import fitprint\nfor value in 1, 2, 3:\n    with fitprint.start_run('same name'):\n"
        "        fitprint.log_metric('m', value)\n",
    )
    project.train("two.py")
    second = project.runs()[1]
    assert 2.0 == second["metrics"]["m"]
    report = project.check(status=0, run=second["id"])
    assert 2.0 == next(item["now"] for item in report["items"])


def test_a_run_below_another(project):
    project.commit(
        "tree.py",
        "import fitprint\nwith fitprint.start_run():\n    for value in 5, 6:\n"
        "        with fitprint.start_run('below'):\n            fitprint.log_metric('m', value)\n",
    )
    project.train("tree.py")
    below = json.loads(project.ask("ls", "--json", "--all", "-q", "metrics.m = 6").stdout)
    report = project.check(status=0, run=below[0]["id"])
    assert ("EXACT", 6.0) == (report["verdict"], report["items"][0]["now"])


def test_a_run_of_a_project(project):
    project.commit(
        "MLproject",
        "name: a\nentry_points:\n  main:\n    parameters: {rate: {type: float, default: 0.5}, "
        "more: {type: string, default: x}}\n    command: python train.py --rate {rate}\n",
    )
    done = project.ask("run", ".", "--env", "local", "-P", "rate=0.25")
    assert not done.returncode, done.stderr
    report = project.check(status=0)
    assert ("EXACT", "same", "same") == (
        report["verdict"],
        outcomes(report)["params rate"],
        outcomes(report)["params more"],
    )


def test_runs_below_are_compared_whichever_was_first(project, tmp_path):
    project.commit(
        "tree.py",
        "import fitprint, sys\nwith fitprint.start_run('top'):\n"
        "    for value in open(sys.argv[1]).read().split():\n"
        "        with fitprint.start_run('below'):\n"
        "            fitprint.log_param('value', value)\n"
        "            fitprint.log_metric('m', float(value))\n",
    )
    values = tmp_path / "values.txt"
    values.write_text("1 2 3")
    project.train("tree.py", str(values))
    values.write_text("3 2 1")
    report = project.check(status=0)
    assert 6 == len(report["items"])
    values.write_text("3 2")
    report = project.check(status=1, run="@last:top")
    assert {"run below / ": "missing"} == {
        name: each for name, each in outcomes(report).items() if each != "same"
    }


# -- what differs, and why -------------------------------------------------------------------------


def test_code_that_changed_is_the_reason(project):
    project.train("train.py")
    project.commit("train.py", SCRIPT.format(seed=2, more="pass"))

    report = project.check("--code", "current", status=1)

    assert "DIFFERENT" == report["verdict"]
    assert ("same", "different") == (
        outcomes(report)["params rate"],
        outcomes(report)["metrics loss"],
    )
    assert reasons(report, "loss")[0].startswith("code: commit ")


def test_a_seed_that_was_never_set_is_the_reason(project):
    project.commit("train.py", SCRIPT.format(seed="", more="pass"))
    project.train("train.py")
    report = project.check(status=1)
    assert reasons(report, "loss")[0].startswith("seed: the global generator of random stood")


def test_a_hash_seed_is_set_as_it_was(project):
    project.commit("train.py", SCRIPT.format(seed="hash('text')", more="pass"))
    project.train("train.py", PYTHONHASHSEED="5")
    assert "EXACT" == project.check(status=0, PYTHONHASHSEED="6")["verdict"]


def test_a_hash_seed_that_was_not_set_is_the_reason(project):
    project.commit(
        "train.py", SCRIPT.format(seed="1", more="fitprint.log_metric('order', hash('text'))")
    )
    project.train("train.py")
    report = project.check(status=1)
    assert [
        "seed: PYTHONHASHSEED was not set: sets of texts have another order each time"
    ] == reasons(report, "order")


def test_data_that_changed_is_the_reason(project):
    project.commit(
        "train.py",
        SCRIPT.format(
            seed="sum(map(float, open(where)))",
            more="fitprint.log_input([float(line) for line in open(where)], 'numbers')",
        ).replace(
            "import fitprint\n",
            f"import fitprint\nwhere = {str(project.folder)!r} + '/ignored.txt'\n",
        ),
    )
    (project.folder / "ignored.txt").write_text("1\n2\n")
    project.train("train.py")
    assert "EXACT" == project.check(status=0)["verdict"]
    (project.folder / "ignored.txt").write_text("1\n3\n")

    report = project.check(status=1, run="@last:training")

    assert "different" in {value for name, value in outcomes(report).items() if "data" in name}
    assert reasons(report, "loss")[0].startswith("data: ")


def test_a_package_that_changed_is_the_reason(project):
    """A package beside the script is another version now."""
    site = project.folder / "ignored-site"
    (site / "bean-1.0.dist-info").mkdir(parents=True)
    (site / "bean-1.0.dist-info" / "RECORD").write_text("bean.py,,\n")
    (site / "bean.py").write_text("seed = 1\n")
    project.commit("train.py", "import bean\n" + SCRIPT.format(seed="bean.seed", more="pass"))
    project.train("train.py", PYTHONPATH=str(site))
    (site / "bean-1.0.dist-info").rename(site / "bean-1.1.dist-info")
    (site / "bean.py").write_text("seed = 2\n")

    report = project.check("--env", "current", status=1, PYTHONPATH=str(site))

    assert "package: bean 1.0 → 1.1" == reasons(report, "loss")[0]


def test_the_packages_of_then_are_built(project, wheels, tmp_path):
    """With them, it comes out the same, though they are not at hand."""
    pins = [wheels.repack(name) for name in ("pluggy", "wrapt")]
    project.environment |= wheels.variables
    core = local_packages().get("fitprint")
    if core is None:
        pytest.skip("fitprint is not installed from a folder here")
    small = provide(Wanted("lock", "\n".join([*pins, "bean==1.0"]), local=(core,)), cache=tmp_path)
    project.commit("train.py", "import bean\n" + SCRIPT.format(seed="bean.version", more="pass"))
    project.python = small.python
    project.train("train.py")

    project.python = Path(sys.executable)  # which has no bean at all
    report = project.check(status=0)

    assert "EXACT" == report["verdict"]
    assert report["notes"][0].startswith("environment built as it was: here bean 1.0 is missing")


def test_within_the_tolerance(project):
    project.commit(
        "train.py",
        SCRIPT.format(
            seed=1, more="fitprint.log_metric('near', 1 + random.SystemRandom().random() * 1e-4)"
        ),
    )
    project.train("train.py")
    report = project.check("--tolerance", "ne*=1e-3", status=0)
    assert ("WITHIN", "within", "same") == (
        report["verdict"], outcomes(report)["metrics near"], outcomes(report)["metrics loss"],
    )  # fmt: skip
    assert "DIFFERENT" == project.check("--tolerance", "near=1e-9", status=1)["verdict"]


# -- what is impossible ----------------------------------------------------------------------------


def test_secrets_of_the_command_are_asked_for(project):
    project.train("train.py", "--token", "hunter2-swordfish-0815")
    report = project.check(status=3)
    assert ("IMPOSSIBLE", True) == (report["verdict"], "--set token=..." in report["reasons"][0])
    assert "EXACT" == project.check("--set", "token=hunter2-swordfish-0815", status=0)["verdict"]
    assert "hunter2" not in json.dumps(project.runs())


def test_a_commit_that_is_gone(project, tmp_path):
    project.train("train.py")
    elsewhere = tmp_path / "elsewhere"
    (project.folder / ".fitprint").rename(tmp_path / "home")
    elsewhere.mkdir()
    project.folder = elsewhere
    report = project.check(status=3, FITPRINT_HOME=str(tmp_path / "home"))
    assert "is in no repository" in report["reasons"][0]


def test_a_snapshot_is_code_enough(project, tmp_path):
    """Where the repository is gone, the run has its commit itself."""
    project.commit("earlier.py", "")
    (project.folder / "train.py").write_text(SCRIPT.format(seed=4, more="pass"))
    project.train("train.py")
    assert project.ask("snapshot", "@last").stdout.startswith("code/commit.pack (")
    elsewhere = tmp_path / "elsewhere"
    (project.folder / ".fitprint").rename(tmp_path / "home")
    elsewhere.mkdir()
    project.folder = elsewhere
    report = project.check("--offline", status=0, FITPRINT_HOME=str(tmp_path / "home"))
    assert ("EXACT", []) == (
        report["verdict"],
        [each for each in report["differences"] if each["what"] == "code"],
    )


def test_data_that_git_ignores_is_named_and_can_be_brought(project):
    (project.folder / "ignored.txt").write_text("3\n")
    project.commit("train.py", SCRIPT.format(seed="int(open('ignored.txt').read())", more="pass"))
    project.train("train.py")
    report = project.check(status=3)
    assert "--bring ignored.txt" in report["reasons"][0]
    assert "EXACT" == project.check("--bring", "ignored.txt", status=0)["verdict"]


def test_data_that_were_kept_come_by_their_digest(project):
    """As they were, though those beside the code have changed; others are named."""
    data = project.folder / "ignored-data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "a.txt").write_text("3\n")
    more = "fitprint.log_input('ignored-data'); open('ignored-data/deep/a.txt').close()"
    project.commit("train.py", SCRIPT.format(seed=1, more=more))
    project.train("train.py")
    told = project.check(status=3)
    assert "is in neither the commit nor kept" in " ".join(told["notes"])
    assert 0 == project.ask("data", "add", "ignored-data", "--keep").returncode
    (data / "deep" / "a.txt").write_text("4\n")

    report = project.check(status=0, run=told["run"]["id"])

    assert "EXACT" == report["verdict"]
    assert {"same"} == {each for name, each in outcomes(report).items() if "data" in name}
    assert any("ignored-data (sha256:" in note and "brought" in note for note in report["notes"])
    assert "4\n" == (data / "deep" / "a.txt").read_text()


def test_data_that_is_missed_inside_a_run(project):
    (project.folder / "ignored.txt").write_text("3\n")
    project.commit("train.py", SCRIPT.format(seed=1, more="open('ignored.txt')"))
    project.train("train.py")
    assert "--bring ignored.txt" in project.check(status=3)["reasons"][0]


def test_a_program_that_fails_in_its_run(project):
    flag = project.folder / "ignored-flag"
    flag.touch()
    more = f"assert __import__('os').path.exists({str(flag)!r}), 'no flag'"
    project.commit("train.py", SCRIPT.format(seed=1, more=more))
    project.train("train.py")
    flag.unlink()
    report = project.check(status=1)
    status = next(item for item in report["items"] if item["name"] == "status")
    assert ("FAILED", "AssertionError: no flag") == (status["now"], status["detail"])


def test_another_error_is_no_reproduction(project):
    flag = project.folder / "ignored-flag"
    flag.touch()
    more = f"raise (KeyError if __import__('os').path.exists({str(flag)!r}) else ValueError)(1)"
    project.commit("train.py", SCRIPT.format(seed=1, more=more))
    project.ask("exec", "train.py")
    assert "EXACT" == project.check(status=0)["verdict"]
    flag.unlink()
    report = project.check(status=1, run="@last:training")
    error = next(item for item in report["items"] if item["name"] == "error")
    assert ("KeyError: 1", "ValueError: 1") == (error["recorded"], error["now"])


def test_an_error_with_a_path_of_the_fresh_folder_is_the_same(project):
    project.commit("train.py", SCRIPT.format(seed=1, more="raise KeyError(__file__, object())"))
    project.ask("exec", "train.py")
    assert "EXACT" == project.check(status=0)["verdict"]


def test_a_parameter_below_the_folder_of_the_code_is_the_same(project):
    more = "fitprint.log_param('out', __import__('os').path.abspath('out') + sys.argv[-1])"
    project.commit("train.py", SCRIPT.format(seed=1, more=more))
    project.train("train.py")
    report = project.check(status=0)
    assert ("EXACT", "same") == (report["verdict"], outcomes(report)["params out"])


def test_a_parameter_elsewhere_is_not(project):
    more = "fitprint.log_param('out', __import__('os').getcwd().replace('code', 'another'))"
    project.commit("train.py", SCRIPT.format(seed=1, more=more))
    project.train("train.py")
    assert "different" == outcomes(project.check(status=1))["params out"]


def test_a_secret_that_is_a_parameter_is_named(project):
    more = "fitprint.log_param('api_key', 'hunter2-swordfish-' + str(random.random()))"
    project.commit("train.py", SCRIPT.format(seed="", more=more))
    project.train("train.py")
    notes = project.check(status=1)["notes"]
    assert ["secrets were not recorded, and are not compared: api_key"] == notes


def test_a_run_without_context(project):
    project.train("train.py", FITPRINT_CONTEXT="false")
    assert "context was off" in project.check(status=3)["reasons"][0]


def test_a_run_that_goes_on(project):
    project.commit("train.py", SCRIPT.format(seed=1, more="print(flush=True); sys.stdin.read()"))
    pipe = subprocess.PIPE
    command = [sys.executable, "train.py"]
    with subprocess.Popen(
        command, cwd=project.folder, env=project.environment, stdin=pipe, stdout=pipe
    ) as process:
        assert b"\n" == process.stdout.readline()
        assert "has not ended" in project.check(status=3)["reasons"][0]
        process.stdin.close()


def test_what_a_program_leaves_running_is_not_waited_for(project, tmp_path):
    """A child that holds the output open, and outlives the program."""
    project.train("train.py")
    order = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 300"]
    left = f"import subprocess; subprocess.Popen({order}, start_new_session=True)\n"
    project.commit("train.py", left + SCRIPT.format(seed=1, more="pass"))

    project.check("--code", "current", status=0)

    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # it still runs


def test_a_program_that_fails_now(project):
    flag = project.folder / "ignored-flag"
    flag.touch()
    project.commit(
        "train.py",
        f"import os\nassert os.path.exists({str(flag)!r})\n" + SCRIPT.format(seed=1, more="pass"),
    )
    project.train("train.py")
    flag.unlink()
    report = project.check(status=3)
    assert "the program ended with status 1" in report["reasons"][0]


def test_forms(project):
    project.train("train.py")
    text, markdown = (
        project.ask("reproduce", "@last:training", "--check", "--all", *form).stdout
        for form in ((), ("--md",))
    )
    assert text.startswith("EXACT  training (")
    assert markdown.startswith("**EXACT**: training (")
    assert ("metrics  loss", "| metrics") == (
        next(line[:13] for line in text.splitlines() if "loss" in line),
        next(line[:9] for line in markdown.splitlines() if "loss" in line),
    )


@pytest.mark.parametrize(
    "words", [("--tolerance", "loss"), ("--tolerance", "loss=-1"), ("--set", "token"), ("--json",)]
)
def test_bad_arguments(project, words):
    project.train("train.py")
    done = project.ask("reproduce", "@last", *words)
    assert 2 == done.returncode, done.stderr


def test_no_path_from_outside_is_brought(project):
    project.train("train.py")
    done = project.ask("reproduce", "@last", "--bring", "../outside")
    assert (1, True) == (done.returncode, "below the working directory" in done.stderr)


# -- programs that do not end, and reproductions that are killed -----------------------------------

ENDLESS = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(300)"
child = subprocess.Popen([sys.executable, "-c", stubborn])
with open({pids!r} + ".new", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.replace({pids!r} + ".new", {pids!r})
time.sleep(300 if {endless} else 0)
"""


def is_there(pid: int) -> bool:
    """Tell whether a process runs; one that has ended, and that nobody asked for, does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks at processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_ends_what_runs(project, tmp_path, number):
    """The program, what it has started, and the fresh folder are gone."""
    project.train("train.py")
    pids, temporary = tmp_path / "pids", tmp_path / "temporary"
    temporary.mkdir()
    project.commit("train.py", ENDLESS.format(pids=str(pids), endless=True))
    with subprocess.Popen(
        [sys.executable, "-m", "fitprint", "reproduce", "@last", "--code", "current"],
        cwd=project.folder,
        env=project.environment | {"TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(pids.exists)
        process.send_signal(number)
        assert 130 == process.wait(30)
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not is_there(pid))
    assert [] == list(temporary.glob("fitprint-reproduce-*"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks at processes in /proc")
def test_what_a_program_left_running_ends(project, tmp_path):
    project.train("train.py")
    pids = tmp_path / "pids"
    text = ENDLESS.format(pids=str(pids), endless=False)
    project.commit("train.py", text + SCRIPT.format(seed=1, more="pass"))
    project.check("--code", "current", status=0)
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not is_there(pid))


def test_what_a_killed_one_left_is_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told: list[str] = []
    with fresh_folder(True, told.append) as kept:
        (kept / "result").touch()
    abandoned, stranger = tmp_path / "fitprint-reproduce-abandoned", tmp_path / "stranger"
    for folder in (abandoned, stranger):
        folder.mkdir()
        (folder / "code").touch()
    (tmp_path / "fitprint-reproduce-link").symlink_to(stranger)
    with fresh_folder(False, told.append) as first:
        for folder in (abandoned, stranger, kept, first):
            os.utime(folder, (0, 0))
        with fresh_folder(False, told.append) as second:
            assert [True, True, False] == [each.exists() for each in (first, second, abandoned)]
    assert [False, False, True] == [each.exists() for each in (first, second, stranger / "code")]
    assert ([f"the folder is kept: {kept}"], True) == (told, (kept / "result").exists())


def test_what_runs_is_said_before(project):
    project.train("train.py", "--rate", "0.25")
    said = project.ask("reproduce", "@last").stderr
    assert "running python train.py --rate 0.25, again in" in said.replace(sys.executable, "python")
