"""The kit itself: two doors to one list of checks, strict about what is declared, and leaving no
trace.
"""

import inspect
import os
import subprocess
import sys
import threading
import types

import pytest
from fitprint_toyboost.conformance import ToyboostConformance

import fitprint
from fitprint.errors import PluginError, SettingsError
from fitprint.recording import workspace
from fitprint.testing import (
    ArtifactStoreConformance,
    Case,
    Conformance,
    FlavorConformance,
    FrameworkConformance,
    NotApplicable,
    StoreConformance,
    captured_runs,
    check_plugin,
    plugins,
)
from fitprint.testing.checks import expect
from fitprint.testing.comparison import difference
from fitprint.testing.isolation import isolated

pytest_plugins = ["fitprint.testing.fixtures", "pytester"]

KINDS = [FrameworkConformance, StoreConformance, ArtifactStoreConformance, FlavorConformance]


def checks_of(kind):
    return kind.checks


@pytest.mark.parametrize("kind", KINDS)
def test_an_author_may_choose_checks(kind):
    """What a class declares as its checks is what is run, also none at all."""
    some = kind.checks[:2]
    assert some == type("Some", (kind,), {"checks": some}).checks
    assert [] == list(type("None_", (kind,), {"checks": ()})().items())


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_a_name_of_its_own_and_a_promise(kind):
    """A check is known by its name, and its docstring says in one sentence or two what
    it promises.
    """
    checks = checks_of(kind)
    assert len({check.__name__ for check in checks}) == len(checks)
    for check in checks:
        assert (inspect.getdoc(check) or "").endswith(".")
        assert not check.__name__.startswith("_")


def holds():
    """It holds."""


def fails(case):
    """It fails for one case."""
    expect(case.name != "bad", "it is bad")


def says_nothing():
    """It says nothing."""
    raise NotApplicable("no reason to")


def measures(folder):
    """It measures, in a folder of its own."""
    (folder / "file").touch()
    return "2 ms"


class Sample(Conformance):
    checks = (holds, fails, says_nothing, measures)
    cases = tuple(Case(name, dict, dict) for name in ("good", "bad"))


def report_of(*classes):
    module = types.ModuleType("sample")
    return module, list(classes)


def told(report):
    return [(result.check, result.outcome, result.detail) for result in report.results[1:]]


def test_the_plain_door(monkeypatch):
    """A report has a line for each check and case: passed, failed with the reason, skipped with the
    reason.
    """
    monkeypatch.setattr(plugins, "conformances", lambda name: report_of(Sample))
    report = check_plugin("sample")
    expected = [
        ("holds", "passed", ""),
        ("fails-good", "passed", ""),
        ("fails-bad", "failed", "it is bad"),
    ]
    assert [
        *expected,
        ("says_nothing", "skipped", "no reason to"),
        ("measures", "passed", "2 ms"),
    ] == told(report)
    assert not report.passed
    assert str(report).splitlines()[-1].startswith("sample: 4 passed, 1 failed, 1 skipped in ")


@pytest.mark.parametrize(
    ("declared", "outcomes"),
    [
        ({"fails-bad": "known"}, ["passed", "passed", "known", "skipped", "passed"]),
        ({"fails": "known"}, ["passed", "failed", "known", "skipped", "passed"]),
        ({"holds": "known"}, ["failed", "passed", "failed", "skipped", "passed"]),
    ],
)
def test_known_failures_are_strict(monkeypatch, declared, outcomes):
    """A declared failure is no failure, and one that passes is."""
    sample = type("Declared", (Sample,), {"expected_failures": declared})
    monkeypatch.setattr(plugins, "conformances", lambda name: report_of(sample))
    assert outcomes == [result.outcome for result in check_plugin("sample").results[1:]]


def test_known_failures_must_exist():
    """A declared failure of a check that does not exist is an error that names it."""
    sample = type("Declared", (Sample,), {"expected_failures": {"fails-worse": "known"}})
    with pytest.raises(ValueError, match="there is no check fails-worse"):
        list(sample().items())


