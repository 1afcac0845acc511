"""The command of a recorded run, as it is run again in a fresh folder: a list of words, never a
shell's text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fitprint.context.process import VARIABLES
from fitprint.context.redaction import REDACTED
from fitprint.errors import FitprintError
from fitprint.views.facts import part

__all__ = ["Folders", "MissingWordsError", "command_of", "folders_of", "variables_of", "wanting"]

# options of Python that a word follows
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
# They say where in a group of processes, and on which devices, somebody ran.
_OF_PLACE = frozenset(
    """
    CUDA_VISIBLE_DEVICES GROUP_RANK HIP_VISIBLE_DEVICES LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR
    MASTER_PORT NODE_RANK NVIDIA_VISIBLE_DEVICES RANK ROCR_VISIBLE_DEVICES WORLD_SIZE
    """.split()
)


class MissingWordsError(FitprintError):
    """Words of the command are secrets that were not recorded, and nobody gave them."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a run is run again.

    Attributes:
        root: of the repository, or the folder of the script.
        project: the folder to which recorded paths are relative.
        work: the working directory.
        note: what is otherwise than it was; "" for nothing.
    """

    root: Path
    project: Path
    work: Path
    note: str = ""


def folders_of(environment: Mapping[str, Any], root: Path) -> Folders:
    """Return the folders below a fresh root that stand for those of the run."""
    process, git = part(environment, "process"), part(environment, "git")
    inside, below = git.get("folder"), process.get("folder")
    if not isinstance(inside, str) or "\0" in inside:
        elsewhere = git.get("repository") is not None and below not in (None, ".")
        note = f"it ran in the folder {below}, outside of its repository" if elsewhere else ""
        return Folders(root, root, root, note)
    work = root / inside
    project = root
    if isinstance(below, str) and not below.startswith(("/", "~")):
        parts = Path(inside).parts
        own = Path(below).parts
        if not own or parts[-len(own) :] == own:
            project = root.joinpath(*parts[: len(parts) - len(own)])
    if root.resolve() not in (work.resolve(), *work.resolve().parents):
        return Folders(root, root, root, f"its folder {inside!r} lies outside of its repository")
    work.mkdir(parents=True, exist_ok=True)
    return Folders(root, project, work)


def wanting(command: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the secrets that a recorded command lacks: by name, the position of the word, and
    where in the word it stands.

    A name is that of the flag before the secret or around it, else ``argument3`` by the position
    of the word.
    """
    found: dict[str, tuple[int, int]] = {}
    for position, word in enumerate(command):
        for match in re.finditer(re.escape(REDACTED), word):
            flag = word.partition("=")[0] if match.start() else command[position - 1]
            is_flag = flag.startswith("-") and REDACTED not in flag
            name = flag.lstrip("-") if is_flag and flag.strip("-") else f"argument{position}"
            unique, number = name, 1
            while unique in found:
                number += 1
                unique = f"{name}.{number}"
            found[unique] = (position, match.start())
    return found


def command_of(
    environment: Mapping[str, Any],
    folders: Folders,
    python: Path,
    given: Mapping[str, str],
) -> list[str]:
    """Return the words to run.

    Args:
        environment: of the run.
        folders: where it is run.
        python: the interpreter.
        given: secrets by name (see :func:`wanting`).

    Raises:
        MissingWordsError: secrets are missing, or some are given that the command does not have.
        FitprintError: no command was recorded.
    """
    recorded = part(environment, "process").get("command")
    if not isinstance(recorded, (list, tuple)) or not recorded:
        raise FitprintError("its command was not recorded (the setting context was off)")
    words = [str(word) for word in recorded]
    places = wanting(words)
    missing = [name for name in places if name not in given]
    if missing:
        asked = " ".join(f"--set {name}=..." for name in missing)
        raise MissingWordsError(
            f"its command has secrets, which were not recorded; give them again: {asked}"
        )
    unknown = [name for name in given if name not in places]
    if unknown:
        raise MissingWordsError(
            f"its command has no secret {unknown[0]!r}; there "
            + (f"are: {', '.join(places)}" if places else "is none")
        )
    for name, (position, at) in sorted(places.items(), key=lambda each: each[1], reverse=True):
        word = words[position]
        words[position] = word[:at] + given[name] + word[at + len(REDACTED) :]
    secret = {position for position, _ in places.values()}
    script = _script_at(words)
    placed = [
        word if position in secret else _placed(word, folders, python, position == script)
        for position, word in enumerate(words[1:], 1)
    ]
    return [str(python), *placed]


def _script_at(words: Sequence[str]) -> int:
    """Return the position of the script among the words of a Python; -1 if there is none."""
    position = 1
    while position < len(words):
        word = words[position]
        if not word.startswith("-") or word == "-":
            return position
        if re.fullmatch(r"-[A-Za-z]*[mc]", word):
            return -1
        position += 2 if word in _WITH_VALUE else 1
    return -1


def _placed(word: str, folders: Folders, python: Path, is_script: bool) -> str:
    """Return a word as it is meant here: paths below the project and the home were shortened."""
    if word == "~" or word.startswith("~/"):
        word = os.path.expanduser(word)  # noqa: PTH111 - `Path` would tidy it up
    path = Path(word)
    if is_script and path.parent.name in ("bin", "Scripts") and (own := _installed(path, python)):
        return str(own)
    if not word or word.startswith("-") or "\0" in word or (folders.work / word).exists():
        return word
    if not path.is_absolute() and (folders.project / word).exists():
        return str(folders.project / word)
    lone = folders.root / path.name
    return str(lone) if is_script and lone.is_file() else word


def _installed(path: Path, python: Path) -> Path | None:
    """Return the script of this name that belongs to the interpreter."""
    found = python.parent / path.name
    return found if found.is_file() else None


def variables_of(environment: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables: those around, but those that decide on results as the run had
    them.
    """
    recorded = part(part(environment, "process"), "variables")
    decisive = [name for name in VARIABLES if name not in _OF_PLACE]
    kept = {name: value for name, value in around.items() if name not in decisive}
    return {**kept, **dict(_settled(recorded, decisive, around))}


def _settled(
    recorded: Mapping[str, Any], decisive: Sequence[str], around: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for name in decisive:
        value = recorded.get(name)
        if isinstance(value, str):
            is_whole = REDACTED not in value
            if is_whole or name in around:
                yield name, value if is_whole else around[name]
