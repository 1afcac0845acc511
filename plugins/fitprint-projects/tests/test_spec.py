"""What a project says of itself."""

from __future__ import annotations

import pytest

from fitprint_projects.errors import ProjectError
from fitprint_projects.spec import Environment
from fitprint_projects.table import read_project

MLPROJECT = """
name: My Project
docker_env:
  image: "python:3.12"
  volumes: ["/data:/data"]
  environment: [["NEW", "value"], "COPIED"]
entry_points:
  main:
    parameters:
      data_file: path
      regularization: {type: float, default: 0.1}
      nothing: {type: string, default: null}
      number: {default: 3}
      address: uri
    command: |
      python train.py -r {regularization} {data_file}
  validate:
    command: "python validate.py"
"""
TABLE = """
[tool.fitprint.project]
name = "mine"
environment = "requirements.txt"
[tool.fitprint.project.entry.train]
run = ["python", "train.py", "--alpha", "{alpha}"]
parameters.alpha = {type = "float", default = 0.5, min = 0, max = 1}
parameters.kind = {choices = ["a", "b"], default = "a"}
parameters.deep = "bool"
"""


@pytest.mark.parametrize("name", ["MLproject", "mlproject", "MLPROJECT"])
def test_an_mlproject_is_read_whole(made, name):
    project = read_project(made().write(**{name: MLPROJECT}).folder)
    assert "My Project" == project.name
    assert (
        Environment("container", "", "python:3.12", ["/data:/data"], ["COPIED"], {"NEW": "value"})
        == project.environment
    )
    main = project.entry("main")
    assert "python train.py -r {regularization} {data_file}" == main.command
    assert {
        "data_file": ("path", None),
        "regularization": ("float", "0.1"),
        "nothing": ("string", None),
        "number": ("string", "3"),
        "address": ("uri", None),
    } == {name: (each.type, each.default) for name, each in main.parameters.items()}


def test_a_table_of_pyproject_is_read(made):
    folder = made().write(pyproject__toml=TABLE, requirements__txt="").folder
    project = read_project(folder)
    assert Environment("python", "requirements.txt") == project.environment
    entry = project.entry("train")
    alpha = entry.parameters["alpha"]
    assert ("float", "0.5", 0, 1) == (alpha.type, alpha.default, alpha.least, alpha.most)
    assert ("choice", ("a", "b")) == (
        entry.parameters["kind"].type,
        entry.parameters["kind"].choices,
    )


def test_scripts_are_entry_points(made):
    folder = made().write(train__py="", go__sh="", **{"-x__py": "", "a{b}__py": ""}).folder
    project = read_project(folder)
    assert ("python", "train.py") == project.entry("train.py").command
    assert ("bash", "go.sh") == project.entry("go.sh").command
    assert ("python", "./-x.py") == project.entry("-x.py").command
    assert ("python", "a{{b}}.py") == project.entry("a{b}.py").command
    with pytest.raises(ProjectError, match="no script 'no.py'"):
        project.entry("no.py")


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py"])
def test_a_script_that_leaves_the_project_is_refused(made, name):
    (made("evil").folder.parent / "evil.py").touch()
    with pytest.raises(ProjectError, match="leads out of the project"):
        read_project(made().folder).entry(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "MLproject must be a table"),
        ("a: [", "MLproject is no YAML"),
        ("!!python/object/apply:os.system ['touch pwned']", "MLproject is no YAML"),
        ("entry_point: {}", "unknown key 'entry_point'; did you mean 'entry_points'"),
        ("entry_points: [a]", "entry_points must be a table"),
        ("entry_points: {main: {}}", "entry point 'main' needs a command"),
        ("entry_points: {main: {comand: a}}", "did you mean 'command'"),
        ("entry_points: {main: {command: [a]}}", "needs a command"),
        ("entry_points: {main: {command: a, parameters: [x]}}", "parameters must be a table"),
        ("entry_points: {main: {command: a, parameters: {x: {typ: y}}}}", "did you mean 'type'"),
        ("entry_points: {main: {command: a, parameters: {x: {default: [1]}}}}", "'x' needs a type"),
        ("python_env: nowhere.yaml", "there is no such file"),
        ("python_env: ../outside.yaml", "leads out of the project"),
        ("python_env: a.yaml\nconda_env: b.yaml", "keep one of them"),
        ("docker_env: {}", "needs the name of an image"),
        ("docker_env: {image: --privileged}", "needs the name of an image"),
        ("docker_env: {image: a, volumes: x}", "volumes must be a list"),
        ("docker_env: {image: a, environment: [[a]]}", "environment must be a list"),
        ("databricks_spark_job: {python_file: a.py}", "a job of Databricks"),
        ("name: [a]", "name must be a text"),
    ],
)
def test_what_is_wrong_in_an_mlproject_is_said_with_the_remedy(made, text, words):
    with pytest.raises(ProjectError, match=words) as raised:
        read_project(made().write(MLproject=text).folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.fitprint]\nproject = 3", "must be a table"),
        ("[tool.fitprint.project]\nentri = 3", "did you mean 'entry'"),
        ("[tool.fitprint.project.entry.a]\nrun = 'x'", "must be a list of arguments"),
        (
            "[tool.fitprint.project.entry.a]\nrun = ['x']\nparameters.b = 'floot'",
            "must be one of string, int",
        ),
        (
            "[tool.fitprint.project.entry.a]\nrun = ['x']\nparameters.b = {min = 'x'}",
            "min and max must be numbers",
        ),
        ("[tool.fitprint.project]\nenvironment = '../x'", "leads out of the project"),
        ("[tool", "is no TOML"),
    ],
)
def test_what_is_wrong_in_a_table_is_said(made, text, words):
    with pytest.raises(ProjectError, match=words):
        read_project(made().write(pyproject__toml=text).folder)


def test_what_authors_also_write_is_understood(made):
    """A blank or a colon that was forgotten behind `type`, and descriptions."""
    written = "x: {type:float}, y: {type int, default: 3}, z: {type  str, default: min}"
    text = f"entry_points: {{main: {{command: a, description: d, parameters: {{{written}}}}}}}"
    parameters = read_project(made().write(MLproject=text).folder).entry("main").parameters
    assert [("float", None), ("int", "3"), ("string", "min")] == [
        (each.type, each.default) for each in parameters.values()
    ]


def test_a_type_that_is_none_of_mlflows_is_told_and_is_a_string(made, problems):
    text = "entry_points: {main: {command: a, parameters: {x: number, y: strange}}}"
    entry = read_project(made().write(MLproject=text).folder).entry("main")
    assert ["float", "string"] == [each.type for each in entry.parameters.values()]
    assert 1 == len(problems)
    assert "'strange'" in problems[0]


def test_aliases_that_stand_for_very_many_values_are_refused(made):
    lists = ["&a0 [1, 1]", *(f"&a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12))]
    variables = ", ".join(f"[V{i}, {each}]" for i, each in enumerate(lists))
    project = made().write(MLproject=f"docker_env: {{image: x, environment: [{variables}]}}")
    with pytest.raises(ProjectError, match="has more than 100000 values"):
        read_project(project.folder)
    project.write(MLproject="entry_points: &again {main: *again}")
    with pytest.raises(ProjectError, match="has more than 100000 values"):
        read_project(project.folder)
