"""Steps are functions, run again only where something changed, and each is a run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import fitprint
from fitprint.recording.workspace import current
from fitprint.testing import isolated
from fitprint_flow import Flow, FlowError, step

STEPS = """
from fitprint_flow import step
import helping

FACTOR = 2

def load(n=3):
    return list(range(n))

def double(rows):
    '''Double them.'''
    return [helping.times(row, FACTOR) for row in rows]

def total(rows, extra=0):
    return sum(rows) + extra
"""
HELPING = """
def times(a, b):
    return a * b

def other():
    return 1
"""


def flow_of(steps, **extra) -> Flow:
    flow = Flow("sums")
    rows = flow.add(steps.load)
    doubled = flow.add(steps.double, rows)
    flow.add(steps.total, doubled, **extra)
    return flow


def test_a_step_stays_the_function_that_it_is():
    def plain(x):
        return x + 1

    marked = step(version=2)(plain)
    assert (marked, 3) == (plain, marked(2))
    assert step is pickle.loads(pickle.dumps(step))


def test_each_step_is_a_run_below_the_flow_and_the_second_time_all_are_cached(place, module):
    module(HELPING, "helping")
    flow = flow_of(module(STEPS))
    first = flow.run()
    assert (["load", "double", "total"], 6) == (first.ran, first["total"])
    children = fitprint.get_run(first.run.id).children()
    assert [("load", "step", {"n": 3})] == [
        (run.name, run.kind, run.params) for run in children if run.name == "load"
    ]
    second = flow.run()
    assert ([], 6) == (second.ran, second["total"])
    cached = {run.name: run.tags["cached_from"] for run in second.run.children()}
    assert {run.name: run.id for run in children} == cached
    third = flow.run()
    assert cached == {run.name: run.tags["cached_from"] for run in third.run.children()}


def test_inputs_are_lineage(place, module):
    module(HELPING, "helping")
    result = flow_of(module(STEPS)).run()
    (dataset,) = fitprint.get_run(result.steps["double"].run).datasets
    assert ("load", "input", {"from": f"runs:/{result.steps['load'].run}/output"}) == (
        dataset.name,
        dataset.role,
        dict(dataset.facts),
    )


@pytest.mark.parametrize(
    ("edit", "ran", "reason"),
    [
        (("    return a * b", "    # a comment\n    return a  *  b"), [], ""),
        (("'''Double them.'''", "'''Double all of them.'''"), [], ""),
        (("return 1", "return 2"), [], ""),  # nobody calls it
        (("a * b", "b * a"), ["double"], "code helping.times changed"),
        (("a * b", "b * a * 2"), ["double", "total"], "code helping.times changed"),
        (("FACTOR = 2", "FACTOR = 3"), ["double", "total"], "code steps_of_test.FACTOR changed"),
        (("range(n)", "range(n + 1)"), ["load", "double", "total"], "code steps_of_test.load"),
        (("n=3", "n=4"), ["load", "double", "total"], "parameter n changed"),
        (("extra=0", "extra=5"), ["total"], "parameter extra changed"),
        (
            ("def double", "@step(version=2)\ndef double"),
            ["double"],
            "version changed",
        ),
        (("def double", "@step\ndef double"), [], ""),
    ],
)
def test_an_edit_runs_what_depends_on_it_and_says_why(place, module, edit, ran, reason):
    """Comments and docstrings do not count, and equal results stop the wave."""
    module(HELPING, "helping")
    flow_of(module(STEPS)).run()
    module(HELPING.replace(*edit), "helping")
    flow = flow_of(module(STEPS.replace(*edit)))
    planned = {each.name: each for each in flow.plan()}
    told = [" ".join(each.reasons) for each in planned.values() if each.state == "run"]
    assert bool(ran) == bool(told)
    assert reason in " ".join(told)
    result = flow.run()
    assert ran == result.ran
    assert {each.name for each in planned.values() if each.state == "run"} <= set(ran)
    assert {each.name for each in planned.values() if each.state == "cached"}.isdisjoint(ran)


def test_what_runs_counts_and_not_the_text_that_was_edited_since(place, module):
    """A notebook goes on with what it imported: that never becomes the result of the new text."""
    text = "def answer():\n    return {} if 1 in {{1, 2, 3}} else 0\n"

    def ran(function):
        flow = Flow("edited")
        node = flow.add(function)
        result = flow.run()
        return result[node], result.ran

    old = module(text.format(1))
    assert (1, ["answer"]) == ran(old.answer)
    (place / "steps_of_test.py").write_text(text.format(22))
    assert 1 == ran(old.answer)[0]
    assert (22, ["answer"]) == ran(module(text.format(22)).answer)
    assert (22, []) == ran(module(text.format(22)).answer)
    assert (1, []) == ran(module(text.format(1)).answer)


def test_a_result_of_an_input_that_changed_meanwhile_is_not_used_again(place, module):
    """The key is that of the bytes before; nobody knows which ones the step has read."""
    text = """
