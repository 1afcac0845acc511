"""Counting while a model serves: nothing is counted twice or lost untold, whatever comes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitprint import clock
from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import sample
from fitprint_monitor.cells import Counts, cells_of
from fitprint_monitor.comparing import compare_columns
from fitprint_monitor.counting import count_numbers
from fitprint_monitor.watching import Watch
from fitprint_monitor.windows import HOUR, Window, merged

numpy: Any = pytest.importorskip("numpy")


def told(data):
    """Return the profile of data."""
    return profile(sample(Description(data)))


def numbers(rows, seed=0):
    """Return three columns, one with missing and infinite values."""
    draw = numpy.random.default_rng(seed)
    found = draw.normal(size=(rows, 3))
    found[::5, 1] = numpy.nan
    found[::7, 2] = numpy.inf
    found[3::7, 2] = -numpy.inf
    return found


TRAINED = numbers(2000)
LABELS = (TRAINED[:, 0] > 0).astype(int)


@pytest.fixture
def watch():
    """A watch of a model of numbers with two classes."""
    return Watch(told(TRAINED), told(LABELS))


@pytest.fixture
def hour():
    """A clock that stands still until it is told to go on."""
    time = [1000 * HOUR]
    with clock.replaced(lambda: time[0]):
        yield time


@given(st.lists(st.integers(0, 700), min_size=1, max_size=12))
@settings(deadline=None, max_examples=40)
def test_batches_are_counted_like_one(sizes):
    """Of any sizes, in the cells of the whole."""
    watch = Watch(told(TRAINED), told(LABELS))
    data = numbers(sum(sizes), seed=1)
    start = 0
    for size in sizes:
        watch.observe(data[start : start + size], LABELS[:size])
        start += size
    if start:
        (window,) = watch.take()
        assert (sum(sizes), 0, "") == (window.seen, window.lost, watch.problem)
        for place, column in enumerate(told(TRAINED)["columns"]):
            expected = count_numbers(cells_of(column), data[:, place], len(data))
            if start <= 8192:
                assert expected == window.inputs[str(place)]
    assert [] == watch.take()


def test_tables_of_all_kinds_are_counted_alike(watch):
    """An array, a frame, a dict of columns and records."""
    pandas = pytest.importorskip("pandas")
    data = numbers(300, seed=2)
    frame = pandas.DataFrame(data, columns=["0", "1", "2"])
    kinds = (data, frame, frame.to_dict("list"), frame.to_dict("records"), data.tolist())
    counted = []
    for batch in kinds:
        watch.observe(batch, LABELS[:300])
        (window,) = watch.take()
        assert watch.problem == ""
        counted.append((window.inputs, window.predictions))
    assert all(each == counted[0] for each in counted)
    watch.observe(data.astype(object), LABELS[:300].tolist())
    (window,) = watch.take()
    assert (window.inputs, window.predictions) == counted[0]


def test_texts_and_single_rows():
    """As a server gets them: one record at a time; others than the known ones are counted apart."""
    rows = [{"age": number % 50 + 0.5, "city": "ab"[number % 2]} for number in range(400)]
    watch = Watch(told(rows))
    for row in rows[:50]:
        watch.observe([row], [1])
    watch.observe({"age": None, "city": "z"}, [1])
    (window,) = watch.take()
    assert (51, {}) == (window.seen, window.predictions)
    assert ((25, 25, 1), 1) == (window.inputs["city"].cells, window.inputs["age"].missing)


def test_texts_as_predictions():
    """As an array, a list or a series."""
    pandas = pytest.importorskip("pandas")
    labels = ["no", "yes", "yes"]
    watch = Watch(told(TRAINED), told(labels * 50))
    for predictions in (numpy.array(labels), labels, pandas.Series(labels)):
        watch.observe(TRAINED[:3], predictions)
    (window,) = watch.take()
    assert ((6, 3, 0), 0, "") == (window.predictions[""].cells, window.lost, watch.problem)


def test_wide_tables_are_counted_whole():
    """Each row of each column, texts included."""
    names = [f"c{number}" for number in range(100)]
    rows = [dict.fromkeys(names, "ab"[number % 2]) for number in range(600)]
    watch = Watch(told(rows))
    for start in range(0, 600, 30):
        watch.observe(rows[start : start + 30])
    (window,) = watch.take()
    assert {600} == {each.rows for each in window.inputs.values()}
    assert 100 == len(window.inputs)


def test_an_hour_has_a_window(watch, hour):
    """What is observed in the next one is apart."""
    watch.observe(TRAINED[:10])
    hour[0] += HOUR
    watch.observe(TRAINED[:5])
    watch.observe(TRAINED[:5])
    windows = watch.take()
    assert [(1000 * HOUR, 10), (1001 * HOUR, 10)] == [(each.start, each.seen) for each in windows]
    assert "windows/1970-02-11T16.json" == windows[0].path


def test_after_many_rows_some_are_counted(watch, hour):
    """All are seen; from 8192 rows of an hour on one in 32 is counted, however they come."""
    for _ in range(8):
        watch.observe(numbers(1024), None)
    watch.observe(numbers(320), None)
    for row in numbers(64):
        watch.observe(row[None], None)
    (window,) = watch.take()
    assert (8192 + 384, 8192 + 12, 0) == (window.seen, window.inputs["0"].rows, window.lost)
    hour[0] += HOUR
    watch.observe(numbers(50), None)
    (window,) = watch.take()
    assert 50 == window.inputs["0"].rows


def test_what_cannot_be_counted_is_told(watch):
    """Too few columns, values that fail, no data at all: the server goes on, and rows are lost
    aloud.
    """
    watch.observe(TRAINED[:4, :2])
    assert "the array has 2 columns" in watch.problem
    watch.observe(3)
    assert "TypeError" in watch.problem
    watch.observe(TRAINED[:6])
    (window,) = watch.take()
    assert (10, 4, 6) == (window.seen, window.lost, window.inputs["0"].rows)


def test_values_of_another_kind_are_no_loss(watch):
    """They are counted as strange."""
    watch.observe({"0": ["a"], "1": [1.0], "2": [1.0]})
    (window,) = watch.take()
    assert (1, 0) == (window.inputs["0"].strange, window.lost)


def test_few_strange_values_are_no_drift():
    """They are more than a hundredth of many rows, or all of any number."""
    cells = cells_of(told([float(number) for number in range(900)])["columns"][0])
    quiet = count_numbers(cells, [450.5] * 9, 9)
    for strange, rows, verdict in ((1, 9, "few rows"), (9, 0, "drift"), (30, 600, "drift")):
        counts = Counts.joined((*[quiet] * (rows // 9), Counts(strange, 0, (), strange=strange)))
        (found,) = compare_columns([(cells, counts)])
        assert verdict == found.verdict


def test_threads_lose_nothing_untold(watch):
    """Each row is counted or told as lost."""

    def serve():
        for _ in range(200):
            watch.observe(TRAINED[:3], LABELS[:3])

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    windows = watch.take()
    for thread in threads:
        thread.join()
    windows += watch.take()
    whole = merged(windows, 1 << 62)[0]
    assert 2400 == whole.seen == whole.lost + whole.inputs["0"].rows


def test_nobody_waits_for_long(watch):
    """A thread that counts stops no other: its rows are lost, and that is told."""
    with watch._lock:
        watch.observe(TRAINED[:7])
    (window,) = watch.take()
    assert (7, 7, {}) == (window.seen, window.lost, window.inputs)
    assert "another thread was counting" in watch.problem


def test_memory_is_bounded(watch, hour):
    """If nobody takes the windows, the oldest are dropped, and that is told."""
    for _ in range(60):
        watch.observe(TRAINED[:2])
        hour[0] += HOUR
    windows = watch.take()
    assert 48 == len(windows)
    assert (120, 24) == (sum(each.seen for each in windows), sum(each.lost for each in windows))


def test_windows_come_back_from_json():
    """As they were; infinities of columns without values included."""
    watch = Watch(told(TRAINED), told(LABELS))
    watch.observe(TRAINED[:9], LABELS[:9])
    watch.observe(numpy.full((2, 3), numpy.nan))
    (window,) = watch.take()
    assert window == Window.from_json(window.to_json())
    empty = Watch(told(TRAINED))
    empty.observe(numpy.full((2, 3), numpy.nan))
    (window,) = empty.take()
    assert window == Window.from_json(window.to_json())


@given(st.permutations(range(4)))
def test_windows_are_added_in_any_order(order):
    """Of workers, and of hours."""
    watch = Watch(told(TRAINED), told(LABELS))
    windows = []
    for number in range(4):
        watch.observe(TRAINED[number : 3 * number + 1], LABELS[number : 3 * number + 1])
        windows += watch.take()
    a, b, c, d = (windows[place] for place in order)
    assert (
        ((a + b) + c) + d
        == a + (b + (c + d))
        == (windows[0] + windows[1]) + (windows[2] + windows[3])
    )
