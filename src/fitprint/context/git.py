"""git, asked from outside: it takes no lock, asks nothing,
and is given up when it takes too long.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fitprint.context.redaction import redact_text

__all__ = ["GitError", "Repository", "head_of"]

_SECONDS = 10.0  # for all calls of git together, beside a training
# Whatever the user has configured: no monitor is started, names are told as they are, and a patch
# is one that `git apply` takes.
_CONFIGURATION = (
    "core.fsmonitor core.splitIndex core.quotepath diff.noprefix "
    "diff.mnemonicPrefix diff.suppressBlankEmpty"
).split()


class GitError(Exception):
    """git failed, took too long, or is not installed."""


class Repository:
    """The repository with the working tree ``root``.

    Args:
        root: the folder that has ``.git``.
        seconds: that all calls together may take; ten by default.
    """

    def __init__(self, root: Path, seconds: float | None = None) -> None:
        self.root = root
        self._seconds = _SECONDS if seconds is None else seconds
        self._deadline = time.monotonic() + self._seconds

    def inside(self, path: str) -> Repository:
        """Return the repository of a submodule, whose calls count with those of this one."""
        inner = Repository(self.root / path, self._seconds)
        inner._deadline = self._deadline
        return inner

    def remote(self, upstream: str) -> str:
        """Return the address of the branch's remote, else of ``origin``, else of the only one."""
        text, _ = self.ask(1 << 16, "config", "--get-regexp", r"^remote\..*\.url$", allowed=(0, 1))
        remotes = {}
        for line in text.decode("utf-8", "replace").splitlines():
            name, _, address = line.partition(" ")
            remotes[name[len("remote.") : -len(".url")]] = address
        wanted = (upstream.partition("/")[0], "origin")
        return next(
            (remotes[name] for name in wanted if name in remotes),
            next(iter(remotes.values())) if len(remotes) == 1 else "",
        )

    def ask(
        self,
        limit: int,
        *arguments: str,
        allowed: tuple[int, ...] = (0,),
        variables: Mapping[str, str] | None = None,
        given: Path | None = None,
    ) -> tuple[bytes, bool]:
        """Return what git writes, up to ``limit`` bytes, and whether there was more.

        git takes no lock, asks nothing, fetches nothing, starts no monitor, hook or pager, and is
        ended when the time is up.

        Args:
            limit: of the bytes.
            arguments: of git.
            allowed: exit statuses that are no failure.
            variables: more of git's environment variables.
            given: a file that git reads as its standard input.

        Raises:
            GitError: it was, or there is no git, or it says that something is wrong.
        """
        unwanted = (
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_PREFIX",
            "GIT_OBJECT_DIRECTORY",
            "GIT_TRACE",
            "GIT_DIFF_OPTS",
        )
        environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        environment.update(
            GIT_OPTIONAL_LOCKS="0",
            GIT_TERMINAL_PROMPT="0",
            GIT_PAGER="cat",
            GIT_NO_LAZY_FETCH="1",
            LC_ALL="C",
        )
        environment.update(variables or {})
        settled = [word for name in _CONFIGURATION for word in ("-c", f"{name}=false")]
        settled += ["-c", f"core.hooksPath={os.devnull}"]
        command = ["git", *settled, "-C", str(self.root), *arguments]
        pipe = subprocess.PIPE
        try:  # from the root folder, for git starts in no folder that is gone
            with open(os.devnull if given is None else given, "rb") as source:
                process = subprocess.Popen(
                    command, cwd="/", stdin=source, stdout=pipe, stderr=pipe, env=environment
                )
        except OSError as error:
            raise GitError(f"git cannot be run: {error.strerror or error}") from None
        with process:
            output = {"stdout": bytearray(), "stderr": bytearray()}
            try:
                for name, data in _pieces(process, self._deadline):
                    output[name] += data
                    if len(output["stdout"]) > limit:
                        process.kill()
                        return bytes(output["stdout"][:limit]), True
                status = process.wait(max(0.0, self._deadline - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired):
                process.kill()
                raise GitError(
                    f"git {arguments[0]} took longer than {self._seconds:g} seconds"
                ) from None
        if status not in allowed:
            reason = redact_text(output["stderr"].decode("utf-8", "replace").strip()[:500])
            raise GitError(f"git {arguments[0]} failed with status {status}: {reason}")
        return bytes(output["stdout"]), False


def _pieces(process: subprocess.Popen[bytes], deadline: float) -> Iterator[tuple[str, bytes]]:
    """Yield what the process writes, as it comes, until it has closed both its outputs.

    Raises:
        TimeoutError: it has not done so in time.
    """
    with selectors.DefaultSelector() as selector:
        for name in ("stdout", "stderr"):
            selector.register(getattr(process, name), selectors.EVENT_READ, name)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                if data:
                    yield key.data, data
                else:
                    selector.unregister(key.fileobj)


def head_of(root: Path) -> dict[str, Any]:
    """Return commit and branch from git's own files, for where git itself cannot be asked."""
    folder = root / ".git"
    try:
        if folder.is_file():  # a worktree or a submodule
            folder = root / folder.read_text(encoding="utf-8").partition(":")[2].strip()
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return {"commit": head, "branch": None}
        reference = head[len("ref: ") :]
        common = (
            folder / (folder / "commondir").read_text(encoding="utf-8").strip()
            if (folder / "commondir").is_file()
            else folder
        )
        branch = reference.removeprefix("refs/heads/")
        if (common / reference).is_file():
            return {
                "commit": (common / reference).read_text(encoding="utf-8").strip(),
                "branch": branch,
            }
        for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {reference}"):
                return {"commit": line.partition(" ")[0], "branch": branch}
    except (OSError, UnicodeDecodeError):
        pass
    return {}
