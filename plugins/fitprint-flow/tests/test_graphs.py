"""Random flows, edited at random, against a naive model of what must run again."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitprint.models import requirements
from fitprint.recording.workspace import current
from fitprint.testing import isolated
from fitprint_flow import Flow
from fitprint_flow import code as flow_code

PARTS = ("body", "constant", "helper", "param", "file", "version", "package")
EDITS = ("nothing", "comment", *PARTS, "lost")


class Model:
    """Steps whose code is made of numbers, and which of them a store would know."""

    def __init__(self, needs):
        self.needs = needs
        self.numbers = [dict.fromkeys((*PARTS, "comment"), 0) for _ in needs]
        self.known = {}
        self.lost = set()

    def text(self):
        lines = ["from fitprint_flow import step"]
        for place, (needs, numbers) in enumerate(zip(self.needs, self.numbers, strict=True)):
            names = "".join(f", x{each}" for each in needs)
            lines += [
                f"import package{place}",
                f"CONSTANT{place} = {numbers['constant']}",
                f"def helper{place}(x):",
                f"    return x + {numbers['helper']}",
                f"@step(version={numbers['version']})",
                f"def step{place}(param, file{names}):",
                f"    # {numbers['comment']}",
                "    number = int(file.read_text())",
                f"    all = [param, number, CONSTANT{place}, {numbers['body']}{names}]",
                f"    return helper{place}(sum(all) + package{place}.VERSION) % 3",
            ]
        return "\n".join(lines)

    def files(self, work, folder):
        for place, numbers in enumerate(self.numbers):
            name = f"package{place}"
            (work / f"file{place}.txt").write_text(str(numbers["file"]))
            (folder / f"{name}.py").write_text(f"VERSION = {numbers['package']}\n")
            for old in folder.glob(f"{name}-*.dist-info"):
                old.rmdir()
            (folder / f"{name}-{numbers['package']}.dist-info").mkdir()
            sys.modules.pop(name, None)

    def flow(self, module, work):
        flow = Flow("random")
        nodes = []
        for place, (needs, numbers) in enumerate(zip(self.needs, self.numbers, strict=True)):
            function = getattr(module, f"step{place}")
            file = work / f"file{place}.txt"
            needed = (nodes[each] for each in needs)
            nodes.append(flow.add(function, numbers["param"], file, *needed))
        return flow

    def run(self):
        """Return the steps that must run, and the values of all."""
        ran, values, found_bad = [], [], set()
        for place, (needs, numbers) in enumerate(zip(self.needs, self.numbers, strict=True)):
            inputs = [values[each] for each in needs]
            key = (place, *(numbers[part] for part in PARTS), *inputs)
            value = (sum(numbers[part] for part in PARTS if part != "version") + sum(inputs)) % 3
            if key in self.known and value in self.lost:
                found_bad.add(value)
            if key not in self.known or value in found_bad:
                ran.append(f"step{place}")
                self.known[key] = value
                self.lost.discard(value)
            values.append(value)
        return ran, values


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 5))
    return [
        sorted(draw(st.sets(st.integers(0, place - 1), max_size=3))) if place else []
        for place in range(count)
    ]


@pytest.mark.thorough
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(data=st.data())
def test_exactly_the_steps_run_again_that_must(write_module, data):
    """Each part of a key, changed alone, and results that are lost: the naive model, the plan and
    the run say the same.
    """
    model = Model(data.draw(graphs()))
    with _home(len(model.needs)) as (work, site):
        for turn in range(data.draw(st.integers(2, 5))):
            edit = data.draw(st.sampled_from(EDITS)) if turn else "nothing"
            place = data.draw(st.integers(0, len(model.needs) - 1))
            _edit(model, edit, place)
            _compare(model, work, site, write_module)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("body", "code random_steps.step{} changed"),
        ("constant", "code random_steps.CONSTANT{} changed"),
        ("helper", "code random_steps.helper{} changed"),
        ("param", "parameter param changed"),
        ("file", "input file changed"),
        ("version", "version changed"),
        ("package", "package package{} 0 → 1"),
        ("comment", None),
        ("nothing", None),
    ],
)
def test_each_part_of_a_key_alone_runs_the_step_and_is_the_reason(write_module, edit, reason):
    model = Model([[], [0], [0], [1, 2]])
    with _home(len(model.needs)) as (work, site):
        _compare(model, work, site, write_module)
        for place in range(len(model.needs)):
            _edit(model, edit, place)
            planned = _compare(model, work, site, write_module)
            told = {each.name: each.reasons for each in planned if each.state == "run"}
            changed = {f"step{place}": (reason.format(place),)} if reason else {}
            assert changed == told


@contextmanager
def _home(count):
    """Give a folder for the flow and its home, and one of packages."""
    with tempfile.TemporaryDirectory() as name:
        work, site = Path(name), Path(name) / "site-packages"
        site.mkdir()
        sys.path.insert(0, str(site))
        # packages are edited within a second, which Python's caches of code do not see
        writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            with isolated(
                work / ".fitprint", store=None, context=False, profile="off", system_metrics=False
            ):
                yield work, site
        finally:
            sys.dont_write_bytecode = writes_none
            sys.path.remove(str(site))
            for each in range(count):
                sys.modules.pop(f"package{each}", None)
            sys.modules.pop("random_steps", None)


def _edit(model, edit, place):
    if edit == "lost":
        blob = current().staging.put_bytes(json.dumps(place % 3).encode())
        current().staging.path_of(blob).unlink()
        model.lost.add(place % 3)
    elif edit != "nothing":
        model.numbers[place][edit] += 1


def _compare(model, work, site, written):
    model.files(work, site)
    # a package changes its version between two programs, not within one
    for remembered in (requirements._beside, requirements._installed_in, flow_code._version):
        remembered.cache_clear()
    flow = model.flow(written(work, "random_steps", model.text()), work)
    plan = flow.plan()
    planned = {each.name: each.state for each in plan}
    expected, values = model.run()
    result = flow.run()
    assert (sorted(expected), values) == (
        sorted(result.ran),
        [result[f"step{place}"] for place in range(len(values))],
    )
    for name, state in planned.items():
        assert state == "open" or (state == "run") == (name in expected), (name, state)
    return plan
