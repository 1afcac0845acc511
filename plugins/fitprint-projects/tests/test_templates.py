"""A template is taken apart first; values are put into its parts."""

from __future__ import annotations

import itertools
import subprocess

import pytest

from fitprint_projects.errors import ProjectError
from fitprint_projects.templates import command_of

SHELL = [
    "printf '%s\\0' {x} | cat",
    "true && printf '%s\\0' {x}",
    "A=1 printf '%s\\0' {x}",
    "cd . ; printf '%s\\0' {x} 2>/dev/null",
    "for each in {x}; do printf '%s\\0' $$; printf '%s\\0' {x}; done | tail -z -n 1",
    "export V={x}; printf '%s\\0' \"$V\"",
]


def of(template, further=None, **values):
    return command_of(template, values, further or {}, "main")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("python t.py {x}", ["python", "t.py", "V"]),
        ("python t.py '{x}'", ["python", "t.py", "V"]),
        ('python t.py "{x}"', ["python", "t.py", "V"]),
        ("python t.py --x={x}.csv", ["python", "t.py", "--x=V.csv"]),
        ("python t.py a\\ b 'c  d'\"e\"", ["python", "t.py", "a b", "c  de"]),
        ("python t.py \\\n  --x {x}", ["python", "t.py", "--x", "V"]),
        ("python t.py {{x}} {x}", ["python", "t.py", "{x}", "V"]),
        ("python t.py ''", ["python", "t.py", ""]),
        ("python t.py a#b 'a;b|c'", ["python", "t.py", "a#b", "a;b|c"]),
        (["python", "{x} {{}}", "$HOME | x"], ["python", "V {}", "$HOME | x"]),
    ],
)
def test_a_template_without_a_shell_becomes_a_list(template, expected):
    assert expected == of(template, x="V")


def test_no_value_becomes_a_second_argument_or_shell_text(values):
    templates = ("python t.py {x}", "python t.py '{x}'", 'python t.py "{x}"')
    for template, value in itertools.product(templates, values):
        assert ["python", "t.py", value] == of(template, x=value)


@pytest.mark.parametrize("template", SHELL)
def test_templates_that_need_a_shell_get_values_as_positional_parameters(
    template, values, tmp_path
):
    script = of(template, x="")[2]
    for value in values:
        command = of(template, x=value)
        assert ["bash", "-c", script, "bash", value] == command
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=True)
        assert value.encode() == done.stdout.removesuffix(b"\0")
    assert [] == list(tmp_path.iterdir())


def test_further_parameters_follow_as_options():
    assert ["python", "t.py", "--k", "v w"] == of("python t.py", {"k": "v w"})
    command = of("printf '%s|' a; printf '%s|'", {"k;": "$(v) w"})
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "a|--k;|$(v) w|" == done.stdout


@pytest.mark.parametrize(
    "template",
    ["echo '{x}' | cat", 'echo "{x}" | cat', 'bash -c "echo {x}" && true', "echo \\{x} | cat"],
)
def test_a_value_inside_quotes_of_a_shell_is_refused_with_the_remedy(template):
    with pytest.raises(ProjectError, match=r"write it without quotes|no parameter|takes for code"):
        of(template, x="V")


@pytest.mark.parametrize(
    "template",
    [
        "echo $(({x} + 1))",
        "[[ {x} -eq 1 ]] && true",
        "eval {x}",
        "let a={x}; true",
        "cat <<E\n{x}\nE",
        "source {x} && true",
        "echo ${x}",
        "[ ! -v {x} ] && true",
        "test ! -v {x}; true",
        "echo 1 | read {x}",
        "mapfile {x} < f",
        "a[{x}]=1; true",
        "V={x}; a[V]=1",
        "V={x}; echo ${{V:{x}}}",
        "V={x}; echo ${{!V}}",
        "true\n. {x}",
        "if true; then . {x}; fi",
        "echo {x} | bash",
        "echo {x} |& /bin/sh -s; true",
        "echo $'a' {x} | cat",
        "bash -c {x}",
        "env A=1 /bin/bash -lxc 'echo {x}'",
        "timeout 5 bash -euo pipefail -c 'python {x}'",
        'true && sh -c "echo {x}"',
        "true|sh -c {x}",
        "echo $(bash -c {x})",
        "python -u -c 'print({x})'",
        "xargs -I% sh -c 'echo {x}'",
        "ssh host python t.py {x}",
        "su me -c {x}",
        ["bash", "-c", "echo {x}"],
        ["perl", "-ne", "print {x}"],
    ],
)
def test_where_a_shell_reads_values_as_code_they_are_refused(template):
    with pytest.raises(ProjectError, match=r"main: .*(code|\$ before)"):
        of(template, x="V")


@pytest.mark.parametrize(
    "template",
    [
        "python t.py -c {x}",
        "python -m pkg -c {x}",
        "python -X dev t.py -c {x}",
        "bash -e t.sh -c {x}",
        "bash -c 'printf %s \"$1\"' bash {x}",
        "cat a[0-9] | python t.py . {x} | tee sh",
        "V=${{V:-a}} python t.py {x} && bash t.sh",
    ],
)
def test_what_only_resembles_code_of_a_shell_is_taken(template):
    assert "$(V)" in of(template, x="$(V)")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("python {y}", r"'\{y\}' in its command is no parameter \(there are: x\)"),
        ("python {x.real}", r"'\{x.real\}' in its command is no parameter"),
        ("python {x!r}", "is no parameter"),
        ("python {x:>9}", "is no parameter"),
        ("python {", "is no parameter"),
        ("python 'a", r"a quote \('\) of its command is not closed"),
        (["python", "}"], "is no parameter"),
    ],
)
def test_what_is_no_parameter_is_refused(template, words):
    with pytest.raises(ProjectError, match=words):
        of(template, x="V")
