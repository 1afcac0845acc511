"""Values whose names say that they are secrets, and secrets in errors, are not recorded; all others
are, exactly.
"""

from __future__ import annotations

import pytest

import fitprint
from fitprint.context.secrecy import told
from fitprint.context.secret_shapes import REDACTED

pytestmark = pytest.mark.usefixtures("home")


def test_fault_4_parameters_named_as_secrets_are_withheld() -> None:
    """Their texts, alone, in lists and in dicts; under whatever spelling of the name."""
    with fitprint.start_run() as run:
        run.log_params(
            {
                "api_key": "hunter2",
                "dbPassword": "hunter2",
                "hf_token": "hf_hunter2x",
                "client_secrets": ["hunter2", "hunter3"],
                "config": {
                    "lr": 0.1,
                    "user": {"name": "bob", "password": "hunter2"},
                    "items": [{"secret": "hunter2"}],
                },
            }
        )
    assert {
        "api_key": REDACTED,
        "dbPassword": REDACTED,
        "hf_token": REDACTED,
        "client_secrets": [REDACTED, REDACTED],
        "config": {
            "lr": 0.1,
            "user": {"name": "bob", "password": REDACTED},
            "items": [{"secret": REDACTED}],
        },
    } == run.params


def test_fault_4_all_other_parameters_are_exact() -> None:
    """Numbers, switches and words under such a name, and texts that would be redacted in a source,
    too.
    """
    params = {
        "max_tokens": 512,
        "token": None,
        "pad_token": "[PAD]",
        "placeholder_token": "cat",
        "use_auth_token": True,
        "token_pattern": r"(?u)\b\w\w+\b",
        "auth": "basic",
        "n_pass": "two",
        "sort_key": "date",
        "code": "password = 'hunter2'",
        "mapping": {"max_tokens": 3, "tokenizer": "bert"},
    }
    with fitprint.start_run() as run:
        run.log_params(params)
    assert params == run.params


def test_fault_4_tags_named_as_secrets_are_withheld() -> None:
    """The same names; other tags stay."""
    with fitprint.start_run(tags={"password": "hunter2"}) as run:
        run.set_tags({"api_key": "hunter2", "team": "token rangers"})
    assert {"password": REDACTED, "api_key": REDACTED, "team": "token rangers"} == run.tags


def test_fault_4_errors_are_told_without_secrets() -> None:
    """In the message as in the lines of the source; the rest of the traceback is whole."""
    with pytest.raises(ValueError, match="hunter2"), fitprint.start_run() as run:
        raise ValueError("cannot connect to postgresql://bob:hunter2@host/db")
    error = run.error or ""
    assert "hunter2" not in error
    assert f"ValueError: cannot connect to postgresql://bob:{REDACTED}@host/db" in error
    assert "raise ValueError(" in error


def test_fault_4_a_vast_error_keeps_both_ends() -> None:
    """What costs seconds to look through is not looked through."""
    with fitprint.start_run() as run:
        run.end("FAILED", error="first\n" + "x = 1\n" * 200_000 + "last")
    error = run.error or ""
    assert len(error) < 270_000
    assert ("first", "last") == (error[:5], error[-4:])
    assert "characters are left out" in error


@pytest.mark.parametrize(
    "value",
    [{"value": "hunter2hunter2"}, [{"v": "hunter2hunter2"}], {"a": {"b": ["hunter2hunter2"]}}],
)
def test_texts_inside_what_a_secret_names_are_withheld(value):
    """However deep they stand; numbers stay."""
    with fitprint.start_run() as run:
        fitprint.log_params({"password": value, "settings": {"password": value, "depth": 3}})
        fitprint.set_tag("password", value)
    assert "hunter2" not in repr((run.params, run.tags))
    assert run.params["settings"]["depth"] == 3


@pytest.mark.parametrize("pad", range(24))
def test_a_long_error_is_cut_between_lines(pad):
    """A secret that is cut in two would not be known as one."""
    secret = "hunter2hunter2"
    line = f"password = '{secret}'"
    lines = [line] * 6000
    error = "\n".join(["x" * pad, *lines, "y" * pad])
    told_error = told(error)
    assert "characters are left out" in told_error
    assert "hunter" not in told_error
    assert told("one line without an end " * 10_000).count("\n") == 2


def test_fault_4_a_parameter_loses_the_password_in_an_address() -> None:
    """Also in a list and in a dict; the rest of the text, and what only looks like an address,
    stays.
    """
    with fitprint.start_run() as run:
        run.log_params(
            {
                "url": "postgresql://bob:hunter2@host/db",
                "urls": ["s3://data/a", {"b": "https://bob:hunter2@host"}],
                "at": "a@b",
            }
        )
        run.set_tag("where", "postgresql://bob:hunter2@host/db")
    hidden = f"postgresql://bob:{REDACTED}@host/db"
    assert {
        "url": hidden,
        "urls": ["s3://data/a", {"b": f"https://bob:{REDACTED}@host"}],
        "at": "a@b",
    } == run.params
    assert hidden == run.tags["where"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "cannot log in as bob with password=hunter, giving up",
            "cannot log in as bob with password=[redacted], giving up",
        ),
        ("login failed (password=hunter)", "login failed (password=[redacted])"),
        ("password=correct, user=bob", "password=[redacted], user=bob"),
        ("  +-- password=correct, user=bob", "  +-- password=[redacted], user=bob"),
        ("password=None, user=bob", "password=None, user=bob"),
        ("max_tokens=many, user=bob", "max_tokens=many, user=bob"),
        ("    connect(password=given, user=user)", "    connect(password=given, user=user)"),
    ],
)
def test_fault_4_a_message_has_no_variables(message: str, expected: str) -> None:
    """A word behind the name of a password in an error or a log is one, whatever follows; in a line
    of source it is a variable.
    """
    assert expected == told(message)
