"""Folders of Weights & Biases' offline mode, as an origin of runs."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fitprint import clock
from fitprint.access import open_regular
from fitprint.copying.files import Files, path_for
from fitprint.copying.origin import Listed, Origin
from fitprint.copying.values import id_of, plain
from fitprint.entities import Artifact, Dataset, LoggedModel, Param, RunRecord
from fitprint.errors import ArtifactNotFoundError, FitprintError, StoreError
from fitprint.events import MetricPoints
from fitprint.models.directory import directory_digest
from fitprint.recording.registering import described_model
from fitprint.stores.folding import LOST_AFTER

if TYPE_CHECKING:
    from fitprint_wandb.contents import Contents

__all__ = ["WandbOrigin", "open_wandb"]

_NO_PROJECT = "uncategorized"  # as W&B calls it
_INNER = ("run_table", "wandb-history")  # types of artifacts that W&B makes for itself
_PIECE = 1 << 20


def open_wandb(uri: str) -> WandbOrigin:
    """Open a folder in which, or below which, programs recorded.

    Raises:
        StoreError: Weights & Biases is not installed, or there is no run.
    """
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise StoreError(
            f"{root} is not a folder: give the folder 'wandb', or the one that it is in"
        )
    found = sorted(
        (
            Path(folder, name)
            for folder, _, names in os.walk(root)
            for name in names
            if name.startswith("run-") and name.endswith(".wandb")
        ),
        # the name of the folder has the time
        key=lambda path: (path.parent.name.removeprefix("offline-"), path),
    )
    if not found:
        raise StoreError(
            f"there are no runs of Weights & Biases in {root} or below it: a run is a folder "
            "offline-run-… with a file run-….wandb"
        )
    try:
        from fitprint_wandb import contents  # noqa: F401 - whether it can be
    except ImportError as error:
        raise StoreError(
            f"Weights & Biases cannot be imported ({error}): "
            "pip install 'fitprint-wandb[framework]'"
        ) from error
    return WandbOrigin(root, found)


class WandbOrigin(Origin):
    """The runs in some folders; a run that was resumed has several.

    Args:
        root: the folder that was given.
        found: the files of runs, older ones first.
    """

    def __init__(self, root: Path, found: list[Path]) -> None:
        super().__init__(str(root))
        self._base = root.resolve().parent if root.resolve().name == "wandb" else root.resolve()
        self._found = found
        self._files = Files()
        self._segments: defaultdict[str, list[Path]] = defaultdict(list)
        self._parents: dict[str, str | None] = {}
        self._contents: Contents | None = None

    def runs(self) -> Iterator[Listed]:
        from fitprint_wandb.contents import named

        for path in self._found:
            try:
                project, name, parent = named(path)
            except (FitprintError, OSError) as error:
                self.problems.append(f"{path.parent.name} is left out: {error}")
                continue
            run = _id(project, name)
            self._segments[run].append(path)
            self._parents.setdefault(run, _id(project, parent) if parent else None)
        for run, paths in self._segments.items():
            yield Listed(run, self._parents[run], _goes_on(paths[-1]))

    def run(self, run_id: str) -> RunRecord:
        from fitprint_wandb.contents import Contents

        self._files.forget()
        paths = self._segments[run_id]
        name = paths[0].parent.name
        contents = Contents(lambda problem: self.problems.append(f"{name}: {problem}"))
        for path in paths:
            contents.read(path)
        contents.finish()
        self._contents, run = contents, contents.run
        files = [file for path in paths for file in self._own_files(path.parent, contents)]
        files += self._made_files(contents, files)
        datasets, models = self._artifacts(contents, files, name)
        return RunRecord(
            id=run_id,
            name=run.display_name or run.run_id or paths[0].stem.removeprefix("run-"),
            experiment=run.project or _NO_PROJECT,
            status=contents.status or "KILLED",
            start_time=contents.start,
            end_time=contents.end,
            last_time=contents.end,
            parent_id=self._parents[run_id],
            error=contents.error,
            params={key: Param(value) for key, value in contents.config.items()},
            tags=_tags(run),
            datasets=tuple(datasets),
            models=tuple(models),
            artifacts=tuple(files),
            documents={"note": run.notes} if run.notes else {},
        )

    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        assert self._contents is not None
        for key, history in sorted(self._contents.histories.items()):
            yield MetricPoints(
                run.id, history.timestamp[-1], key, history, self._contents.goals.get(key)
            )

    def open(self, digest: str) -> BinaryIO:
        return self._files.open(digest)

    def close(self) -> None:
        self._files.forget()

    # -- files ----------------------------------------------------------------------------------

    def _own_files(self, folder: Path, contents: Contents) -> list[Artifact]:
        """Return what lies in a run's folder of files, and what the program wanted to be kept,
        which are links there: those are followed if they stay where the program worked.
        """

        def told(problem: str) -> None:
            self.problems.append(f"{folder.name}: {problem}")

        found = self._files.below(folder / "files", refused=told)
        have = {file.path for file in found}
        for path in sorted(contents.saved - have):
            file = folder / "files" / path
            try:
                if not file.resolve().is_relative_to(self._base):
                    told(f"the file {path} is a link that leads out of {self._base}, and stays")
                elif file.exists():
                    found.append(self._files.add(path, file))
            except (ArtifactNotFoundError, OSError, ValueError) as error:
                told(str(error))
        return found

    def _made_files(self, contents: Contents, have: list[Artifact]) -> list[Artifact]:
        """Return files of what a run has no other place for."""
        paths = {file.path for file in have}
        made = [
            self._files.write(path_for("history", key, ".jsonl"), lines)
            for key, lines in sorted(contents.others.items())
        ]
        for name, said in (
            ("wandb-summary.json", contents.summary),
            ("wandb-environment.json", contents.environment),
        ):
            if said and name not in paths:
                made.append(self._files.write(name, [json.dumps(plain(said)).encode()]))
        if contents.output and "output.log" not in paths:
            made.append(
                self._files.write("output.log", (line.encode() for line in contents.output))
            )
        return made

    def _artifacts(
        self, contents: Contents, files: list[Artifact], name: str
    ) -> tuple[list[Dataset], list[LoggedModel]]:
        """Return data sets and models among the artifacts, and add the files of all of them."""
        datasets = [
            Dataset(used, "train", "", {"wandb": {"type": kind}}) for used, kind in contents.used
        ]
        models = []
        for artifact in contents.artifacts:
            if artifact.type in _INNER:
                continue
            root = path_for("artifacts", artifact.name)
            inside = self._inside(artifact, root, name)
            files += [Artifact(f"{root}/{file.path}", file.digest, file.size) for file in inside]
            facts = {
                "type": artifact.type,
                "aliases": list(artifact.aliases),
                "description": artifact.description,
                "metadata": _parsed(artifact.metadata),
                "references": [each.ref for each in artifact.manifest.contents if each.ref],
            }
            facts = {key: value for key, value in facts.items() if value}
            if artifact.type == "dataset":
                digest = f"wandb:{artifact.digest}"
                datasets.append(Dataset(artifact.name, "output", digest, {"wandb": facts}))
            elif artifact.type == "model" and inside:
                models.append(self._model(root, inside, facts))
        return datasets, models

    def _inside(self, artifact: Any, root: str, name: str) -> list[Artifact]:
        """Return the files of an artifact that are there, and are what they were."""
        found = []
        for entry in artifact.manifest.contents:
            if entry.ref or not entry.local_path:
                continue
            try:
                place = Path(entry.local_path)
                if _digest(place, artifact) != entry.digest:
                    raise ArtifactNotFoundError("it has changed")
                file = self._files.add(f"{root}/{entry.path}", place)
            except (ArtifactNotFoundError, ImportError, OSError, ValueError) as error:
                told = getattr(error, "strerror", None) or error
                self.problems.append(
                    f"{name}: the file {entry.path} of the artifact {artifact.name} cannot be "
                    f"had: {told}"
                )
                continue
            found.append(Artifact(file.path.removeprefix(f"{root}/"), file.digest, file.size))
        return found

    def _model(self, root: str, inside: list[Artifact], facts: dict[str, Any]) -> LoggedModel:
        digest = directory_digest({file.path: file.digest for file in inside})
        about = {"size": sum(file.size for file in inside), "wandb": facts}
        manifest = next((file for file in inside if file.path == "MLmodel"), None)
        if manifest is not None:
            try:
                model = described_model(self._files.place_of(manifest.digest).parent, root, inside)
                return LoggedModel(root, model.flavor, digest, {**model.facts, **about})
            except (FitprintError, OSError, ValueError):
                pass  # a file of that name, and nothing more
        return LoggedModel(root, "wandb", digest, about)


def _goes_on(path: Path) -> bool:
    """Tell whether somebody writes there: without an exit, and lately of what happened lately."""
    from fitprint_wandb.contents import Contents

    recent = clock.now() - int(LOST_AFTER * 1e6)
    try:
        if path.stat().st_mtime * 1e6 < recent:
            return False
        contents = Contents(lambda _: None)
        contents.read(path)
    except (FitprintError, OSError):
        return False
    return contents.status is None and contents.end >= recent


def _id(project: str, run: str) -> str:
    return id_of("wandb", project, run)


def _tags(run: Any) -> dict[str, str]:
    tags = dict.fromkeys(run.tags, "true")
    for name in ("run_id", "entity", "run_group", "job_type", "sweep_id", "host"):
        value = getattr(run, name)
        if value:
            tags[f"wandb.{name.removeprefix('run_') if name != 'run_id' else name}"] = value
    if run.branch_point.run:
        point = run.branch_point
        tags["wandb.forked_at"] = f"{point.metric}={point.value:g}"
    return tags


def _parsed(text: str) -> Any:
    try:
        return plain(json.loads(text)) if text else None
    except (ValueError, RecursionError):
        return text


def _digest(path: Path, artifact: Any) -> str:
    """Return the digest of a file as W&B's manifests have it."""
    # what the artifact says of its digest, since 0.31
    if "XXH128" in getattr(artifact, "digest_algorithm", ""):
        import xxhash  # comes with a W&B that writes these

        total = xxhash.xxh128()
    else:
        total = hashlib.md5(usedforsecurity=False)
    with open_regular(path) as file:
        while piece := file.read(_PIECE):
            total.update(piece)
    return base64.b64encode(total.digest()).decode()
