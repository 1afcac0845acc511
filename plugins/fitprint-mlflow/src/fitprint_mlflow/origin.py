"""MLflow's records, as an origin of runs; MLflow's own client reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from fitprint.copying.origin import Described, Listed, Origin
from fitprint.copying.values import id_of
from fitprint.entities import Artifact, History, LoggedModel, Param, RunRecord, RunStatus
from fitprint.errors import ArtifactNotFoundError, FitprintError, StoreError
from fitprint.events import MetricPoints
from fitprint.recording.registering import described_model
from fitprint.registered import STAGES, ModelVersionRecord, RegisteredModelRecord
from fitprint.stores.addresses import public
from fitprint_mlflow.files import MlflowFiles
from fitprint_mlflow.sqlite_points import SqlitePoints
from fitprint_mlflow.values import dataset_of, history_of, micros, other_tags, typed

__all__ = ["SQLITE", "MlflowOrigin"]

SQLITE = "sqlite:///"
_PAGE = 1000
_KEPT = 5000  # runs of a listing that are not asked for again
_MODEL_FILE = "MLmodel"


class MlflowOrigin(Origin):
    """Experiments, runs and registered models that MLflow recorded.

    Args:
        tracking_uri: as MLflow's client takes it.

    Attributes:
        held: what is to be undone when nothing more is read.
    """

    def __init__(self, tracking_uri: str) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import ViewType
        from mlflow.exceptions import MlflowException

        super().__init__(public(tracking_uri))
        self._everything, self._refusal = ViewType.ALL, MlflowException
        self.held = ExitStack()
        self._folder = (
            Path(unquote(urlsplit(tracking_uri).path)) if tracking_uri.startswith("file:") else None
        )
        self._bare: set[str] = set()  # experiments whose folder of files is not there
        self._keys: list[str] = []
        self._listed: dict[str, Any] = {}
        self._client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        self._files = MlflowFiles(tracking_uri)
        self._sqlite = (
            SqlitePoints(Path(tracking_uri.removeprefix(SQLITE)))
            if tracking_uri.startswith(SQLITE)
            else None
        )
        self._known = {each.experiment_id: each for each in self._experiments()}

    def _experiments(self) -> Iterator[Any]:
        try:
            yield from self._all_experiments()
        except Exception:
            if self._folder is None:
                raise
            yield from self._intact_experiments(self._folder)

    def _intact_experiments(self, folder: Path) -> Iterator[Any]:
        """Yield the experiments of a folder, of which MLflow tells none if one is damaged."""
        for path in sorted([*folder.glob("*/meta.yaml"), *folder.glob(".trash/*/meta.yaml")]):
            try:
                yield self._client.get_experiment(path.parent.name)
            except Exception as error:  # noqa: BLE001 - a damaged file may raise anything
                self.problems.append(
                    f"the experiment in {path.parent} is damaged ({_short(error)}), and its runs "
                    "are left out"
                )

    def _all_experiments(self) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_experiments(
                view_type=self._everything, max_results=_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    # -- runs --------------------------------------------------------------------------------------

    def runs(self) -> Iterator[Listed]:
        with self._asking():
            yield from self._all_runs()

    def _all_runs(self) -> Iterator[Listed]:
        seen = set()
        try:
            for run in self._pages():
                seen.add(run.info.run_id)
                yield self._kept(run)
        except Exception:
            if self._folder is None:
                raise
            for run_id in self._ids_in(self._folder):
                if run_id not in seen:
                    yield self._by_itself(run_id)

    def _ids_in(self, folder: Path) -> Iterator[str]:
        """Yield the ids of all runs in a folder, of which MLflow tells none if one is damaged."""
        for experiment in self._known:
            for place in (folder, folder / ".trash"):
                for path in sorted(place.glob(f"{escape(experiment)}/*/meta.yaml")):
                    yield path.parent.name

    def _by_itself(self, run_id: str) -> Listed:
        try:
            return self._kept(self._client.get_run(run_id))
        except Exception:  # noqa: BLE001 - it is raised again, and told, when this run's turn comes
            return Listed(run_id, None, False)

    def _kept(self, run: Any) -> Listed:
        if len(self._listed) < _KEPT:
            self._listed[run.info.run_id] = run
        return Listed(
            run.info.run_id,
            run.data.tags.get("mlflow.parentRunId"),
            run.info.status in ("RUNNING", "SCHEDULED"),
        )

    def _pages(self) -> Iterator[Any]:
        token = None
        while self._known:
            page = self._client.search_runs(
                [*self._known],
                run_view_type=self._everything,
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def run(self, run_id: str) -> RunRecord:
        with self._asking_for_one():
            return self._record(run_id)

    def _record(self, run_id: str) -> RunRecord:
        self._files.forget()
        run = self._listed.pop(run_id, None) or self._client.get_run(run_id)
        info, tags = run.info, run.data.tags
        self._keys = sorted(run.data.metrics)
        start = micros(info.start_time or info.end_time or 0)
        end = max(start, micros(info.end_time or 0))
        files = self._run_files(run)
        models = self._models_among(files, run_id)
        models += self._logged_models(run, files)
        note = tags.get("mlflow.note.content", "")
        return RunRecord(
            id=run_id,
            name=info.run_name or tags.get("mlflow.runName") or run_id[:8],
            experiment=self._known[info.experiment_id].name,
            status=cast("RunStatus", info.status),
            start_time=start,
            end_time=end,
            last_time=end,
            parent_id=tags.get("mlflow.parentRunId"),
            deleted_time=end if info.lifecycle_stage == "deleted" else None,
            params={key: Param(typed(value)) for key, value in run.data.params.items()},
            tags=other_tags(tags),
            datasets=tuple(map(dataset_of, run.inputs.dataset_inputs)) if run.inputs else (),
            models=tuple(models),
            artifacts=tuple(files),
            documents={"note": note} if note else {},
        )

    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        with self._asking_for_one():
            for key, history in self._histories(run.id):
                if len(history):
                    yield MetricPoints(run.id, max(history.timestamp), key, history)

    def _histories(self, run_id: str) -> Iterator[tuple[str, History]]:
        if self._sqlite is not None and self._sqlite.is_known:
            yield from self._sqlite.histories(run_id)
        else:
            for key in self._keys:
                yield key, history_of(self._client.get_metric_history(run_id, key))

    def open(self, digest: str) -> BinaryIO:
        return self._files.open(digest)

    def _run_files(self, run: Any) -> list[Artifact]:
        uri = run.info.artifact_uri
        if not uri:
            return []
        if (
            "://" in uri
            and not uri.startswith("file:")
            and not self._client.list_artifacts(run.info.run_id)
        ):
            return []
        folder = self._files.folder(uri)
        if not folder.is_dir():
            self._tell_bare(run, folder)
        return self._files.below(folder)

    def _tell_bare(self, run: Any, folder: Path) -> None:
        """Tell that files are not there, where there must have been some; databases have no folder
        for a run before its first file.
        """
        if self._folder or "mlflow.log-model.history" in run.data.tags:
            self.problems.append(
                f"the files of the run {run.info.run_id} are not there: {folder} is no folder"
            )
            return
        experiment = self._known[run.info.experiment_id]
        location = experiment.artifact_location or ""
        if "://" not in location and not self._files.folder(location).is_dir():
            self._bare.add(experiment.name)

    def _models_among(self, files: list[Artifact], run_id: str) -> list[LoggedModel]:
        """Return the models among a run's own files, as MLflow kept them before its version 3."""
        roots = [
            file.path.rpartition("/")[0]
            for file in files
            if file.path.rpartition("/")[2] == _MODEL_FILE
        ]
        found = []
        for root in (each for each in roots if each):
            inside = [
                Artifact(file.path[len(root) + 1 :], file.digest, file.size)
                for file in files
                if file.path.startswith(f"{root}/")
            ]
            place = self._files.place_of(
                next(file.digest for file in inside if file.path == _MODEL_FILE)
            ).parent
            found += self._described(place, root, inside, run_id)
        return found

    def _logged_models(self, run: Any, files: list[Artifact]) -> list[LoggedModel]:
        """Return the models that are beside a run since MLflow 3,
        and add their files to the run's.
        """
        found: list[LoggedModel] = []
        for output in run.outputs.model_outputs if run.outputs else ():
            try:
                model = self._client.get_logged_model(output.model_id)
                folder = self._files.folder(model.artifact_location)
            except (self._refusal, ArtifactNotFoundError) as error:
                self.problems.append(
                    f"the model {output.model_id} of the run {run.info.run_id} is not there: "
                    f"{_short(error)}"
                )
                continue
            path = model.name
            if any(file.path == path or file.path.startswith(f"{path}/") for file in files):
                path = f"{path}-{model.model_id}"
            inside = self._files.below(folder)
            described = self._described(folder, path, inside, run.info.run_id)
            files += [Artifact(f"{path}/{file.path}", file.digest, file.size) for file in inside]
            facts = {
                "model_id": model.model_id,
                "params": dict(model.params or {}),
                "tags": dict(model.tags or {}),
            }
            found += [
                LoggedModel(each.path, each.flavor, each.digest, {**each.facts, "mlflow": facts})
                for each in described
            ]
        return found

    def _described(
        self, folder: Path, path: str, files: list[Artifact], run_id: str
    ) -> list[LoggedModel]:
        try:
            return [described_model(folder, path, files)]
        except (FitprintError, OSError, ValueError) as error:
            self.problems.append(
                f"{path} of the run {run_id} is not a model that can be read, and comes as files: "
                f"{_short(error)}"
            )
            return []

    # -- beside runs -------------------------------------------------------------------------------

    def experiments(self) -> Iterator[Described]:
        if self._bare:
            names = sorted(self._bare)
            self.problems.append(
                f"the folders of files of the experiments {', '.join(map(repr, names[:5]))}"
                f"{', …' if len(names) > 5 else ''} are not there: if runs had files, import where "
                "these are"
            )
        for each in self._known.values():
            if self._has_traces(each.experiment_id):
                self.problems.append(
                    f"traces of the experiment {each.name!r} stay behind: fitprint keeps none"
                )
            note = each.tags.get("mlflow.note.content", "")
            yield Described(
                each.name, other_tags(each.tags), note, each.lifecycle_stage == "deleted"
            )

    def _has_traces(self, experiment_id: str) -> bool:
        try:
            return bool(self._client.search_traces(locations=[experiment_id], max_results=1))
        except self._refusal:  # kept by none of MLflow's folders
            return False

    def models(self) -> Iterator[RegisteredModelRecord]:
        with self._asking():
            yield from self._all_models()

    def _all_models(self) -> Iterator[RegisteredModelRecord]:
        token = None
        while True:
            page = self._client.search_registered_models(max_results=_PAGE, page_token=token)
            for each in page:
                yield RegisteredModelRecord(
                    id=id_of("model", each.name, each.creation_timestamp),
                    name=each.name,
                    created=micros(each.creation_timestamp),
                    changed=micros(each.last_updated_timestamp or each.creation_timestamp),
                    note=each.description or "",
                    tags=dict(each.tags or {}),
                    aliases={
                        alias: int(version) for alias, version in (each.aliases or {}).items()
                    },
                )
            token = page.token
            if not token:
                return

    def versions(self, model: RegisteredModelRecord) -> Iterator[ModelVersionRecord]:
        quote = '"' if "'" in model.name else "'"  # MLflow knows no doubled quotes
        found, token = [], None
        while True:
            page = self._client.search_model_versions(
                f"name = {quote}{model.name}{quote}", max_results=_PAGE, page_token=token
            )
            found += [*page]
            token = page.token
            if not token:
                break
        seen: set[tuple[str, str]] = set()
        for each in sorted(found, key=lambda version: int(version.version)):
            record = self._version(model, each, seen)
            if record is not None:
                yield record

    def _version(
        self, model: RegisteredModelRecord, version: Any, seen: set[tuple[str, str]]
    ) -> ModelVersionRecord | None:
        self._files.forget()
        try:
            folder = self._files.folder(
                self._client.get_model_version_download_uri(model.name, str(version.version))
            )
            files = self._files.below(folder)
            logged = described_model(folder, "model", files)
        except (self._refusal, FitprintError, OSError, ValueError) as error:
            self.problems.append(
                f"version {version.version} of {model.name!r} stays behind: {_short(error)}"
            )
            return None
        run_id = version.run_id or ""
        if (run_id, logged.digest) in seen:  # registered twice, which would be one version here
            logged = LoggedModel(
                f"model-{version.version}", logged.flavor, logged.digest, logged.facts
            )
        seen.add((run_id, logged.digest))
        return ModelVersionRecord(
            id=id_of("version", model.id, version.version, version.creation_timestamp),
            name=model.name,
            version=int(version.version),
            run_id=run_id,
            model=logged,
            artifacts=tuple(files),
            created=micros(version.creation_timestamp),
            actor=version.user_id or "",
            note=version.description or "",
            tags=dict(version.tags or {}),
            stage=version.current_stage if version.current_stage in STAGES else "None",
        )

    def close(self) -> None:
        self._files.forget()
        if self._sqlite is not None:
            self._sqlite.close()
        self.held.close()

    # -- what MLflow raises ------------------------------------------------------------------------

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Say in our words that MLflow gives no answer."""
        try:
            yield
        except FitprintError:
            raise
        except Exception as error:
            raise StoreError(
                f"MLflow gives no answer at {self.uri} ({_short(error)}); what was imported stays, "
                "and importing again goes on from there"
            ) from error

    @contextmanager
    def _asking_for_one(self) -> Iterator[None]:
        """Let what is odd in one run be that run's, unless MLflow gives no answer at all."""
        try:
            yield
        except Exception:
            with self._asking():
                if self._folder is None:
                    self._client.search_experiments(max_results=1)
                else:
                    next(self._folder.iterdir())
            raise


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
