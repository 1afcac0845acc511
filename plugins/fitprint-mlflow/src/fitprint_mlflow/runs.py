"""Runs on their way to an MLflow server: what it lacks of each is sent, and written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fitprint.entities import TERMINAL_STATUSES, RunRecord
from fitprint.errors import RunNotFoundError
from fitprint.platform.users import user_name
from fitprint_mlflow import wire
from fitprint_mlflow.models import bring_models
from fitprint_mlflow.passage import Passage, changed
from fitprint_mlflow.server import RefusedRequestError
from fitprint_mlflow.wire import Item, digest_of

__all__ = ["bring_run", "ensure_run"]


def bring_run(passage: Passage, run_id: str) -> None:
    """Bring a run up to date: values, data, models, files, and at last how it ended.

    Raises:
        RefusedRequestError: the server does not take it.
        StoreError: it cannot be reached.
    """
    try:
        run = passage.store.run(run_id)
    except RunNotFoundError:
        _remove(passage, run_id)
        return
    page = ensure_run(passage, run)
    if page.get("deleted"):
        if run.deleted_time is not None:
            return
        passage.server.post("runs/restore", {"run_id": page["id"]})
        page["deleted"] = False
    _Sender(passage, run, page).send()


def _remove(passage: Passage, run_id: str) -> None:
    """Move a run that was purged here to the server's trash."""
    page = passage.ledger.read(f"run/{run_id}")
    if "id" in page and not page.get("deleted"):
        passage.unless_gone("runs/delete", {"run_id": page["id"]})
        passage.ledger.write(f"run/{run_id}", {**page, "deleted": True})


def ensure_run(passage: Passage, run: RunRecord) -> dict[str, Any]:
    """Return what the server has of a run, which is made there first."""
    page = passage.ledger.read(f"run/{run.id}")
    if "id" in page:
        return page
    experiment = passage.experiment(run.experiment)
    found = _found(passage, run.id, experiment) or _made(passage, run, experiment)
    page = {
        "id": found["run_id"],
        "experiment": found["experiment_id"],
        "uri": found.get("artifact_uri", ""),
        "deleted": found.get("lifecycle_stage") == "deleted",
    }
    passage.ledger.write(f"run/{run.id}", page)
    return page


def _found(passage: Passage, run_id: str, experiment: str) -> dict[str, Any] | None:
    """Return the run that an attempt before has made, or from which ours was imported."""
    if run_id[12:13] == "4":  # as of all that MLflow draws
        try:
            return dict(passage.server.get("runs/get", run_id=run_id)["run"]["info"])
        except RefusedRequestError as error:
            if error.status not in (400, 404):
                raise
    asked = {
        "experiment_ids": [experiment],
        "filter": f"tags.`fitprint.run` = '{run_id}'",
        "run_view_type": "ALL",
        "max_results": 1,
    }
    runs = passage.server.post("runs/search", asked).get("runs", [])
    return dict(runs[0]["info"]) if runs else None


def _made(passage: Passage, run: RunRecord, experiment: str) -> dict[str, Any]:
    tags = {"fitprint.run": run.id, "mlflow.user": user_name(), "mlflow.source.type": "LOCAL"}
    asked = {
        "experiment_id": experiment,
        "user_id": user_name(),
        "run_name": run.name,
        "start_time": run.start_time // 1000,
        "tags": wire.listed(tags),
    }
    return dict(passage.server.post("runs/create", asked)["run"]["info"])


