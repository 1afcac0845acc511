"""Files that MLflow keeps, on this machine or elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from fitprint.copying.files import Files
from fitprint.errors import ArtifactNotFoundError
from fitprint.stores.addresses import hidden, public

__all__ = ["MlflowFiles"]


class MlflowFiles(Files):
    """The files of one run or version at a time; what lies elsewhere is brought to a temporary
    folder, until the next one is asked for.

    Args:
        tracking_uri: whom to ask for files that only a server can give.
    """

    def __init__(self, tracking_uri: str) -> None:
        super().__init__()
        self._tracking_uri = tracking_uri

    def folder(self, uri: str) -> Path:
        """Return the folder of this machine with what lies at the URI.

        Raises:
            ArtifactNotFoundError: it cannot be had.
        """
        parts = urlsplit(uri)
        if parts.scheme in ("", "file"):
            return Path(unquote(parts.path) if parts.scheme else uri)
        import mlflow.artifacts

        try:
            return Path(
                mlflow.artifacts.download_artifacts(
                    artifact_uri=uri,
                    dst_path=str(self.make_folder()),
                    tracking_uri=self._tracking_uri,
                )
            )
        except Exception as error:  # noqa: BLE001 - what MLflow and its clouds raise
            told = hidden(" ".join(str(error).split()), uri)[:300]
            raise ArtifactNotFoundError(
                f"the files at {public(uri)} cannot be had: {told}"
            ) from None
