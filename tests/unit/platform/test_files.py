"""How bytes are made safe, which is another call on each system."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fitprint.platform import files


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that reach the system, as it would be on macOS."""
    made: list[str] = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(files.fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(files.fcntl, "fcntl", lambda _, command: made.append(f"fcntl {command}"))
    monkeypatch.setattr(os, "fsync", lambda _: made.append("fsync"))
    return made


def test_on_macos_the_drive_itself_is_asked(calls: list[str], tmp_path: Path) -> None:
    """An fsync alone leaves bytes in its memory."""
    with (tmp_path / "file").open("wb") as file:
        files.make_safe(file.fileno())
    assert ["fcntl 51"] == calls


def test_where_the_drive_cannot_be_asked_the_system_is(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on a share in the network."""

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(files.fcntl, "fcntl", refuse)
    with (tmp_path / "file").open("wb") as file:
        files.make_safe(file.fileno())
    assert ["fsync"] == calls
