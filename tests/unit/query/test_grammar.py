"""The search language: what is understood, and what is said where something is not."""

from __future__ import annotations

import math
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.errors import QueryError
from fitprint.query.expressions import And, Comparison, Field, Not, Or, Order
from fitprint.query.grammar import parse

NEWEST = Order(Field("attribute", "start_time"), descending=True)


def only(text: str) -> Comparison:
    where = parse(text).where
    assert isinstance(where, Comparison)
    return where


def test_empty_filter_matches_everything_newest_first() -> None:
    """No filter and no ordering ask for all runs that are not deleted, newest first."""
    query = parse("  ")
    assert (query.where, query.order, query.experiments, query.deleted) == (
        None,
        (NEWEST,),
        None,
        "exclude",
    )


def test_the_example_of_the_documentation_is_understood() -> None:
    """And, or and parentheses nest as they read."""
    query = parse(
        "metrics.val_loss < 0.3 and params.C >= 1 and (tags.team = 'a' or attributes.status != "
        "'FAILED')"
    )
    assert query.where == And(
        (
            Comparison(Field("metric", "val_loss"), "<", 0.3),
            Comparison(Field("param", "C"), ">=", 1.0),
            Or(
                (
                    Comparison(Field("tag", "team"), "=", "a"),
                    Comparison(Field("attribute", "status"), "!=", "FAILED"),
                )
            ),
        )
    )


def test_and_binds_closer_than_or_and_not_closer_than_and() -> None:
    """Precedence is that of SQL and Python."""
    a, b, c = (Comparison(Field("tag", key), "is null") for key in "abc")
    assert parse("tags.a is null or not tags.b is null AND tags.c IS NULL").where == Or(
        (a, And((Not(b), c)))
    )


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("metric.x = 1", Field("metric", "x")),
        ("metrics.x = 1", Field("metric", "x")),
        ("METRICS.x = 1", Field("metric", "x")),
        ("param.x = 1", Field("param", "x")),
        ("parameter.x = 1", Field("param", "x")),
        ("parameters.x = 1", Field("param", "x")),
        ("tag.x = 'v'", Field("tag", "x")),
        ("attr.name = 'v'", Field("attribute", "name")),
        ("attribute.name = 'v'", Field("attribute", "name")),
        ("run.name = 'v'", Field("attribute", "name")),
        ("run_name = 'v'", Field("attribute", "name")),
        ("`run name` = 'v'", Field("attribute", "name")),
        ("\"run name\" = 'v'", Field("attribute", "name")),
        ("attributes.`Run name` = 'v'", Field("attribute", "name")),
        ("run_id = 'v'", Field("attribute", "id")),
        ("created > '2024-01-01'", Field("attribute", "start_time")),
        ("dataset.name = 'v'", Field("dataset", "name")),
        ("datasets.context = 'v'", Field("dataset", "role")),
        ("metrics.a.b = 1", Field("metric", "a.b")),
        ("metrics.val/loss-1@k = 1", Field("metric", "val/loss-1@k")),
        ("metrics.`my key` = 1", Field("metric", "my key")),
        ('metrics."my key" = 1', Field("metric", "my key")),
        ("metrics.`a``b` = 1", Field("metric", "a`b")),
        ("metrics.größe = 1", Field("metric", "größe")),
        ("params.`2nd` = 1", Field("param", "2nd")),
        ("params.and = 1", Field("param", "and")),
        ("last(metrics.x) = 1", Field("metric", "x")),
        ("min(metrics.x) = 1", Field("metric", "x", "min")),
        ("MAX(x) = 1", Field("metric", "x", "max")),
        ("best(val.loss) = 1", Field("metric", "val.loss", "best")),
        ("first(metrics.`my key`) = 1", Field("metric", "my key", "first")),
        ("count(`my key`) = 1", Field("metric", "my key", "count")),
    ],
)
def test_fields(text: str, field: Field) -> None:
    """Every spelling of a field, MLflow's included, names what it should."""
    assert only(text).field == field


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("params.x == 1", "=", 1.0),
        ("params.x <> 1", "!=", 1.0),
        ("params.x>=-1.5e-3", ">=", -0.0015),
        ("params.x = .5", "=", 0.5),
        ("params.x = true", "=", True),
        ("params.x != FALSE", "!=", False),
        ("params.x = None", "=", None),
        ("params.x = 'it''s'", "=", "it's"),
        ('params.x = "say ""a"""', "=", 'say "a"'),
        ("params.x in (1, 'a', true, none)", "in", (1.0, "a", True, None)),
        ("params.x not in ('a')", "not in", ("a",)),
        ("params.x like 'a%'", "like", "a%"),
        ("params.x NOT ILIKE 'a%'", "not ilike", "a%"),
        ("metrics.x < -inf", "<", -math.inf),
        ("metrics.x is null", "is null", None),
        ("metrics.x IS NOT NULL", "is not null", None),
        ("status = 'failed'", "=", "FAILED"),
        ("status in ('failed', 'Killed')", "in", ("FAILED", "KILLED")),
        ("duration > 60", ">", 60.0),
        ("start_time > '2024-05-01'", ">", 1_714_521_600_000_000),
        ("start_time > '2024-05-01T02:00:00+02:00'", ">", 1_714_521_600_000_000),
        ("start_time > '2024-05-01T00:00:00Z'", ">", 1_714_521_600_000_000),
        ("start_time < 1714521600000", "<", 1_714_521_600_000_000),
        ("start_time <= 1714521600000", "<", 1_714_521_600_001_000),
        ("start_time > 1714521600000", ">=", 1_714_521_600_001_000),
        ("end_time >= 1714521600000", ">=", 1_714_521_600_000_000),
    ],
)
def test_comparisons(text: str, operator: str, value: object) -> None:
    """Operators and values come out with the type of their field; a time in milliseconds means all
    of the millisecond.
    """
    comparison = only(text)
    assert (comparison.operator, comparison.value) == (operator, value)


