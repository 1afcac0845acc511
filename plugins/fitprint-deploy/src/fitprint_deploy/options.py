"""What the options of targets mean."""

from __future__ import annotations

import re

from fitprint.arguments import shown
from fitprint.hooks.targets import Release
from fitprint_deploy.errors import DeployError

__all__ = ["DIGESTED", "count_of", "image_of", "names_of", "port_of", "word_of"]

DIGESTED = re.compile(r"[A-Za-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}")
"""An image by its digest, which means the same bytes for ever."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_CODE = re.compile(r"[A-Za-z_][\w.]*")
_MOST = 1_000_000


def image_of(release: Release) -> str:
    """Return the option ``image``.

    Raises:
        DeployError: it is missing, or without a digest.
    """
    image = release.options.get("image", "")
    if not DIGESTED.fullmatch(image):
        given = f"not {shown(image)}" if image else "and it is missing"
        raise DeployError(
            f"the option image is NAME@sha256:DIGEST, {given}: `fitprint image build "
            f"{release.uri} --option tag=NAME --option push=yes` prints it"
        )
    return image


def count_of(release: Release, name: str, default: int, least: int = 1) -> int:
    """Return an option that is a whole number."""
    text = release.options.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= _MOST:
        raise DeployError(f"the option {name} is a whole number from {least} on, not {shown(text)}")
    return int(text)


def port_of(release: Release, default: int) -> int:
    """Return the option ``port``."""
    port = count_of(release, "port", default)
    if port >= 1 << 16:
        raise DeployError(f"the option port is below {1 << 16}, not {port}")
    return port


def word_of(release: Release, name: str, default: str = "") -> str:
    """Return an option that is the name of something."""
    text = release.options.get(name, default)
    if text and not _WORD.fullmatch(text):
        raise DeployError(
            f"the option {name} is letters, digits, '.', '_' and '-', not {shown(text)}"
        )
    return text


def names_of(release: Release) -> list[str]:
    """Return the option ``trust``: names of code that the model may run."""
    names = [each.strip() for each in release.options.get("trust", "").split(",") if each.strip()]
    for each in names:
        if not _CODE.fullmatch(each):
            raise DeployError(
                f"the option trust is names such as package.Class, with commas, not {shown(each)}"
            )
    return names
