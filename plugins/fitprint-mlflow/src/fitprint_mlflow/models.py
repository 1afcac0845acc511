"""Models of runs on their way to an MLflow server, as its logged models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fitprint.entities import Artifact, LoggedModel, RunRecord
from fitprint_mlflow import wire
from fitprint_mlflow.passage import Passage

__all__ = ["bring_model", "bring_models"]


def bring_models(
    passage: Passage, run: RunRecord, page: dict[str, Any], save: Callable[[], None]
) -> None:
    """Bring the models of a run, each with its files, which belong to the model in MLflow, and not
    to the run.

    Args:
        passage: this round.
        run: as it is here.
        page: what the server has of the run; what it has of models is added.
        save: writes the page down.
    """
    for model in run.models:
        known = page["models"].get(model.path, {})
        if known.get("digest") != model.digest:  # another one was logged at the same place
            known = page["models"][model.path] = {"digest": model.digest}
        below = f"{model.path}/"
        files = [
            Artifact(file.path[len(below) :], file.digest, file.size)
            for file in run.artifacts
            if file.path.startswith(below)
        ]
        bring_model(passage, model, files, page, known, save)
        if known.get("ready") and not known.get("output"):
            _put_out(passage, page["id"], known["id"])
            known["output"] = True
            save()


def bring_model(
    passage: Passage,
    model: LoggedModel,
    files: Sequence[Artifact],
    run: dict[str, Any],
    known: dict[str, Any],
    save: Callable[[], None],
) -> None:
    """Bring one model with its files.

    Args:
        passage: this round.
        model: as it was logged.
        files: by paths inside its directory.
        run: what the server has of the run that logged it: "id" ("" for none) and "experiment".
        known: what the server has of the model; kept up to date.
        save: writes that down.
    """
    if known.get("ready"):
        return
    if "id" not in known:
        info = _found(passage, model, run) or _made(passage, model, run)
        known |= {"id": info["model_id"], "uri": info["artifact_uri"], "files": {}}
        save()
    whole = passage.put_files(known["uri"], files, known["files"])
    if whole:
        status = {"model_id": known["id"], "status": "LOGGED_MODEL_READY"}
        passage.server.post(f"logged-models/{known['id']}", status, "PATCH")
        known["ready"] = True
        known["files"] = {}  # it has all of them
    save()


def _found(passage: Passage, model: LoggedModel, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the logged model that an attempt before has made."""
    asked = {
        "experiment_ids": [run["experiment"]],
        "filter": f"tags.`fitprint.model` = '{_mark(model, run)}'",
        "max_results": 1,
    }
    models = passage.server.post("logged-models/search", asked).get("models", [])
    return dict(models[0]["info"]) if models else None


def _made(passage: Passage, model: LoggedModel, run: dict[str, Any]) -> dict[str, Any]:
    tags = {"fitprint.model": _mark(model, run), "fitprint.digest": model.digest}
    asked = {
        "experiment_id": run["experiment"],
        "name": wire.model_name(model.path),
        "model_type": str(model.facts.get("class") or model.flavor),
        "tags": wire.listed(tags),
    }
    if run["id"]:
        asked["source_run_id"] = run["id"]
    return dict(passage.server.post("logged-models", asked)["model"]["info"])


def _mark(model: LoggedModel, run: dict[str, Any]) -> str:
    return wire.digest_of([run["id"], model.path, model.digest])


def _put_out(passage: Passage, run: str, model: str) -> None:
    """Say that a run has made a model; MLflow would keep it twice."""
    found = passage.server.get("runs/get", run_id=run)["run"]
    outputs = found.get("outputs", {}).get("model_outputs", [])
    if all(each.get("model_id") != model for each in outputs):
        said = {"run_id": run, "models": [{"model_id": model, "step": 0}]}
        passage.server.post("runs/outputs", said)
