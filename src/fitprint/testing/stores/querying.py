"""What a store finds, and in which order."""

from __future__ import annotations

import math
from pathlib import Path

from fitprint.entities import Dataset, Param
from fitprint.errors import QueryError
from fitprint.events import DatasetLogged, ParamsLogged
from fitprint.ids import new_id
from fitprint.query.grammar import parse
from fitprint.stores.protocol import Store
from fitprint.testing.checks import Check, expect
from fitprint.testing.stores.feeding import (
    EPOCH,
    SECOND,
    Feed,
    ended,
    names,
    params,
    points,
    started,
    tags,
    whole_run,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]

FOUND = {
    "": "abcd",
    "metrics.loss < 0.35": "a",
    "metrics.loss <= 0.4": "ab",
    "metrics.loss > 0": "ab",
    "metrics.loss >= 0.4": "b",
    "metrics.loss = 0.3": "a",
    "metrics.loss != 0.3": "bc",
    "metrics.loss = nan": "c",
    "metrics.peak = inf": "d",
    "metrics.peak > 1e308": "d",
    "min(loss) < 0.25": "b",
    "max(metrics.loss) = 0.9": "a",
    "first(loss) = 0.9": "a",
    "best(loss) <= 0.3": "ab",
    "count(loss) > 1": "ab",
    "last(loss) = 0.4": "b",
    "metrics.loss is null": "d",
    "metrics.loss is not null": "abc",
    "metrics.`val/acc @1` > 0": "b",
    "params.C >= 1": "abc",
    "params.C > 1 and params.C < 10": "c",
    "params.C = 10": "b",
    "params.C = '1.0'": "a",
    "params.C != 1": "bc",
    "params.C in (1, 10)": "ab",
    "params.solver = 'lbfgs'": "a",
    "params.solver != 'lbfgs'": "bc",
    "params.solver like 'l%'": "a",
    "params.solver like 'L%'": "",
    "params.solver ilike 'L_FGS'": "a",
    "params.solver not like 'l%'": "bc",
    "params.solver in ('saga', 'lbfgs')": "ab",
    "params.solver not in ('saga')": "ac",
    "params.solver = none": "c",
    "params.solver is null": "d",
    "params.shuffle = true": "a",
    "params.shuffle != true": "b",
    "params.layers = '[64, 32]'": "a",
    "tags.team = 'a'": "a",
    "tags.team != 'a'": "bc",
    "not tags.team = 'a'": "bcd",
    "tags.team like 'A%'": "c",
    "tags.team ilike 'a%'": "ac",
    "tags.team = 'it''s'": "b",
    "tags.team is null": "d",
    "status = 'FINISHED'": "a",
    "attributes.status != 'finished'": "bcd",
    "status in ('FAILED', 'KILLED')": "bd",
    "experiment = 'beta'": "c",
    "kind = 'search'": "d",
    "name in ('a', 'd')": "ad",
    "run_name like '%b%'": "b",
    "error like '%boom%'": "b",
    "error is null": "acd",
    "start_time >= 1700000002000": "cd",
    "start_time < '2023-11-14T22:13:21'": "a",
    "end_time is null": "c",
    "duration > 5": "a",
    "duration <= 4": "bd",
    "datasets.name = 'iris'": "c",
    "datasets.context = 'train'": "ac",
    "datasets.name != 'iris'": "ac",
    "datasets.name like 'd%' and datasets.role = 'train'": "a",
    "metrics.loss < 0.35 or params.C = 10": "ab",
    "tags.team = 'a' or tags.team = 'A-team' and status = 'FAILED'": "a",
    "(tags.team = 'a' or tags.team = 'A-team') and status = 'RUNNING'": "c",
    "not (status = 'FAILED' or kind = 'search')": "ac",
    "not metrics.loss < 0.35": "bcd",
    "metrics.loss < 0.35 AND NOT params.C > 5": "a",
}

ORDERED = {
    "": "dcba",
    "metrics.loss asc": "abdc",
    "metrics.loss desc": "badc",
    "min(loss)": "badc",
    "params.C asc": "acbd",
    "params.C desc": "bcad",
    "tags.team asc": "cabd",
    "tags.team desc": "bacd",
    "name desc": "dcba",
    "start_time asc": "abcd",
    "duration asc, name": "dbac",
    "status asc, start_time desc": "badc",
}


