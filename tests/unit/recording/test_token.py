"""Run tokens: what they say arrives as it was, and nothing else is taken for one."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.errors import TokenError
from fitprint.recording.token import Local, RunToken

RUN = "0123456789abcdef" * 2
FULL = RunToken(
    RUN,
    RUN[::-1],
    "quiet",
    "größer",
    {"exclude_metrics": ["a*"], "strict": False, "training_metrics_work": float("inf")},
    "postgresql://bob@host/runs",
    "f" * 32,
    Local("/home/ada/.fitprint", "host", "01234567"),
)


def text_of(said: Any, version: str = "1") -> str:
    return f"fitprint.{version}." + urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip(
        "="
    )


@pytest.mark.parametrize("token", [RunToken(), RunToken(RUN), FULL])
def test_what_a_token_says_arrives(token: RunToken) -> None:
    assert token == RunToken.decode(token.encode())


def test_the_text_fits_anywhere() -> None:
    """It is short, and has neither commas nor quotes, slashes or blanks."""
    assert re.fullmatch(r"[\w.-]{1,600}", FULL.encode(), re.ASCII)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a token"),
        (RUN, "not a token"),
        ("fitprint.1", "not a token"),
        ("fitprint.x.abc", "not a token"),
        ("fitprint.1.a b", "not a token"),
        (f"{text_of({})}\n", "not a token"),
        ("fitprint.1." + "a" * 200_000, "not a token"),
        ("fitprint.1.a", "damaged"),
        (text_of({"run": RUN})[:-4], "damaged"),
        ("fitprint.1." + urlsafe_b64encode(b"[" * 50_000).decode().rstrip("="), "damaged"),
        (text_of([]), "not a token"),
        (
            text_of({}, "2"),
            "version 2, and fitprint .* reads version 1: install the same fitprint here as there",
        ),
        (text_of({}, "0"), "version 0"),
        (text_of({"power": 1}), "'power'"),
        (text_of({"run": "../../etc"}), "none"),
        (text_of({"run": 7}), "run is no text"),
        (text_of({"experiment": "a\0b"}), "experiment is no text"),
        (text_of({"role": "master"}), "role"),
        (text_of({"settings": []}), "settings"),
        (text_of({"settings": {"home": "/elsewhere"}}), "settings"),
        (text_of({"settings": {"store": "sqlite:///x"}}), "settings"),
        (text_of({"local": "here"}), "machine"),
        (text_of({"local": {"home": "/a"}}), "machine"),
        (text_of({"local": {"home": "a/b", "host": "", "boot": ""}}), "absolute"),
        (text_of({"local": {"home": "/a\ud800", "host": "", "boot": ""}}), "absolute"),
    ],
)
def test_what_is_no_token_is_refused(text: str, words: str) -> None:
    """Each says what it is; nothing but our own error is raised."""
    with pytest.raises(TokenError, match=words):
        RunToken.decode(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_NAMES = st.sampled_from(
    ["run", "call", "role", "experiment", "settings", "store", "store_id", "local", "home", "other"]
)


_BODIES = st.binary().map(lambda data: "fitprint.1." + urlsafe_b64encode(data).decode())


@pytest.mark.thorough
@given(st.text() | st.dictionaries(_NAMES, _JSON).map(text_of) | _BODIES)
def test_hostile_texts_give_our_error_or_a_token(text: str) -> None:
    try:
        token = RunToken.decode(text)
    except TokenError:
        return
    assert token == RunToken.decode(token.encode()) or "nan" in str(token)


def test_what_counts_on_one_machine_counts_nowhere_else(tmp_path: Path) -> None:
    """The home and a store that is a file; a distant store counts everywhere."""
    here, there = Local.of(tmp_path), Local(str(tmp_path), "another", "01234567")
    assert {"home": str(tmp_path), "store": "sqlite:///a.db"} == RunToken(
        store="sqlite:///a.db", local=here
    ).settings_here()
    assert {} == RunToken(store="sqlite:///a.db", local=there).settings_here()
    assert {"store": "https://host"} == RunToken(store="https://host", local=there).settings_here()
    assert "another" in RunToken(RUN, store="sqlite:///a.db", local=there).elsewhere
    assert (
        ""
        == RunToken(RUN, store="https://host", local=there).elsewhere
        == RunToken(RUN, local=here).elsewhere
    )


def test_an_artifact_store_goes_with_its_store(tmp_path: Path) -> None:
    """Where the sender's store is out of reach, a process that records elsewhere must not bind its
    own store to the sender's folder.
    """
    artifacts = {"artifacts": "file:///bytes"}
    there = Local(str(tmp_path), "another", "01234567")
    assert {} == RunToken(settings=artifacts, store="sqlite:///a.db", local=there).settings_here()
    assert {"store": "https://host", **artifacts} == RunToken(
        settings=artifacts, store="https://host", local=there
    ).settings_here()
    assert artifacts == RunToken(settings=artifacts, local=Local.of("")).settings_here()


def test_a_machine_that_was_started_anew_is_another(tmp_path: Path) -> None:
    """What lay in its memory is gone, and its names may mean other disks."""
    here = Local.of(tmp_path)
    assert here.is_here()
    assert not Local(here.home, here.host, "before").is_here()
