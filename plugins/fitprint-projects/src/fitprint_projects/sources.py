"""Where a project comes from: a folder, a script, a repository, an archive."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fitprint.context.git import GitError, Repository
from fitprint.context.redaction import redact_text
from fitprint.hooks.manager import hooks
from fitprint_projects.errors import ProjectError
from fitprint_projects.fetching import download
from fitprint_projects.git import checked_reference, copy_with, repository_of, tree_of
from fitprint_projects.parameters import is_uri
from fitprint_projects.spec import inside
from fitprint_projects.trust import require_own_code

__all__ = ["Source", "opened"]

_COMMIT = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True)
class Source:
    """A project's code, where it lies for the time of a run.

    Attributes:
        folder: of the project.
        shown: what names it again, without passwords.
        kind: "folder", "git" or "zip".
        revision: commit or digest; "" if it is not known.
        dirty: whether the folder differs from the commit.
        script: the script that was named in the place of a folder; "" if none was.
    """

    folder: Path
    shown: str
    kind: str
    revision: str = ""
    dirty: bool = False
    script: str = ""

    def facts(self) -> Mapping[str, Any]:
        """Return what is recorded."""
        return {
            "source": self.shown,
            "kind": self.kind,
            "revision": self.revision,
            **({"dirty": self.dirty} if self.kind == "folder" else {}),
        }


@contextmanager
def opened(
    text: str, version: str = "", *, places: Path | None = None, trust: bool = False
) -> Iterator[Source]:
    """Yield a project's code; what was fetched for it is removed afterwards.

    Args:
        text: a folder or script; an archive ``FILE.zip``; a repository, as ``URL#folder`` or
            ``git+URL@REVISION#subdirectory=folder``.
        version: branch, tag or commit.
        places: where fetched code is put; the system's temporary folder by default.
        trust: take the code of a run that somebody else recorded.

    Raises:
        ProjectError: there is nothing of the kind.
    """
    if version:
        checked_reference(version)
    with ExitStack() as stack:
        yield _open(text, version, places, stack, trust=trust)


def _open(text: str, version: str, places: Path | None, stack: ExitStack, *, trust: bool) -> Source:
    address, subfolder = _taken_apart(text)
    if address.startswith("runs:"):
        if version:
            raise ProjectError("a run has the code that it had; leave --version out")
        return _of_run(address, subfolder, places, stack, trust=trust)
    if address.startswith("git+"):
        address, version = _pip(address[4:], version)
        return _git(address, version, subfolder, places, stack)
    path = _local(address)
    is_zip = urlsplit(address).path.lower().endswith(".zip")
    if is_zip and (path is None or path.is_file()):
        if version:
            raise ProjectError("an archive has no revisions; leave --version out")
        return _zip(address, path, subfolder, places, stack)
    if path is None:
        return _git(address, version, subfolder, places, stack)
    if not path.exists():
        raise ProjectError(
            f"there is no {address!r:.200}; give a folder, a script, a zip, or a repository such "
            "as https://HOST/NAME.git"
        )
    return _folder(path, version, subfolder, places, stack)


def _taken_apart(text: str) -> tuple[str, str]:
    """Return a source and the folder in it."""
    if Path(text).exists():
        return text, ""
    address, _, fragment = text.partition("#")
    if address.startswith("git+"):
        said = parse_qs(fragment, keep_blank_values=True)
        fragment = said.get("subdirectory", [fragment if "=" not in fragment else ""])[0]
    return address, fragment


def _pip(address: str, version: str) -> tuple[str, str]:
    """Take ``URL@REVISION`` apart; an ``@`` before the host is none of a revision's."""
    parts = urlsplit(address)
    path, sign, reference = parts.path.rpartition("@")
    if not sign:
        return address, version
    if version and version != reference:
        raise ProjectError(
            f"the source names the revision {reference!r}, and --version {version!r}"
        )
    return parts._replace(path=path).geturl(), checked_reference(unquote(reference))