def grow(path, by):
    path.write_text(path.read_text() + by)
    return len(path.read_text())
"""
    (place / "data.txt").write_text("a")
    flow = Flow("growing")
    node = flow.add(module(text).grow, place / "data.txt", "b")
    assert 2 == flow.run()[node]
    (place / "data.txt").write_text("a")
    assert ["grow"] == flow.run().ran


def test_another_process_that_imports_newer_code_keeps_nothing_for_the_old(place, module):
    """What it returns counts for the flow that asked, and for no later one."""
    text = "def answer():\n    return {}\n"

    def flow_of(function):
        flow = Flow("edited")
        return flow, flow.add(function)

    old = module(text.format(1))
    (place / "steps_of_test.py").write_text(text.format(22))
    flow, node = flow_of(old.answer)
    assert 22 == flow.run(executor="processes")[node]
    flow, node = flow_of(module(text.format(1)).answer)
    result = flow.run()
    assert (1, ["answer"]) == (result[node], result.ran)


def test_functions_of_python_and_of_packages_are_steps(place):
    flow = Flow("others")
    rows = flow.add(sorted, [3, 1, 2])
    flow.add(sum, rows)
    mean = flow.add(np.mean, rows)
    result = flow.run()
    assert (6, 2.0, [1, 2, 3]) == (result["sum"], result[mean], result[rows])
    assert [] == flow.run().ran
    document = fitprint.get_run(result.steps["mean"].run).record.documents["flow"]
    assert np.__version__ == document["parts"]["packages"]["numpy"]


def test_what_others_hand_on_is_kept_where_a_step_beside_it_fails(place, module):
    steps = module("def make():\n    return 1\n\ndef read(path):\n    return 2\n")
    flow = Flow("beside")
    flow.add(steps.make)
    flow.add(steps.read, place / "gone.txt")
    with pytest.raises(FlowError, match="'read' failed: there is no file"):
        flow.run()
    (run,) = fitprint.search_runs()
    assert [("make", "FINISHED")] == [(each.name, each.status) for each in run.children()]


def test_a_file_counts_by_its_bytes(place, module):
    steps = module("def read(path):\n    return path.read_text()\n")
    file = place / "data.txt"

    def run():
        flow = Flow("files")
        read = flow.add(steps.read, Path("data.txt"))
        result = flow.run()
        return result.ran, result[read]

    file.write_text("one")
    assert (["read"], "one") == run()
    os.utime(file, (1, 1))
    assert ([], "one") == run()
    file.write_text("two")
    assert (["read"], "two") == run()
    file.unlink()
    with pytest.raises(FlowError, match=r"no file .*data\.txt, which the step 'read' takes"):
        run()


VALUES = """
from pathlib import Path
import numpy as np, pandas as pd, pyarrow as pa

