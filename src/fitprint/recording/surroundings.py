"""What surrounds a run in the process that does its work, from its begin to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fitprint import clock, events
from fitprint.context.seeds import describe_seeds
from fitprint.recording import console, monitor
from fitprint.recording.configuration import configured
from fitprint.recording.environment import attach_environment
from fitprint.settings import wanted

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["Surroundings"]


class Surroundings:
    """Of one run: what was told of them so far, and what is looked at while it goes on."""

    def __init__(self) -> None:
        # where the random generators stood when a training of the run began
        self._seeded: dict[str, Any] = {}
        self._configuration: dict[str, Any] = {}  # what the program was configured with then

    def news(self, run: Run) -> list[events.Event]:
        """Return the events that tell where the random generators stand, and what the program is
        configured with; of both what is new.
        """
        settings = run.workspace.settings
        seeds = describe_seeds() if settings["context"] else {}
        configuration = configured() if settings["configuration"] else {}
        told: list[events.Event] = []
        if seeds != self._seeded:
            told.append(events.DocumentLogged(run.id, clock.now(), "seeds", seeds))
        if configuration != self._configuration:
            include, exclude = settings["include_params"], settings["exclude_params"]
            named = {f"config.{key}": value for key, value in configuration.items()}
            params = {
                key: run._param(key, value, "config")  # noqa: SLF001 - a part of it
                for key, value in named.items()
                if wanted(key, include, exclude)
            }
            told += [events.ParamsLogged(run.id, clock.now(), params)] if params else []
        self._seeded, self._configuration = seeds, configuration
        return told

    def watch(self, run: Run) -> None:
        """Record the environment, what the run uses, and what it prints."""
        attach_environment(run.workspace, run.id)
        if run.workspace.settings["system_metrics"]:
            monitor.watch(run)
        if run.workspace.settings["console"]:
            console.watch(run)

    def unwatch(self, run: Run) -> None:
        """Look no more."""
        monitor.unwatch(run)
        console.unwatch(run)
