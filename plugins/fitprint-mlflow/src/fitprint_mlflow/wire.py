"""Our records as MLflow's REST API takes them, inside the limits of its server."""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fitprint.entities import Dataset, History, Param, RunRecord

__all__ = [
    "WHOLE",
    "Item",
    "batches",
    "dataset_input",
    "digest_of",
    "encoded",
    "key_of",
    "listed",
    "model_name",
    "param_text",
    "path_of",
    "plain",
    "points",
    "tag_text",
    "tags_of",
    "whole_record",
]

WHOLE = "fitprint/record.json"
"""The file of a run that has everything whole, MLflow's limits or not."""

_MOST = {"metrics": 1000, "params": 100, "tags": 100}  # of a request, and of all together:
_MOST_ENTITIES = 1000
_MOST_BYTES = 900_000
_LONGEST_KEY, _LONGEST_PARAM, _LONGEST_TAG = 250, 6000, 8000
_LONGEST_DATASET, _LONGEST_DIGEST, _LONGEST_SCHEMA, _LONGEST_PROFILE = 500, 36, 1 << 20, 1 << 24
_LONGEST_SOURCE, _LONGEST_INPUT_TAG = 65535, 500
_NO_KEY = re.compile(r"[^/\w.\- :]")
_NO_MODEL = re.compile(r"""[/:.%"']""")
_NO_PATH = re.compile(r"[%#?:\\\x00-\x1f\x7f]")
_CONTEXTS = {"train": "training", "eval": "evaluation", "test": "testing"}


class Item(NamedTuple):
    """A metric's point, a param or a tag on its way.

    Attributes:
        kind: "metrics", "params" or "tags".
        key: ours, of a tag MLflow's.
        body: as MLflow takes it.
        mark: what is to be remembered of it once MLflow has it.
    """

    kind: str
    key: str
    body: Mapping[str, Any]
    mark: Any


