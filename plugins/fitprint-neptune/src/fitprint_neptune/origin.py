"""Folders that neptune-exporter wrote, as an origin of runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from fitprint import clock
from fitprint.copying.files import Files, path_for
from fitprint.copying.origin import Listed, Origin
from fitprint.copying.values import id_of
from fitprint.entities import Artifact, Param, RunRecord
from fitprint.errors import ArtifactNotFoundError, FitprintError, StoreError
from fitprint.events import MetricPoints

if TYPE_CHECKING:
    from fitprint_neptune.contents import Contents
    from fitprint_neptune.parts import Identity

__all__ = ["NeptuneOrigin", "open_neptune"]

_FIRST = "_part_0.parquet"
_REGISTRY = ("models", "model_versions")  # folders of what Neptune 2 registered
_ELSEWHERE = ("name", "tags", "description", "failed", "trashed", "archived", "creation_time")


def open_neptune(uri: str) -> NeptuneOrigin:
    """Open a folder into which neptune-exporter exported, or its folder of data alone.

    Raises:
        StoreError: Arrow is not installed, or there is no exported run.
    """
    root = Path(uri.removeprefix("file://"))
    if not root.is_dir():
        raise StoreError(
            f"{root} is not a folder: give the one into which neptune-exporter exported"
        )
    found = sorted(root.rglob("*_part_*.parquet*"))
    if not any(path.name.endswith(_FIRST) for path in found):
        raise StoreError(
            f"there are no runs of neptune-exporter in {root} or below it: a run is a file "
            f"…{_FIRST} in the folder of a project"
        )
    try:
        from fitprint_neptune import parts  # noqa: F401 - whether it can be
    except ImportError as error:
        raise StoreError(
            f"Apache Arrow cannot be imported ({error}): pip install 'fitprint-neptune[framework]'"
        ) from error
    return NeptuneOrigin(root, found)


class NeptuneOrigin(Origin):
    """The runs of exported projects; a run that was forked is below the one that it came from.

    Args:
        root: the folder that was given.
        found: all Parquet files below it, finished or not.
    """

    def __init__(self, root: Path, found: list[Path]) -> None:
        super().__init__(str(root))
        self._files = Files()
        # the first part gets its name when the run was exported to its end
        self._prefixes: dict[str, dict[int, Path]] = {}
        for path in found:
            prefix, _, number = str(path).rpartition("_part_")
            parts = self._prefixes.setdefault(prefix, {})
            if number.endswith(".parquet") and number[:-8].isdecimal():
                parts[int(number[:-8])] = path
        for prefix, parts in self._prefixes.items():
            self._prefixes[prefix] = dict(sorted(parts.items()))
        self._runs: dict[str, tuple[Identity, list[Path]]] = {}
        self._contents: Contents | None = None

    def runs(self) -> Iterator[Listed]:
        from fitprint_neptune.parts import identity_of

        registered = 0
        for prefix, parts in self._prefixes.items():
            if 0 not in parts:
                self.problems.append(
                    f"{Path(prefix).name} was not exported to its end, and is left out: let "
                    "neptune-exporter run again"
                )
                continue
            if parts[0].parent.name in _REGISTRY:
                registered += 1
                continue
            try:
                identity = identity_of(parts[0])
            except FitprintError as error:
                self.problems.append(f"a run is left out: {error}")
                continue
            run = id_of("neptune", identity.project, identity.run)
            if run in self._runs:
                self.problems.append(f"{parts[0].name} holds a run that was exported twice")
                continue
            if [*parts] != [*range(len(parts))]:
                self.problems.append(
                    f"{identity.run}: there are the parts {[*parts]}, and others are missing"
                )
            self._runs[run] = identity, [*parts.values()]
            parent = identity.parent
            yield Listed(run, id_of("neptune", identity.project, parent) if parent else None)
        if registered:
            self.problems.append(
                f"{registered} models and versions of Neptune's model registry stay behind"
            )

    def run(self, run_id: str) -> RunRecord:
        from fitprint_neptune.contents import Contents
        from fitprint_neptune.parts import rows_of

        self._files.forget()
        identity, parts = self._runs[run_id]
        contents = Contents(lambda told: self.problems.append(f"{identity.run}: {told}"))
        for part in parts:
            try:
                contents.take(rows_of(part))
            except FitprintError as error:
                self.problems.append(f"{identity.run}: {error}")
        contents.finish()
        self._contents, said = contents, contents.system
        start = _time(said.get("creation_time")) or contents.start
        end = max(start, contents.end)
        return RunRecord(
            id=run_id,
            name=str(said.get("name") or identity.run),
            experiment=identity.project or "neptune",
            status="FAILED" if said.get("failed") is True else "FINISHED",
            start_time=start,
            end_time=end,
            last_time=end,
            parent_id=(
                id_of("neptune", identity.project, identity.parent) if identity.parent else None
            ),
            deleted_time=end
            if said.get("trashed") is True or said.get("archived") is True
            else None,
            params={key: Param(value) for key, value in contents.params.items()},
            tags=_tags(identity, said),
            artifacts=tuple(self._artifacts(contents, identity, parts[0].parent)),
            documents={"note": str(said["description"])} if said.get("description") else {},
        )

    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        assert self._contents is not None
        for path, history in sorted(self._contents.histories.items()):
            yield MetricPoints(run.id, history.timestamp[-1], path, history)

    def open(self, digest: str) -> BinaryIO:
        return self._files.open(digest)

    def close(self) -> None:
        self._files.forget()

    def _artifacts(
        self, contents: Contents, identity: Identity, project: Path
    ) -> Iterator[Artifact]:
        """Yield the files of a run: those that were exported, and those of other series."""
        # beside the folder of the data, as the exporter puts it unless told otherwise
        root = (project.parent.parent / "files" / project.name).resolve()
        missing = 0
        for path, step, place in contents.files:
            file = root / place
            is_name = place and "\0" not in place
            if not is_name or not file.resolve().is_relative_to(root) or not file.exists():
                missing += 1
                continue
            name = path if step is None else f"{path}/{step:g}"
            suffix = "" if name.endswith(file.suffix) else file.suffix
            try:
                if file.is_dir():
                    yield from self._files.below(file, path_for("files", name))
                else:
                    yield self._files.add(path_for("files", name, suffix), file)
            except ArtifactNotFoundError as error:
                self.problems.append(f"{identity.run}: {error}")
        if missing:
            self.problems.append(
                f"{identity.run}: {missing} files are not in {root}, where neptune-exporter puts "
                "them: move its folder of files beside that of the data, and name it 'files'"
            )
        for path, lines in sorted(contents.others.items()):
            yield self._files.write(path_for("series", path, ".jsonl"), lines)


def _tags(identity: Identity, said: dict[str, Any]) -> dict[str, str]:
    given = said.get("tags")
    tags = dict.fromkeys(filter(None, given) if isinstance(given, list) else (), "true")
    tags["neptune.run_id"] = identity.run
    for name, value in said.items():
        if name not in _ELSEWHERE:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            tags[f"neptune.{name.replace('/', '.')}"] = text
    return tags


def _time(value: Any) -> int:
    return value if clock.is_time(value) else 0
