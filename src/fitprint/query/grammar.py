"""The search language of the API, the command line and the UI, a superset of MLflow's filters.

::

    filter     := condition ("or" condition)*                    # "and" binds closer than "or", "not" closer than "and"
    condition  := factor ("and" factor)*
    factor     := "not" factor | "(" filter ")" | comparison
    comparison := field ("=" | "!=" | "<" | "<=" | ">" | ">=") value
                | field ["not"] "in" "(" value ("," value)* ")"
                | field ["not"] ("like" | "ilike") 'pattern'     # % any text, _ any one character; ilike ignores case
                | field "is" ["not"] "null"                      # the run lacks the key, or has it
    field      := [entity "."] key | aggregate "(" metric ")"
    entity     := metrics | params | tags | attributes | datasets          # and metric, param, parameter, tag, attr, run ...
    aggregate  := last | min | max | best | first | count
    ordering   := field ["asc" | "desc"] ("," field ["asc" | "desc"])*

Keywords may have any case; ``==`` and ``<>`` are read as ``=`` and ``!=``. Text stands in single or
double quotes, a quote inside is doubled. A key with unusual characters stands in backticks or
double quotes: ``metrics.`my key```.

- ``metrics.loss`` is the value logged last, ``min(metrics.loss)`` or ``min(loss)`` the least,
  ``best(loss)`` the better of least and greatest, ``count(loss)`` the number of points. Values are
  numbers, also ``inf`` and ``nan``. NaN equals ``nan``, differs from every number, and is neither
  less nor greater than one.
- ``params.C >= 1`` compares numbers (also those logged as text), ``params.solver = 'lbfgs'``
  compares the text form, which is what Python's ``str`` gives: ``params.C = '1.0'`` finds 1.0.
  ``true``, ``false`` and ``none`` need no quotes.
- ``tags.team``, ``datasets.name``, ``datasets.digest`` and ``datasets.context`` (the role) are
  texts. A comparison of data sets holds if it does for one of the run's.
- Attributes need no prefix: ``id``, ``name``, ``status``, ``experiment``, ``kind``, ``parent_id``,
  ``error``, ``start_time``, ``end_time``, ``last_time`` and ``duration`` (seconds, of ended runs).
  Times are compared with numbers (milliseconds since the epoch; one means that whole millisecond)
  or ISO texts (``'2024-05-01T12:00'``, UTC unless it says otherwise). ``run_id``, ``run_name`` and
  ``created`` are understood.
- Of versions of registered models the attributes are ``name``, ``version``, ``alias``, ``run_id``,
  ``flavor``, ``digest``, ``stage``, ``actor``, ``note`` and ``created``; tags are the version's
  own, params, metrics and data sets those of its run.
- ``!=``, ``not in`` and ``not like`` hold only for runs that have the key; ``not (...)`` holds
  wherever ``(...)`` does not.
"""  # noqa: E501

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from fitprint.arguments import checked_names, checked_text
from fitprint.entities import STATUSES
from fitprint.errors import QueryError
from fitprint.query.expressions import (
    And,
    Comparison,
    Expression,
    Field,
    Not,
    Operator,
    Or,
    Order,
    Query,
    Scalar,
)
from fitprint.query.fields import (
    AGGREGATES,
    DATASET_FIELDS,
    ENTITIES,
    RUNS,
    Vocabulary,
    attribute,
    kind,
    suggestion,
)
from fitprint.query.lexing import Token, tokens
from fitprint.query.times import microseconds, within_millisecond

__all__ = ["Query", "parse"]

_MAX_LENGTH = 50_000  # characters of a filter
_MAX_PATTERN = 10_000  # characters of a like pattern
_MAX_DEPTH = 50  # parentheses and nots around a comparison
_MAX_COMPARISONS = 200
_MAX_FIELDS = 40  # different params, metrics and tags; a database joins one table for each
_MAX_ITEMS = 700  # of all lists together; a database binds one variable for each

_COMPARISONS: dict[str, Operator] = {
    "=": "=",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}


