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
        "folder next to the file of a chosen store.",
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
        "Who can read the home: only its owner, or its group, too; by default this stays as it is, "
        "and a new home is private.",
        ("private", "group"),
    ),
    Setting("experiment", str, "Default", "Name of the experiment that new runs belong to."),
    Setting(
        "metric",
        list,
        [],
        "Metric by which runs are judged; give several names if it is called differently in "
        "different runs, and the first that a run has counts.",
    ),
    Setting("models", bool, True, "Record fitted models."),
    Setting("datasets", bool, True, "Record facts and digests of training data."),
    Setting(
        "profile",
        str,
        "full",
        "Record profiles of training data and predictions: none, types and counts only, or also "
        "quantiles and frequent values.",
        ("off", "shape", "full"),
    ),
    Setting(
        "profile_values",
        list,
        [],
        "Globs of names of columns whose text values profiles show; of other columns they hold "
        "digests.",
    ),
    Setting(
        "training_metrics", bool, True, "Compute metrics of a fitted model on its training data."
    ),
    Setting(
        "training_metrics_work",
        float,
        100.0,
        "Limit of the work for training metrics, per fit, in millions of steps (about "
        "milliseconds).",
        least=0,
    ),
    Setting(
        "training_metrics_code",
        list,
        [],
        "Globs of names of your own classes and functions that may run again for training metrics.",
    ),
    Setting(
        "register",
        str,
        None,
        "Name of a registered model: every recorded model becomes a version of it, in the "
        "background.",
    ),
    Setting(
        "registry_wait",
        float,
        10.0,
        "Seconds that registering a model waits at most for the store.",
        least=0,
        most=86_400,
    ),
    Setting(
        "model_limit_mb",
        float,
        2048.0,
        "Size in MiB of the largest model that is recorded.",
        least=0,
    ),
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
        "Record uncommitted changes and small untracked source files (limited in size, secrets "
        "removed).",
    ),
    Setting(
        "configuration",
        bool,
        True,
        "Record flags and configuration of the program (argparse, Hydra, OmegaConf, click) as "
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
        "Record curves of the resources that the process and the machine use, on runs of more than "
        "ten seconds.",
    ),
    Setting(
        "console",
        bool,
        False,
        "Record what the program prints while a run is open (limited in size, secrets removed).",
    ),
    Setting("input_examples", bool, False, "Store the first rows of training data with the model."),
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
        "What a record survives as soon as it is made: any end of the process, or also a power "
        "failure (with an `fdatasync` for each record).",
        ("process", "power"),
    ),
    Setting(
        "exit_wait",
        float,
        5.0,
        "Seconds that the end of the program waits at most for work in the background.",
        least=0,
        most=86_400,
    ),
)