def _local(address: str) -> Path | None:
    """Return the path that is meant; None for an address of another machine."""
    if address.startswith("file://"):
        return Path(unquote(urlsplit(address).path))
    if Path(address).exists():
        return Path(address)
    if is_uri(address) or address.startswith("-") or re.match(r"[\w.-]+@[\w.-]+:", address):
        return None
    return Path(address)


def _temporary(places: Path | None, stack: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fitprint-project-", dir=places))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _below(folder: Path, subfolder: str) -> Path:
    found = inside(folder, subfolder, "the folder") if subfolder else folder
    if not found.is_dir():
        raise ProjectError(f"the source has no folder {subfolder!r:.200}")
    return found


def _git(
    address: str, version: str, subfolder: str, places: Path | None, stack: ExitStack
) -> Source:
    temporary = _temporary(places, stack)
    tree, commit = stack.enter_context(tree_of(address, version, temporary / "code"))
    shown = redact_text(address) + (f"#{subfolder}" if subfolder else "")
    return Source(_below(tree, subfolder), shown, "git", commit)


def _of_run(
    address: str, subfolder: str, places: Path | None, stack: ExitStack, *, trust: bool
) -> Source:
    """Bring the code that a run had, with what was not committed."""
    import fitprint
    from fitprint_projects.checkout import check_out

    run = fitprint.get_run(address.removeprefix("runs:").strip("/"))
    if not trust:
        require_own_code(run)
    about = run.environment.get("git") or {}
    code = _temporary(places, stack) / "code"
    code.mkdir()
    recorded = run.tags.get("project", "")
    near = [Path(recorded)] if recorded.startswith("/") else []
    for note in check_out(about, run.read, code, [*near, Path.cwd()], copy_with):
        hooks().problem(f"the code of {run.name}: {note}", "projects")
    inner = subfolder or str(about.get("folder") or "")
    shown = f"runs:/{run.id}" + (f"#{subfolder}" if subfolder else "")
    return Source(_below(code, inner), shown, "run", str(about.get("commit") or ""))


def _zip(
    address: str, path: Path | None, subfolder: str, places: Path | None, stack: ExitStack
) -> Source:
    from fitprint_projects.archives import MOST_BYTES, unpack

    temporary = _temporary(places, stack)
    if path is None:
        path = download(address, temporary / "archive.zip", MOST_BYTES)
        shown = redact_text(address)
    else:
        shown = str(path.absolute())
    code = temporary / "code"
    code.mkdir()
    digest = unpack(path, code)
    return Source(
        _below(code, subfolder), shown + (f"#{subfolder}" if subfolder else ""), "zip", digest
    )


def _folder(
    path: Path, version: str, subfolder: str, places: Path | None, stack: ExitStack
) -> Source:
    script = ""
    folder = path.absolute()
    if path.is_file():
        script, folder = folder.name, folder.parent
    folder = _below(folder, subfolder)
    root = repository_of(folder)
    if not version:
        revision, dirty = _state(root)
        return Source(folder, str(folder), "folder", revision, dirty, script)
    if root is None:
        raise ProjectError(f"{folder} lies in no repository of git; leave --version out")
    if not _COMMIT.fullmatch(version):
        try:
            found, _ = Repository(root).ask(
                1 << 10, "rev-parse", "--verify", "--end-of-options", f"{version}^{{commit}}"
            )
        except GitError:
            raise ProjectError(
                f"the repository {root} has no revision {version!r}; `git log` and `git tag` list "
                "what it has"
            ) from None
        version = found.decode().strip()
    inner = folder.relative_to(root).as_posix()
    source = _git(str(root), version, "" if inner == "." else inner, places, stack)
    return Source(source.folder, source.shown, "git", source.revision, script=script)


def _state(root: Path | None) -> tuple[str, bool]:
    """Return the commit of a repository, and whether its files differ from it."""
    if root is None:
        return "", False
    repository = Repository(root)
    try:
        commit, _ = repository.ask(1 << 10, "rev-parse", "--verify", "HEAD")
        changed, _ = repository.ask(1, "status", "--porcelain", "--untracked-files=no")
    except GitError:
        return "", False
    return commit.decode().strip(), bool(changed)
