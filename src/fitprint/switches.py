"""Switching recording on and off, and setting how it is done: every setting is a keyword."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from fitprint.errors import SettingsError
from fitprint.platform.processes import collection_paused
from fitprint.recording import workspace

if TYPE_CHECKING:
    from fitprint.autologging.activation import Autolog

__all__ = ["autolog", "configure"]


class _Keep:
    """The default of a setting that is not given: it stays as it is."""

    def __repr__(self) -> str:
        return "..."


KEEP: Any = _Keep()

# Options of ``mlflow.autolog`` that mean the same as a setting.
_OF_MLFLOW = {
    "log_models": "models",
    "log_datasets": "datasets",
    "log_input_examples": "input_examples",
    "registered_model_name": "register",
}
_NOT_NEEDED = {
    "exclusive": "whatever is logged by hand joins the run that is current",
    "disable_for_unsupported_versions": (
        "a plugin says once which versions it is for, and records what works"
    ),
    "log_model_signatures": "every model has a signature",
    "extra_tags": "call fitprint.set_tags(...) inside the run",
}


def autolog(
    *,
    disable: bool = False,
    store: str | None = KEEP,
    artifacts: str | None = KEEP,
    home: str | os.PathLike[str] | None = KEEP,
    home_mode: Literal["private", "group"] | None = KEEP,
    experiment: str | None = KEEP,
    metric: Sequence[str] | None = KEEP,
    models: bool | None = KEEP,
    datasets: bool | None = KEEP,
    profile: Literal["off", "shape", "full"] | None = KEEP,
    profile_values: Sequence[str] | None = KEEP,
    training_metrics: bool | None = KEEP,
    training_metrics_work: float | None = KEEP,
    training_metrics_code: Sequence[str] | None = KEEP,
    register: str | None = KEEP,
    registry_wait: float | None = KEEP,
    model_limit_mb: float | None = KEEP,
    context: bool | None = KEEP,
    code_patch: bool | None = KEEP,
    configuration: bool | None = KEEP,
    trash_days: float | None = KEEP,
    system_metrics: bool | None = KEEP,
    console: bool | None = KEEP,
    input_examples: bool | None = KEEP,
    include_frameworks: Sequence[str] | None = KEEP,
    exclude_frameworks: Sequence[str] | None = KEEP,
    include_classes: Sequence[str] | None = KEEP,
    exclude_classes: Sequence[str] | None = KEEP,
    include_params: Sequence[str] | None = KEEP,
    exclude_params: Sequence[str] | None = KEEP,
    include_metrics: Sequence[str] | None = KEEP,
    exclude_metrics: Sequence[str] | None = KEEP,
    disable_plugins: Sequence[str] | None = KEEP,
    notice: bool | None = KEEP,
    strict: bool | None = KEEP,
    durability: Literal["process", "power"] | None = KEEP,
    exit_wait: float | None = KEEP,
    **plugins: Mapping[str, Any] | None,
) -> Autolog:
    """Record every training call of every framework that a plugin is installed for, from here on.

    Call it before or after frameworks, or functions of theirs, are imported. Calling it again is
    safe, and takes up what other tools have replaced since. In a ``with`` statement, everything is
    as before when the block is left.

    Args:
        disable: switch off instead, and restore every patched attribute.
        plugins: settings of a framework's own, by a dict under its name, such as
            ``sklearn={"max_candidates": 20}``.

    All other arguments are settings, as for :func:`fitprint.configure`; ``fitprint config`` says
    what each means. Of MLflow's options ``log_models``, ``log_datasets``, ``log_input_examples``,
    ``registered_model_name`` and ``silent`` are understood.

    Raises:
        SettingsError: an unknown setting or a value of the wrong type; nothing is changed.
    """
    given = _given(locals())
    with collection_paused():
        from fitprint.autologging.activation import autolog as switch

        return switch(disable=disable, **given)


def configure(
    *,
    store: str | None = KEEP,
    artifacts: str | None = KEEP,
    home: str | os.PathLike[str] | None = KEEP,
    home_mode: Literal["private", "group"] | None = KEEP,
    experiment: str | None = KEEP,
    metric: Sequence[str] | None = KEEP,
    models: bool | None = KEEP,
    datasets: bool | None = KEEP,
    profile: Literal["off", "shape", "full"] | None = KEEP,
    profile_values: Sequence[str] | None = KEEP,
    training_metrics: bool | None = KEEP,
    training_metrics_work: float | None = KEEP,
    training_metrics_code: Sequence[str] | None = KEEP,
    register: str | None = KEEP,
    registry_wait: float | None = KEEP,
    model_limit_mb: float | None = KEEP,
    context: bool | None = KEEP,
    code_patch: bool | None = KEEP,
    configuration: bool | None = KEEP,
    trash_days: float | None = KEEP,
    system_metrics: bool | None = KEEP,
    console: bool | None = KEEP,
    input_examples: bool | None = KEEP,
    include_frameworks: Sequence[str] | None = KEEP,
    exclude_frameworks: Sequence[str] | None = KEEP,
    include_classes: Sequence[str] | None = KEEP,
    exclude_classes: Sequence[str] | None = KEEP,
    include_params: Sequence[str] | None = KEEP,
    exclude_params: Sequence[str] | None = KEEP,
    include_metrics: Sequence[str] | None = KEEP,
    exclude_metrics: Sequence[str] | None = KEEP,
    disable_plugins: Sequence[str] | None = KEEP,
    notice: bool | None = KEEP,
    strict: bool | None = KEEP,
    durability: Literal["process", "power"] | None = KEEP,
    exit_wait: float | None = KEEP,
    **plugins: Mapping[str, Any] | None,
) -> None:
    """Set settings in code, over file and environment. Runs that are open go on where they began.

    ``fitprint config`` says what each setting means. None takes a setting back, or all of a
    plugin's.

    Args:
        plugins: settings of a framework's own, by a dict under its name.

    Raises:
        SettingsError: an unknown name or a value of the wrong type; nothing is changed.
    """
    workspace.configure(**_given(locals()))


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings among the arguments of a call, by name;
    MLflow's options under our names.
    """
    given = {
        name: value
        for name, value in arguments.items()
        if value is not KEEP and name not in ("disable", "plugins")
    }
    for name, value in arguments["plugins"].items():
        if name == "silent" and isinstance(value, bool):
            given["notice"] = not value
        elif name in _OF_MLFLOW:
            given[_OF_MLFLOW[name]] = value
        elif name in _NOT_NEEDED:
            raise SettingsError(f"there is no setting {name!r}: {_NOT_NEEDED[name]}")
        else:
            given[name] = value
    if given.get("register"):
        from fitprint.registered import why_no_name

        if wrong := why_no_name(given["register"]):
            raise SettingsError(f"register: {wrong}")
    return given
