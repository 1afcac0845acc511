"""What a search asks for, once it has been read: the tree that every store evaluates or compiles.

All nodes are frozen and comparable. Logic is two-valued: a comparison with something that a run
lacks is false, so its negation by ``not`` is true, while ``!=``, ``not in`` and ``not like`` ask
for a run that has the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

__all__ = [
    "Aggregate",
    "And",
    "Comparison",
    "Entity",
    "Expression",
    "Field",
    "Not",
    "Operator",
    "Or",
    "Order",
    "Query",
    "Scalar",
]

Entity = Literal["metric", "param", "tag", "dataset", "attribute"]
Aggregate = Literal["last", "min", "max", "best", "first", "count"]
Operator = Literal[
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not in",
    "like",
    "ilike",
    "not like",
    "not ilike",
    "is null",
    "is not null",
]
Scalar = Union[float, int, str, bool, None]


@dataclass(frozen=True, slots=True)
class Field:
    """Something of a run that can be compared or ordered by.

    ``aggregate`` says which number of a metric; else it is "last".
    """

    entity: Entity
    key: str
    aggregate: Aggregate = "last"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field against a value: a tuple for ``in`` and ``not in``, None for ``is null`` and
    ``is not null``.

    Values have the type of their field: float for metrics, int (microseconds) for times, float
    (seconds) for ``duration``, str for tags, datasets and other attributes; for params float
    (compares the number), str (compares the text), bool or None. Patterns of ``like`` know ``%``
    (any text) and ``_`` (any one character) and no escapes.
    """

    field: Field
    operator: Operator
    value: Scalar | tuple[Scalar, ...] = None


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression


Expression = Union[And, Or, Not, Comparison]


@dataclass(frozen=True, slots=True)
class Order:
    """One item of an ordering.

    What is missing or NaN comes last in both directions; a param's numbers come before its texts.
    """

    field: Field
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A search over runs.

    Attributes:
        where: the condition; None matches every run.
        order: at least one item; runs that tie in all of them are ordered by id.
        experiments: names of the experiments to look in; None looks in all.
        deleted: whether runs in the trash are left out, included, or the only ones.
    """

    where: Expression | None
    order: tuple[Order, ...]
    experiments: tuple[str, ...] | None = None
    deleted: Literal["exclude", "include", "only"] = "exclude"
