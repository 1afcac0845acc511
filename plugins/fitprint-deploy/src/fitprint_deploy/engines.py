"""Images, by the tool that is here."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fitprint.arguments import shown
from fitprint.hooks.targets import Release
from fitprint_deploy.errors import DeployError, TargetRefusedError
from fitprint_deploy.options import DIGESTED
from fitprint_deploy.programs import called, first_of

__all__ = ["ENGINES", "Image", "build", "pinned"]

ENGINES = ("buildah", "docker", "podman")
_BUILDING = 3600  # seconds
_PUSHING = 1800
_TAG = re.compile(r"[a-z0-9][\w.:/-]*")
_NAME = re.compile(r"[A-Za-z0-9][\w.:/-]*")


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was built: its id here, its tag, and its digest in the registry ("" if it was
    not pushed).
    """

    id: str
    tag: str
    digest: str = ""

    @property
    def name(self) -> str:
        """What leads to the same bytes for ever, where it was pushed."""
        if not self.digest:
            return self.id
        return f"{_untagged(self.tag)}@{self.digest}"


def pinned(base: str, release: Release) -> str:
    """Return a base by its digest: as it is given, or as a tool that is here resolves it.

    Args:
        base: NAME@sha256:DIGEST, NAME:TAG, or "" for the Python of the release.
        release: what is to be built.

    Raises:
        DeployError: no tool is here, or the Python is not known.
        TargetRefusedError: the tool does not know the image.
    """
    if DIGESTED.fullmatch(base):
        return base
    if not base:
        if not release.python:
            raise DeployError(
                "the record does not say which Python the model needs; give --option base=IMAGE"
            )
        base = f"docker.io/library/python:{'.'.join(release.python.split('.')[:2])}-slim"
    if not _NAME.fullmatch(base):
        raise DeployError(f"the option base is the name of an image, not {shown(base)}")
    tool = first_of(
        ["skopeo", "buildah"],
        f"say the digest of the base yourself: --option base={base}@sha256:...",
    )
    remedy = f"give a base that can be reached, or its digest: --option base={base}@sha256:..."
    if Path(tool).name == "skopeo":
        command = [tool, "inspect", "--format={{.Digest}}", f"docker://{base}"]
    else:
        pull = [tool, "pull", "--quiet", "--policy=missing", base]
        called(pull, seconds=_PUSHING, remedy=remedy)
        command = [tool, "inspect", "--type=image", "--format={{.FromImageDigest}}", base]
    digest = called(command, remedy=remedy).strip()
    return f"{_untagged(base)}@{digest}"


def build(folder: Path, release: Release, engine: str, tell: Callable[[str], None]) -> Image:
    """Build the image of a rendered folder, and bring it to its registry if that is asked for.

    Raises:
        DeployError: there is no tool.
        TargetRefusedError: it fails; the message is its own.
    """
    tag = (
        release.options.get("tag", "") or f"localhost/{release.name}:{release.version or 'latest'}"
    )
    if not _TAG.fullmatch(tag):
        raise DeployError(f"the option tag is the name of an image, not {shown(tag)}")
    wanted = [engine] if engine else list(ENGINES)
    tool = first_of(
        wanted,
        "install one of them, or build the folder that `fitprint deploy render image` writes "
        "elsewhere",
    )
    name = Path(tool).name
    tell(f"{name} builds {tag}")
    with tempfile.TemporaryDirectory(prefix="fitprint-image-") as place:
        told = Path(place) / "id"
        words = ["--layers", "--format=docker", f"--timestamp={release.created}"]
        if name == "docker":
            words = [f"--build-arg=SOURCE_DATE_EPOCH={release.created}"]
        called(
            [tool, "build", *words, f"--iidfile={told}", f"--tag={tag}", str(folder)],
            seconds=_BUILDING,
            remedy=f"the folder is {folder}",
        )
        image = Image(told.read_text(encoding="utf-8").strip(), tag)
        if release.options.get("push", "no") != "yes":
            return image
        tell(f"{name} pushes {tag}")
        remedy = f"log in with `{name} login`, or give a tag in a registry that takes it"
        if name == "docker":
            called([tool, "push", tag], seconds=_PUSHING, remedy=remedy)
            known = called([tool, "inspect", "--format={{index .RepoDigests 0}}", tag])
            digest = known.strip().rpartition("@")[2]
        else:
            file = Path(place) / "digest"
            called([tool, "push", f"--digestfile={file}", tag], seconds=_PUSHING, remedy=remedy)
            digest = file.read_text(encoding="utf-8").strip()
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise TargetRefusedError(
                f"{name} does not say the digest of {tag}, but {shown(digest)}"
            )
        return Image(image.id, tag, digest)


def _untagged(name: str) -> str:
    repository, colon, word = name.rpartition(":")
    return repository if colon and "/" not in word else name
