"""Registered models on their way to an MLflow server."""

from __future__ import annotations

import json
from typing import Any

from fitprint.entities import Artifact
from fitprint.errors import RegisteredModelNotFoundError, RunNotFoundError
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord
from fitprint.stores.protocol import ModelRegistry
from fitprint_mlflow import wire
from fitprint_mlflow.models import bring_model
from fitprint_mlflow.passage import Passage, changed
from fitprint_mlflow.runs import bring_run
from fitprint_mlflow.server import RefusedRequestError
from fitprint_mlflow.wire import digest_of

__all__ = ["bring_registered"]

_LONGEST_TAG = 100_000


def bring_registered(passage: Passage, id_: str) -> None:
    """Bring a registered model up to date: name, note, tags, versions, and at last aliases.

    Raises:
        RefusedRequestError: the server does not take it.
        StoreError: it cannot be reached.
    """
    registry = passage.store.registry
    models = registry.models() if registry is not None else ()
    model = next((each for each in models if each.id == id_), None)
    if registry is not None and model is not None:
        _Sender(passage, registry, model).send()


class _Sender:
    def __init__(
        self, passage: Passage, registry: ModelRegistry, model: RegisteredModelRecord
    ) -> None:
        self._passage = passage
        self._post = passage.server.post
        self._registry = registry
        self._model = model
        self._page = passage.ledger.read(f"model/{model.id}")

    def send(self) -> None:
        self._send_model()
        number = 0
        while True:
            number += 1
            try:
                version = self._registry.version(self._model.name, number)
            except RegisteredModelNotFoundError:  # numbers have no gaps: this was the last
                break
            self._send_version(version)
        self._send_aliases()

    def _save(self) -> None:
        self._passage.ledger.write(f"model/{self._model.id}", self._page)

    def _send_model(self) -> None:
        model, page = self._model, self._page
        if "name" not in page:
            try:
                self._post("registered-models/create", {"name": model.name})
            except RefusedRequestError as error:
                if error.code != "RESOURCE_ALREADY_EXISTS":
                    raise
            page |= {"name": model.name, "tags": {}, "versions": {}, "aliases": {}}
            self._save()
        if page["name"] != model.name:
            names = {"name": page["name"], "new_name": model.name}
            self._post("registered-models/rename", names)
            page["name"] = model.name
            self._save()
        self._describe("registered-models", {"name": model.name}, model.note, self._page)
        tags = _tags(model)
        if model.rules:
            tags["fitprint.rules"] = _json(model.rules)
        self._tag("registered-models", {"name": model.name}, tags, self._page)

    def _send_version(self, version: ModelVersionRecord) -> None:
        page = self._page["versions"].setdefault(str(version.version), {})
        if "number" not in page:
            number = self._found(version) or self._made(version, page)
            if not number:
                return
            page["number"] = number
            self._save()
        named = {"name": self._model.name, "version": page["number"]}
        self._describe("model-versions", named, version.note, page)
        tags = _tags(version) | {"fitprint.version": version.id}
        if version.evaluations:
            tags["fitprint.evaluations"] = _json(
                {name: dict(each.metrics) for name, each in version.evaluations.items()}
            )
        if version.approvals:
            tags["fitprint.approvals"] = _json(
                {alias: list(actors) for alias, actors in version.approvals.items()}
            )
        if str(version.version) != page["number"]:
            tags["fitprint.number"] = str(version.version)
        self._tag("model-versions", named, tags, page)
        if version.stage != page.get("stage", "None"):
            stage = {"stage": version.stage, "archive_existing_versions": False}
            self._post("model-versions/transition-stage", named | stage)
            page["stage"] = version.stage
            self._save()

    def _found(self, version: ModelVersionRecord) -> str:
        """Return the number of the version that an attempt before has made."""
        asked = f"name = '{_quoted(self._model.name)}' and tags.`fitprint.version` = '{version.id}'"
        found = self._passage.server.get("model-versions/search", filter=asked, max_results=1)
        versions = found.get("model_versions", [])
        return str(versions[0]["version"]) if versions else ""

    def _made(self, version: ModelVersionRecord, page: dict[str, Any]) -> str:
        """Make the version, of the logged model that it is; "" where its files are not there."""
        run, logged = self._logged(version, page)
        if not logged.get("ready"):
            return ""
        asked = {
            "name": self._model.name,
            "source": f"models:/{logged['id']}",
            "model_id": logged["id"],
            "description": version.note,
            "tags": wire.listed({"fitprint.version": version.id}),
        }
        if run:
            asked["run_id"] = run
        made = self._post("model-versions/create", asked)["model_version"]
        page |= {"note": version.note, "tags": {"fitprint.version": digest_of(version.id)}}
        return str(made["version"])

    def _logged(
        self, version: ModelVersionRecord, page: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """Return the run, and what the server has of the logged model: that of the run, or one of
        the version's own where the run is gone.
        """
        run: dict[str, Any] = {}
        if version.run_id:
            try:
                self._passage.store.run(version.run_id)
            except RunNotFoundError:
                pass
            else:
                problems, self._passage.problems = (
                    self._passage.problems,
                    [],
                )  # those of the run are told of the run
                bring_run(self._passage, version.run_id)
                self._passage.problems = problems
                run = self._passage.ledger.read(f"run/{version.run_id}")
        known = run.get("models", {}).get(version.model.path, {})
        if known.get("digest") == version.model.digest:
            return str(run["id"]), known
        own = page.setdefault("logged", {"digest": version.model.digest})
        run = {"id": run.get("id", ""), "experiment": run.get("experiment", "0")}
        files = [Artifact(file.path, file.digest, file.size) for file in version.artifacts]
        bring_model(self._passage, version.model, files, run, own, self._save)
        return str(run["id"]), own

    def _send_aliases(self) -> None:
        page = self._page
        wanted = {
            alias: page["versions"][str(number)]["number"]
            for alias, number in self._model.aliases.items()
            if "number" in page["versions"].get(str(number), {})
        }
        named = {"name": self._model.name}
        for alias, number in wanted.items():
            if page["aliases"].get(alias) != number:
                self._post("registered-models/alias", named | {"alias": alias, "version": number})
        for alias in page["aliases"].keys() - wanted.keys():
            self._passage.unless_gone("registered-models/alias", named | {"alias": alias}, "DELETE")
        if page["aliases"] != wanted:
            page["aliases"] = wanted
            self._save()

    def _describe(self, kind: str, named: dict[str, Any], note: str, page: dict[str, Any]) -> None:
        if page.get("note", "") != note:
            self._post(f"{kind}/update", named | {"description": note}, "PATCH")
            page["note"] = note
            self._save()

    def _tag(
        self, kind: str, named: dict[str, Any], tags: dict[str, str], page: dict[str, Any]
    ) -> None:
        new, gone = changed(tags, page.setdefault("tags", {}))
        for pair in wire.listed(new):
            self._post(f"{kind}/set-tag", named | pair)
        for key in gone:
            self._passage.unless_gone(f"{kind}/delete-tag", named | {"key": key}, "DELETE")
        if new or gone:
            page["tags"] = {key: digest_of(text) for key, text in tags.items()}
            self._save()


def _tags(record: RegisteredModelRecord | ModelVersionRecord) -> dict[str, str]:
    found = {
        wire.key_of(key): wire.tag_text(value, _LONGEST_TAG) for key, value in record.tags.items()
    }
    if record.deleted_time is not None:  # it can come back here, and could not there
        found["fitprint.deleted"] = str(record.deleted_time)
    return found


def _json(value: Any) -> str:
    return wire.tag_text(json.dumps(wire.plain(value), default=dict), _LONGEST_TAG)


def _quoted(name: str) -> str:
    return name.replace("'", "''")
