"""Carriers: how the current run travels to workers elsewhere, one module for each way in which work
is handed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fitprint.autologging.replacements import Choose
    from fitprint.recording.run import Run
    from fitprint.recording.token import RunToken

__all__ = ["Carrier"]


class Carrier:
    """One way in which work is handed to other workers, and the run with it.

    A carrier has what its way needs; the rest is as here.

    It takes a :class:`fitprint.recording.token.RunToken` along, which
    :func:`fitprint.recording.context.current_token` gives, and which :mod:`fitprint.carriers.tasks`
    takes up in the worker. It imports the library that it is for only when that calls it.

    Attributes:
        name: the library, such as "joblib".
    """

    name = ""

    def patches(self) -> Mapping[str, Choose]:
        """Return what is replaced while autologging is on, as
        ``{"module:function" or "module:Class.method": choose}``.

        ``choose(args)`` returns what makes the call in its place, given
        ``(function, args, kwargs)``; None if nothing is to be done.
        """
        return {}

    def begin(self) -> None:
        """See to it that workers started from here get what this process knows then.

        Called whenever the process gets a home.
        """

    def received(self) -> RunToken | None:
        """Return what this process was started with. Only asked of fitprint's own carriers, before
        plugins are looked for; those of others call :func:`fitprint.carriers.tasks.arrive`.

        Raises:
            TokenError: it was started with something else.
        """
        return None

    def variables(self, run: Run) -> Mapping[str, str]:  # noqa: ARG002 - of those that have some
        """Return environment variables with which a child process goes on with the run (see
        ``Run.environ``).
        """
        return {}
