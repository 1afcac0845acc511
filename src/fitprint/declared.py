"""What a setting is, and those that fitprint itself has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CORE_SETTINGS", "Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: lower case, with ``namespace.`` in front for a plugin's.
        type: bool, int, float, str, or list (of str).
        default: the value where nobody says anything; None means "not set".
        help: one sentence.
        choices: the only values allowed, if given.
        least: the smallest number allowed, if given.
        most: the largest one.
    """

    name: str
    type: type
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    least: float | None = None
    most: float | None = None


CORE_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "store",
        str,
        None,
        "URI of the backend store; by default the SQLite file `fitprint.db` in the home.",
    ),
    Setting(
        "artifacts",
        str,
        None,
        "URL of the artifact store, such as `file:///shared/bytes`; by default the home, or a "
        "folder beside the file of a chosen store.",
    ),
    Setting(
        "home",
        str,
        None,
        "Folder of journals, blobs and the default store; by default `.fitprint` in the project "
        "root.",
    ),
    Setting(
        "home_mode",
        str,
        None,
        "Who can read the home: its owner, or its group; by default as it was made, which is "
        "private.",
        ("private", "group"),
    ),
    Setting("experiment", str, "Default", "Name of the experiment that new runs belong to."),
    Setting(
        "metric",
        list,
        [],
        "Metric by which runs are judged; several names where the same thing has several, first "
        "come first.",
    ),
    Setting("models", bool, True, "Record fitted models."),
    Setting("datasets", bool, True, "Record facts and digests of training data."),
    Setting(
        "profile",
        str,
        "full",
        "Record profiles of training data and predictions: nothing, only types and counts, or "
        "quantiles and frequent values, too.",
        ("off", "shape", "full"),
    ),
    Setting(
        "profile_values",
        list,
        [],
        "Globs of names of columns whose texts profiles show; of others they hold digests.",
    ),
    Setting(
        "training_metrics", bool, True, "Compute metrics of a fitted model on its training data."
    ),
    Setting(
        "training_metrics_work",
        float,
        100.0,
        "Most work for training metrics, per fit, in millions of steps (about milliseconds).",
        least=0,
    ),
    Setting(
        "training_metrics_code",
        list,
        [],
        "Globs of names of your own classes and functions that training metrics may run once more.",
    ),
    Setting(
        "register",
        str,
        None,
        "Name of the registered model of which every recorded model becomes a version; nobody "
        "waits for it.",
    ),
    Setting(
        "registry_wait",
        float,
        10.0,
        "Most seconds that registering a model waits for others at the store.",
        least=0,
        most=86_400,
    ),
    Setting("model_limit_mb", float, 2048.0, "Largest model in MiB that is recorded.", least=0),
    Setting(
        "context",
        bool,
        True,
        "Record environment, code version, hardware and the state of random generators.",
    ),
    Setting(
        "code_patch",
        bool,
        True,
        "Record uncommitted changes and small untracked sources (size-capped, secrets removed).",
    ),
    Setting(
        "configuration",
        bool,
        True,
        "Record flags and configurations of the program (argparse, Hydra, OmegaConf, click) as "
        "parameters.",
    ),
    Setting(
        "trash_days",
        float,
        None,
        "Days after which `fitprint gc` purges runs in the trash; by default it keeps them.",
        least=0,
    ),
    Setting(
        "system_metrics",
        bool,
        True,
        "Record curves of what the process and the machine use, on runs of more than ten seconds.",
    ),
    Setting(
        "console",
        bool,
        False,
        "Record what the program prints while a run is open (size-capped, secrets removed).",
    ),
    Setting(
        "input_examples", bool, False, "Store the first rows of training data beside the model."
    ),
    Setting("include_frameworks", list, ["*"], "Globs of framework names to record."),
    Setting("exclude_frameworks", list, [], "Globs of framework names to leave alone."),
    Setting(
        "include_classes", list, ["*"], "Globs of `module.Class` (or function) names to record."
    ),
    Setting(
        "exclude_classes", list, [], "Globs of `module.Class` (or function) names to leave alone."
    ),
    Setting("include_params", list, ["*"], "Globs of parameter names to record."),
    Setting("exclude_params", list, [], "Globs of parameter names to leave out."),
    Setting("include_metrics", list, ["*"], "Globs of metric names to record."),
    Setting("exclude_metrics", list, [], "Globs of metric names to leave out."),
    Setting("disable_plugins", list, [], "Globs of plugin names that are not loaded."),
    Setting(
        "notice", bool, True, "Say once per process, on standard error, where runs are recorded."
    ),
    Setting(
        "strict",
        bool,
        False,
        "Raise fitprint's own failures instead of reporting them (for tests of plugins).",
    ),
    Setting(
        "durability",
        str,
        "process",
        "What a record survives as soon as it is made: any end of the process, or also a power cut "
        "(an `fdatasync` for each record).",
        ("process", "power"),
    ),
    Setting(
        "exit_wait",
        float,
        5.0,
        "Most seconds that the end of the program waits for work in the background.",
        least=0,
        most=86_400,
    ),
)