def _four_runs(store: Store) -> None:
    """Fill the store with the runs that the tables speak of."""
    a, b, c, d = (new_id() for _ in "abcd")
    feed = Feed(store)
    feed.send(
        started(a, "a", experiment="alpha"),
        ParamsLogged(
            a,
            EPOCH,
            {
                "C": Param(1.0),
                "solver": Param("lbfgs"),
                "shuffle": Param(value=True),
                "layers": Param([64, 32]),
            },
        ),
        points(a, "loss", [0.9, 0.5, 0.3]),
        tags(a, team="a"),
        DatasetLogged(a, EPOCH, Dataset("digits", "train", "sha256:1")),
        ended(a, at=EPOCH + 10 * SECOND),
    )
    feed.send(
        started(b, "b", experiment="alpha", at=EPOCH + SECOND),
        params(b, C=10, solver="saga", shuffle=False),
        points(b, "loss", [0.2, 0.4]),
        points(b, "val/acc @1", [0.5]),
        tags(b, team="it's"),
        ended(b, at=EPOCH + 5 * SECOND, status="FAILED", error="Traceback\nboom"),
    )
    feed.send(
        started(c, "c", experiment="beta", at=EPOCH + 2 * SECOND),
        params(c, C="2.5", solver=None),
        points(c, "loss", [math.nan]),
        tags(c, team="A-team"),
        DatasetLogged(c, EPOCH, Dataset("iris", "eval", "sha256:2")),
        DatasetLogged(c, EPOCH, Dataset("wine", "train", "sha256:3")),
    )
    feed.send(
        started(d, "d", experiment="alpha", kind="search", at=EPOCH + 3 * SECOND),
        points(d, "peak", [math.inf]),
        ended(d, at=EPOCH + 4 * SECOND, status="KILLED"),
    )


def query_operators(conformance: StoreSubject, folder: Path) -> None:
    """Every operator of the search language, on every kind of field, finds exactly the runs that
    the language's definition says.
    """
    with conformance.opened(folder) as store:
        _four_runs(store)
        for text, expected in FOUND.items():
            found = "".join(sorted(names(store, text)))
            expect(
                found == expected,
                f"{text!r} finds {found or 'nothing'!r} instead of {expected or 'nothing'!r}",
            )
        for experiments, expected in (
            (["alpha"], "abd"),
            (["beta", "alpha"], "abcd"),
            (["unknown"], ""),
            ([], ""),
        ):
            found = "".join(sorted(names(store, experiments=experiments)))
            expect(
                found == expected,
                f"in the experiments {experiments} it finds {found!r} instead of {expected!r}",
            )


def query_order(conformance: StoreSubject, folder: Path) -> None:
    """Orderings hold in both directions; what is missing or NaN comes last; ties are broken by
    start, newest first.
    """
    with conformance.opened(folder) as store:
        _four_runs(store)
        for text, expected in ORDERED.items():
            found = "".join(names(store, order_by=[text] if text else ()))
            expect(
                found == expected,
                f"ordered by {text!r} the runs are {found!r} instead of {expected!r}",
            )


def paging_is_stable(conformance: StoreSubject, folder: Path) -> None:
    """Page by page every run comes once, in order, also while others are added; a token of another
    query is refused.
    """
    with conformance.opened(folder) as store:
        feed = Feed(store)
        for number in range(25):
            feed.send(
                *whole_run(
                    new_id(),
                    f"{number:02}",
                    at=EPOCH + number,
                    loss=[0.5, math.nan, math.inf, -1.0][number % 4],
                )
            )
        for ordering in (
            "metrics.loss asc",
            "metrics.loss desc",
            "start_time desc",
            "params.none asc",
            "name asc",
            "experiment desc",
        ):
            query = parse(order_by=ordering)
            whole = [run.name for run in store.search_runs(query, limit=1000).runs]
            found: list[str] = []
            token = None
            while True:
                page = store.search_runs(query, limit=4, token=token)
                expect(len(page.runs) <= 4, "a page is larger than asked for")
                found += [run.name for run in page.runs]
                token = page.token
                if token is None:
                    break
                expect(page.runs, "a page with more behind it is empty")
                if len(found) == 8:
                    feed.send(*whole_run(new_id(), f"new-{ordering}", at=EPOCH - 1, loss=0.5))
            old = [name for name in found if name in set(whole)]
            expect(
                old == whole,
                f"by pages, ordered by {ordering!r}, the runs are {old} instead of {whole}",
            )
        first = store.search_runs(parse(order_by="name asc"), limit=4)
        for wrong in (first.token, "nonsense", ""):
            try:
                store.search_runs(parse(order_by="name desc"), limit=4, token=wrong)
            except QueryError:
                continue
            raise AssertionError(f"the token {wrong!r:.40} of no page of this query is taken")
        expect(
            store.search_runs(parse(), limit=1000).token is None,
            "a page that holds everything has a token",
        )


CHECKS: tuple[Check, ...] = (query_operators, query_order, paging_is_stable)
