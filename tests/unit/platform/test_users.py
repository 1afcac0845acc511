"""Accounts of this machine."""

from __future__ import annotations

import sys

import pytest

from fitprint.platform.users import account


@pytest.mark.skipif(sys.platform == "win32", reason="users have no numbers there")
def test_an_account_has_the_numbers_that_the_system_gives() -> None:
    """One that is not there has none."""
    assert (0, 0) == account("root")
    assert account("nobody at all") is None
