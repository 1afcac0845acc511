"""What a run holds besides numbers and files: facts on data, models, small documents."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from fitprint import clock, events
from fitprint.arguments import shown
from fitprint.artifacts.paths import checked_path, files_below
from fitprint.data.stat_cache import known_digest
from fitprint.entities import Artifact, Dataset, LoggedModel, RunRecord
from fitprint.errors import FitprintError, StoreError
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.recording.files import RunFiles
from fitprint.recording.workspace import Workspace

__all__ = ["RunContents"]


class RunContents(RunFiles):
    """A run on which data, models and documents are recorded."""

    def __init__(self, workspace: Workspace, run_id: str, record: RunRecord | None = None) -> None:
        super().__init__(workspace, run_id, record)
        # models that were recorded through this handle, with their files, by path: they can be
        # registered where the store cannot be reached
        self.models_here: dict[str, tuple[LoggedModel, tuple[Artifact, ...]]] = {}

    def log_input(self, data: Any, name: str = "data", role: str = "train", **hints: Any) -> None:
        """Record facts on data that the run uses: shape, schema, digest, and a profile of the
        values; never the data.

        Of a file or folder all bytes are read, unless they have not changed since that was done
        (see :mod:`fitprint.data.trees`).

        Args:
            data: an array, data frame, sparse matrix ..., a :class:`fitprint.entities.Dataset`,
                which has no profile, or the path of a file or folder, which has none either. Of a
                URL such as ``s3://bucket/raw`` only the address is recorded.
            name: a short name; of a path the last part, by default.
            role: "train", "eval", "test" or another word.
            hints: of :meth:`fitprint.data.description.Description.dataset`, such as
                ``kind="target"``.
        """
        from fitprint.data.description import described

        if data is None or isinstance(data, (bool, int, float)):
            raise FitprintError(
                f"log_input takes data, such as an array or a data frame, not {shown(data)}; "
                "log_param takes a value"
            )
        if isinstance(data, (str, os.PathLike)):
            from fitprint.recording.data_files import dataset_elsewhere, dataset_of

            named = "" if name == "data" else name
            if isinstance(data, str) and "://" in data:
                data = dataset_elsewhere(data, named, role)
            else:
                data = dataset_of(self.workspace, data, named, role)[0]
        if isinstance(data, Dataset):
            self._journal.append(events.DatasetLogged(self.id, clock.now(), data))
            return
        described_data = described(data)  # asked once what it is
        parts = [(name, described_data)]
        if hints.get("target") is not None:
            hints["target"] = described(hints["target"])
            parts.append((f"{name} target", hints["target"]))
        dataset = described_data.dataset(name, role, **hints)
        file = dataset.facts.get("file")
        if isinstance(file, str) and (digest := known_digest(self.workspace.home, file)):
            dataset = replace(dataset, facts={**dataset.facts, "file_digest": digest})
        profiles: list[events.Event] = []
        try:
            for part, description in parts:
                profiles += self._profile(description, part, role)
        except Exception as error:  # noqa: BLE001
            # data of any kind may fail in any way, and each fact fails alone
            failed = [*dataset.facts.get("failed", ()), f"profile: {type(error).__name__}: {error}"]
            dataset = replace(dataset, facts={**dataset.facts, "failed": failed})
        self._journal.append(events.DatasetLogged(self.id, clock.now(), dataset), *profiles)

    def log_profile(self, data: Any, name: str, role: str = "train") -> None:
        """Record a profile of data's values and nothing else, as of predictions: counts, missing
        values, quantiles, frequent values.

        A sample of at most 8192 rows is copied; the rest is done in the background. See the setting
        ``profile``.

        Args:
            data: as in :meth:`log_input`.
            name: a short name.
            role: "train", "eval", "test" or another word.
        """
        if known := self._profile(data, name, role):
            self._journal.append(*known)

    def _profile(self, data: Any, name: str, role: str) -> list[events.ArtifactsLogged]:
        """Have a profile recorded, and return the event that does so at once, where it is known
        already.
        """
        if self.workspace.settings["profile"] == "off":
            return []
        from fitprint.data.description import described
        from fitprint.recording.profiling import record_profile

        return record_profile(self, described(data), name, role)

    def log_model(
        self,
        model: Any,
        path: str = "model",
        *,
        flavor: str | None = None,
        register: str | None = None,
        **options: Any,
    ) -> LoggedModel:
        """Record a model as a directory below ``path`` that MLflow can load, too.

        Args:
            model: any object that a flavor knows; others are pickled, and marked so.
            path: directory inside the run.
            flavor: name of the flavor, instead of the first that knows the model.
            register: name of the registered model of which it becomes a version; nobody waits for
                that (see :func:`register_model`).
            options: ``signature``, or ``inputs`` and ``outputs`` to infer one from, and
                ``input_example``.

        Raises:
            FitprintError: the model cannot be saved.
        """
        from fitprint.models.storing import store_model

        if register:
            from fitprint.registered import why_no_name

            if wrong := why_no_name(register):
                raise FitprintError(f"{wrong}; the model is not recorded")

        limit = self.workspace.settings["model_limit_mb"] * 2**20
        flavors = hooks().registered("register_flavors")
        staging = self.workspace.staging
        try:
            artifacts, logged = store_model(
                model, checked_path(path), staging, flavors, flavor=flavor, limit=limit, **options
            )
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(
                f"the model {path!r} cannot be kept in {staging.root} ({reason}): free space, or "
                "set FITPRINT_HOME"
            ) from error
        files = files_below(artifacts, logged.path)
        self.models_here[logged.path] = logged, files
        recorded: list[events.Event] = [events.ModelLogged(self.id, clock.now(), logged)]
        if register:
            recorded.append(
                events.ModelVersionCreated(
                    register, clock.now(), new_id(), "", self.id, logged, files
                )
            )
        self._artifacts(artifacts, *recorded)
        return logged

    def log_document(self, name: str, content: Any) -> None:
        """Record a small JSON document under a name; logged again, it is replaced."""
        self._journal.append(events.DocumentLogged(self.id, clock.now(), name, content))
