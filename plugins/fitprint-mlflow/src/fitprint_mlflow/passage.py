"""From the store on this machine to a server: what both forwarders of runs and models need."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

from fitprint.artifacts.staging import Staging
from fitprint.entities import Artifact, Experiment
from fitprint.errors import ArtifactNotFoundError, StoreError
from fitprint.stores.protocol import Store
from fitprint_mlflow.ledger import Ledger
from fitprint_mlflow.server import RefusedRequestError, Server
from fitprint_mlflow.wire import digest_of, key_of, listed, path_of, tag_text

__all__ = ["Passage", "changed"]

_LONGEST_NAME, _LONGEST_TAG = 500, 5000


class Passage:
    """One round: the store, the server, what the server has, and the bytes of this machine.

    Attributes:
        problems: what could not be brought of the subject that is on its way.
    """

    def __init__(self, store: Store, server: Server, ledger: Ledger, staging: Staging) -> None:
        self.store = store
        self.server = server
        self.ledger = ledger
        self.staging = staging
        self.problems: list[str] = []
        self._experiments: dict[str, Experiment] = {}
        self._numbers: dict[str, str] = {}

    # -- experiments -------------------------------------------------------------------------------

    def experiment(self, name: str) -> str:
        """Return MLflow's id of an experiment, which is made if there is none of the name.

        Raises:
            RefusedRequestError: the server has it in its trash, or does not make it.
        """
        if name not in self._numbers:
            self._numbers[name] = self._experiment(self._known(name))
        return self._numbers[name]

    def _known(self, name: str) -> Experiment:
        if name not in self._experiments:
            self._experiments = {each.name: each for each in self.store.experiments()}
        return self._experiments[name]

    def _experiment(self, ours: Experiment) -> str:
        page = self.ledger.read(f"experiment/{ours.id}")
        if "id" not in page:
            name = _experiment_name(ours.name)
            found = self._experiment_called(name)
            if found is None:
                try:
                    made = self.server.post("experiments/create", {"name": name})
                except RefusedRequestError as error:
                    if error.code != "RESOURCE_ALREADY_EXISTS":
                        raise
                    # somebody else was faster
                    made = self._experiment_called(name) or {}
                found = made
            page |= {"id": str(found["experiment_id"]), "name": name}
            self.ledger.write(f"experiment/{ours.id}", page)
        return str(page["id"])

    def _experiment_called(self, name: str) -> dict[str, Any] | None:
        try:
            found = self.server.get("experiments/get-by-name", experiment_name=name)["experiment"]
        except RefusedRequestError as error:
            if error.status == 404:
                return None
            raise
        if found.get("lifecycle_stage") == "deleted":
            raise RefusedRequestError(
                400, "", f"the experiment {name!r} is deleted there: restore or rename it there"
            )
        return dict(found)

    def bring_experiment(self, id_: str) -> None:
        """Bring an experiment's name, tags and note up to date."""
        ours = next((each for each in self.store.experiments() if each.id == id_), None)
        if ours is None:
            return
        number = self._experiment(ours)
        subject = f"experiment/{id_}"
        page = self.ledger.read(subject)
        name = _experiment_name(ours.name)
        if page["name"] != name:
            self.server.post("experiments/update", {"experiment_id": number, "new_name": name})
            page["name"] = name
            self.ledger.write(subject, page)
        tags = {key_of(key): tag_text(value, _LONGEST_TAG) for key, value in ours.tags.items()}
        if ours.note:
            tags["mlflow.note.content"] = tag_text(ours.note, _LONGEST_TAG)
        if ours.archived_time is not None:
            tags["fitprint.archived"] = str(ours.archived_time)
        new, gone = changed(tags, page.get("tags", {}))
        for pair in listed(new):
            body = {"experiment_id": number, **pair}
            self.server.post("experiments/set-experiment-tag", body)
        for key in gone:
            body = {"experiment_id": number, "key": key}
            self.unless_gone("experiments/delete-experiment-tag", body)
        page["tags"] = {key: digest_of(value) for key, value in tags.items()}
        self.ledger.write(subject, page)

    # -- files -------------------------------------------------------------------------------------

    def put_files(self, root: str, files: Iterable[Artifact], sent: dict[str, str]) -> bool:
        """Put files below a URI of the server's, those of ``sent`` apart, to which they are added;
        tell whether all are there.
        """
        place, whole = self.place(root), True
        for file in files:
            if sent.get(file.path) == file.digest:
                continue
            if not place:
                self.problems.append(
                    f"the server keeps files at {root}, and does not take them from others: start "
                    "it with --serve-artifacts"
                )
                return False
            try:
                with self.staging.open(file.digest) as source:
                    self.server.put(f"{place}/{path_of(file.path)}", source, file.size)
            except ArtifactNotFoundError:
                self.problems.append(f"the file {file.path} is not on this machine")
                whole = False
            except (RefusedRequestError, StoreError) as error:
                if isinstance(error, StoreError):
                    self.server.version()  # who takes no large files may close the connection
                self.problems.append(f"the file {file.path} is refused: {error}")
                whole = False
            else:
                sent[file.path] = file.digest
        return whole

    def put_bytes(self, root: str, path: str, content: bytes) -> bool:
        """Put a file whose bytes are here; tell whether it is there."""
        place = self.place(root)
        if place:
            self.server.put(f"{place}/{path}", io.BytesIO(content), len(content))
        return bool(place)

    @staticmethod
    def place(root: str) -> str:
        """Return the path at which the server takes files for a URI; "" where it takes none."""
        parts = urlsplit(root)
        return unquote(parts.path).strip("/") if parts.scheme == "mlflow-artifacts" else ""

    # -- questions ---------------------------------------------------------------------------------

    def unless_gone(self, path: str, body: dict[str, Any], method: str = "POST") -> None:
        """Remove something, unless somebody has done so already."""
        try:
            self.server.post(path, body, method)
        except RefusedRequestError as error:
            if error.status != 404:
                raise


def changed(wanted: dict[str, str], sent: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return what is new or another value now, and the keys of what is gone.

    Args:
        wanted: texts by key.
        sent: digests of the texts that were sent, by key.
    """
    new = {key: text for key, text in wanted.items() if sent.get(key) != digest_of(text)}
    return new, [key for key in sent if key not in wanted]


def _experiment_name(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 17]}-{digest_of(name)}"
