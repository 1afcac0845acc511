"""Processes of multiprocessing record as the one does that starts them, whatever way they are
started.
"""

from __future__ import annotations

import multiprocessing

import pytest
from tests.conftest import Programs

# others cover fork
METHODS = [
    method
    for method in ("spawn", "forkserver")
    if method in multiprocessing.get_all_start_methods()
]
pytestmark = pytest.mark.parametrize("method", METHODS)


def started(programs: Programs, method: str, child: str, parent: str, top: str = "") -> str:
    """Run a program of which ``child()`` is the work of a process, and return what it printed."""
    script = f"""
import os
import sys
import warnings
{top}
import fitprint


def child(name="child"):
{_indented(child, 4)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of forking with threads
    import multiprocessing

    context = multiprocessing.get_context({method!r})

    def start(*arguments):
        process = context.Process(target=child, args=arguments)
        process.start()
        process.join()
        assert 0 == process.exitcode

{_indented(parent, 4)}
"""
    status, output, errors = programs.run(script)
    assert (0, "") == (status, errors)
    return output


def _indented(text: str, width: int) -> str:
    return "\n".join(f"{' ' * width}{line}" for line in text.strip().splitlines())


def test_fault_20_settings_given_in_code_reach_a_child(programs: Programs, method: str) -> None:
    """Home, experiment and all else that was configured, before or after multiprocessing was
    imported.
    """
    home = programs.folder / "chosen"
    child = "fitprint.start_run(name).log_metrics({'kept': 1.0, 'left': 2.0})"
    parent = (
        f"fitprint.configure(home={str(home)!r}, exclude_metrics=['left'])\n"
        "fitprint.set_experiment('mine')\n"
        "start()"
    )
    started(programs, method, child, parent)
    programs.home = home
    run = programs.runs()["child"]
    assert ("mine", {"kept"}) == (run.experiment, set(run.metrics))


def test_fault_20_settings_reach_a_child_where_multiprocessing_is_imported_last(
    programs: Programs, method: str
) -> None:
    """Nothing of fitprint is called between the import and the start."""
    home = programs.folder / "chosen"
    configured = (
        f"    fitprint.configure(home={str(home)!r})\n"
        "    assert 'multiprocessing' not in sys.modules"
    )
    top = f"import fitprint\nif __name__ == '__main__':\n{configured}"
    started(programs, method, "fitprint.start_run(name)", "start()", top)
    programs.home = home
    assert ["child"] == list(programs.runs())


def test_fault_20_what_the_program_sets_when_it_is_imported_does_not_come_before_its_parent(
    programs: Programs, method: str
) -> None:
    """The child imports the program anew; what the parent has set since counts."""
    top = "import fitprint\nfitprint.configure(experiment='at import')"
    started(
        programs,
        method,
        "fitprint.start_run(name)",
        "fitprint.set_experiment('later')\nstart()",
        top,
    )
    assert "later" == programs.runs()["child"].experiment


def test_fault_20_a_child_has_its_parents_run(programs: Programs, method: str) -> None:
    """It may log to it, and cannot end it; a run of the child's own is a child of it."""
    child = "fitprint.log_metric('from_child', 1.0)\nfitprint.start_run(name)"
    parent = (
        "with fitprint.start_run('parent'):\n    start()\n    fitprint.log_metric('after', 1.0)"
    )
    started(programs, method, child, parent)
    runs = programs.runs()
    assert ({"from_child", "after"}, "FINISHED") == (
        set(runs["parent"].metrics),
        runs["parent"].status,
    )
    assert runs["parent"].id == runs["child"].parent_id


def test_fault_20_a_child_of_a_child_has_it_too(programs: Programs, method: str) -> None:
    """Settings go down all generations."""
    child = f"""
fitprint.start_run(name).end()
if name == "child":
    import multiprocessing

    process = multiprocessing.get_context({method!r}).Process(target=child, args=("grandchild",))
    process.start()
    process.join()
"""
    started(programs, method, child, "fitprint.set_experiment('mine')\nstart()")
    assert {"child": "mine", "grandchild": "mine"} == {
        name: run.experiment for name, run in programs.runs().items()
    }


def test_fault_20_a_child_that_records_nothing_hands_on_what_it_was_told(
    programs: Programs, method: str
) -> None:
    """The run and the settings, though it has loaded all of fitprint; and no home is opened for
    that.
    """
    child = f"""
if name == "child":
    import multiprocessing
    from fitprint import api
    from fitprint.recording import workspace

    process = multiprocessing.get_context({method!r}).Process(target=child, args=("grandchild",))
    process.start()
    process.join()
    assert workspace.existing() is None
else:
    fitprint.log_metric("loss", 1.0)
    fitprint.start_run(name).end()
"""
    started(
        programs,
        method,
        child,
        "fitprint.set_experiment('mine')\nwith fitprint.start_run('parent'):\n    start()",
    )
    runs = programs.runs()
    assert {"loss"} == set(runs["parent"].metrics)
    assert ("mine", runs["parent"].id) == (
        runs["grandchild"].experiment,
        runs["grandchild"].parent_id,
    )


def test_fault_20_pools_have_it_too(programs: Programs, method: str) -> None:
    """Also those of concurrent.futures."""
    parent = """
from concurrent.futures import ProcessPoolExecutor

fitprint.set_experiment("mine")
with context.Pool(1) as pool:
    pool.apply(child, ("pool",))
with ProcessPoolExecutor(1, mp_context=context) as pool:
    pool.submit(child, "executor").result()
"""
    started(programs, method, "fitprint.start_run(name).end()", parent)
    assert {"pool": "mine", "executor": "mine"} == {
        name: run.experiment for name, run in programs.runs().items()
    }


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        ("fitprint.autolog(training_metrics=False)\nstart()", True),
        ("fitprint.autolog()\nwith fitprint.off():\n    start()", False),
    ],
)
def test_fault_20_a_child_observes_as_its_parent_does(
    programs: Programs, method: str, around: str, expected: bool
) -> None:
    """Where autologging is on, and not switched off for a block, what the child trains is a run."""
    pytest.importorskip("sklearn")
    child = (
        "from sklearn.linear_model import LinearRegression\n"
        "LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])"
    )
    started(programs, method, child, around)
    assert expected == (programs.home / "journal").is_dir()
    assert not expected or ["LinearRegression"] == list(programs.runs())


def test_fault_20_a_child_that_does_not_use_fitprint_does_not_import_it(
    programs: Programs, method: str
) -> None:
    """Settings wait in the process until somebody asks for them."""
    script = f"""
import sys
import multiprocessing
sys.path.append({str(programs.folder)!r})
from worker import work

if __name__ == "__main__":
    import fitprint

    fitprint.configure(experiment="mine")
    process = multiprocessing.get_context({method!r}).Process(target=work)
    process.start()
    process.join()
    assert 0 == process.exitcode
"""
    (programs.folder / "worker.py").write_text(
        "import sys\n\n\ndef work():\n    assert 'fitprint' not in sys.modules\n"
    )
    assert (0, "", "") == programs.run(script)


def test_fault_20_a_child_that_cannot_import_fitprint_goes_on(
    programs: Programs, method: str
) -> None:
    """The user's process does not end because of us."""
    top = (
        "if __name__ != '__main__':\n"
        "    sys.modules['fitprint.autologging'] = None\n"
        "    sys.modules['fitprint.recording'] = None"
    )
    assert "worked\n" == started(
        programs, method, "print('worked', flush=True)", "fitprint.autolog()\nstart()", top
    )
