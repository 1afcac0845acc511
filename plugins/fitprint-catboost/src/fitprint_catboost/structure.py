"""Whether a model file of CatBoost's leads anywhere: CatBoost follows splits, leaves, features and
hash tables without looking.

The binary format is a table of FlatBuffers (https://flatbuffers.dev/internals), whose form CatBoost
verifies itself, and behind it tables of counters for categories. Of both, and of the format JSON,
each index is compared with what it points to.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fitprint_catboost.flatbuffers import Table, root

__all__ = ["UNSEEN", "problem_of"]

UNSEEN = (
    "it takes vectors (embedding features), of which CatBoost reads as many numbers as the file "
    "says, however many there are"
)

_MAGIC = b"CBM1"
_COUNTERS = "static_provider_v1"
_DEPTH = 16
_DIMENSIONS = 1 << 20
_NO_LEAF = 0xFFFFFFFF
_EMPTY = 0xFFFFFFFFFFFFFFFF  # the hash of a bucket that is free
_BUCKET = np.dtype(
    {"names": ["hash", "index"], "formats": ["<u8", "<u4"], "offsets": [0, 8], "itemsize": 16}
)
_BUCKET_PACKED = np.dtype({"names": ["hash", "index"], "formats": ["<u8", "<u4"], "itemsize": 12})
_BORDERS, _BUCKETS, _MEAN, _FLOAT_MEAN, _COUNTER, _FREQUENCY = range(6)
_NAMES = (
    "Borders",
    "Buckets",
    "BinarizedTargetMeanValue",
    "FloatTargetMeanValue",
    "Counter",
    "FeatureFreq",
)


def problem_of(data: bytes, form: str) -> str | None:
    """Tell what is wrong with a file in one of the formats ``cbm`` and ``json``; None if nothing
    is.
    """
    try:
        (_check_binary if form == "cbm" else _check_json)(data)
    except RecursionError:
        return "it is nested too deeply"
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        OverflowError,
        struct.error,
    ) as error:
        return (
            f"it has no {error}" if isinstance(error, KeyError) else str(error) or "it is cut short"
        )
    return None


def _require(true: Any, told: str) -> None:
    if not true:
        raise ValueError(told)


# -- the binary format -----------------------------------------------------------------------------


def _check_binary(data: bytes) -> None:
    _require(data[:4] == _MAGIC and len(data) > 8, "it does not begin as a model of CatBoost does")
    (size,) = struct.unpack_from("<I", data, 4)
    _require(size <= len(data) - 8, "it is cut short")
    core = root(data[8 : 8 + size])
    trees = core.table(1)
    _require(trees is not None, "it has no trees")
    assert trees is not None
    parts = core.texts(3)
    if parts and parts[0] != _COUNTERS:
        # what is behind the trees is of a form that only CatBoost knows, such as texts'
        _check_model(trees, None)
    else:
        _check_model(trees, _tables(data[8 + size :]) if parts else {})


def _check_model(trees: Table, counters: Mapping[str, tuple[int, int]] | None) -> None:
    categories, floats = list(trees.tables(4)), list(trees.tables(5))
    texts, embeddings = list(trees.tables(12)), list(trees.tables(18))
    kinds = (categories, floats, texts, embeddings)
    for kind in kinds:
        _check_places(
            [feature.integer(1 if kind is floats else 0, -1) for feature in kind],
            len(kind),
            "features",
        )
    flat = [feature.integer(2 if kind is floats else 1, -1) for kind in kinds for feature in kind]
    _check_places(flat, len(flat), "features")
    bins = sum(len(feature.array(3, "<f4")) for feature in floats)
    for one in trees.tables(6):
        _require(
            0 <= one.integer(0, -1) < len(categories), "it asks for a category that there is not"
        )
        bins += len(one.array(1, "<i4"))
    for feature in trees.tables(7):
        _check_counter(feature.table(0), len(categories), len(floats), counters)
        bins += len(feature.array(1, "<f4"))
    bins += sum(len(feature.array(3, "<f4")) for feature in trees.tables(13))
    _check_trees(trees, bins)
    _require(not embeddings, UNSEEN)


def _check_places(places: Sequence[int], count: int, what: str) -> None:
    _require(sorted(places) == list(range(count)), f"its {what} are not numbered as they should be")


def _check_trees(trees: Table, bins: int) -> None:
    dimension = trees.integer(0, 0)
    splits, sizes, starts = (trees.array(place, "<i4").astype(np.int64) for place in (1, 2, 3))
    leaves = len(trees.array(8, "<f8"))
    _require(
        0 < dimension <= _DIMENSIONS and leaves % dimension == 0, "it has leaves of no dimension"
    )
    _require(
        len(sizes) == len(starts) or not len(starts), "it does not have as many trees as it says"
    )
    ends = np.cumsum(sizes)
    fits = (sizes >= 0).all() and (ends[-1] if len(ends) else 0) == len(splits)
    if len(starts):
        fits = fits and np.array_equal(starts, ends - sizes)
    _require(fits, "its trees are not where it says")
    _require(
        not len(splits) or (splits.min() >= 0 and splits.max() < bins),
        "a tree asks for a split that there is not",
    )
    weights = len(trees.array(9, "<f8"))
    _require(weights in {0, leaves // dimension}, "it does not have as many weights as leaves")
    steps = trees.array(10, "<u2", 2).astype(np.int64).reshape(-1, 2)
    if len(steps):
        _check_walks(steps, trees.array(11, "<u4").astype(np.int64), sizes, ends, leaves, dimension)
    else:
        fits = not len(sizes) or sizes.max() <= _DEPTH
        _require(
            fits and int((1 << sizes).sum()) * dimension == leaves,
            "its trees do not have as many leaves as it says",
        )


def _check_walks(
    steps: Any, values: Any, sizes: Any, ends: Any, leaves: int, dimension: int
) -> None:
    """Check trees that are no tables: each step leads on inside of the tree,
    and ends at a value.
    """
    _require(
        len(steps) == len(values) == (ends[-1] if len(ends) else 0),
        "its trees have steps that they do not count",
    )
    _require((sizes > 0).all(), "it has a tree without nodes")
    rest = np.repeat(ends, sizes) - np.arange(len(steps))
    _require((steps < rest[:, None]).all(), "a tree points to a node that does not exist")
    last = (steps == 0).any(axis=1)
    found = values[last]
    fits = not len(found) or ((found != _NO_LEAF).all() and (found + dimension <= leaves).all())
    _require(fits, "a tree points to a leaf that does not exist")


def _check_counter(
    ctr: Table | None, categories: int, floats: int, counters: Mapping[str, tuple[int, int]] | None
) -> None:
    base = ctr.table(0) if ctr is not None else None
    _require(base is not None, "a counter counts nothing")
    assert base is not None
    assert ctr is not None
    key, kind = _identity(base, categories, floats)
    border = ctr.integer(1, 0)
    if counters is None:
        return
    _require(key in counters, "a counter has no table")
    classes = counters[key][1]
    most = {_BORDERS: classes - 1, _BUCKETS: classes}.get(kind, 1 << 31)
    _require(0 <= border < max(most, 1), "a counter asks for a class that there is not")


def _identity(
    base: Table, categories: int | None = None, floats: int | None = None
) -> tuple[str, int]:
    """Return what a counter counts, as a key, and its kind; the features have to exist, where their
    number is given.
    """
    combination, kind = base.table(0), base.byte(1)
    _require(combination is not None and kind <= _FREQUENCY, "a counter is of no kind")
    assert combination is not None
    found = (
        combination.array(0, "<i4"),
        combination.array(1, "<i4", 2),
        combination.array(2, "<i4", 2),
    )
    if categories is not None and floats is not None:
        for places, count in (
            (found[0], categories),
            (found[1][::2], floats),
            (found[2][::2], categories),
        ):
            _require(
                not len(places) or (places.min() >= 0 and places.max() < count),
                "a counter counts what there is not",
            )
    return f"{kind} {[part.tobytes().hex() for part in found]}", kind


def _tables(data: bytes) -> dict[str, tuple[int, int]]:
    """Check the tables of counters behind the trees; return kind and number of classes of each."""
    (count,) = struct.unpack_from("<I", data, 0)
    found: dict[str, tuple[int, int]] = {}
    at = 4
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, at)
        _require(at + 4 + size <= len(data), "it is cut short")
        table = root(data[at + 4 : at + 4 + size])
        at += 4 + size
        base = table.table(0)
        _require(base is not None, "a counter counts nothing")
        assert base is not None
        key, kind = _identity(base)
        classes = table.integer(4, 0)
        _check_buckets(table.array(1, "u1"), len(table.array(2, "u1")), kind, classes)
        found[key] = (kind, classes)
    return found


def _check_buckets(raw: Any, size: int, kind: int, classes: int) -> None:
    width = (
        8 if kind in {_MEAN, _FLOAT_MEAN} else 4 * classes if kind in {_BORDERS, _BUCKETS} else 4
    )
    _require(
        0 <= classes < 1 << 20 and width > 0 and size % width == 0,
        "a counter has values of no width",
    )
    for form in (_BUCKET, _BUCKET_PACKED):
        count = len(raw) // form.itemsize
        if len(raw) == count * form.itemsize and count & (count - 1) == 0 and count:
            buckets = np.frombuffer(raw.tobytes(), form)
            taken = buckets[buckets["hash"] != _EMPTY]
            # without a free one a search for what is not there would not end
            if len(taken) < count or count == 1:
                _require(
                    not len(taken) or taken["index"].max() < size // width,
                    "a counter points to values that it does not have",
                )
                return
    raise ValueError("a counter has a table of no known form")


# -- the format JSON -------------------------------------------------------------------------------


def _check_json(data: bytes) -> None:
    model = json.loads(data)
    features = model["features_info"]
    kinds = [
        features.get(name) or []
        for name in (
            "categorical_features",
            "float_features",
            "text_features",
            "embedding_features",
        )
    ]
    categories, floats = kinds[0], kinds[1]
    for kind in kinds:
        _check_places([int(feature["feature_index"]) for feature in kind], len(kind), "features")
    flat = [int(feature["flat_feature_index"]) for kind in kinds for feature in kind]
    _check_places(flat, len(flat), "features")
    bins = sum(len(feature.get("borders") or ()) for feature in floats)
    bins += sum(len(feature.get("values") or ()) for feature in categories)
    for counter in features.get("ctrs") or ():
        bins += len(counter["borders"])
        _check_json_counter(counter, model.get("ctr_data") or {}, len(categories), len(floats))
    bins += sum(
        len(feature.get("borders") or ()) for feature in features.get("estimated_features") or ()
    )
    _, biases = model["scale_and_bias"]
    dimension = len(biases) if isinstance(biases, list) else 1
    if "oblivious_trees" in model:
        for tree in model["oblivious_trees"]:
            splits = [int(split["split_index"]) for split in tree.get("splits") or ()]
            _require(
                all(0 <= split < bins for split in splits),
                "a tree asks for a split that there is not",
            )
            _check_split_features(tree.get("splits") or (), len(categories), len(floats))
            leaves = (1 << len(splits)) * dimension if len(splits) <= _DEPTH else -1
            _require(
                len(tree["leaf_values"]) == leaves, "a tree does not have as many leaves as it says"
            )
            _require(
                len(tree.get("leaf_weights") or ()) in {0, leaves // dimension},
                "a tree has leaves without weights",
            )
        return
    for tree in model["trees"]:
        stack = [tree]
        while stack:
            node = stack.pop()
            if "split" in node:
                _require(
                    0 <= int(node["split"]["split_index"]) < bins,
                    "a tree asks for a split that there is not",
                )
                _check_split_features([node["split"]], len(categories), len(floats))
                stack += [node["left"], node["right"]]
            else:
                value = node["value"]
                _require(
                    (len(value) if isinstance(value, list) else 1) == dimension,
                    "a tree has a leaf without a value",
                )


def _check_split_features(
    splits: Iterable[Mapping[str, Any]], categories: int, floats: int
) -> None:
    for split in splits:
        for name, count in (("cat_feature_index", categories), ("float_feature_index", floats)):
            if name in split:
                _require(
                    0 <= int(split[name]) < count, "a tree asks for a feature that there is not"
                )


def _check_json_counter(
    counter: Mapping[str, Any], tables: Mapping[str, Any], categories: int, floats: int
) -> None:
    _check_split_features(counter["elements"], categories, floats)
    table = tables.get(counter["identifier"])
    _require(table is not None and counter["ctr_type"] in _NAMES, "a counter has no table")
    assert table is not None
    kind, stride, values = (
        _NAMES.index(counter["ctr_type"]),
        int(table["hash_stride"]),
        table["hash_map"],
    )
    _require(stride > 1 and len(values) % stride == 0, "a counter has values of no width")
    _require(
        all(isinstance(value, str) for value in values[::stride]),
        "a counter has keys that are none",
    )
    most = {_BORDERS: stride - 2, _BUCKETS: stride - 1}.get(kind, 1 << 31)
    _require(
        0 <= int(counter.get("target_border_idx") or 0) < max(most, 1),
        "a counter asks for a class that there is not",
    )
