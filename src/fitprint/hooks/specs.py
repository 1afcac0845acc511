"""The hooks, in four shapes of name that tell the calling rule.

- ``register_*`` is called once; the lists are joined, a duplicate key is an error that names both
  plugins.
- ``collect_*`` returns a mapping; the mappings are merged.
- ``on_*`` notifies; what it returns is ignored.
- ``decide_*`` asks whether something may be done; a text is a no, and its reason. A plugin that
  fails says no.

An implementation may take fewer arguments than the specification. A plugin that fails is reported
once through ``on_problem`` and passed over; with the setting ``strict`` its error is raised
instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fitprint.hooks.markers import hookspec

if TYPE_CHECKING:
    from fitprint.copying.origin import Importer
    from fitprint.hooks.executors import Executor
    from fitprint.hooks.metrics import Metric
    from fitprint.hooks.openers import Opener
    from fitprint.hooks.runners import Runner
    from fitprint.hooks.targets import Target
    from fitprint.hooks.watchers import Watcher
    from fitprint.settings import Setting

__all__ = [
    "collect_run_context",
    "decide_transition",
    "on_problem",
    "on_run_ended",
    "register_artifact_stores",
    "register_carriers",
    "register_commands",
    "register_deploy_targets",
    "register_executors",
    "register_flavors",
    "register_frameworks",
    "register_importers",
    "register_metrics",
    "register_project_runners",
    "register_settings",
    "register_stores",
    "register_watchers",
]


@hookspec
def register_frameworks() -> Sequence[Any]:
    """Return the frameworks to observe, each derived from
    ``fitprint.autologging.framework.Framework``. Key: its ``name``.

    Called at the first ``autolog()``. The framework itself must not be imported here.
    """
    raise NotImplementedError


@hookspec
def register_flavors() -> Sequence[Any]:
    """Return the model flavors, each derived from ``fitprint.models.flavor.Flavor``.

    Key: its ``name``.

    Called when the first model is saved or loaded.
    """
    raise NotImplementedError


@hookspec
def register_stores() -> Mapping[str, Opener]:
    """Return backend stores as ``{scheme: Opener(open)}``; ``open(uri)`` returns a
    ``fitprint.stores.protocol.Store``.

    What no other program can look at says ``Opener(open, delivery="on-read")``, what keeps
    something in the home ``Opener(open, at_home=True)`` (see ``fitprint.hooks.openers``). Called
    when a store is chosen, or opened.
    """
    raise NotImplementedError


@hookspec
def register_artifact_stores() -> Mapping[str, Opener]:
    """Return artifact stores as ``{scheme: Opener(open)}``; ``open(url)`` returns a
    ``fitprint.artifacts.protocol.ArtifactStore``.

    The scheme ``name+`` stands for all that begin so, such as ``name+this``. One at hand, such as a
    folder, says ``Opener(open, delivery="on-read")``. Called when one is chosen, when bytes are
    brought there, or read. ``open`` gets the whole URL, with a password if it has one.
    """
    raise NotImplementedError


@hookspec
def register_carriers() -> Sequence[Any]:
    """Return carriers, which take the current run along to other workers, each a
    ``fitprint.carriers.Carrier``. Key: its ``name``.

    Called when the process records or observes for the first time. The library that starts the
    workers must not be imported here.
    """
    raise NotImplementedError


@hookspec
def register_executors() -> Mapping[str, Executor]:
    """Return engines that run the steps of a flow as ``{name: Executor(open)}``, for
    ``fitprint flow run --executor NAME`` or ``NAME://ADDRESS``;
    ``open(address, jobs)`` returns an object with ``submit(function, *args)``.

    Called when a flow is run. The engine's library is imported by ``open``, not here.
    """
    raise NotImplementedError


@hookspec
def register_importers() -> Mapping[str, Importer]:
    """Return importers as ``{name: Importer(open)}``, for ``fitprint import --from NAME URI``;
    ``open(uri)`` returns an ``Origin``.

    An ``Origin`` (``fitprint.copying.origin``) hands over another program's runs, experiments and
    registered models, one at a time; what keeps them exactly once, with their bytes, is fitprint's.
    Called when something is imported.
    """
    raise NotImplementedError


@hookspec
def register_metrics() -> Mapping[str, Metric]:
    """Return metrics as ``{name: Metric(compute)}``, for :func:`fitprint.evaluate`;
    ``compute(outcome)`` returns a number.

    ``outcome`` is a :class:`fitprint.hooks.metrics.Outcome`: what is true, what was predicted, and
    probabilities where the model gives them. Called when a model is evaluated. The framework itself
    must not be imported here.
    """
    raise NotImplementedError


@hookspec
def register_project_runners() -> Sequence[Runner]:
    """Return places where projects run, each derived from ``fitprint.hooks.runners.Runner``, for
    ``fitprint run --runner NAME``. Key: its ``name``.

    Called when a project is run. What the runner needs is looked for when it prepares a job.
    """
    raise NotImplementedError


@hookspec
def register_deploy_targets() -> Sequence[Target]:
    """Return places where models serve, each derived from ``fitprint.hooks.targets.Target``, for
    ``fitprint deploy VERB NAME MODEL``. Key: its ``name``.

    Called when something is deployed. What the target needs is looked for when it is applied.
    """
    raise NotImplementedError


@hookspec
def register_watchers() -> Mapping[str, Watcher]:
    """Return what looks at models in operation as ``{name: Watcher(open)}``; ``open(uri)`` returns
    an object with ``observe(inputs, predictions)`` and ``close()``.

    Called when ``fitprint serve`` begins. A watcher that fails is told once, and the server goes
    on.
    """
    raise NotImplementedError


@hookspec
def register_settings() -> Sequence[Setting]:
    """Return the plugin's settings; their names begin with the plugin's own namespace and a dot.

    Key: the name.

    Called when settings are read first.
    """
    raise NotImplementedError


@hookspec
def register_commands() -> Sequence[Any]:
    """Return commands for the command line, each a ``fitprint.cli.command.Command``.

    Key: its ``name``.

    Called when the command line starts, also for the commands of others: one that imports much is
    best a ``fitprint.cli.catalogue.LazyCommand``, which names where it is.
    """
    raise NotImplementedError


@hookspec
def collect_run_context(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return JSON facts on the process that all its runs share, by section, such as
    ``{"git": {...}}``.

    Called in a background thread, once per process and again for runs that start later than a
    minute after.
    """
    raise NotImplementedError


@hookspec
def decide_transition(name: str, version: int, alias: str) -> str | None:
    """Return why ``alias`` of the registered model ``name`` must not lead to ``version``, or None
    if it may.

    Called in the process that asks for it, before the store's own rules are. Where everybody writes
    to the database directly it is advice.
    """
    raise NotImplementedError


@hookspec
def on_run_ended(run: str, status: str, home: str) -> None:
    """A run of this process ended with "FINISHED", "FAILED" or "KILLED".

    Called on the thread that ended it; be brief.
    """
    raise NotImplementedError


@hookspec
def on_problem(problem: str, source: str) -> None:
    """Something of fitprint's own failed, and the program goes on.

    ``source`` names the part or plugin. Told once each.
    """
    raise NotImplementedError
