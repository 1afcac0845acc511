"""What a plugin registers to deploy models: which files a place wants, whether they are sound, and
how they get there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

__all__ = ["Release", "Rendering", "Target"]


@dataclass(frozen=True, slots=True)
class Release:
    """A model that is to serve, as it was recorded, and what is asked for.

    Attributes:
        name: of the deployment: lower-case letters, digits and dashes, 40 at most.
        uri: what leads to the model, such as ``models:/churn/3``.
        model: name of the registered model, and ``version`` its version; "" and 0 if it is none.
        run: id of the run that recorded it; "" if none is known.
        digest: over the model's files.
        flavor: that wrote it.
        created: when it was registered or its run began, in seconds since the Unix epoch.
        python: version that it was recorded with; "" if that is not known.
        requirements: ``distribution==version`` of what it was made with.
        runtime: requirements of what loads it and answers.
        packages: version by distribution of all that was installed when it was recorded.
        options: of the target's own, by name.
    """

    name: str
    uri: str
    digest: str
    flavor: str
    created: int
    model: str = ""
    version: int = 0
    run: str = ""
    python: str = ""
    requirements: Sequence[str] = ()
    runtime: Sequence[str] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rendering:
    """The files of a deployment.

    Attributes:
        release: what they are for.
        files: by path; the content, or a file of this machine that is copied.
        model: the folder among them that gets the model's own files; "" if none does.
        notes: sentences that the user is to read, such as what is not pinned.
    """

    release: Release
    files: Mapping[str, str | Path]
    model: str = ""
    notes: Sequence[str] = ()

    @cached_property
    def digest(self) -> str:
        """The digest over all files; the model's count by their own."""
        state = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            data = content.encode() if isinstance(content, str) else content.read_bytes()
            state.update(f"{path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        if self.model:
            state.update(f"{self.model}\0{self.release.digest}\n".encode())
        return f"sha256:{state.hexdigest()}"


class Target:
    """A kind of place where models serve.

    Attributes:
        name: as in ``fitprint deploy apply NAME MODEL``.
        options: the names of ``--option NAME=VALUE`` that it takes, each with what it means.
    """

    name = ""
    options: Mapping[str, str] = {}

    def render(self, release: Release) -> Rendering:
        """Return the files of a deployment. The same release gives the same bytes; nothing is
        asked of the network, the clock or the environment.

        Raises:
            FitprintError: an option is missing or makes no sense.
        """
        raise NotImplementedError

    def validate(self, rendering: Rendering) -> Sequence[str]:  # noqa: ARG002 - of those that can
        """Return what is wrong with the files, a sentence each; by default nothing is."""
        return ()

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:
        """Let the model serve, in place of what served there before, and return what it is known
        by, such as ``{"image": "sha256:..."}``. To apply the same twice changes nothing.

        Args:
            rendering: what is applied.
            folder: where its files were written.

        Raises:
            FitprintError: a tool or a credential is missing, or the place refuses; the text says
                what to do.
        """
        raise NotImplementedError

    def status(self, release: Release) -> str:
        """Return how it stands there now, in a line.

        Raises:
            FitprintError: as ``apply``.
        """
        raise NotImplementedError

    def delete(self, release: Release) -> None:
        """Take it away; what is not there is no error.

        Raises:
            FitprintError: as ``apply``.
        """
        raise NotImplementedError