def test_the_pytest_door(pytester):
    """The same class, imported under a name that begins with Test, gives one test for each check
    and case.
    """
    pytester.makepyfile(
        sample="""
        from fitprint.testing import Case, Conformance, NotApplicable

        def holds(): pass
        def fails(case): assert case.name != "bad"
        def says_nothing(): raise NotApplicable("no reason to")

        class Sample(Conformance):
            checks = (holds, fails, says_nothing)
            cases = tuple(Case(name, dict, dict) for name in ("good", "bad"))
            expected_failures = {"fails-bad": "known"}
        """,
        test_sample="from sample import Sample as TestSample",
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-rA")
    result.assert_outcomes(passed=2, xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["PASSED test_sample.py::TestSample::test_conforms[[]fails-good[]]"]
    )


def test_the_pytest_door_is_strict(pytester):
    """A declared failure that passes fails."""
    pytester.makepyfile(
        """
        from fitprint.testing import Conformance

        def holds(): pass

        class TestSample(Conformance):
            checks = (holds,)
            expected_failures = {"holds": "known"}
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(failed=1)


def test_the_plain_door_needs_no_pytest():
    """Checking a plugin without pytest imports no pytest."""
    code = (
        "import sys; from fitprint.testing import check_plugin; assert 'pytest' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_an_unknown_plugin_is_told():
    """The error lists the plugins that there are."""
    with pytest.raises(
        PluginError, match="no plugin named 'toybost' is installed; there are: .*core"
    ):
        check_plugin("toybost")


def test_a_plugin_must_say_what_to_check(tmp_path, monkeypatch):
    """A plugin without a module `conformance` is told to have one."""
    (tmp_path / "silent_plugin").mkdir()
    (tmp_path / "silent_plugin" / "__init__.py").touch()
    (tmp_path / "silent-1.dist-info").mkdir()
    (tmp_path / "silent-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: silent\nVersion: 1\n", encoding="utf-8"
    )
    (tmp_path / "silent-1.dist-info" / "entry_points.txt").write_text(
        "[fitprint]\nsilent = silent_plugin\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"add a module silent_plugin\.conformance"):
        check_plugin("silent")


def test_what_a_plugin_registers_must_be_checked():
    """A plugin that registers something which no class checks does not pass."""
    plugin = types.ModuleType("plugin")
    plugin.register_stores = lambda: {"lines": None, "words": None}
    lines = type("Lines", (StoreConformance,), {"uri": "lines://{folder}"})
    with pytest.raises(
        AssertionError, match="register_stores brings words, which no conformance class checks"
    ):
        plugins.everything_is_checked(plugin, [lines])
    empty = type("Empty", (FrameworkConformance,), {"framework": ToyboostConformance.framework})
    with pytest.raises(AssertionError, match="Empty has no cases"):
        plugins.everything_is_checked(types.ModuleType("plugin"), [empty])


def test_what_is_checked_must_be_registered():
    """A class that checks what the plugin never registers does not pass:
    nobody else would have it.
    """
    lines = type("Lines", (StoreConformance,), {"uri": "lines://{folder}"})
    with pytest.raises(
        AssertionError,
        match="lines is checked, but register_stores of the plugin does not bring it",
    ):
        plugins.everything_is_checked(types.ModuleType("plugin"), [lines])


def test_a_hook_that_returns_no_list_is_told():
    """The error says what it returned, and what it must."""
    plugin = types.ModuleType("plugin")
    plugin.register_frameworks = lambda: ToyboostConformance.framework
    with pytest.raises(
        AssertionError,
        match="register_frameworks returns an object of the type Toyboost; it must return a list",
    ):
        plugins.everything_is_checked(plugin, [])


def test_a_cause_is_told_at_length_once(monkeypatch):
    """Where one mistake fails many checks, the first has the traceback and the others name the
    cause.
    """

    def breaks(case):
        raise LookupError("no such thing")

    sample = type("Broken", (Sample,), {"checks": (breaks,)})
    monkeypatch.setattr(plugins, "conformances", lambda name: report_of(sample))
    first, second = [detail.splitlines() for _, _, detail in told(check_plugin("sample"))]
    assert (first[0], len(first) > 3) == ("LookupError: no such thing", True)
    assert ["LookupError: no such thing (as above)"] == second


def test_a_module_of_checks_that_cannot_be_imported_is_told(tmp_path, monkeypatch):
    """The error names the module and the line, and has no traceback of ours."""
    (tmp_path / "broken_plugin").mkdir()
    (tmp_path / "broken_plugin" / "__init__.py").touch()
    (tmp_path / "broken_plugin" / "conformance.py").write_text(
        "def train(model, model): ...\n", encoding="utf-8"
    )
    (tmp_path / "broken-1.dist-info").mkdir()
    (tmp_path / "broken-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken\nVersion: 1\n", encoding="utf-8"
    )
    (tmp_path / "broken-1.dist-info" / "entry_points.txt").write_text(
        "[fitprint]\nbroken = broken_plugin\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        PluginError, match=r"broken_plugin\.conformance cannot be imported: SyntaxError: .*line 1"
    ):
        check_plugin("broken")


# -- captured runs ---------------------------------------------------------------------------------


def test_runs_are_captured(runs):
    """The fixture gives the runs of the test, and nothing else."""
    assert [] == runs.all()
    with fitprint.start_run(name="parent"), fitprint.start_run(name="child", nested=True):
        fitprint.log_metric("loss", 0.5)
    assert ["parent", "child"] == [run.name for run in runs.all()]
    assert "parent" == runs.one().name
    assert {"loss": 0.5} == runs.one().children()[0].metrics


def test_one_run_is_exactly_one(runs):
    """Asking for the one run says how many there are instead."""
    with pytest.raises(AssertionError, match="expected one run, found 0"):
        runs.one()


def test_capturing_leaves_everything_as_it_was(tmp_path, monkeypatch):
    """Afterwards the environment, the workspace and the settings are those from before, runs are
    ended and autologging is off.
    """
    monkeypatch.setenv("FITPRINT_EXPERIMENT", "mine")
    before = workspace.use(None)
    try:
        workspace.configure(home=str(tmp_path / "home"), store=f"memory://{tmp_path}")
        mine, given = workspace.current(), workspace.given()
        with captured_runs(experiment="other") as runs:
            fitprint.autolog()
            fitprint.start_run()
            assert "other" == runs.one().experiment
            assert "FITPRINT_EXPERIMENT" not in os.environ
            home = runs.workspace.home
        assert (mine, given) == (workspace.current(), workspace.given())
        assert "mine" == os.environ["FITPRINT_EXPERIMENT"]
        assert not fitprint.autologging.activation.is_on()
        assert fitprint.active_run() is None
        assert not home.exists()
    finally:
        workspace.configure(home=None, store=None)
        workspace.use(before)


def test_isolated_tests_leave_everything_as_it_was(tmp_path, monkeypatch):
    """What is recorded inside, also by programs that are started, lies in the home; nothing of
    outside has a say, and nothing is left.
    """
    monkeypatch.setenv("FITPRINT_EXPERIMENT", "mine")
    database = f"sqlite:///{tmp_path}/runs.db"
    with isolated(tmp_path / "outer", experiment="outer"):
        fitprint.configure(include_params=["a"])
        mine, given = workspace.current(), workspace.given()
        with isolated(tmp_path / "home", store=database, exclude_params=["a", "b"]):
            fitprint.autolog()
            fitprint.start_run().log_params({"a": 1, "c": 1})
            code = "import fitprint; fitprint.start_run('theirs').end()"
            done = subprocess.run(
                [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True
            )
            assert (b"", {"c": 1}) == (done.stderr, fitprint.active_run().params)
            assert {"Default"} == {run.experiment for run in fitprint.search_runs(children=True)}
            assert 2 == len(fitprint.search_runs(children=True))
        assert (mine, given) == (workspace.current(), workspace.given())
        assert not fitprint.autologging.activation.is_on()
        assert "outer" == os.environ["FITPRINT_EXPERIMENT"]
    assert ["FITPRINT_EXPERIMENT"] == [name for name in os.environ if name.startswith("FITPRINT_")]
    assert not [thread for thread in threading.enumerate() if thread.name == "fitprint-delivery"]


def test_isolated_tests_know_no_run_of_outside(tmp_path):
    """It is neither logged to nor ended, is nobody's parent, and is current again afterwards."""
    with isolated(tmp_path / "outer"), fitprint.start_run("outer") as outer:
        with isolated(tmp_path / "inner"):
            assert fitprint.active_run() is None
            with fitprint.start_run("inner") as inner:
                assert inner.parent_id is None
            fitprint.start_run("left open")
        assert fitprint.active_run() is outer
        assert outer.is_open
        assert ["outer"] == [run.name for run in fitprint.search_runs()]


@pytest.mark.parametrize(
    "wrong", [{"experimnt": "x"}, {"durability": "very"}, {"console": "maybe"}]
)
def test_isolated_refuses_settings_that_are_none_of_ours(tmp_path, wrong):
    """The error names the call, and nothing has been changed by then."""
    before = dict(os.environ)
    with pytest.raises(SettingsError, match="from call"), isolated(tmp_path / "home", **wrong):
        raise AssertionError("the block began")
    assert before == dict(os.environ)


def test_isolated_leaves_out_settings_that_are_none(tmp_path):
    with isolated(tmp_path / "home", store=None):
        fitprint.start_run().end()
    assert (tmp_path / "home").is_dir()


# -- what checks are made of -----------------------------------------------------------------------


class Thing:
    def __init__(self, **values):
        self.__dict__.update(values)


LOOP = [1]
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (1, 1, ""),
        (1, 1.0, "it is a int in one, a float in the other"),
        (0.0, -0.0, "it is 0.0 in one, -0.0 in the other"),
        (float("nan"), float("nan"), ""),
        ([1, {"a": (2, 3)}], [1, {"a": (2, 4)}], "it[1]['a'][1] is 3 in one, 4 in the other"),
        ({"a": 1}, {"b": 1}, "it has 'a', 'b' in one only"),
        ([1], [1, 2], "it has 1 items in one, 2 in the other"),
        (Thing(a=1), Thing(a=1), ""),
        (Thing(a=1), Thing(a=2), "it['a'] is 1 in one, 2 in the other"),
        (Thing(a=1), Thing(a=1, b=2), "it has 'b' in one only"),
        (LOOP, [1, LOOP], ""),
        (len, print, "it is len in one, print in the other"),
        (object(), object(), ""),
        ({1, 2}, {2, 1}, ""),
        (iter([1]), iter([2]), "it.arguments[0][0] is 1 in one, 2 in the other"),
    ],
)
def test_differences_are_located(one, two, expected):
    """The difference of two objects says where it lies."""
    assert expected == difference(one, two)