def make(kind):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[5, 6])
    if kind == "path":
        Path("made.txt").write_text("made")
        return Path("made.txt")
    if kind == "folder":
        Path("made/deep").mkdir(parents=True, exist_ok=True)
        Path("made/deep/a.txt").write_text("made")
        return Path("made")
    return {
        "json": [1, 2.5, float("inf"), "ä", None, True, {"k": []}],
        "tuple": (1, [2, np.arange(3)], {"a": frame}),
        "array": np.arange(6.0).reshape(2, 3).T,
        "number": np.float32(1.5),
        "frame": frame,
        "series": frame["a"],
        "unnamed": pd.Series([1.5, 2.5]),
        "table": pa.table({"a": [1, 2]}),
    }[kind]

def take(value):
    assert value is not None
    return str(type(value).__name__)
"""


@pytest.mark.parametrize(
    "kind", ["json", "tuple", "array", "number", "frame", "series", "unnamed", "table"]
)
def test_values_come_back_as_they_were(place, module, kind):
    steps = module(VALUES)
    flow = Flow("values")
    made = flow.add(steps.make, kind)
    taken = flow.add(steps.take, made)
    result = flow.run()
    value, expected = result[made], steps.make(kind)
    assert (type(expected), type(expected).__name__) == (type(value), result[taken])
    if isinstance(expected, (pd.DataFrame, pd.Series)):
        assert expected.equals(value)
        assert getattr(expected, "name", None) == getattr(value, "name", None)
    elif kind == "tuple":
        assert [0, 1, 2] == value[1][1].tolist()
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert (expected.dtype, expected.tolist()) == (value.dtype, value.tolist())
    else:
        assert expected.equals(value) if isinstance(expected, pa.Table) else expected == value


@pytest.mark.parametrize("kind", ["path", "folder"])
def test_paths_are_files_for_who_takes_them(place, module, kind):
    steps = module(VALUES)
    flow = Flow("values")
    made = flow.add(steps.make, kind)
    found = flow.run()[made]
    assert "made" == (found if kind == "path" else found / "deep" / "a.txt").read_text()
    assert place not in found.parents


def test_what_nothing_can_write_is_named_and_pickles_need_permission(place, module):
    text = """
from fitprint_flow import step
class Odd:
    def __eq__(self, other): return type(other) is Odd
def make():
    return {"odd": Odd()}
"""
    steps = module(text)
    flow = Flow("odd")
    flow.add(steps.make)
    with pytest.raises(FlowError, match=r"steps_of_test\.Odd, .*@step\(allow_pickle=True\)"):
        flow.run()
    steps = module(text.replace("def make", "@step(allow_pickle=True)\ndef make"))
    flow = Flow("odd")
    made = flow.add(steps.make)
    assert {"odd": steps.Odd()} == flow.run()[made]
    # a record alone lets nobody unpickle: the step must say so now, too
    flow = Flow("odd")
    made = flow.add(module(text).make)
    assert ["cached"] == [each.state for each in flow.plan()]
    with pytest.raises(FlowError, match="does not allow them"):
        flow.run()[made]


def test_a_result_that_is_gone_or_changed_counts_for_nothing(place, module):
    module(HELPING, "helping")
    flow = flow_of(module(STEPS))
    result = flow.run()
    (artifact,) = fitprint.get_run(result.steps["double"].run).artifacts
    blob = current().staging.path_of(artifact.digest)
    blob.write_bytes(b"[0]")
    (planned,) = [each for each in flow.plan() if each.state == "run"]
    assert "double" == planned.name
    assert "has changed" in planned.reasons[0]
    blob.unlink()
    assert (["double"], 6) == ((again := flow.run()).ran, again["total"])
    assert [] == flow.run().ran


def test_a_failure_is_never_cached_and_the_flow_goes_on_where_it_stopped(place, module):
    text = """
from pathlib import Path
def first():
    return 1
def second(x):
    if not Path("ready").exists():
        raise ValueError("not yet")
    return x + 1
def third(x):
    return x + 1