def parse(
    filter_string: str = "",
    *,
    order_by: Iterable[str] | str = (),
    experiments: Iterable[str] | str | None = None,
    deleted: Literal["exclude", "include", "only"] = "exclude",
    parent: str | None = None,
    vocabulary: Vocabulary = RUNS,
) -> Query:
    """Read a filter and an ordering; an empty filter matches every run.

    Args:
        filter_string: the condition (see the module's grammar).
        order_by: items such as ``"metrics.loss asc"``; one text may hold several with commas
            between. Runs that tie are ordered by start, newest first.
        experiments: names of experiments; None means all.
        deleted: whether runs in the trash are left out, included, or the only ones.
        parent: only children of the run with this id.
        vocabulary: what is searched: runs, or the versions of registered models.

    Raises:
        QueryError: the filter or the ordering cannot be understood; the error knows the position.
    """
    where = _Parser(
        checked_text(filter_string, "a filter", QueryError, empty=True), vocabulary
    ).filter()
    if parent is not None:
        child = Comparison(Field("attribute", "parent_id"), "=", parent)
        where = child if where is None else And((child, where))
    order = [
        item
        for text in checked_names(order_by, "an ordering", QueryError)
        for item in _Parser(text, vocabulary).ordering()
    ]
    newest = Order(Field("attribute", vocabulary.newest), descending=True)
    if all(item.field != newest.field for item in order):
        order.append(newest)
    if len({item.field for item in order}) > _MAX_FIELDS:
        raise QueryError(f"an ordering may have at most {_MAX_FIELDS} items")
    if deleted not in ("exclude", "include", "only"):
        raise QueryError(f'deleted is "exclude", "include" or "only", not {deleted!r}')
    names = (
        None if experiments is None else checked_names(experiments, "the experiments", QueryError)
    )
    return Query(where, tuple(order), names, deleted)


