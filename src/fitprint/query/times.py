"""Times in a query: microseconds since the epoch (UTC), from ISO texts and from milliseconds."""

from __future__ import annotations

from fitprint.query.expressions import And, Comparison, Expression, Field, Operator, Or

__all__ = ["microseconds", "within_millisecond"]


def microseconds(text: str) -> int | None:
    """Return the moment that an ISO text names, UTC unless it says otherwise; None if it is not
    one.
    """
    from datetime import datetime, timedelta, timezone

    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)


def within_millisecond(field: Field, operator: Operator, start: int) -> Expression:
    """Compare ``field`` with the whole millisecond that begins at ``start``: a run that began 0.3
    ms later began in it.
    """
    end = start + 1000
    if operator == "=":
        return And((Comparison(field, ">=", start), Comparison(field, "<", end)))
    if operator == "!=":
        return Or((Comparison(field, "<", start), Comparison(field, ">=", end)))
    if operator == "<=":
        return Comparison(field, "<", end)
    if operator == ">":
        return Comparison(field, ">=", end)
    return Comparison(field, operator, start)