class _Sender:
    """Sends what a server lacks of one run.

    Args:
        passage: this round.
        run: as it is here.
        page: what the server has of it; kept up to date in the ledger.
    """

    def __init__(self, passage: Passage, run: RunRecord, page: dict[str, Any]) -> None:
        self._passage = passage
        self._server = passage.server
        self._run = run
        self._page = page
        self._refused: set[tuple[str, str]] = set()
        for kind in ("params", "tags", "metrics", "files", "models"):
            page.setdefault(kind, {})

    def send(self) -> None:
        for batch in wire.batches(self._items()):
            self._send(batch)
        self._send_datasets()
        bring_models(self._passage, self._run, self._page, self._save)
        self._send_files()
        self._send_end()

    def _save(self) -> None:
        self._passage.ledger.write(f"run/{self._run.id}", self._page)

    # -- values ------------------------------------------------------------------------------------

    def _items(self) -> Iterator[Item]:
        run, page = self._run, self._page
        for key, param in run.params.items():
            if key not in page["params"]:
                text = wire.param_text(param)
                yield Item("params", key, _pair(wire.key_of(key), text), digest_of(text))
        tags = wire.tags_of(run, page["params"])
        if self._passage.experiment(run.experiment) != page["experiment"]:
            tags["fitprint.experiment"] = wire.tag_text(run.experiment)  # MLflow moves no runs
        if run.parent_id is not None and (parent := self._parent(run.parent_id)):
            tags["mlflow.parentRunId"] = parent
        new, gone = changed(tags, page["tags"])
        for key, text in new.items():
            yield Item("tags", key, _pair(key, text), digest_of(text))
        for key in gone:
            self._passage.unless_gone("runs/delete-tag", {"run_id": page["id"], "key": key})
            del page["tags"][key]
        for key, metric in run.metrics.items():
            sent = page["metrics"].get(key, 0)
            if metric.count > sent:
                history = self._passage.store.metric_history(run.id, key)
                yield from wire.points(key, history, sent)

    def _parent(self, run_id: str) -> str:
        """Return MLflow's id of the run above; "" where that is on its way here, or purged."""
        try:
            return str(ensure_run(self._passage, self._passage.store.run(run_id))["id"])
        except RunNotFoundError:
            return ""

    def _send(self, items: Sequence[Item]) -> None:
        """Send a batch; one that is refused, for the server takes all or nothing, in halves, until
        it is known what it does not take.
        """
        items = [item for item in items if (item.kind, item.key) not in self._refused]
        if not items:
            return
        asked: dict[str, Any] = {"run_id": self._page["id"]}
        for item in items:
            asked.setdefault(item.kind, []).append(item.body)
        try:
            self._server.post("runs/log-batch", asked)
        except RefusedRequestError as error:
            if not error.is_about_the_request:
                raise
            if not self._refused:
                self._check_that_it_is_active()
            if len(items) > 1:
                middle = len(items) // 2
                self._send(items[:middle])
                self._send(items[middle:])
            else:
                self._refuse(items[0], error)
            return
        for item in items:
            self._page[item.kind][item.key] = item.mark
        self._save()

    def _refuse(self, item: Item, error: RefusedRequestError) -> None:
        self._refused.add((item.kind, item.key))
        if item.kind == "params":
            self._page["params"][item.key] = ""  # another value is there: ours becomes a tag
            self._save()
        what = f"{item.kind[:-1]} {item.key!r} of the run {self._run.name!r}"
        self._passage.problems.append(f"the {what} is refused: {error}")

    def _check_that_it_is_active(self) -> None:
        found = self._server.get("runs/get", run_id=self._page["id"])["run"]["info"]
        if found.get("lifecycle_stage") == "deleted":
            raise RefusedRequestError(400, "", f"the run {self._run.name!r} was deleted there")

    # -- data, files, end --------------------------------------------------------------------------

    def _send_datasets(self) -> None:
        sent = self._page.setdefault("datasets", {})
        for dataset in self._run.datasets:
            mark = digest_of([dataset.name, dataset.role, dataset.digest])
            if mark in sent:
                continue
            given = wire.dataset_input(dataset, self._run.id, sent.values())
            try:
                self._server.post(
                    "runs/log-inputs", {"run_id": self._page["id"], "datasets": [given]}
                )
            except RefusedRequestError as error:
                if not error.is_about_the_request:
                    raise
                self._passage.problems.append(
                    f"the data set {dataset.name!r} of the run {self._run.name!r} is refused: "
                    f"{error}"
                )
                continue
            sent[mark] = f"{given['dataset']['name']}\0{given['dataset']['digest']}"
            self._save()

    def _send_files(self) -> None:
        models = tuple(f"{model.path}/" for model in self._run.models)
        files = [file for file in self._run.artifacts if not file.path.startswith(models)]
        if files:
            before = dict(self._page["files"])
            self._passage.put_files(self._page["uri"], files, self._page["files"])
            if self._page["files"] != before:
                self._save()
        if self._run.status in TERMINAL_STATUSES:
            content = wire.whole_record(self._run)
            mark = digest_of(content.decode())
            if self._page.get("record") != mark and self._passage.put_bytes(
                self._page["uri"], wire.WHOLE, content
            ):
                self._page["record"] = mark
                self._save()

    def _send_end(self) -> None:
        run, page = self._run, self._page
        status = run.status if run.status in TERMINAL_STATUSES else "RUNNING"
        told = [status, run.end_time, run.name]
        if page.get("told", ["RUNNING", None, run.name]) != told:
            asked = {"run_id": page["id"], "status": status, "run_name": run.name}
            if run.end_time is not None:
                asked["end_time"] = run.end_time // 1000
            self._server.post("runs/update", asked)
            page["told"] = told
            self._save()
        if run.deleted_time is not None:
            self._server.post("runs/delete", {"run_id": page["id"]})
            page["deleted"] = True
            self._save()


def _pair(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}