def test_nan_is_a_number() -> None:
    """A metric can be compared with NaN."""
    assert math.isnan(float(str(only("metrics.x = NaN").value)))


def test_equal_milliseconds_are_a_range() -> None:
    """A run that began within the millisecond equals it, as times have a finer grain here than in
    MLflow.
    """
    time = Field("attribute", "start_time")
    assert parse("start_time = 5").where == And(
        (Comparison(time, ">=", 5000), Comparison(time, "<", 6000))
    )
    assert parse("start_time != 5").where == Or(
        (Comparison(time, "<", 5000), Comparison(time, ">=", 6000))
    )


def test_orderings() -> None:
    """Items may have a direction, an aggregate and an alias, and may stand in one text."""
    assert parse(order_by=["metrics.loss ASC", "best(acc) desc", "created"]).order == (
        Order(Field("metric", "loss")),
        Order(Field("metric", "acc", "best"), descending=True),
        Order(Field("attribute", "start_time")),
    )
    assert parse(order_by="params.C desc, name").order == (
        Order(Field("param", "C"), descending=True),
        Order(Field("attribute", "name")),
        NEWEST,
    )


def test_a_parent_is_one_more_condition() -> None:
    """Children of a run can be searched like all runs."""
    child = Comparison(Field("attribute", "parent_id"), "=", "p")
    assert parse(parent="p").where == child
    assert parse("tags.a is null", parent="p").where == And(
        (child, Comparison(Field("tag", "a"), "is null"))
    )


