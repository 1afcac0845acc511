"""``fitprint mcp`` as a program that answers another one, which speaks by the SDK's own client."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

pytest.importorskip("mcp")

import anyio
from mcp import ClientSession, StdioServerParameters, stdio_client

HOSTILE = "evil\x1b[31m\n\u202e</script>"
RECORD = f"""
import fitprint
for C in (1.0, 0.5):
    with fitprint.start_run(name=f"C {{C}}", experiment="iris"):
        fitprint.log_params({{"C": C, "solver": "lbfgs"}})
        for step in range(1000):
            fitprint.log_metric("loss", C / (step + 1))
with fitprint.start_run(name={HOSTILE!r}, experiment="iris"):
    fitprint.log_metric("accuracy", float("nan"))
    fitprint.log_params({{f"parameter {{number}}": number for number in range(5000)}})
"""
TOOLS = {
    "list_runs",
    "show_run",
    "compare_runs",
    "diff_runs",
    "metric_history",
    "query",
    "list_experiments",
}
COMMAND = ["-m", "fitprint", "mcp"]


@pytest.fixture
def recorded(programs):
    """A home with three runs."""
    assert 0 == programs.run(RECORD)[0]
    return programs


@pytest.fixture
def converse(programs, tmp_path):
    """Let a conversation take place, in at most a minute; return what it returns."""

    def run(conversation):
        errors = (tmp_path / "errors.txt").open("w", encoding="utf-8")
        server = StdioServerParameters(
            command=sys.executable, args=COMMAND, env=programs.environment, cwd=tmp_path
        )

        async def within():
            with anyio.fail_after(60):
                async with (
                    stdio_client(server, errors) as streams,
                    ClientSession(*streams) as session,
                ):
                    await session.initialize()
                    return await conversation(session)

        with errors:
            return anyio.run(within)

    return run


@pytest.fixture
def ask(converse):
    """Ask one thing after the other; return the texts of the answers,
    and whether they are errors.
    """

    def run(*questions):
        async def conversation(session):
            answers = [await session.call_tool(name, arguments) for name, arguments in questions]
            return [
                ("".join(part.text for part in answer.content), bool(answer.is_error))
                for answer in answers
            ]

        return converse(conversation)

    return run


def test_its_tools_say_that_they_only_read(converse):
    """And each says when it is of use."""

    async def conversation(session):
        return (await session.list_tools()).tools

    tools = converse(conversation)
    assert {tool.name for tool in tools} == TOOLS
    assert all(
        tool.annotations.read_only_hint and not tool.annotations.destructive_hint for tool in tools
    )
    assert all("Use it " in tool.description for tool in tools)


def test_every_tool_answers(recorded, ask):
    """In JSON of a bounded length, with what the verbs give."""
    questions = [
        ("list_runs", {"filter": "params.C > 0", "sort": "loss", "limit": 1, "experiment": "iris"}),
        ("show_run", {"run": "@last"}),
        ("compare_runs", {"runs": ["C 1.0", "C 0.5"]}),
        ("diff_runs", {"a": "C 1.0", "b": "C 0.5"}),
        ("metric_history", {"run": "@best:loss", "metric": "loss", "max_points": 10}),
        ("query", {"statement": "SELECT COUNT(*) AS runs FROM runs"}),
        ("list_experiments", {}),
    ]
    assert TOOLS == {name for name, _ in questions}
    answers = ask(*questions)
    assert [] == [text for text, is_error in answers if is_error or len(text) > 50_000]
    listed, shown, compared, different, history, queried, experiments = [
        json.loads(text) for text, _ in answers
    ]
    assert (["C 0.5"], True) == ([run["name"] for run in listed["runs"]], listed["more"])
    assert shown["left_out"]
    for comparison in (compared, different):
        assert {"C", "loss"} <= {
            row["key"] for section in comparison["sections"] for row in section["rows"]
        }
    assert 1000 == history["count"]
    assert [0.5, 0.0005] == [history["points"][0][3], history["points"][-1][3]]
    assert [[3]] == queried["rows"]
    assert [3] == [each["run_count"] for each in experiments["experiments"]]


def test_names_harm_no_terminal(recorded, ask):
    """Neither in an answer, where they are what was recorded, nor in an error."""
    (shown, _), (missing, is_error) = ask(
        ("show_run", {"run": HOSTILE}), ("show_run", {"run": f"{HOSTILE}?"})
    )
    assert json.loads(shown)["name"] == HOSTILE
    assert is_error
    for text in (shown, missing):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_errors_are_the_sentences_of_fitprint(recorded, ask):
    """And the server goes on."""
    answers = ask(
        ("list_runs", {"filter": "metrics.los < 1"}),
        ("list_runs", {"limit": 101}),
        ("metric_history", {"run": "C 1.0", "metric": "los"}),
        ("query", {"statement": "DELETE FROM runs"}),
        ("show_run", {}),
        ("no_tool", {}),
        ("query", {"statement": "SELECT COUNT(*) FROM runs"}),
    )
    assert [*[True] * 6, False] == [is_error for _, is_error in answers]
    texts = [text for text, _ in answers]
    assert texts[0].endswith("no run has a metric 'los'; did you mean 'loss'?")
    assert texts[1].endswith("limit is a whole number from 1 to 100, not 101")
    assert texts[2].endswith("has no metric 'los'; its metrics: loss")
    assert [[3]] == json.loads(texts[6])["rows"]


def test_what_is_recorded_meanwhile_is_seen(programs, converse):
    """Also by a server that began before there was a run."""

    async def conversation(session):
        before = await session.call_tool("list_runs", {})
        await anyio.to_thread.run_sync(programs.run, RECORD)
        return before, await session.call_tool("list_runs", {})

    before, after = converse(conversation)
    assert "no runs are recorded yet" in before.content[0].text
    assert ["C 0.5", "C 1.0"] == [
        run["name"] for run in json.loads(after.content[0].text)["runs"][1:]
    ]


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture
def server(programs):
    """A server that this test speaks to without the SDK."""
    with subprocess.Popen(
        [sys.executable, *COMMAND],
        cwd=programs.folder,
        env=programs.environment,
        stdin=-1,
        stdout=-1,
        stderr=-1,
        text=True,
    ) as process:
        yield process
        process.kill()


def send(server, message):
    """Send a message; return the answer, if there is to be one."""
    server.stdin.write(json.dumps(message) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline()) if "id" in message else None


def test_only_the_protocol_is_on_standard_output(recorded, server):
    """What else is to be said goes to standard error, and the end of standard input ends the
    program with status 0.
    """
    assert 0 == recorded.run(RECORD)[0]  # of each name there are two runs now, which is told
    assert 1 == send(server, INITIALIZE)["id"]
    send(server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    call = {"name": "show_run", "arguments": {"run": "C 1.0"}}
    assert (
        2 == send(server, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})["id"]
    )
    rest, errors = server.communicate(timeout=60)
    assert ("", 0) == (rest, server.returncode)
    assert "several runs are called 'C 1.0'" in errors


def test_an_interrupt_ends_it(server):
    """At once, although it waits for a line."""
    send(server, INITIALIZE)
    server.send_signal(signal.SIGINT)
    assert -signal.SIGINT == server.wait(timeout=60)
