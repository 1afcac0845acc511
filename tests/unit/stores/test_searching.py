"""What each operator finds: one table for all stores."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from fitprint.entities import Dataset, Param
from fitprint.errors import QueryError
from fitprint.events import DatasetLogged, Event, ParamsLogged, RunEnded, RunStarted, TagsSet
from fitprint.query.grammar import parse
from fitprint.stores.protocol import Store

MS = 1_714_521_600_000  # 2024-05-01, in milliseconds


@pytest.fixture(autouse=True)
def runs(write: Any, points: Any) -> None:
    """Write runs a to f, a started first."""
    events: list[Event] = []
    params: dict[str, Any] = {"a": 1.0, "b": 10, "c": "lbfgs", "d": True, "e": None, "f": nan}
    for number, (name, value) in enumerate(params.items()):
        parent, kind = ("a", "candidate") if name in "bc" else (None, "fit")
        events.append(
            RunStarted(
                name,
                (MS + number) * 1000 + 300,
                "odd" if number % 2 else "even",
                f"Run-{name}",
                parent,
                kind,
            )
        )
        events.append(ParamsLogged(name, 1, {"same": Param("x"), "C": Param(value)}))
    losses = {"a": [0.5, 0.1, 0.3], "b": [0.2], "c": [nan], "d": [inf, 1.0], "e": [-inf]}
    events += [points(name, "loss", values) for name, values in losses.items()]
    write(
        *events,
        ParamsLogged("a", 1, {"layers": Param([64, 32]), "text": Param("2")}),
        ParamsLogged("b", 1, {"text": Param("Été"), "inf": Param(inf)}),
        TagsSet("a", 1, {"team": "a", "user": "ann"}),
        TagsSet("b", 1, {"team": "B", "Déjà.vu": "yes"}),
        TagsSet("c", 1, {"team": "a%b_c*[d]?"}),
        DatasetLogged("a", 1, Dataset("X", "train", "sha256:1")),
        DatasetLogged("a", 1, Dataset("Y", "test")),
        DatasetLogged("b", 1, Dataset("X", "eval", "sha256:2")),
        RunEnded("a", (MS + 2_000) * 1000 + 300, "FINISHED"),
        RunEnded("b", (MS + 10) * 1000, "FAILED", "CUDA out of memory"),
        RunEnded("c", (MS + 5_000) * 1000, "KILLED"),
    )


@pytest.mark.parametrize(
    ("filter_string", "expected"),
    [
        ("", "abcdef"),
        ("metrics.loss < 0.3", "be"),
        ("metrics.loss <= 0.3", "abe"),
        ("metrics.loss > 0.3", "d"),
        ("metrics.loss = 0.3", "a"),
        ("metrics.loss != 0.3", "bcde"),
        ("metrics.loss = nan", "c"),
        ("metrics.loss != nan", "abde"),
        ("metrics.loss < nan", ""),
        ("metrics.loss = -inf", "e"),
        ("metrics.loss < inf", "abde"),
        ("metrics.loss in (0.3, 0.2, nan)", "abc"),
        ("metrics.loss not in (0.3, nan)", "bde"),
        ("metrics.loss is null", "f"),
        ("metrics.loss is not null", "abcde"),
        ("metrics.unknown is null", "abcdef"),
        ("metrics.unknown < 1", ""),
        ("min(metrics.loss) = 0.1", "a"),
        ("max(loss) = inf", "d"),
        ("first(loss) = 0.5", "a"),
        ("best(loss) <= 0.1", "ae"),
        ("count(loss) > 1", "ad"),
        ("count(loss) = 1", "bce"),
        ("params.C >= 1", "ab"),
        ("params.C > 1", "b"),
        ("params.C = 1", "a"),
        ("params.C != 1", "bcdef"),
        ("params.C = '1.0'", "a"),
        ("params.C = '10'", "b"),
        ("params.C = 'lbfgs'", "c"),
        ("params.C != 'lbfgs'", "abdef"),
        ("params.C = true", "d"),
        ("params.C = 'True'", "d"),
        ("params.C != false", "abcdef"),
        ("params.C = none", "e"),
        ("params.C = nan", "f"),
        ("params.C != nan", "abcde"),
        ("params.C < nan", ""),
        ("params.C in (1, 'lbfgs', none)", "ace"),
        ("params.C not in (1, 'lbfgs', none, nan)", "bd"),
        ("params.C like '1%'", "ab"),
        ("params.C like 'LB%'", ""),
        ("params.C ilike 'LB%'", "c"),
        ("params.C not like '1%'", "cdef"),
        ("params.C not ilike 'L_FGS'", "abdef"),
        ("params.C is not null", "abcdef"),
        ("params.text >= 2", "a"),
        ("params.text = 2", "a"),
        ("params.text ilike 'éTÉ'", "b"),
        ("params.text like 'éTÉ'", ""),
        ("params.text like '_t_'", "b"),
        ("params.inf > 1e300", "b"),
        ("params.layers = '[64, 32]'", "a"),
        ("params.layers like '%64%'", "a"),
        ("tags.team = 'a'", "a"),
        ("tags.team != 'a'", "bc"),
        ("not tags.team = 'a'", "bcdef"),
        ("tags.team ilike 'b'", "b"),
        ("tags.team in ('a', 'B')", "ab"),
        ("tags.team not in ('a', 'B')", "c"),
        ("tags.team like '%*[d]?'", "c"),
        ("tags.team like 'a%b_c%'", "c"),
        ("tags.team is null", "def"),
        ("tags.`Déjà.vu` = 'yes'", "b"),
        ("tags.user = 'ann'", "a"),
        ("name = 'Run-a'", "a"),
        ("name like 'run%'", ""),
        ("name ilike 'run-%'", "abcdef"),
        ("run_id = 'b'", "b"),
        ("run_id in ('b', 'c', 'zz')", "bc"),
        ("status = 'finished'", "a"),
        ("status != 'RUNNING'", "abc"),
        ("status in ('FAILED', 'KILLED')", "bc"),
        ("experiment = 'even'", "ace"),
        ("experiment like 'o%' or name = 'Run-a'", "abdf"),
        ("parent_id is null", "adef"),
        ("parent_id = 'a'", "bc"),
        ("parent_id != 'b'", "bc"),
        ("kind = 'candidate'", "bc"),
        ("error like '%CUDA%'", "b"),
        ("error not like '%CUDA%'", ""),
        ("error is null", "acdef"),
        ("duration = 2", "a"),
        ("duration > 2", "c"),
        ("duration is null", "def"),
        (f"start_time = {MS + 1}", "b"),
        (f"start_time != {MS + 1}", "acdef"),
        (f"start_time <= {MS + 1}", "ab"),
        (f"start_time < {MS + 1}", "a"),
        (f"created > {MS + 1}", "cdef"),
        ("start_time >= '2024-05-01T00:00:00.004'", "ef"),
        ("end_time is not null", "abc"),
        ("datasets.name = 'X'", "ab"),
        ("datasets.name != 'X'", "a"),
        ("not datasets.name = 'X'", "cdef"),
        ("datasets.name in ('Y')", "a"),
        ("datasets.context = 'eval'", "b"),
        ("datasets.digest like 'sha256:%'", "ab"),
        ("datasets.digest ilike 'SHA256:2'", "b"),
        ("datasets.digest = ''", "a"),
        ("datasets.name is null", "cdef"),
        ("datasets.name is not null", "ab"),
        ("datasets.name = 'X' and datasets.context = 'test'", "a"),
        ("metrics.loss < 0.35 and params.C >= 1 and (tags.team = 'a' or status = 'FAILED')", "ab"),
        ("not (metrics.loss < 0.35 or params.C = 'lbfgs')", "df"),
        ("not not params.C = 1", "a"),
        ("not (params.missing > 1 and metrics.missing < 1)", "abcdef"),
        ("not params.missing != 1", "abcdef"),
        ("not (not params.missing = 1)", ""),
        ("params.C = 1 or params.missing = 1", "a"),
    ],
)
def test_operators(store: Store, filter_string: str, expected: str) -> None:
    """Every operator on every entity finds these runs and no others."""
    page = store.search_runs(parse(filter_string, order_by="run_id"))
    assert "".join(run.id for run in page.runs) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ((), "fedcba"),
        ("start_time", "abcdef"),
        ("created desc", "fedcba"),
        ("metrics.loss", "ebadfc"),
        ("metrics.loss desc", "dabefc"),
        ("best(loss)", "eabdfc"),
        ("count(loss) desc, name", "adbcef"),
        ("params.C", "abedcf"),
        ("params.C desc", "bafcde"),
        ("params.text", "abfedc"),
        ("tags.team", "bacfed"),
        ("tags.team desc", "cabfed"),
        ("tags.user", "afedcb"),
        ("end_time", "bacfed"),
        ("duration desc", "cabfed"),
        ("status, name", "bacdef"),
        ("experiment desc, start_time", "bdface"),
        ("parent_id, name desc", "cbfeda"),
        ("metrics.missing desc", "fedcba"),
        ("error", "bfedca"),
        ("params.same, run_id desc", "fedcba"),
    ],
)
def test_orderings(store: Store, order_by: Any, expected: str) -> None:
    """What is missing or NaN comes last in both directions; ties are broken by start,
    newest first.
    """
    assert "".join(run.id for run in store.search_runs(parse(order_by=order_by)).runs) == expected


@pytest.mark.parametrize(
    "order_by",
    [
        (),
        "start_time",
        "metrics.loss",
        "metrics.loss desc",
        "params.C desc",
        "tags.team",
        "params.text",
        "experiment, duration",
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_join_up(store: Store, order_by: Any, limit: int) -> None:
    """All pages together are the whole, in its order, each run once."""
    query = parse(order_by=order_by)
    whole = [run.id for run in store.search_runs(query).runs]
    pages, token = [], None
    while True:
        page = store.search_runs(query, limit=limit, token=token)
        pages.append([run.id for run in page.runs])
        token = page.token
        if token is None:
            break
    assert [run for page in pages for run in page] == whole
    assert all(len(page) == limit for page in pages[:-1])


def test_pages_stay_in_place_while_runs_arrive(store: Store, write: Any) -> None:
    """A run that starts between two pages neither repeats nor hides another."""
    query = parse()
    first = store.search_runs(query, limit=3)
    write(RunStarted("new", (MS + 100) * 1000, "even", "new"))
    second = store.search_runs(query, limit=3, token=first.token)
    assert [run.id for run in (*first.runs, *second.runs)] == list("fedcba")


@pytest.mark.parametrize(
    "token", ["", "x", "not base64!", "bnVsbA", "eyJvZmZzZXQiOiAxMDB9", "WzEsIDIsIDNd", "é"]
)
def test_tokens_that_are_none(store: Store, token: str) -> None:
    """A token that the store did not give is an error that says so."""
    with pytest.raises(QueryError, match="another query"):
        store.search_runs(parse(), token=token)


def test_tokens_of_another_query(store: Store) -> None:
    """A token belongs to its filter and ordering."""
    token = store.search_runs(parse(), limit=1).token
    with pytest.raises(QueryError, match="another query"):
        store.search_runs(parse("name = 'a'"), token=token)


def test_experiments_and_parents(store: Store) -> None:
    """A search may be confined to experiments and to the children of a run."""

    def ids(**arguments: Any) -> str:
        return "".join(
            run.id for run in store.search_runs(parse(order_by="name", **arguments)).runs
        )

    assert ids(experiments=["even"]) == "ace"
    assert ids(experiments=["even", "odd", "nothing"]) == "abcdef"
    assert ids(experiments=[]) == ""
    assert ids(parent="a", filter_string="params.C = 10") == "b"


def test_found_runs_are_whole(store: Store) -> None:
    """A run on a page is the run that is asked for by id."""
    for run in store.search_runs(parse("name != 'Run-c' and name != 'Run-f'")).runs:
        assert run == store.run(run.id)
