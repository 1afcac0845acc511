"""How the code of two runs differs, line by line, from what was recorded of it and what the
repository at hand has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fitprint.context.git import GitError
from fitprint.context.revisions import State, difference, missing_commits
from fitprint.views.facts import part

if TYPE_CHECKING:
    from fitprint.context.git import Repository

__all__ = ["Change", "Sources", "code_changes"]

_MOST_BYTES = 1 << 20  # of a difference
_MOST_SOURCE = 4 << 20  # of all untracked files of a run
_MOST_FILES = 400
_MOST_WORK = 4_000_000  # lines of the one file times lines of the other that are compared


@dataclass(frozen=True, slots=True)
class Sources:
    """What was recorded of a run's code: its environment, the patch of what was not committed, and
    an archive of untracked files.
    """

    environment: Mapping[str, Any] | None
    patch: bytes = b""
    untracked: bytes = b""

    @property
    def git(self) -> Mapping[str, Any]:
        return part(self.environment or {}, "git")

    @property
    def commit(self) -> str:
        commit = self.git.get("commit")
        return commit if isinstance(commit, str) else ""

    @property
    def is_exact(self) -> bool:
        """Whether the commit and the patch give back the files that git tracks."""
        return not self.patch or part(self.git, "patch").get("exact") is True


@dataclass(frozen=True, slots=True)
class Change:
    """Lines that differ.

    Attributes:
        what: "tracked files", "uncommitted changes" (the lines are those of two patches, each with
            a sign of its own), or "untracked files".
        text: a unified diff.
        is_cut: whether there was more.
    """

    what: str
    text: str
    is_cut: bool = False


def code_changes(
    old: Sources, new: Sources, repository: Repository | None, notes: list[str]
) -> tuple[Change, ...]:
    """Return what differs, and add to ``notes`` what cannot be told."""
    return (*_tracked(old, new, repository, notes), *_untracked(old, new, notes))


def _tracked(
    old: Sources, new: Sources, repository: Repository | None, notes: list[str]
) -> Iterator[Change]:
    if (old.commit, old.patch) == (new.commit, new.patch):
        return
    committed = _committed(old, new, repository, notes)
    if committed is not None and committed.text:
        yield committed
    if committed is None or not (old.is_exact and new.is_exact):
        text, is_cut = _lines_that_differ(
            "uncommitted changes", _decoded(old.patch), _decoded(new.patch)
        )
        if text:
            yield Change("uncommitted changes", text, is_cut)


def _committed(
    old: Sources, new: Sources, repository: Repository | None, notes: list[str]
) -> Change | None:
    """Return how the files that git tracks differ, with what was not committed if both patches are
    exact; None if that is not known.
    """
    if not (old.commit and new.commit):
        if old.commit or new.commit:
            notes.append(
                "only one of the runs has a commit: their files cannot be compared, only what was "
                "not committed"
            )
        return None
    commits = dict.fromkeys((old.commit, new.commit))
    try:
        missing = [
            commit[:12]
            for commit in (commits if repository is None else missing_commits(repository, commits))
        ]
        if repository is None or missing:
            if len(commits) == 1:  # what was not committed says all
                return None
            where = (
                "the git repository here has not"
                if repository is not None
                else "this folder is in no git repository; missing"
            )
            notes.append(
                f"{where} {' and '.join(missing)}: only what was not committed is compared; "
                "run this where the code is, or bring the commits in with `git fetch`"
            )
            return None
        exact = old.is_exact and new.is_exact
        states = [State(each.commit, each.patch if exact else b"") for each in (old, new)]
        if not exact:
            notes.append(
                "the recorded changes are incomplete (secrets, binary files or their end are "
                "missing): they are compared as text"
            )
        text, is_cut = difference(repository, *states, limit=_MOST_BYTES)
    except (GitError, OSError) as error:
        notes.append(f"the files of the commits cannot be compared: {error}")
        return None
    return Change("tracked files", text, is_cut)


def _untracked(old: Sources, new: Sources, notes: list[str]) -> Iterator[Change]:
    before, after = _files(old, notes), _files(new, notes)
    texts, is_cut = [], False
    for path in dict.fromkeys([*before, *after]):
        text, cut = _lines_that_differ(path, before.get(path), after.get(path))
        is_cut = is_cut or cut
        if text:
            texts.append(text)
    if texts:
        whole = "".join(texts)
        yield Change("untracked files", whole[:_MOST_BYTES], is_cut or len(whole) > _MOST_BYTES)


def _files(sources: Sources, notes: list[str]) -> dict[str, str]:
    """Return the recorded texts by path: those that git does not track, and the script if no commit
    has it.
    """
    files = {}
    script = part(sources.git, "script")
    if isinstance(script.get("source"), str):
        files[str(script.get("path") or "cells of the notebook")] = script["source"]
    if not sources.untracked:
        return files
    import io
    import zipfile

    left = _MOST_SOURCE
    try:
        with zipfile.ZipFile(io.BytesIO(sources.untracked)) as archive:
            for member in archive.infolist()[:_MOST_FILES]:
                with archive.open(member) as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    notes.append(
                        "untracked files of more than 4 MiB together: the rest is not compared"
                    )
                    break
                files[member.filename] = _decoded(data)
    except (
        zipfile.BadZipFile,
        ValueError,
        OSError,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        notes.append(f"untracked files cannot be read: {error}")
    except Exception as error:  # noqa: BLE001
        # zlib's own: an archive from elsewhere may be anything
        notes.append(f"untracked files cannot be unpacked: {error}")
    return files


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _lines_that_differ(path: str, before: str | None, after: str | None) -> tuple[str, bool]:
    """Return a unified diff, and whether it says less than all.

    None stands for a file that is not there.
    """
    if before == after or not (before or after):
        return "", False
    old, new = (text.removesuffix("\n").split("\n") if text else [] for text in (before, after))
    names = [
        "/dev/null" if text is None else f"{side}/{path}"
        for side, text in (("a", before), ("b", after))
    ]
    start = 0  # what is the same at both ends need not be compared
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    if (len(old) - start - end) * (len(new) - start - end) > _MOST_WORK:
        return (
            (
                f"--- {names[0]}\n"
                f"+++ {names[1]}\n"
                f"@@ {len(old)} lines and {len(new)} lines: too many to compare @@\n"
            ),
            True,
        )
    from difflib import unified_diff

    lead = max(0, start - 3)
    tail = max(0, end - 3)
    hunks = list(
        unified_diff(
            old[lead : len(old) - tail],
            new[lead : len(new) - tail],
            names[0],
            names[1],
            lineterm="",
        )
    )
    text = "\n".join([*hunks[:2], *(_moved(line, lead) for line in hunks[2:])]) + "\n"
    return text[:_MOST_BYTES], len(text) > _MOST_BYTES


def _moved(line: str, lines: int) -> str:
    """Return the head of a hunk with the numbers of lines that it has in the whole file."""
    if not line.startswith("@@ -"):
        return line
    words = line.split(" ")
    for place in (1, 2):
        number, comma, count = words[place][1:].partition(",")
        words[place] = f"{words[place][0]}{int(number) + lines}{comma}{count}"
    return " ".join(words)