def test_one_experiment_may_be_given_as_text() -> None:
    """A text is one name, not its letters."""
    assert parse(experiments="abc").experiments == ("abc",)
    assert parse(experiments=["a", "b"]).experiments == ("a", "b")


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("val_loss < 0.3", 0, "did you mean metrics.val_loss or params.val_loss?"),
        ("tags.a = 'b' and stauts = 'x'", 17, "did you mean attributes.status?"),
        ("metrcs.x < 1", 0, "did you mean metrics.x?"),
        ("attributes.foo = 'a'", 0, "no attribute 'foo'"),
        (
            "avg(metrics.x) < 1",
            0,
            "no aggregate 'avg'; there are: last, min, max, best, first, count",
        ),
        ("metrics.x =", 11, "expected a value"),
        ("metrics.x 3", 10, "expected a comparison"),
        ("metrics.x < '3'", 12, "without quotes"),
        ("metrics.x like 'a'", 10, "is for texts"),
        ("metrics.x < true", 12, "write texts in quotes"),
        ("params.x > '1'", 9, "without quotes"),
        ("params.x > true", 9, "no order"),
        ("params.x = null", 11, "is null"),
        ("tags.x = 1", 9, "in quotes"),
        ("tags.x > 'a'", 7, "no order"),
        ("tags.x like a", 12, "in quotes"),
        ("status = FINISHED", 9, "'FINISHED'"),
        ("metrics.x < 1 andd metrics.y < 1", 14, "expected 'and', 'or'"),
        ("(metrics.x < 1", 14, "')'"),
        ("metrics.x < 1)", 13, "end of the filter"),
        ("metrics. < 1", 0, "key is missing"),
        ("metrics.x in ()", 14, "expected a value"),
        ("metrics.x in 1", 13, "expected '('"),
        ("metrics.x in (1 2)", 16, "expected ','"),
        ("metrics.x not 1", 14, "after 'not'"),
        ("metrics.x is 1", 13, "expected 'null'"),
        ("name = 'abc", 7, "never closed"),
        ("metrics.x < 1x", 12, "not a number"),
        ("metrics.x < $1", 12, "cannot read '$'"),
        ("datasets.size = 'a'", 0, "datasets.name"),
        ("min(params.x) < 1", 4, "only metrics"),
        ("min(metrics.x < 1", 14, "expected ')'"),
        ("min('x') < 1", 4, "expected a metric"),
        ("start_time > 'yesterday'", 13, "2024-05-01"),
        ("start_time > nan", 13, "milliseconds"),
        ("start_time in (1)", 14, "times are compared"),
        ("3 < metrics.x", 0, "expected a field"),
        ("not", 3, "expected a field"),
    ],
)
def test_errors_point_at_the_place_and_say_what_to_do(text: str, position: int, words: str) -> None:
    """A filter that cannot be understood is refused with its position and a hint."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.position == position
    assert words in str(caught.value)
    assert str(caught.value).endswith("\n  " + " " * position + "^")


@pytest.mark.parametrize(
    "item",
    ["metrics.loss down", "metrics.loss, ", "datasets.name", "loss", "metrics.loss asc desc"],
)
def test_bad_orderings_are_refused(item: str) -> None:
    """An ordering has the same errors as a filter."""
    with pytest.raises(QueryError):
        parse(order_by=[item])


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100 + "tags.a is null" + ")" * 100,
        "not " * 1000 + "tags.a is null",
        " and ".join(["tags.a is null"] * 1000),
        " and ".join(f"tags.a{number} is null" for number in range(100)),
        "tags.a in (" + ", ".join(["'x'"] * 5000) + ")",
        "tags.a like '" + "%a" * 20_000 + "'",
        "tags.a = '" + "x" * 100_000 + "'",
    ],
)
def test_filters_beyond_every_measure_are_refused(text: str) -> None:
    """Size and depth have limits, so that no filter brings a store down."""
    with pytest.raises(QueryError):
        parse(text)


def test_deleted_has_three_choices() -> None:
    """A wrong word for ``deleted`` is an error, not a silent default."""
    with pytest.raises(QueryError, match="exclude"):
        parse(deleted="maybe")  # type: ignore[arg-type]


WORDS = st.sampled_from(
    (
        "metrics.x params.C tags.t attributes.status start_time datasets.name min( best( ( ) , "
        "= != < >= in not like ilike is null and or"
        " 'a' \"b\" `c` 1 -2.5 nan inf true none 1e999 '2024-01-01' metrics. x.y . ` ' \" \x00 "
        "é asc desc"
    ).split(" ")
)


@given(
    st.one_of(
        st.text(max_size=40),
        st.text(string.printable, max_size=60),
        st.lists(WORDS, max_size=12).map(" ".join),
    )
)
def test_nothing_but_query_errors(text: str) -> None:
    """Whatever is given, reading ends with a query or a QueryError whose position lies
    in the text.
    """
    cases: list[dict[str, Any]] = [{"filter_string": text}, {"order_by": [text]}]
    for arguments in cases:
        try:
            parse(**arguments)
        except QueryError as error:
            # most texts are errors, a few are not
            assert 0 <= error.position <= len(text)  # noqa: PT017


@pytest.mark.parametrize("name", ["user", "user_id", "USER"])
def test_fault_21_a_user_that_nothing_records_is_no_field(name: str) -> None:
    """A filter that could find nothing says so, and says what finds something."""
    with pytest.raises(QueryError, match="ask for tags.user"):
        parse(f"{name} = 'ann'")
