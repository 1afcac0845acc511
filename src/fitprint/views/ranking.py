"""What tells most about runs: of each run its own metric, and of many runs the parameters that tell
them apart.

A metric of data held out counts more than one of the training data, whoever named it. What is known
of the names:

- ``val_loss``, ``valid_0-auc``, ``test_score``, ``eval-rmse``, ``mean_test_score`` say it
  themselves;
- so does ``loss`` where there is a ``val_loss`` beside it, and ``training_score``;
- ``score``, and the names of scikit-learn's functions (``accuracy_score``, ``mean_squared_error``),
  are of data that the user chose: on the training data they would be called ``training_...``.

A parameter tells as much as it is uncertain for runs of one family (estimator or function): its
conditional entropy in bits (C. E. Shannon, A Mathematical Theory of Communication, 1948, section
6).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fitprint.entities import Experiment, RunRecord

__all__ = [
    "Goals",
    "family",
    "is_held_out",
    "model_of",
    "natural",
    "own_metric",
    "ranked_metrics",
    "ranked_params",
]

_HELD_OUT, _UNKNOWN, _TRAINING, _ASIDE = range(4)

_HELD_OUT_NAMES = re.compile(
    r"(val|valid|validation|test|eval|holdout|heldout|held_out|dev|oob|best|mean_test|mean_val|cv)(?![a-z])|score$"
)
# of sklearn.metrics, with their options
_OF_FUNCTIONS = re.compile(r"[a-z0-9_]{1,80}(_score|_error|_deviance|_loss)(_[a-z0-9_]{1,80})?$")
_TRAINING_NAMES = re.compile(r"(train|training|learn)(?![a-z])")
_LAST_WORD = re.compile(r"[^_/. -]*$")
_ASIDE_WORDS = frozenset(
    "time second seconds duration lr rate epoch epochs step steps iter iteration iterations".split()
)
_OF_ROUNDS = ("best", "mean", "std", "cv", "val", "valid", "test", "eval")
# metrics of what the process and the machine used, which say nothing about a model
_OF_MACHINE = "system/"
# the last is one point of a curve that says what it is
_SAYING_LESS = (_OF_MACHINE, "std_", "rank_", "best_score")
_NUMBERS = re.compile(r"(\D*)(\d*)")
_MOST_NAME = 200  # characters of a name that are looked at
_REMEMBERED = 1 << 15  # names
# Parameters of how a training ran and what it printed, which change nothing about the model.
_OF_MANNER = frozenset(
    (
        "verbose verbosity verbose_eval logging_level silent log_level metric_period n_jobs "
        "nthread num_threads num_thread thread_count workers use_multiprocessing "
        "max_queue_size pre_dispatch copy copy_X copy_x copy_X_train cache_size memory"
    ).split()
)
_OWN_NAME = re.compile(r"(?:.*(?:__|[./]))?(.*)", re.DOTALL)
_LONG = 24  # characters of a value that is no help in a table


@dataclass(frozen=True, slots=True)
class Goals:
    """The metrics by which somebody wants runs to be judged, such as the setting ``metric`` says.

    Attributes:
        names: of one thing under several names, the one to look for first.
        of_experiments: the same for the runs of single experiments, by the experiments' names.
    """

    names: tuple[str, ...] = ()
    of_experiments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def told(cls, setting: Sequence[str], experiments: Sequence[Experiment]) -> Goals:
        """Return what the setting says, and the tag ``metric`` of each experiment that has one
        (names with commas between).
        """
        tags = {
            each.name: tuple(filter(None, map(str.strip, each.tags.get("metric", "").split(","))))
            for each in experiments
        }
        return cls(tuple(setting), {name: names for name, names in tags.items() if names})

    def of(self, run: RunRecord) -> tuple[str, ...]:
        """Return the names that count for a run."""
        return self.of_experiments.get(run.experiment, self.names)

    def metric_of(self, run: RunRecord) -> str | None:
        """Return the metric of the run that is its goal; None if it has none of them."""
        return next((name for name in self.of(run) if name in run.metrics), None)


def family(run: RunRecord) -> str:
    """Return what the run has in common with others of its kind: the name of an estimator or
    function, "" for the user's own runs.
    """
    return "" if run.kind == "user" else run.name


def model_of(run: RunRecord) -> str:
    """Return the class of the run's model without its module, or the name of what trained; "" if
    neither is known.
    """
    told = run.models[0].facts.get("class") if run.models else None
    return told.rpartition(".")[2] if isinstance(told, str) and told else family(run)


@lru_cache(_REMEMBERED)
def is_held_out(key: str) -> bool:
    """Tell whether a metric was measured on other data than the training data, as far as its name
    says.
    """
    small = key[:_MOST_NAME].lower()
    return _TRAINING_NAMES.match(small) is None and (
        _HELD_OUT_NAMES.match(small) is not None or _OF_FUNCTIONS.match(small) is not None
    )


@lru_cache(_REMEMBERED)
def _group_by_name(key: str) -> int:
    small = key[:_MOST_NAME].lower()
    last = _LAST_WORD.search(small)
    if small.startswith(_SAYING_LESS) or (last is not None and last[0] in _ASIDE_WORDS):
        return _ASIDE
    if _TRAINING_NAMES.match(small):
        return _TRAINING
    return _HELD_OUT if is_held_out(key) else _UNKNOWN


def _group(key: str, run: RunRecord) -> int:
    """Return how much a metric says about its run, least first."""
    group = _group_by_name(key)
    return _TRAINING if group == _UNKNOWN and f"val_{key}" in run.metrics else group


@lru_cache(_REMEMBERED)
def _manner(key: str) -> int:
    """Put the verdict after a training first, then what folds and curves came to, and of these what
    is no loss before losses.
    """
    small = key[:_MOST_NAME].lower()
    if small in ("score", "accuracy") or (
        _OF_FUNCTIONS.match(small) and not small.startswith(_OF_ROUNDS)
    ):
        return 0
    return 1 if "loss" not in small else 2


def own_metric(run: RunRecord, goals: Goals | None = None) -> str | None:
    """Return the metric by which one would judge the run; None where it has none."""
    goal = None if goals is None else goals.metric_of(run)
    if goal is not None:
        return goal
    places: dict[tuple[int, int], list[str]] = defaultdict(list)
    for key in run.metrics:
        if not key.startswith(_OF_MACHINE):
            places[_group(key, run), _manner(key)].append(key)
    ranked = (key for place in sorted(places) for key in sorted(places[place], key=natural))
    first = next(ranked, None)
    if first is None or not math.isnan(run.metrics[first].last):
        return first
    # a number says more than none
    return next((key for key in ranked if not math.isnan(run.metrics[key].last)), first)


def ranked_metrics(runs: Sequence[RunRecord]) -> list[str]:
    """Return the metrics that differ between the runs, those that say most first; of one run,
    all.
    """
    groups: dict[str, int] = {}
    counts: Counter[str] = Counter()
    values: dict[str, set[float]] = defaultdict(set)
    for run in runs:
        for key, summary in run.metrics.items():
            group = _group(key, run)
            groups[key] = min(group, groups.get(key, group))
            counts[key] += 1
            values[key].add(summary.last)
    telling = [
        key for key in counts if len(values[key]) > 1 or counts[key] < len(runs) or len(runs) == 1
    ]
    # What most runs have comes first, and of that what was measured on data held out.
    shown = [key for key in telling if not key.startswith(_OF_MACHINE)]
    return sorted(
        shown,
        key=lambda key: (
            groups[key] == _ASIDE,
            2 * counts[key] < len(runs),
            groups[key],
            -counts[key],
            _manner(key),
            natural(key),
        ),
    )


def ranked_params(runs: Sequence[RunRecord]) -> list[str]:
    """Return the parameters that tell the runs apart, those that tell most first; of one run, those
    that somebody set.

    Values that somebody set come before what frameworks chose, and one value that only some of the
    runs have comes last of them. Behind all others are those that say how much a training printed,
    or on how many cores it ran.
    """
    values: dict[str, dict[int, str]] = defaultdict(dict)
    set_in: Counter[str] = Counter()
    for place, run in enumerate(runs):
        for key, param in run.params.items():
            values[key][place] = repr(param.value)
            set_in[key] += param.provenance in ("set", "config")
    if len(runs) == 1:
        return sorted(
            +set_in, key=lambda key: (_is_of_manner(key), key.startswith("config."), natural(key))
        )
    families = [family(run) for run in runs]
    differing = {
        key: found
        for key, found in values.items()
        if len(found) < len(runs) or len(set(found.values())) > 1
    }
    bits = {
        key: _bits(found, families)
        for key, found in differing.items()
        if set_in[key] or len(set(found.values())) > 1
    }
    # What one kind of model has by default and another lacks tells nothing.
    telling = [key for key, told in bits.items() if told > 0 or set_in[key]]
    long = {key: max(map(len, values[key].values())) > _LONG for key in telling}
    return sorted(
        telling,
        key=lambda key: (
            _is_of_manner(key),
            not set_in[key],
            long[key],
            -round(bits[key], 6),
            -set_in[key],
            natural(key),
        ),
    )


def _is_of_manner(key: str) -> bool:
    """Tell whether a parameter, perhaps one of a part (``fit__verbose``), says nothing about the
    model.
    """
    own = _OWN_NAME.match(key[-_MOST_NAME:])
    return own is not None and own[1] in _OF_MANNER


def _bits(found: Mapping[int, str], families: Sequence[str]) -> float:
    """Return the conditional entropy of a parameter, given the family; runs without it are as if
    they had one more value.
    """
    counts: Counter[tuple[str, str]] = Counter(
        (name, found.get(place, "")) for place, name in enumerate(families)
    )
    sizes = Counter(families)
    return sum(
        -count / len(families) * math.log2(count / sizes[name])
        for (name, _), count in counts.items()
    )


def natural(key: str) -> list[tuple[int, str]]:
    """Order ``fold2`` before ``fold10``."""
    return [(int(digits or 0), letters) for letters, digits in _NUMBERS.findall(key[:_MOST_NAME])]