"""
    steps = module(text)
    flow = Flow("stops")
    flow.add(steps.third, flow.add(steps.second, flow.add(steps.first)))
    for _ in range(2):
        with pytest.raises(FlowError, match="step 'second' .*failed: ValueError: not yet") as told:
            flow.run()
        assert isinstance(told.value.__cause__, ValueError)
        (failed,) = fitprint.search_runs(max_results=1)
        assert {"FAILED"} == {
            each.status for each in (failed, *failed.children()) if each.name != "first"
        }
        assert ["first", "second"] == [each.name for each in failed.children()]
    Path("ready").touch()
    assert ["second", "third"] == flow.run().ran


def test_a_step_is_tried_again(place, module):
    steps = module("""
from pathlib import Path
from fitprint_flow import step
@step(retries=2)
def shaky():
    tries = Path("tries")
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    if len(tries.read_text()) < 3:
        raise OSError("busy")
    return tries.read_text()
""")
    flow = Flow("shaky")
    shaky = flow.add(steps.shaky)
    result = flow.run()
    assert "xxx" == result[shaky]
    assert ["FAILED", "FAILED", "FINISHED"] == [run.status for run in result.run.children()]


def test_an_interrupt_ends_step_and_flow_as_killed(place, module):
    steps = module("def stop():\n    raise KeyboardInterrupt\n")
    flow = Flow("stopped")
    flow.add(steps.stop)
    with pytest.raises(KeyboardInterrupt):
        flow.run()
    (run,) = fitprint.search_runs()
    assert ["KILLED", "KILLED"] == [run.status, run.children()[0].status]


ENDINGS = """
import sys
class Odd(BaseException):
    pass
def leave():
    sys.exit(0)
def close():
    raise GeneratorExit
def odd():
    raise Odd("no")
def long():
    raise ValueError("x" * 100_000)
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [("leave", "SystemExit"), ("close", "GeneratorExit"), ("odd", "Odd"), ("long", "x …")],
)
@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_whatever_a_step_raises_it_alone_has_failed(place, module, name, told, executor):
    flow = Flow("ends")
    flow.add(getattr(module(ENDINGS), name))
    with pytest.raises(FlowError, match=told) as error:
        flow.run(executor=executor)
    assert len(str(error.value)) < 3000
    (run,) = fitprint.search_runs()
    assert ["FAILED", "FAILED"] == [run.status, run.children()[0].status]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.parametrize("executor", ["inline", "processes"])
@pytest.mark.parametrize(
    ("end", "status"),
    [("return 'copy'", 0), ("raise ValueError('copy')", 1), ("sys.exit(7)", 7), ("sys.exit()", 0)],
)
@pytest.mark.filterwarnings("ignore:.*use of fork")
def test_a_copy_that_a_step_forked_is_not_the_step(place, module, executor, end, status):
    text = """
import os, sys
def fork():
    number = os.fork()
    if number == 0:
        {}
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
"""
    flow = Flow("forks")
    node = flow.add(module(text.format(end)).fork)
    assert status == flow.run(executor=executor)[node]
    (run,) = fitprint.search_runs()
    assert ["FINISHED"] == [child.status for child in run.children()]


def test_models_travel_by_their_flavor_and_are_models_of_the_step(place, module):
    linear = pytest.importorskip("sklearn.linear_model")
    steps = module("""
import numpy as np
from sklearn.linear_model import Ridge
def fit(alpha=1.0):
    return Ridge(alpha=alpha).fit(np.arange(6.0).reshape(3, 2), np.arange(3.0))
def ask(model):
    return model.predict(np.ones((1, 2)))
""")
    flow = Flow("models")
    model = flow.add(steps.fit)
    asked = flow.add(steps.ask, model)
    result = flow.run()
    assert isinstance(result[model], linear.Ridge)
    again = flow.run()
    assert [] == again.ran
    assert result[asked].tolist() == again[asked].tolist()
    cached = fitprint.get_run(again.steps["fit"].run)
    assert ["sklearn"] == [logged.flavor for logged in cached.models]
    assert isinstance(fitprint.load_model(f"runs:/{cached.id}/output/1"), linear.Ridge)


