"""Every fit leaves a print: one line records every training run, and nothing about the training
changes.

>>> import fitprint
>>> fitprint.autolog()

Importing this package loads next to nothing; each public name is fetched at its first use.
"""

from __future__ import annotations

# type checkers know the name; editors, which look at values, look below all the same
TYPE_CHECKING = bool()  # noqa: UP018

__version__ = "0.1.0"

if TYPE_CHECKING:
    from typing import Any

    from fitprint.api import (
        active_run,
        delete_run,
        end_run,
        follow_changes,
        get_run,
        load_model,
        load_predictor,
        log_artifact,
        log_artifacts,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_metric,
        log_metrics,
        log_model,
        log_param,
        log_params,
        log_table,
        log_text,
        loop,
        off,
        purge_run,
        restore_run,
        search_runs,
        set_tag,
        set_tags,
        start_run,
    )
    from fitprint.checking import check
    from fitprint.comparing import compare, diff
    from fitprint.copying import copy_runs, import_from
    from fitprint.errors import FitprintError
    from fitprint.evaluating import evaluate
    from fitprint.plotting import plot
    from fitprint.recording.collecting import collect_garbage
    from fitprint.recording.experiments import (
        archive_experiment,
        create_experiment,
        experiments,
        get_experiment,
        rename_experiment,
        restore_experiment,
        set_experiment,
        set_experiment_note,
        set_experiment_tags,
    )
    from fitprint.recording.kept_data import add_data, get_data
    from fitprint.recording.registering import (
        create_registered_model,
        get_registered_model,
        register_model,
        registered_models,
        search_model_versions,
    )
    from fitprint.recording.run import Run
    from fitprint.recording.sql import sql
    from fitprint.recording.versions import get_model_version
    from fitprint.switches import autolog, configure

__all__ = [
    "FitprintError",
    "Run",
    "active_run",
    "add_data",
    "archive_experiment",
    "autolog",
    "check",
    "collect_garbage",
    "compare",
    "configure",
    "copy_runs",
    "create_experiment",
    "create_registered_model",
    "delete_run",
    "diff",
    "end_run",
    "evaluate",
    "experiments",
    "follow_changes",
    "get_data",
    "get_experiment",
    "get_model_version",
    "get_registered_model",
    "get_run",
    "import_from",
    "load_model",
    "load_predictor",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "loop",
    "off",
    "plot",
    "purge_run",
    "register_model",
    "registered_models",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "search_model_versions",
    "search_runs",
    "set_experiment",
    "set_experiment_note",
    "set_experiment_tags",
    "set_tag",
    "set_tags",
    "sql",
    "start_run",
]

_ELSEWHERE = {
    "FitprintError": "fitprint.errors",
    "add_data": "fitprint.recording.kept_data",
    "check": "fitprint.checking",
    "get_data": "fitprint.recording.kept_data",
    "collect_garbage": "fitprint.recording.collecting",
    "compare": "fitprint.comparing",
    "copy_runs": "fitprint.copying",
    "import_from": "fitprint.copying",
    "plot": "fitprint.plotting",
    "diff": "fitprint.comparing",
    "evaluate": "fitprint.evaluating",
    "Run": "fitprint.recording.run",
    "autolog": "fitprint.switches",
    "configure": "fitprint.switches",
    "sql": "fitprint.recording.sql",
    **dict.fromkeys(
        [name for name in __all__ if "experiment" in name], "fitprint.recording.experiments"
    ),
    **dict.fromkeys(
        [name for name in __all__ if "regist" in name or "model_versions" in name],
        "fitprint.recording.registering",
    ),
    "get_model_version": "fitprint.recording.versions",
}


if not TYPE_CHECKING:  # which would take every name for one that there is

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module 'fitprint' has no attribute {name!r}")
        from importlib import import_module

        from fitprint.platform.processes import collection_paused

        with collection_paused():
            module = import_module(_ELSEWHERE.get(name, "fitprint.api"))
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