class _Parser:
    """Reads one text by recursive descent; ``self.at`` is the token to be read next."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        if len(text) > _MAX_LENGTH:
            raise QueryError(
                f"a filter may have at most {_MAX_LENGTH} characters, this one has {len(text)}"
            )
        self.text = text
        self.vocabulary = vocabulary
        self.tokens = list(tokens(text))
        self.index = 0
        self.depth = 0
        self.comparisons = 0
        self.items = 0
        self.fields: set[tuple[str, str]] = set()

    @property
    def at(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.at
        if not token.ended:
            self.index += 1
        return token

    def error(self, message: str, token: Token | None = None) -> QueryError:
        """Return the error that points at ``token``, or at the one to be read next."""
        return QueryError(message, self.text, (token or self.at).start)

    # conditions

    def filter(self) -> Expression | None:
        if self.tokens[0].ended:
            return None
        whole = self.alternatives()
        if not self.at.ended:
            raise self.error("expected 'and', 'or' or the end of the filter")
        return whole

    def alternatives(self) -> Expression:
        parts = [self.conjunction()]
        while self.at.keyword("or"):
            self.take()
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self) -> Expression:
        parts = [self.factor()]
        while self.at.keyword("and"):
            self.take()
            parts.append(self.factor())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def factor(self) -> Expression:
        if not (self.at.keyword("not") or self.at.sign("(")):
            return self.comparison()
        opening = self.take()
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(f"more than {_MAX_DEPTH} levels of parentheses", opening)
        if opening.kind == "word":
            inner: Expression = Not(self.factor())
        else:
            inner = self.alternatives()
            if not self.at.sign(")"):
                raise self.error("expected 'and', 'or' or ')'")
            self.take()
        self.depth -= 1
        return inner

    def comparison(self) -> Expression:
        self.comparisons += 1
        if self.comparisons > _MAX_COMPARISONS:
            raise self.error(f"a filter may have at most {_MAX_COMPARISONS} comparisons")
        start = self.at
        field = self.field()
        self.fields.add((field.entity, field.key))
        if len(self.fields) > _MAX_FIELDS:
            raise self.error(f"a filter may name at most {_MAX_FIELDS} different keys", start)
        return self.relation(field)

    def relation(self, field: Field) -> Expression:
        sign = self.take()
        if sign.kind == "sign" and sign.value in _COMPARISONS:
            return self.compared(field, _COMPARISONS[str(sign.value)], sign)
        if sign.keyword("is"):
            negated = self.negation()
            if not self.at.keyword("null", "none"):
                raise self.error("expected 'null' or 'not null'")
            self.take()
            return Comparison(field, "is not null" if negated else "is null")
        negated = sign.keyword("not")
        word = self.take() if negated else sign
        if word.keyword("in"):
            return Comparison(field, "not in" if negated else "in", self.values(field))
        if word.keyword("like", "ilike"):
            if str(word.value).lower() == "like":
                return Comparison(
                    field, "not like" if negated else "like", self.pattern(field, word)
                )
            return Comparison(field, "not ilike" if negated else "ilike", self.pattern(field, word))
        if negated:
            raise self.error("expected 'in', 'like' or 'ilike' after 'not'", word)
        raise self.error(
            "expected a comparison: = != < <= > >= in, not in, like, ilike, is null, is not null",
            sign,
        )

    def negation(self) -> bool:
        if self.at.keyword("not"):
            self.take()
            return True
        return False

    def compared(self, field: Field, operator: Operator, sign: Token) -> Expression:
        token = self.at
        value = self.value(field)
        if operator not in ("=", "!=") and (isinstance(value, (str, bool)) or value is None):
            hint = "text has no order here: use =, !=, in, like or ilike"
            if isinstance(value, str) and kind(field) == "param":
                hint = f"{operator} compares numbers: write the number without quotes"
            raise self.error(hint, sign)
        if kind(field) == "time" and token.kind == "number" and isinstance(value, int):
            return within_millisecond(field, operator, value)
        return Comparison(field, operator, value)

    def pattern(self, field: Field, word: Token) -> str:
        token = self.at
        if kind(field) not in ("text", "param"):
            raise self.error(f"{word.value} is for texts, {_spoken(field)} is not one", word)
        if token.kind not in ("single", "double"):
            raise self.error("expected a pattern in quotes, such as '%forest%'")
        if token.end - token.start > _MAX_PATTERN:
            raise self.error(f"a pattern may have at most {_MAX_PATTERN} characters")
        return str(self.take().value)

    def values(self, field: Field) -> tuple[Scalar, ...]:
        if not self.at.sign("("):
            raise self.error("expected '(' and a list of values")
        if kind(field) == "time":
            raise self.error("times are compared with < <= > >= = or !=")
        self.take()
        values = [self.value(field)]
        while self.at.sign(","):
            self.take()
            values.append(self.value(field))
        if not self.at.sign(")"):
            raise self.error("expected ',' or ')'")
        self.take()
        self.items += len(values)
        if self.items > _MAX_ITEMS:
            raise self.error(f"the lists of a filter may have at most {_MAX_ITEMS} values together")
        return tuple(values)

    # fields

    def field(self) -> Field:
        token = self.take()
        if token.kind == "word":
            aggregate = AGGREGATES.get(str(token.value).lower())
            if aggregate is not None and self.at.sign("("):
                self.take()
                metric = self.metric()
                if not self.at.sign(")"):
                    raise self.error("expected ')'")
                self.take()
                return Field("metric", metric, aggregate)
            return self.prefixed(token)
        if token.kind in ("backtick", "double"):
            return self.named(str(token.value), token)
        raise self.error(
            "expected a field, such as metrics.loss, params.C, tags.team or status", token
        )

    def prefixed(self, token: Token) -> Field:
        """Return the field that begins with the word ``token``, whose key may stand in quotes right
        behind it.
        """
        prefix, dot, key = str(token.value).partition(".")
        entity = ENTITIES.get(prefix.lower())
        if not dot or entity is None:
            return self.named(str(token.value), token)
        key = self.key(token, key)
        if entity == "attribute":
            return self.named(key, token)
        if entity == "dataset":
            name = DATASET_FIELDS.get(key.lower())
            if name is None:
                raise self.error(
                    f"data sets have no {key!r}: use datasets.name, datasets.digest or "
                    "datasets.context",
                    token,
                )
            return Field("dataset", name)
        return Field(entity, key)

    def key(self, token: Token, key: str) -> str:
        following = self.at
        if key == "" and following.kind in ("backtick", "double") and following.start == token.end:
            key = str(self.take().value)
        if key == "":
            raise self.error("a key is missing after the dot", token)
        return key

    def named(self, name: str, token: Token) -> Field:
        field = attribute(name, self.vocabulary)
        if field is None and self.at.sign("("):
            raise self.error(
                f"there is no aggregate {name!r}; there are: {', '.join(AGGREGATES)}", token
            )
        if field is None:
            raise self.error(
                f"there is no attribute {name!r}; {suggestion(name, self.vocabulary)}", token
            )
        return field

    def metric(self) -> str:
        """Return the key of the metric inside an aggregate, where the prefix may be left out."""
        token = self.take()
        if token.kind in ("backtick", "double"):
            return str(token.value)
        if token.kind != "word":
            raise self.error("expected a metric", token)
        prefix, dot, key = str(token.value).partition(".")
        entity = ENTITIES.get(prefix.lower()) if dot else None
        if entity is None:
            return str(token.value)
        if entity != "metric":
            raise self.error("only metrics have aggregates", token)
        return self.key(token, key)

    # values

    def value(self, field: Field) -> Scalar:
        token = self.take()
        what = kind(field)
        if token.kind in ("single", "double"):
            return self.quoted(field, str(token.value), token)
        if token.kind == "number" and isinstance(token.value, float):
            if what == "text":
                raise self.error(f"{_spoken(field)} is text: write the value in quotes", token)
            if what == "time":
                if not math.isfinite(token.value) or abs(token.value) > 9e15:
                    raise self.error(
                        "a time is a number of milliseconds since 1970 or an ISO text such as "
                        "'2024-05-01'",
                        token,
                    )
                return round(token.value * 1000)
            return token.value
        if token.keyword("true", "false", "none") and what == "param":
            return {"true": True, "false": False, "none": None}[str(token.value).lower()]
        if token.keyword("null"):
            raise self.error("nothing equals null: write 'is null' or 'is not null'", token)
        if token.kind == "word":
            raise self.error(f"write texts in quotes: '{token.value}'", token)
        raise self.error("expected a value", token)

    def quoted(self, field: Field, text: str, token: Token) -> Scalar:
        what = kind(field)
        if what == "number":
            raise self.error(f"{_spoken(field)} is a number: write the value without quotes", token)
        if what == "time":
            time = microseconds(text)
            if time is None:
                raise self.error(
                    "cannot read this time; write it like '2024-05-01' or "
                    "'2024-05-01T12:30:00+02:00'",
                    token,
                )
            return time
        if field != Field("attribute", "status"):
            return text
        if text.upper() not in STATUSES:
            raise self.error(
                f"no run has the status {text!r}; there are: {', '.join(STATUSES)}", token
            )
        return text.upper()

    # orderings

    def ordering(self) -> list[Order]:
        items = []
        while True:
            token = self.at
            field = self.field()
            if field.entity == "dataset" or field.key == "alias" == self.vocabulary.aliases.get(
                "aliases"
            ):
                raise self.error(
                    "cannot order by data sets or aliases: there may be several of each",
                    token,
                )
            items.append(Order(field, self.direction()))
            if not self.at.sign(","):
                break
            self.take()
        if not self.at.ended:
            raise self.error("expected 'asc', 'desc', ',' or the end of the ordering")
        return items

    def direction(self) -> bool:
        if self.at.keyword("asc", "desc"):
            return str(self.take().value).lower() == "desc"
        return False


def _spoken(field: Field) -> str:
    return field.key if field.entity == "attribute" else f"{field.entity}s.{field.key}"