def test_results_are_shared_with_other_flows_and_outlive_their_runs(place, module):
    steps = module("def make(n):\n    return n\n")

    def run(name):
        flow = Flow(name)
        flow.add(steps.make, 3)
        return flow.run()

    first = run("one")
    second = run("two")
    assert [] == second.ran
    fitprint.delete_run(first.run)
    fitprint.purge_run(first.run)
    assert [] == run("three").ran
    assert [] == run("two").ran


def test_another_home_with_the_same_store_finds_what_was_made_here(tmp_path, module):
    """Only store and artifact store are the same, as on two machines."""
    steps = module("def make(n):\n    return [n]\n\ndef twice(rows):\n    return rows * 2\n")
    flow = Flow("shared")
    twice = flow.add(steps.twice, flow.add(steps.make, 3))
    ran = []
    for name in ("one", "two"):
        with isolated(
            tmp_path / name,
            store=f"sqlite:///{tmp_path / 'shared.db'}",
            artifacts=f"file://{tmp_path / 'shared'}",
            context=False,
            profile="off",
            system_metrics=False,
        ):
            result = flow.run()
            ran.append(result.ran)
            assert [3, 3] == result[twice]
            current().sync()
            current().bring()
    assert [["make", "twice"], []] == ran


def test_only_some_steps_and_all_of_them_again(place, module):
    module(HELPING, "helping")
    flow = flow_of(module(STEPS))
    assert ["load", "double"] == flow.run(only=["double"]).ran
    assert ["total"] == flow.run().ran
    assert ["load", "double", "total"] == flow.run(force=True).ran
    with pytest.raises(FlowError, match="no step 'totl'; did you mean 'total'?"):
        flow.run(only=["totl"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda a, b: {"x": a, "y": b}, lambda a, b: {"x": b, "y": a}),
        (lambda a, b: {"x": a, "y": b}, lambda a, b: {"y": a, "x": b}),
        (lambda a, b: {"x": 1, "y": 2}, lambda a, b: {"y": 2, "x": 1}),
        (lambda a, b: [a, "output"], lambda a, b: ["output", a]),
        (lambda a, b: [a, ["output"]], lambda a, b: [["output"], a]),
        (lambda a, b: {1: 2}, lambda a, b: {"1": 2}),
        (lambda a, b: {True: 2}, lambda a, b: {1: 2}),
        (lambda a, b: [1, 2], lambda a, b: (1, 2)),
        (lambda a, b: ["tuple", 1], lambda a, b: (1,)),
        (lambda a, b: {"a": 1}, lambda a, b: [["a", 1]]),
        (lambda a, b: 1, lambda a, b: 1.0),
    ],
)
def test_arguments_that_a_function_can_tell_apart_have_different_keys(place, module, one, other):
    steps = module(
        "def first():\n    return 'a'\n\ndef second():\n    return 'b'\n\n"
        "def told(value):\n    return repr(value)\n"
    )
    for build in (one, other):
        flow = Flow("told")
        first, second = flow.add(steps.first), flow.add(steps.second)
        node = flow.add(steps.told, build(first, second))
        assert repr(build("a", "b")) == flow.run()[node]


def nothing(*args, **kwargs):
    return None


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda flow: [flow.add(nothing), flow.add(nothing)], 'name="nothing-2"'),
        (lambda flow: flow.add(nothing, object()), "is a object; give numbers"),
        (lambda flow: flow.add(nothing, Flow("other").add(nothing)), "add that step to this flow"),
        (lambda flow: flow.add(3), "a step is a function"),
        (lambda flow: flow.add(flow_of), "cannot be called so"),
        (lambda flow: flow.add(nothing) and flow.run(executor="dusk"), "did you mean 'dask'"),
        (lambda flow: flow.add(nothing) and flow.run(executor=3), "has a method submit"),
        (lambda flow: Flow(""), "a flow's name"),
        (lambda flow: flow.add(nothing, name=" "), "a step's name"),
        (lambda flow: flow.add(nothing, name=3), "a step's name"),
        (
            lambda flow: flow.add(step(timeout=1)(lambda: 1)) and flow.run(),
            'use executor="processes"',
        ),
        (
            lambda flow: flow.add(step(resources={"GPU": 1})(lambda: 1)) and flow.run(),
            "asks for resources",
        ),
        (lambda flow: step(retries=-1), "retries"),
        (lambda flow: step(timeout=0), "timeout"),
        (lambda flow: step(timeout=float("inf")), "timeout"),
    ],
)
def test_bad_input_says_what_to_do(place, build, told):
    with pytest.raises(FlowError) as error:
        build(Flow("bad"))
    assert told in str(error.value)
    assert not (place / ".fitprint").exists() or [] == list(fitprint.search_runs())


