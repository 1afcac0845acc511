"""Forked, spawned and started processes: who logs where, who ends what,
and nobody waits for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Programs

FORK = """
import fitprint, os, signal, sys, threading, time
def fork(work):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return child
def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def succeed(programs: Programs, script: str) -> str:
    """Run a program that must end well and silently; return its output."""
    code, output, errors = programs.run(script)
    assert (0, "") == (code, errors)
    return output


def test_a_forked_child_logs_to_its_parents_run(programs: Programs) -> None:
    """Parent and child record on the run that was current at the fork; only the parent ends it."""
    script = """
with fitprint.start_run("both") as run:
    fitprint.log_metric("parent", 1)
    assert 0 == wait(fork(lambda: fitprint.log_metric("child", 2)))
    fitprint.log_metric("parent", 3)
"""
    succeed(programs, FORK + script)
    run = programs.runs()["both"]
    assert {"parent": 3.0, "child": 2.0} == {
        key: summary.last for key, summary in run.metrics.items()
    }
    assert "FINISHED" == run.status


def test_a_child_that_leaves_the_block_does_not_end_its_parents_run(programs: Programs) -> None:
    """Parent and child both leave the ``with`` block; the run ends with the parent's leaving, and
    the child has no run any more.
    """
    script = """
with fitprint.start_run("both") as run:
    child = os.fork()
if child == 0:
    assert fitprint.active_run() is None
    os._exit(0)
assert 0 == wait(child)
"""
    succeed(programs, FORK + script)
    assert "FINISHED" == programs.runs()["both"].status


def test_a_child_that_fails_does_not_fail_its_parents_run(programs: Programs) -> None:
    """An exception in the child leaves the block there, and says nothing about the parent's run."""
    script = """
try:
    with fitprint.start_run("both") as run:
        child = os.fork()
        if child == 0:
            raise ValueError
        wait(child)
except ValueError:
    os._exit(0)
"""
    succeed(programs, FORK + script)
    assert "FINISHED" == programs.runs()["both"].status


@pytest.mark.parametrize(
    "ending", ["pass", "sys.exit(3)", "raise ValueError", "run.end()", "fitprint.end_run('FAILED')"]
)
def test_a_child_that_ends_does_not_end_its_parents_run(programs: Programs, ending: str) -> None:
    """However a forked child ends, by itself or by hand, its parent's run goes on."""
    script = f"""
import fitprint, os, sys
run = fitprint.start_run("plain")
child = os.fork()
if child == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    {ending}
else:
    os.waitpid(child, 0)
    print(run.status)
    fitprint.log_metric("after", 1)
"""
    assert "RUNNING\n" == succeed(programs, script)
    run = programs.runs()["plain"]
    assert ("FINISHED", 1.0) == (run.status, run.metrics["after"].last)


def test_a_run_that_the_child_opens_is_the_childs(programs: Programs) -> None:
    """A nested run of the child has the parent's run as its parent, and ends with the child."""
    script = """
with fitprint.start_run("outer"):
    def work():
        with fitprint.start_run("inner"):
            fitprint.log_metric("loss", 1)
    assert 0 == wait(fork(work))
"""
    succeed(programs, FORK + script)
    runs = programs.runs()
    assert runs["outer"].id == runs["inner"].parent_id
    assert {"outer": "FINISHED", "inner": "FINISHED"} == {
        name: run.status for name, run in runs.items()
    }


def test_a_parent_that_is_killed_is_dead_while_its_child_lives(programs: Programs) -> None:
    """The child has none of the parent's files open: the parent's death shows at once, and the
    child logs on.
    """
    script = """
run = fitprint.start_run("parent")
fitprint.log_metric("loss", 1)
def work():
    sys.stdin.readline()
    fitprint.log_metric("late", 2)
child = fork(work)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = programs.start(FORK + script)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    process.wait(20)
    assert "KILLED" == programs.runs()["parent"].status
    process.stdin.write("go on\n")
    process.stdin.flush()
    process.stdout.read()  # until the child has ended, too
    process.communicate()
    run = programs.runs()["parent"]
    assert ("KILLED", 2.0) == (run.status, run.metrics["late"].last)


def test_a_fork_while_other_threads_log_does_not_hang(programs: Programs) -> None:
    """Children forked in the middle of other threads' logging, reading and ending can log, start,
    end and read at once.
    """
    script = """
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)
stop = threading.Event()
with fitprint.start_run("main") as main:
    assert main.status == "RUNNING"  # imports what reading needs: Python itself cannot fork while another thread imports
    def log(name):
        while not stop.wait(0.0005):
            with fitprint.start_run(name):
                fitprint.log_metric("loss", 1)
                fitprint.log_params({"a": 1})
    def read():
        while not stop.wait(0.01):
            main.status
            fitprint.search_runs(max_results=1)
    threads = [threading.Thread(target=log, args=("a",), daemon=True), threading.Thread(target=read, daemon=True)]
    for thread in threads:
        thread.start()
    def work():
        signal.alarm(20)
        fitprint.log_metric("child", 1)
        with fitprint.start_run("of child"):
            fitprint.log_text("text", "a.txt")
        assert main.status == "RUNNING"
    for _ in range(15):
        children = [fork(work) for _ in range(2)]
        assert [0, 0] == [wait(child) for child in children]
    stop.set()
    for thread in threads:
        thread.join()
"""  # noqa: E501
    succeed(programs, FORK + script)
    store_runs = succeed(
        programs,
        "import fitprint\n"
        "print(len(fitprint.search_runs(filter_string=\"attributes.run_name = 'of child'\", "
        "children=True)))",
    )
    assert "30\n" == store_runs


def test_a_fork_just_after_the_first_run_began_is_safe(programs: Programs) -> None:
    """What is collected in the background at the first run neither warns nor keeps the child from
    importing, recording and ending.
    """
    script = """