def digest_of(value: Any) -> str:
    """Return a short digest of a JSON value, to tell whether it is another one now."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return JSON as MLflow takes it."""
    text = json.dumps(plain(body), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


def plain(value: Any) -> Any:
    """Return a JSON value whose NaN and infinities are texts, as MLflow spells them, and whose
    letters every database takes.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def key_of(key: str) -> str:
    """Return the name under which MLflow keeps a param, metric or tag: the key itself where MLflow
    allows it, else what is left of it, and a digest, so that two never meet.
    """
    if (
        0 < len(key) <= _LONGEST_KEY
        and not _NO_KEY.search(key)
        and posixpath.normpath(key) == key
        and key != "."
        and not key.startswith(("/", ".."))
    ):
        return key
    mark = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    left = posixpath.normpath(_NO_KEY.sub("_", key)).replace("..", "_").strip("/. ")
    return f"{left[: _LONGEST_KEY - 9]}-{mark}"


def path_of(path: str) -> str:
    """Return the path under which MLflow keeps a file: the path itself, unless MLflow's server or
    clients take some of its letters for something else.
    """
    if not _NO_PATH.search(path):
        return path
    mark = hashlib.sha256(path.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    stem, dot, suffix = _NO_PATH.sub("_", path).rpartition(".")
    return f"{stem}-{mark}.{suffix}" if dot and "/" not in suffix else f"{stem}{dot}{suffix}-{mark}"


def param_text(param: Param) -> str:
    """Return the text of a value as MLflow writes it, which is what an import reads back."""
    return _cut(str(param.value), _LONGEST_PARAM)


def tag_text(text: str, longest: int = _LONGEST_TAG) -> str:
    """Return the text of a tag, no longer than MLflow takes it."""
    return _cut(text, longest)


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    more = f" … ({len(text)} letters, whole in {WHOLE})"
    return text[: longest - len(more)] + more


def model_name(path: str) -> str:
    """Return the name of a logged model, for the path of the model in its run."""
    return _NO_MODEL.sub("_", path)


def tags_of(run: RunRecord, sent: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a run has in MLflow, by MLflow's keys.

    Args:
        run: the run.
        sent: digests of the params that MLflow has, by our keys; it keeps the first value of each.
            A later one is a tag.
    """
    found = {key_of(key): tag_text(value) for key, value in run.tags.items()}
    found["fitprint.kind"] = run.kind
    framework = _framework(run.documents.get("capture"))
    if framework:
        found["mlflow.autologging"] = framework
    if run.error:
        found["fitprint.error"] = tag_text(run.error)
    note = run.documents.get("note")
    if note:
        found["mlflow.note.content"] = tag_text(str(note))
    for key, param in run.params.items():
        text = param_text(param)
        if key in sent and sent[key] != digest_of(text):
            found[key_of(f"fitprint.param.{key}")] = tag_text(text)
    return found


def _framework(capture: Any) -> str:
    return str(capture.get("framework") or "") if isinstance(capture, Mapping) else ""


def listed(pairs: Mapping[str, str]) -> list[dict[str, str]]:
    """Return names and values in the form of MLflow's lists."""
    return [{"key": key, "value": value} for key, value in pairs.items()]


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield items, in their order, as many at a time as a request may have."""
    part: list[Item] = []
    room = dict(_MOST)
    size = 0
    for item in items:
        more = sum(len(str(each).encode(errors="replace")) for each in item.body.values()) + 60
        if part and (
            not room[item.kind] or len(part) == _MOST_ENTITIES or size + more > _MOST_BYTES
        ):
            yield part
            part, room, size = [], dict(_MOST), 0
        part.append(item)
        room[item.kind] -= 1
        size += more
    if part:
        yield part


def points(key: str, history: History, start: int) -> Iterator[Item]:
    """Yield the points of a metric from a place on; MLflow's times are whole milliseconds."""
    name = key_of(key)
    for place in range(start, len(history)):
        body = {
            "key": name,
            "value": history.value[place],
            "timestamp": history.timestamp[place] // 1000,
            "step": history.step[place],
        }
        yield Item("metrics", key, body, place + 1)


def dataset_input(dataset: Dataset, run_id: str, taken: Iterable[str]) -> dict[str, Any]:
    """Return a data set as an input of a run.

    Args:
        dataset: the data set.
        run_id: of the run, which is the source of data that name no other.
        taken: names and digests, joined, that the run has in another role: MLflow keeps the first.
    """
    facts = dict(dataset.facts)
    digest = dataset.digest.rpartition(":")[2] or digest_of([dataset.name, facts])
    name = dataset.name[:_LONGEST_DATASET] or "data"
    digest = digest[: 32 if dataset.digest.startswith("sha256:") else _LONGEST_DIGEST]
    if f"{name}\0{digest}" in taken:
        name = f"{name[: _LONGEST_DATASET - 40]} ({dataset.role[:32]})"
    source, kind = facts.pop("source", None), facts.pop("source_type", None)
    if source is None or kind is None:
        kind, source = "code", {"tags": {"fitprint.run": run_id}}
    tags = {"mlflow.data.context": _CONTEXTS.get(dataset.role, dataset.role)}
    tags |= {str(key)[:255]: str(value) for key, value in facts.pop("tags", {}).items()}
    schema = facts.pop("schema", None)
    return {
        "tags": listed({key: value[:_LONGEST_INPUT_TAG] for key, value in tags.items()}),
        "dataset": {
            "name": name,
            "digest": digest,
            "source_type": str(kind),
            "source": _text(source, _LONGEST_SOURCE),
            "schema": _text(_columns(schema), _LONGEST_SCHEMA),
            "profile": _text(facts.pop("profile", None) or facts, _LONGEST_PROFILE),
        },
    }


_TYPES = (
    ("bool", "boolean"),
    ("int64", "long"),
    ("uint32", "long"),
    ("uint64", "long"),
    ("int", "integer"),
    ("uint", "integer"),
    ("float64", "double"),
    ("float", "float"),
    ("datetime", "datetime"),
)


def _columns(schema: Any) -> Any:
    """Return the columns in MLflow's words, where they are in ours."""
    if not isinstance(schema, list) or not all(
        isinstance(column, Mapping) and {"name", "dtype"} <= column.keys() for column in schema
    ):
        return schema
    return {
        "mlflow_colspec": [
            {
                "type": next(
                    (word for begin, word in _TYPES if str(column["dtype"]).startswith(begin)),
                    "string",
                ),
                "name": column["name"],
                "required": not column.get("nullable", True),
            }
            for column in schema
        ]
    }


def _text(value: Any, longest: int) -> str:
    """Return JSON, or "" for what is too long: it is whole in the record."""
    if value in (None, "", {}, []):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text.encode(errors="replace")) < longest else ""


def whole_record(run: RunRecord) -> bytes:
    """Return everything that is known of a run, without histories and bytes, as JSON."""
    content = {
        "run": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "kind": run.kind,
        "status": run.status,
        "start_time": run.start_time,
        "end_time": run.end_time,
        "parent": run.parent_id,
        "error": run.error,
        "params": {
            key: {"value": param.value, "provenance": param.provenance, "file": param.spilled}
            for key, param in run.params.items()
        },
        "metrics": {
            key: {"goal": each.goal, "count": each.count} for key, each in run.metrics.items()
        },
        "tags": dict(run.tags),
        "datasets": [
            {"name": each.name, "role": each.role, "digest": each.digest, "facts": each.facts}
            for each in run.datasets
        ],
        "models": [
            {"path": each.path, "flavor": each.flavor, "digest": each.digest, "facts": each.facts}
            for each in run.models
        ],
        "documents": dict(run.documents),
        "other_names": {
            name: key
            for name, key in (
                *((key_of(key), key) for key in (*run.params, *run.metrics, *run.tags)),
                *((path_of(file.path), file.path) for file in run.artifacts),
            )
            if name != key
        },
    }
    return json.dumps(plain(content), indent=1, default=str, sort_keys=True).encode()
