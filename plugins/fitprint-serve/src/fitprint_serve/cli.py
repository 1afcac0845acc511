"""``fitprint serve``."""

from __future__ import annotations

import argparse
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fitprint.cli.command import add_trust, whole_number
from fitprint.errors import FitprintError

if TYPE_CHECKING:
    from fitprint_serve.workers import Board

__all__ = ["COMMAND", "Serving"]

_VARIABLE = "FITPRINT_SERVE_TOKEN"
_CONTRACTS = ("mlflow", "oip", "kserve", "sagemaker")


class Serving:
    """MODEL is models:/NAME@ALIAS, models:/NAME/3, runs:/RUN/model (runs:/@last/model, too), or a
    folder, fitprint's or MLflow's; NAME=MODEL serves it under another name. An alias is followed:
    what it names next takes the place without a failed request. The address is printed when
    requests are taken; Ctrl+C or SIGTERM ends, after what was begun.

    `fitprint serve check URL` asks a server, this one or another, whether it keeps a contract.

    Examples:
      fitprint serve models:/churn@champion
      fitprint serve models:/churn@champion offers=runs:/3f2a/model --workers 4
      FITPRINT_SERVE_TOKEN=... fitprint serve models:/churn/3 --host 0.0.0.0
      fitprint serve check http://127.0.0.1:5000 --contract mlflow
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "model", nargs="+", metavar="MODEL", help="URI or folder of a model; or `check URL`"
        )
        _add(parser, "port", None, 0, "the port; 5000 by default, and 0 for a free one")
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
        add_trust(parser)
        _add(parser, "workers", 1, 1, "processes that answer; 1 by default")
        _add(parser, "timeout", 60, 1, "the seconds that a request may take; 60 by default")
        _add(parser, "grace", 20, 0, "the seconds that requests have at the end; 20 by default")
        _add(parser, "follow", 10, 1, "the seconds between looks where aliases lead; 10 by default")
        _add(parser, "queue", 256, 1, "the requests that may wait for a model; 256 by default")
        _add(parser, "max-body", 16, 1, "the MiB of the largest body, unpacked; 16 by default")
        _add(parser, "max-rows", 100_000, 1, "the most rows of a request; 100000 by default")
        parser.add_argument(
            "--no-batching",
            action="store_true",
            help="ask the model for each request alone, also if several wait",
        )
        parser.add_argument(
            "--log-requests", action="store_true", help="write a line for each answer to the log"
        )
        parser.add_argument(
            "--no-watching",
            action="store_true",
            help="let no plugin, such as fitprint-monitor, look at what models are given",
        )
        parser.add_argument(
            "--contract",
            default="mlflow",
            choices=_CONTRACTS,
            help="of check: what the server is to keep; mlflow by default",
        )
        parser.add_argument(
            "--data",
            default=None,
            metavar="FILE",
            help="of check: a body that the model takes, such as a line of its clients",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.model[0] == "check":
            return _check(arguments)
        return _serve(arguments)


def name_of(uri: str) -> str:
    """Return the name under which a model is served: a registered model's own, or the last part of
    its path.
    """
    _, registered, rest = uri.partition("models:/")
    found = (
        re.split(r"[@/]", rest.lstrip("/"))[0]
        if registered
        else Path(uri.partition(":/")[2] or uri).resolve().name
    )
    return found or "model"


COMMAND = Serving()


def _add(
    parser: argparse.ArgumentParser, name: str, default: int | None, least: int, told: str
) -> None:
    parser.add_argument(
        f"--{name}", type=whole_number(least), default=default, metavar="N", help=told
    )


def _token(arguments: argparse.Namespace) -> str | None:
    return arguments.token or os.environ.get(_VARIABLE) or None


def _named(models: list[str]) -> dict[str, str]:
    """Return the URIs of models by their names."""
    found: dict[str, str] = {}
    for text in models:
        given = re.fullmatch(r"([\w.-]+)=(.+)", text, re.ASCII)
        name, uri = (given[1], given[2]) if given else (name_of(text), text)
        if name in found:
            raise FitprintError(
                f"two models would be served as {name!r}; give one another name: NAME={uri}"
            )
        found[name] = uri
    return found


def _check(arguments: argparse.Namespace) -> int:
    from fitprint_serve.checking import check

    if len(arguments.model) != 2:
        raise FitprintError("`fitprint serve check` takes one URL")
    status = 0
    url, token = arguments.model[1], _token(arguments)
    for told, fault in check(url, arguments.contract, arguments.data, token):
        print(f"ok      {told}" if fault is None else f"failed  {told}: {fault}")
        status = status if fault is None else 1
    return status


def _serve(arguments: argparse.Namespace) -> int:
    from fitprint_serve.serving import address_of, bound, is_loopback
    from fitprint_serve.workers import Board, limit_threads, run_workers

    if not is_loopback(arguments.host) and _token(arguments) is None and not arguments.insecure:
        raise FitprintError(
            f"whoever reaches {arguments.host} could ask the model: set {_VARIABLE} to a text that "
            "clients must show, or say --insecure"
        )
    models = _named(arguments.model)
    port = arguments.port
    if port is None:
        given = os.environ.get("AIP_HTTP_PORT", "")  # Vertex AI's
        port = int(given) if given.isdecimal() else 5000
    with bound(arguments.host, port) as listening:
        address = address_of(listening, arguments.host)

        def ready() -> None:
            print(address, flush=True)

        count = arguments.workers
        if count == 1:
            return _work(arguments, models, models, listening, ready)
        limit_threads(count)
        from fitprint_serve.following import pinned

        first = {name: pinned(uri) for name, uri in models.items()}
        board = Board(count)
        return run_workers(
            count,
            lambda number, begun: _work(arguments, models, first, listening, begun, board, number),
            ready,
            arguments.grace,
        )


def _work(
    arguments: argparse.Namespace,
    models: dict[str, str],
    first: dict[str, str],
    listening: socket.socket,
    ready: Callable[[], object],
    board: Board | None = None,
    number: int = 0,
) -> int:
    from fitprint.hooks.manager import hooks
    from fitprint_serve.application import Application, Limits
    from fitprint_serve.following import Follower, load_first
    from fitprint_serve.served import Served
    from fitprint_serve.serving import is_loopback, serve
    from fitprint_serve.watches import Watches

    watches = Watches({} if arguments.no_watching else hooks().registered("register_watchers"))
    token = _token(arguments)
    found = [
        (
            Served(
                name,
                load_first(uri, first[name], arguments.trust),
                most_rows=arguments.max_rows,
                most_waiting=arguments.queue,
                together=not arguments.no_batching,
                watches=watches,
            ),
            uri,
        )
        for name, uri in models.items()
    ]
    for served, _ in found:
        watches.open(served.predictor.uri)
    own = {"localhost", "127.0.0.1", "[::1]", arguments.host.lower()}
    application = Application(
        [served for served, _ in found],
        Limits(arguments.max_body << 20, float(arguments.timeout)),
        token=token,
        hosts=frozenset(own) if is_loopback(arguments.host) and token is None else None,
        more=_platform_paths(),
        log_requests=arguments.log_requests,
        board=board,
        worker=number,
    )
    follower = Follower(found, arguments.trust, arguments.follow, watches)
    if board is not None:
        follower.look()  # this worker may begin later than its sisters
    follower.start()
    try:
        serve(application, listening, ready, arguments.grace)
    finally:
        follower.stop()
        watches.keep(())
    return 0


def _platform_paths() -> dict[str, str]:
    """Return the paths at which Vertex AI, which names them by variables, and Azure ask."""
    found = {"/score": "mlflow"}
    for name, kind in (("AIP_HEALTH_ROUTE", "ping"), ("AIP_PREDICT_ROUTE", "kserve")):
        path = os.environ.get(name, "")
        if path.startswith("/"):
            found[path] = kind
    return found
