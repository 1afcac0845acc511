"""A project run for each combination of values."""

from __future__ import annotations

import json

import pytest

import fitprint
from fitprint.cli import main
from fitprint_projects.errors import ProjectError
from fitprint_projects.matrix import values_of

SCRIPT = """
import os, sys, fitprint
lr, depth = float(sys.argv[2]), int(sys.argv[4])
fitprint.log_metric("product", lr * depth)
if os.path.exists("fail") and depth == 3:
    sys.exit(1)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1,0.01", ["0.1", "0.01"]),
        ("2:4", ["2", "3", "4"]),
        ("0:1:0.25", ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        ("3:1:-1", ["3", "2", "1"]),
        ("a", ["a"]),
        ("a:b,c", ["a:b", "c"]),
    ],
)
def test_values(text, expected):
    assert expected == values_of(text)


@pytest.mark.parametrize("text", ["a:b", "1:2:0", "2:1", "0:1000000", "a,a", "1:nan", "inf:2"])
def test_what_is_no_range(text):
    with pytest.raises(ProjectError):
        values_of(text)


def test_one_parent_with_a_child_for_each_combination_goes_on_where_it_ended(made, home, capsys):
    project = made().write(t__py=SCRIPT, fail="")
    command = ["run", str(project.folder / "t.py"), "--matrix", "lr=0.1,0.01", "depth=2:3"]
    assert 1 == main([*command, "-j", "2", "--name", "all"])
    parent = fitprint.get_run("all")
    assert "FAILED" == parent.status
    told = capsys.readouterr().err
    assert "2 of 4 finished; go on with --resume" in told

    def children():
        found = fitprint.search_runs(filter_string=f"parent_id = '{parent.id}'")
        return sorted(
            (each.params["lr"], each.params["depth"], each.status, each.id) for each in found
        )

    before = children()
    assert ["FINISHED", "FAILED"] * 2 == [each[2] for each in before]
    (project.folder / "fail").unlink()
    assert 0 == main([*command[:2], "--resume", parent.id, "--json"])
    assert 2 == len(json.loads(capsys.readouterr().out)["children"])
    after = children()
    assert {(lr, depth) for lr in (0.1, 0.01) for depth in (2, 3)} == {
        each[:2] for each in after if each[2] == "FINISHED"
    }
    assert {each for each in before if each[2] == "FINISHED"} <= set(after)
    assert "FINISHED" == fitprint.get_run(parent.id).status
    assert 0 == main([*command[:2], "--resume", parent.id])
    assert after == children()


def test_a_matrix_is_checked_before_anything_runs(made, home, capsys):
    table = (
        '[tool.fitprint.project.entry.main]\nrun = ["python", "t.py"]\n'
        'parameters.lr = {type = "float"}\n'
    )
    folder = str(made().write(pyproject__toml=table, t__py="").folder)
    for words, told in [
        (["--matrix", "lr=0.1,x"], "'lr' must be a number"),
        (["--matrix", "lr=1,2", "-P", "lr=1"], "give it by -P or by --matrix"),
        (["--matrix", "lr=1", "-j", "0"], "must be a whole number from 1 on, not '0'"),
        (["--matrix", "lr=1:10001"], "has 10001 values"),
        (["--matrix", "lr=1:5000", "n=1,2,3"], "15000 combinations; give at most 10000"),
        (["--matrix", "lr"], "--matrix needs NAME=VALUE"),
    ]:
        assert 2 == main(["run", folder, *words])
        assert told in capsys.readouterr().err
    assert 0 == main(["run", folder, "--matrix", "lr=1:3", "--dry-run"])
    assert ["to run  lr=1", "to run  lr=2", "to run  lr=3"] == (
        capsys.readouterr().out.splitlines()
    )
    assert not home.exists()