with fitprint.start_run("outer"):
    def work():
        signal.alarm(20)
        import platform, importlib.metadata, socket, json, hashlib
        with fitprint.start_run("inner"):
            fitprint.log_metric("loss", 1)
    assert 0 == wait(fork(work))
"""
    code, _, errors = programs.run(FORK + script, FITPRINT_CONTEXT="true")
    assert (0, "") == (code, errors)
    assert "FINISHED" == programs.runs()["inner"].status


def test_children_of_a_pool_record_runs_of_their_own(programs: Programs) -> None:
    """Workers of a pool, forked or spawned, each record whole runs, below the run that was open at
    the fork.
    """
    script = """
import fitprint, multiprocessing, sys
def work(number):
    with fitprint.start_run(f"task {number}"):
        fitprint.log_metric("number", number)
    return number
if __name__ == "__main__":
    with fitprint.start_run("outer") as run:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert [0, 1, 2, 3] == pool.map(work, range(4))
"""
    succeed(programs, script)
    runs = programs.runs()
    outer = runs.pop("outer")
    assert {f"task {number}": ("FINISHED", float(number), outer.id) for number in range(4)} == {
        name: (run.status, run.metrics["number"].last, run.parent_id) for name, run in runs.items()
    }


def test_a_spawned_process_joins_by_environ(programs: Programs) -> None:
    """With ``run.environ()`` a process of its own logs to the run, goes on counting steps, and
    cannot end it.
    """
    script = """
import fitprint, os, subprocess, sys
code = '''
import fitprint
assert fitprint.active_run().id == %r
fitprint.log_metric("loss", 5)
fitprint.log_metric("own", 6)
with fitprint.start_run("below"):
    fitprint.log_metric("loss", 7)
fitprint.end_run()
fitprint.log_metric("own", 8)
'''
with fitprint.start_run("above") as run:
    fitprint.log_metric("loss", 1)
    fitprint.log_metric("loss", 2)
    subprocess.run([sys.executable, "-c", code % run.id], env={**os.environ, **run.environ()}, check=True)
    print(run.status)
"""  # noqa: E501
    assert "RUNNING\n" == succeed(programs, script)
    runs = programs.runs()
    assert runs["above"].id == runs["below"].parent_id
    assert [0, 1, 2] == programs.steps("above", "loss")
    assert [0, 1] == programs.steps("above", "own")
    assert [0] == programs.steps("below", "loss")
    assert {"above": "FINISHED", "below": "FINISHED"} == {
        name: run.status for name, run in runs.items()
    }


def test_environ_works_with_multiprocessing_spawn(programs: Programs) -> None:
    """A spawned worker that gets the variables logs to the run of the process that spawned it."""
    script = """
import fitprint, multiprocessing, os
def work(variables):
    os.environ.update(variables)
    fitprint.log_metric("loss", 5)
if __name__ == "__main__":
    with fitprint.start_run("above") as run:
        process = multiprocessing.get_context("spawn").Process(target=work, args=(run.environ(),))
        process.start()
        process.join()
        assert process.exitcode == 0
"""
    succeed(programs, script)
    assert 5.0 == programs.runs()["above"].metrics["loss"].last


def test_environ_names_a_store_that_was_chosen(programs: Programs) -> None:
    """A store set in code reaches the child, which then records for that store."""
    script = """
import fitprint, os, subprocess, sys
fitprint.configure(store="sqlite:///elsewhere.db")
command = [sys.executable, "-c", "import fitprint; fitprint.log_metric('loss', 5)"]
with fitprint.start_run("above") as run:
    subprocess.run(command, env={**os.environ, **run.environ()}, check=True)
print(fitprint.get_run("above").metrics)
"""
    assert "{'loss': 5.0}\n" == succeed(programs, script)


def test_a_run_is_resumed_by_another_process(programs: Programs) -> None:
    """A later program goes on with a run: RUNNING meanwhile, steps counted on, its own end counts,
    nothing is lost.
    """
    succeed(
        programs,
        "import fitprint\n"
        "with fitprint.start_run('a', tags={'x': 'y'}) as run:\n"
        "    fitprint.log_metric('loss', 1)\n",
    )
    resumed = """
import fitprint, sys
try:
    with fitprint.start_run(run_id="a") as run:
        fitprint.log_metric("loss", 2)
        print(run.status)
        raise ValueError
except ValueError:
    pass
"""
    assert "RUNNING\n" == succeed(programs, resumed)
    output = succeed(
        programs,
        "import fitprint\n"
        "run = fitprint.get_run('a')\n"
        "print(run.status, list(run.history('loss').step), run.tags)",
    )
    assert "FAILED [0, 1] {'x': 'y'}\n" == output


def test_a_killed_run_is_resumed_and_finished(programs: Programs) -> None:
    """The life that was killed is forgotten when the run is taken up again and ends well."""
    programs.run(
        "import fitprint, os\n"
        "fitprint.start_run('a')\n"
        "fitprint.log_metric('loss', 1)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert "KILLED\n" == succeed(programs, "import fitprint\nprint(fitprint.get_run('a').status)")
    succeed(
        programs,
        "import fitprint\n"
        "with fitprint.start_run(run_id='a'):\n"
        "    fitprint.log_metric('loss', 2)\n",
    )
    assert "FINISHED 2\n" == succeed(
        programs,
        "import fitprint\n"
        "run = fitprint.get_run('a')\n"
        "print(run.status, run.summary('loss').count)",
    )
