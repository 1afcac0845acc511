"""The registry with many versions: what listing, searching and resolving take, and what registering
costs above the store's own commit.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory

from fitprint.entities import Artifact, LoggedModel
from fitprint.events import AliasMoved, Batch, Event, ModelVersionCreated, RunStarted
from fitprint.query.fields import VERSIONS
from fitprint.query.grammar import parse
from fitprint.stores.protocol import ModelRegistry
from fitprint.stores.sql.sqlite import open_sqlite

VERSIONS_IN_ALL = 100_000
MODELS = 1000


def _created(number: int) -> ModelVersionCreated:
    model = LoggedModel("model", "sklearn", f"sha256:{number:064x}", {"class": "Model"})
    files = (
        Artifact("MLmodel", f"sha256:{number:064x}", 10),
        Artifact("model.skops", f"sha256:{number + 10**9:064x}", 10),
    )
    return ModelVersionCreated(
        f"model-{number % MODELS}",
        1,
        f"{number:032x}",
        "ann",
        f"run{number}",
        model,
        files,
        {"tags": {"team": f"t{number % 997}"}},
    )


def _median(action: Callable[[], object], repeat: int = 15) -> float:
    action()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def versions() -> dict[str, float]:
    """Milliseconds, with 100 000 versions of 1000 models in a SQLite file."""
    with TemporaryDirectory() as folder:
        store = open_sqlite(f"sqlite:///{folder}/fitprint.db")
        count = 0

        def append(*acts: Event) -> None:
            nonlocal count
            store.append(Batch("bench", count, count + 1, acts, {}))
            count += 1

        for start in range(0, VERSIONS_IN_ALL, 2000):
            append(*map(_created, range(start, start + 2000)))
        append(
            *(
                AliasMoved(f"model-{number}", 1, f"a{number:031x}", "ann", "champion", 50)
                for number in range(MODELS)
            )
        )
        store.close()
        store = open_sqlite(f"sqlite:///{folder}/fitprint.db")
        began = time.perf_counter()
        store.registry.search(parse("", vocabulary=VERSIONS), limit=20)
        first = (time.perf_counter() - began) * 1000
        registry = store.registry
        assert isinstance(registry, ModelRegistry)

        def search(text: str) -> Callable[[], object]:
            query = parse(text, vocabulary=VERSIONS)
            return lambda: registry.search(query, limit=20)

        drawn = iter(range(VERSIONS_IN_ALL, 2 * VERSIONS_IN_ALL))
        plain = _median(lambda: append(RunStarted(f"plain{next(drawn)}", 1, "e", "x")))
        register = _median(lambda: append(_created(next(drawn))))
        alias = _median(
            lambda: append(
                AliasMoved(
                    "model-7", 1, f"b{next(drawn):031x}", "ann", "champion", 1 + next(drawn) % 50
                )
            )
        )
        figures = {
            "first_list": first,
            "list": _median(search("")),
            "tag": _median(search("tags.team = 't5'")),
            "alias": _median(
                lambda: registry.version("model-7", registry.model("model-7").aliases["champion"])
            ),
            "register": register - plain,
            "move": alias - plain,
        }
        store.close()
        return figures


if __name__ == "__main__":
    print(json.dumps({"versions": versions}[sys.argv[1]]()))
