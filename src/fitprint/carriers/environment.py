"""Environment variables: for child processes of any kind, and for programs in other languages
between them and us.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fitprint.carriers import Carrier
from fitprint.recording.token import RunToken, is_run_id

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["CARRIER", "Environment"]

_RUN = "FITPRINT_RUN"
# in the place of FITPRINT_STORE, which a child may have inherited with the password
_DESTINATION = "FITPRINT_DESTINATION"


class Environment(Carrier):
    """``FITPRINT_RUN`` holds a run's id, and the home and the store stand beside it; or it holds
    the text of a whole token.
    """

    name = "environment"

    def received(self) -> RunToken | None:
        run, store = os.environ.get(_RUN, ""), os.environ.get(_DESTINATION, "")
        if run and not is_run_id(run):
            return RunToken.decode(run)
        return RunToken(run, store=store) if run or store else None

    def variables(self, run: Run) -> Mapping[str, str]:
        destination = run.workspace.destination
        variables = {_RUN: run.id, "FITPRINT_HOME": str(run.workspace.home)}
        if destination.public is not None:
            variables[_DESTINATION if destination.whole_uri else "FITPRINT_STORE"] = (
                destination.public
            )
        from fitprint.recording.workspace import given

        if "artifacts" in given():  # what a variable or a file says reaches the child by itself
            variables["FITPRINT_ARTIFACTS"] = str(run.workspace.shown_settings()["artifacts"])
        return variables


CARRIER = Environment()
