"""What the event files of one folder hold; TensorBoard's own reader and messages read them.

TensorFlow is never loaded, also where it is installed: TensorBoard has a reader without it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.util import tensor_util

from fitprint.access import open_regular
from fitprint.copying.files import Files, path_for
from fitprint.copying.values import add_point, micros, plain
from fitprint.entities import Artifact, History, RunStatus

__all__ = ["Contents", "last_time"]

_STATUSES: dict[int, RunStatus] = {
    api_pb2.STATUS_SUCCESS: "FINISHED",
    api_pb2.STATUS_FAILURE: "FAILED",
}
_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"RIFF": ".wav"}
# bytes of a text that has a file of its own, and of texts that are kept in memory: all behind have
# files of their own
_LONG, _MOST_HELD = 1 << 20, 64 << 20
_WHOLE = 1 << 53  # up to here a float tells all whole numbers apart


def _events_of(path: Path, told: Callable[[str], None]) -> Iterator[Any]:
    """Yield the events of a file up to its first damage, which is told.

    Raises:
        OSError: the file cannot be opened.
    """
    open_regular(path).close()  # no pipe, for which TensorBoard would wait
    reader, count = PyRecordReader_New(str(path)), 0
    while True:
        try:
            reader.GetNext()
            event = event_pb2.Event.FromString(reader.record())
        except errors.OutOfRangeError:
            return
        except DecodeError:
            told(f"record {count + 1} of {path.name} is not an event, and is skipped")
            count += 1
            continue
        except (errors.DataLossError, MemoryError, OverflowError):
            told(
                f"{path.name} is damaged or cut off behind {count} records: these are taken, as "
                "TensorBoard does"
            )
            return
        count += 1
        yield event


def last_time(path: Path) -> int:
    """Return the time of the last event of a file, 0 if it has none."""
    return max((micros(event.wall_time) for event in _events_of(path, lambda _: None)), default=0)


class Contents:
    """What is found in one folder.

    Args:
        files: takes images, sounds and texts.
        told: is told what cannot be taken, in words.

    Attributes:
        histories: of the scalars, by tag.
        params: hyperparameters, as the hparams plugin has them.
        tags: what it says of the session beside these.
        status: FINISHED where nothing else is said.
        artifacts: files that were made of images, sounds and texts.
        start, end: the first and the last time, 0 where there is none.
    """

    def __init__(self, files: Files, told: Callable[[str], None]) -> None:
        self.histories: defaultdict[str, History] = defaultdict(History)
        self.params: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.status: RunStatus = "FINISHED"
        self.artifacts: list[Artifact] = []
        self.start = self.end = 0
        self._texts: defaultdict[str, list[bytes]] = defaultdict(list)
        self._held = 0  # bytes of texts
        self._plugins: dict[str, str] = {}
        self._other: Counter[str] = Counter()
        self._files, self._told = files, told

    def read(self, path: Path) -> None:
        """Take in one event file; one with something that has no other place comes along as it is.

        Raises:
            OSError: it cannot be opened.
        """
        self._other.clear()
        for event in _events_of(path, self._told):
            self._take(event)
        if self._other:
            kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(self._other.items()))
            self._told(f"{kinds}: only in the file tensorboard/{path.name}, for TensorBoard")
            self.artifacts.append(self._files.add(f"tensorboard/{path.name}", path))

    def finish(self) -> None:
        """Make files of the texts."""
        for tag, lines in sorted(self._texts.items()):
            self.artifacts.append(self._files.write(path_for("texts", tag, ".jsonl"), lines))
        self._texts.clear()

    def _take(self, event: Any) -> None:
        time = micros(event.wall_time, self.end)
        self.start = min(self.start or time, time)
        self.end = max(self.end, time)
        what = event.WhichOneof("what")
        if what == "summary":
            for value in event.summary.value:
                self._take_value(value, event.step, time)
        elif what in ("graph_def", "meta_graph_def", "tagged_run_metadata"):
            self._other["graphs"] += 1

    def _take_value(self, value: Any, step: int, time: int) -> None:
        what, tag = value.WhichOneof("value"), value.tag
        plugin = value.metadata.plugin_data.plugin_name
        if plugin:  # said once for each tag
            self._plugins[tag] = plugin
        else:
            plugin = self._plugins.get(tag, "")
        if plugin == "hparams":
            self._take_session(value.metadata.plugin_data.content)
        elif what == "simple_value":
            add_point(self.histories[tag], step, time, value.simple_value)
        elif what == "image":
            self._write("images", tag, step, [value.image.encoded_image_string])
        elif what == "audio":
            self._write("audio", tag, step, [value.audio.encoded_audio_string])
        elif what == "tensor":
            self._take_tensor(value.tensor, plugin, tag, step, time)
        elif what is not None:
            self._other["histograms" if what == "histo" else what] += 1

    def _take_tensor(self, tensor: Any, plugin: str, tag: str, step: int, time: int) -> None:
        if plugin == "scalars":
            # one that only says that it is large would be made so
            is_one = all(each.size == 1 for each in tensor.tensor_shape.dim)
            try:
                number = float(tensor_util.make_ndarray(tensor).item()) if is_one else None
            except (TypeError, ValueError):
                number = None
            if number is None:
                self._other["scalars that are no number"] += 1
            else:
                add_point(self.histories[tag], step, time, number)
        elif plugin == "text":
            size = sum(map(len, tensor.string_val))
            self._held += size
            if size > _LONG or self._held > _MOST_HELD:
                self._write("texts", tag, step, tensor.string_val, ".txt")
                return
            texts = [text.decode("utf-8", "replace") for text in tensor.string_val]
            line = {"step": step, "time": time, "text": texts[0] if len(texts) == 1 else texts}
            self._texts[tag].append(f"{json.dumps(line)}\n".encode())
        elif plugin == "images":
            self._write("images", tag, step, tensor.string_val[2:])  # behind width and height
        elif plugin == "audio":
            # each sound may have a label
            stride = 2 if len(tensor.tensor_shape.dim) > 1 else 1
            self._write("audio", tag, step, tensor.string_val[::stride])
        else:
            self._other[plugin or "tensors"] += 1

    def _write(
        self, folder: str, tag: str, step: int, contents: Any, suffix: str | None = None
    ) -> None:
        for content in contents:
            kind = suffix or next(
                (s for head, s in _SUFFIXES.items() if content.startswith(head)), ".bin"
            )
            self.artifacts.append(
                self._files.write(path_for(folder, f"{tag}/{step}", kind), [content])
            )

    def _take_session(self, content: bytes) -> None:
        """Take in what the hparams plugin says of a session; what it says of the experiment is told
        by the sessions, too.
        """
        try:
            said = plugin_data_pb2.HParamsPluginData.FromString(content)
        except DecodeError:
            self._told("hyperparameters cannot be read")
            return
        start, end = said.session_start_info, said.session_end_info
        for name in start.hparams:
            self.params[name] = _typed(json_format.MessageToDict(start.hparams[name]))
        for name in ("group_name", "model_uri", "monitor_url"):
            if getattr(start, name):
                self.tags[f"tensorboard.{name}"] = getattr(start, name)
        if said.HasField("session_end_info"):
            self.status = _STATUSES.get(end.status, self.status)


def _typed(value: Any) -> Any:
    """Return a hyperparameter; the plugin keeps every number as a float, so one that is whole is
    taken for a whole number.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= _WHOLE:
        return int(value)
    return plain(value)
