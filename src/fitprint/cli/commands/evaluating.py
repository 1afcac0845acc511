"""``fitprint evaluate``."""

from __future__ import annotations

import argparse
import os

from fitprint.cli import reading
from fitprint.cli.command import add_trust
from fitprint.cli.terminal import Terminal, tell
from fitprint.views.fields import dumped

__all__ = ["COMMAND", "Evaluating"]


class Evaluating:
    """MODEL is a run that has a model, RUN/path or runs:/RUN/path for one of several models, or a
    folder with an MLmodel file. DATA is a CSV, TSV or Parquet file with a column of true values;
    columns that the model does not know are left out. Without --metrics, the usual metrics for a
    classification or a regression are computed, with the values of scikit-learn's functions of the
    same names. Precision, recall and F1 are averaged over the classes, weighted by frequency;
    `f1_score_macro` and `f1_score_micro` are the other averages.

    The run gets metrics such as `test_accuracy_score`, the data's digest, and the artifact
    `evaluations/test.json`; --name replaces `test` in these names. The same values for the same
    data are not recorded twice. A model in a folder has no run, so nothing is recorded.

    Examples:
      fitprint evaluate @best:val_loss holdout.csv --target label
      fitprint evaluate 9b6559 july.parquet --target price --name july --by region
      fitprint evaluate @last holdout.csv --target label --metrics f1_score_macro,balanced_accuracy_score --json

    --json prints an object: schema (1), name, run (an id or null), run_name, model, task, target,
    rows, metrics, by, slices, digest, target_digest, model_digest, time, notes. Each slice has value, others,
    rows and metrics. NaN and infinities are the texts "NaN", "Infinity" and "-Infinity".
    """  # noqa: E501

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "model",
            metavar="MODEL",
            help="a run, RUN/path, runs:/RUN/path, or a folder with an MLmodel file",
        )
        parser.add_argument(
            "data", metavar="DATA", help="a file that ends in .csv, .tsv, .parquet or .pq"
        )
        parser.add_argument(
            "--target", metavar="COLUMN", required=True, help="the column with the true values"
        )
        parser.add_argument(
            "--metrics",
            metavar="A,B",
            type=_names,
            help="names of metrics, separated by commas",
        )
        parser.add_argument(
            "--by",
            metavar="COLUMN",
            help="also compute them for the rows of each value of this column",
        )
        parser.add_argument(
            "--name", metavar="NAME", default="test", help="a short name for the data (test)"
        )
        add_trust(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        from fitprint.cli.datafiles import read_data
        from fitprint.evaluating import evaluate  # help needs none of it
        from fitprint.views.evaluation import rendered

        # Path.is_dir raises for a name that is too long
        if not os.path.isdir(arguments.model):  # noqa: PTH112
            reading.store()
        data = read_data(arguments.data)
        found = evaluate(
            arguments.model,
            data,
            arguments.target,
            arguments.metrics,
            name=arguments.name,
            by=arguments.by,
            trust=arguments.trust,
        )
        if arguments.json:
            print(dumped(found.to_dict()))
        else:
            print(rendered(found, Terminal().width))
        if found.run is None:
            tell("nothing is recorded: the model has no run")
        else:
            reading.store()  # delivers what was written
        return 0


COMMAND = Evaluating()


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"must be names with commas between them, not {text!r}")
    return names
