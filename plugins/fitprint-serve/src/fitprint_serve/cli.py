"""``fitprint serve``."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from fitprint.cli.command import whole_number
from fitprint.errors import FitprintError
from fitprint_serve.application import Application, Limits
from fitprint_serve.served import Served, load
from fitprint_serve.serving import address_of, bound, is_loopback, serve

__all__ = ["COMMAND", "Serving"]

_VARIABLE = "FITPRINT_SERVE_TOKEN"


class Serving:
    """MODEL is models:/NAME@ALIAS, runs:/RUN/model or a folder, fitprint's or MLflow's. The
    address is printed when requests are taken; Ctrl+C or SIGTERM ends, after what was begun.

    Examples:
      fitprint serve models:/churn@champion
      fitprint serve runs:/3f2a/model --port 0
      FITPRINT_SERVE_TOKEN=... fitprint serve models:/churn/3 --host 0.0.0.0
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL", help="URI or folder of a model")
        parser.add_argument(
            "--port",
            type=whole_number(0),
            default=5000,
            metavar="N",
            help="the port; 5000 by default, and 0 for a free one",
        )
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            metavar="HOST",
            help="the address to listen at; programs of this machine alone by default",
        )
        parser.add_argument(
            "--token",
            default=None,
            metavar="TEXT",
            help=f"what clients must show as Authorization: Bearer TEXT; better {_VARIABLE}, which "
            "others on this machine do not see",
        )
        parser.add_argument(
            "--insecure", action="store_true", help="let anybody ask from other machines"
        )
        parser.add_argument(
            "--trust",
            action="append",
            default=[],
            metavar="NAME",
            help="a name of code that the model may run; may be repeated",
        )
        parser.add_argument(
            "--timeout",
            type=whole_number(1),
            default=60,
            metavar="SECONDS",
            help="the longest that a request may take; 60 by default",
        )
        parser.add_argument(
            "--grace",
            type=whole_number(0),
            default=20,
            metavar="SECONDS",
            help="what requests have left when the end is asked for; 20 by default",
        )
        parser.add_argument(
            "--max-body",
            type=whole_number(1),
            default=16,
            metavar="MIB",
            help="the largest body, unpacked; 16 by default",
        )
        parser.add_argument(
            "--max-rows",
            type=whole_number(1),
            default=100_000,
            metavar="N",
            help="the most rows of a request; 100000 by default",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        token = arguments.token or os.environ.get(_VARIABLE) or None
        local = is_loopback(arguments.host)
        if not local and token is None and not arguments.insecure:
            raise FitprintError(
                f"whoever reaches {arguments.host} could ask the model: set {_VARIABLE} to a text "
                "that clients must show, or say --insecure"
            )
        with bound(arguments.host, arguments.port) as listening:
            served = Served(
                name_of(arguments.model),
                load(arguments.model, arguments.trust),
                most_rows=arguments.max_rows,
                most_waiting=256,
            )
            application = Application(
                [served],
                Limits(arguments.max_body << 20, float(arguments.timeout)),
                token=token,
                hosts=frozenset({"localhost", "127.0.0.1", "[::1]", arguments.host.lower()})
                if local and token is None
                else None,
            )
            address = address_of(listening, arguments.host)
            serve(application, listening, lambda: print(address, flush=True), arguments.grace)
        return 0


def name_of(uri: str) -> str:
    """Return the name under which a model is served: a registered model's own, or the last part of
    its path.
    """
    _, registered, rest = uri.partition("models:/")
    found = (
        re.split(r"[@/]", rest)[0]
        if registered
        else Path(uri.partition(":/")[2] or uri).resolve().name
    )
    return found or "model"


COMMAND = Serving()
