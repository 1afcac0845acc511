"""What data are, asked once."""

from __future__ import annotations

from fitprint.data.description import Description, described
from fitprint.data.rows import first_rows, row_count
from fitprint.models.signature import infer_signature


class Counted(dict):
    """A dict that counts how often somebody goes through it."""

    times = 0

    def items(self):
        self.times += 1
        return super().items()


def test_a_description_of_a_description_is_itself():
    """Whoever needs one takes data, or what is known of them."""
    known = Description([1, 2])
    assert known is described(known)
    assert [1, 2] == described([1, 2]).data


def test_what_was_told_is_not_asked_again():
    """The digest and the schema are found once."""
    data = Counted(a=[1, 2])
    known = Description(data)
    assert known.digest == known.digest
    assert known.schema is known.schema
    assert data.times == 2
    assert known.dataset("X", "train").digest == known.digest[0]
    assert data.times == 3  # the facts, which it had not been asked for


def test_a_signature_is_what_the_description_says():
    """Data and their description give the same one."""
    rows = [{"a": 1, "b": "x"}]
    assert infer_signature(rows, [1.5]) == infer_signature(Description(rows), Description([1.5]))


def test_rows_are_counted_where_that_costs_nothing():
    """An iterator stays as it is."""
    assert [3, 0, None, None] == [row_count(data) for data in ([1, 2, 3], {}, iter([1]), None)]


def test_first_rows_are_a_copy():
    """They keep nothing of the data alive; of what cannot be cut there are none."""
    rows = [[1], [2]]
    assert first_rows(rows) == rows
    assert first_rows(rows) is not rows
    assert [None, None, None] == [first_rows(data) for data in ("/a/file", {"a": 1}, object())]