USED = """
import functools

class Scale:
    factor = [1, {0}]

    class Inner:
        def by(self):
            return {1}

    def __init__(self, by):
        self.by = by

    @property
    def twice(self):
        return self.by * {2}

    @functools.cached_property
    def thrice(self):
        return self.by * {3}

def wrapped(function):
    @functools.wraps(function)
    def around(*args):
        return function(*args) + {4}
    return around

def add(a, b):
    return a + b

@wrapped
def helper(x, by={5}):
    return x + by

more = functools.partial(add, {6})
scale = Scale({7})
table = {{"add": helper, "other": lambda x: x + {8}}}

@functools.singledispatch
def kind(x):
    return 0

@kind.register
def _(x: int):
    return {9}

def step():
    parts = [scale.twice, scale.thrice, Scale.Inner().by(), sum(Scale.factor), more(1), kind(1)]
    return [*parts, helper(1), table["other"](1)]
"""


@pytest.mark.parametrize("place_of_edit", range(10))
def test_all_that_a_step_uses_of_the_project_counts(place, module, place_of_edit):
    """Functions behind partials, wrappers, tables and dispatch, objects, and all kinds of members
    of classes.
    """
    numbers = [1] * 10
    flow = Flow("used")
    flow.add(module(USED.format(*numbers)).step)
    assert ["step"] == flow.run().ran
    numbers[place_of_edit] = 5
    flow = Flow("used")
    flow.add(module(USED.format(*numbers)).step)
    assert ["run"] == [each.state for each in flow.plan()]
    flow = Flow("used")
    flow.add(module(USED.format(*[1] * 10)).step)
    assert [] == flow.run().ran


@pytest.mark.parametrize(
    "forged",
    [
        {"kind": "unknown", "digest": "sha256:0"},
        {"kind": "folder", "path": "../x", "name": "x", "files": {}},
        {"kind": "folder", "path": "x", "name": "x", "files": {"../x": "sha256:0"}},
        {"kind": "file", "path": "/x", "digest": "sha256:0"},
        {"kind": "dict", "of": [1]},
        {"kind": "model", "path": "output/1"},
        {"kind": "model", "path": "output/1", "files": {"model/x": 3}},
        {"kind": "npy", "path": "output/../../x", "digest": "sha256:0"},
        {"kind": "json", "digest": 3},
        {"of": {}},
        7,
    ],
)
def test_a_record_that_no_flow_wrote_is_no_result(place, module, forged):
    """Anybody who writes to the store can write one."""
    flow = Flow("forged")
    node = flow.add(module("def one():\n    return 1\n").one)
    result = flow.run()
    run = next(each for each in fitprint.get_run(result.run).children())
    parts = run.record.documents["flow"]["parts"]
    fitprint.delete_run(run)
    with fitprint.start_run(tags={"flow.key": run.tags["flow.key"], "flow.step": "one"}) as other:
        other.log_document("flow", {"parts": parts, "output": forged})
    result = flow.run()
    assert (["one"], 1) == (result.ran, result[node])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_input(place, module):
    """It is refused, and nobody waits for a writer."""
    os.mkfifo(place / "pipe")
    flow = Flow("piped")
    flow.add(module("def read(path):\n    return 1\n").read, place / "pipe")
    with pytest.raises(FlowError, match="neither a file nor a folder"):
        flow.run()
