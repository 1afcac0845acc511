"""Looking into every corner of an installation and its records."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import fitprint
from fitprint.entities import Artifact, RunRecord
from fitprint.errors import FitprintError, PendingBytesError
from fitprint.hooks.manager import hooks
from fitprint.journal.delivery import (
    is_for,
    journals,
    leftovers,
    read_writer,
    set_aside,
    writer_is_gone,
)
from fitprint.journal.frames import split_position
from fitprint.journal.reader import read_journal, segments
from fitprint.platform.locks import faults, local_option
from fitprint.recording.homes import temporary_home
from fitprint.recording.workspace import Workspace, current
from fitprint.stores.addresses import public
from fitprint.versions import misfits
from fitprint.views.selection import matching
from fitprint.views.wording import counted, size

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

from fitprint.ids import short_id

__all__ = ["Finding", "findings"]

State = Literal["ok", "warning", "broken"]

_DIGEST = re.compile(r"[0-9a-f]{16}")
_LITTLE_SPACE = 1 << 30
_SAMPLE_RUNS = 100
_SAMPLE_BYTES = 200_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: "broken" means that something is lost, at risk or refused; then the
    message says what to do.
    """

    check: str
    state: State
    message: str


def findings(*, deep: bool, aside: bool = False) -> Iterator[Finding]:
    """Yield what was found, corner by corner.

    With ``deep`` every artifact is read, else a sample of the newest. With ``aside`` journals that
    cannot be delivered are put aside.
    """
    yield Finding(
        "versions",
        "ok",
        f"fitprint {fitprint.__version__}, Python {platform.python_version()}, "
        f"{platform.platform(terse=True)}",
    )
    try:
        workspace = current()
    except FitprintError as error:
        yield Finding("settings", "broken", str(error))
        return
    yield from _settings(workspace)
    yield from _plugins()
    yield from _home(workspace)
    if not workspace.settings["store"] and not workspace.home.is_dir():
        yield Finding("store", "ok", "nothing is recorded yet")
        return
    yield from _locks(workspace)
    yield from _damaged_journals(workspace)
    yield from _leftovers(workspace)
    try:
        with closing(workspace.destination.open(workspace.home)) as store:
            yield from _journals(workspace, store)
        yield from _delivery(workspace, aside=aside)
        store = workspace.store
        yield from _store(store)
        yield Finding(
            "store",
            "ok",
            f"{workspace.store_uri}: {sum(each.run_count for each in store.experiments())} runs",
        )
        yield from _pending(workspace, store)
        yield from _artifacts(workspace, store, deep=deep)
    except (FitprintError, OSError) as error:
        yield Finding("store", "broken", str(error))


def _settings(workspace: Workspace) -> Iterator[Finding]:
    chosen = [
        f"{name} from {origin}"
        for name, origin in workspace.settings.origins.items()
        if origin != "default"
    ]
    yield Finding("settings", "ok", "; ".join(chosen) or "all as they come")
    for problem in workspace.settings.problems:
        yield Finding("settings", "broken", problem)
    for passed_over in workspace.settings.foreign:
        yield Finding("settings", "warning", passed_over)


def _plugins() -> Iterator[Finding]:
    for plugin in hooks().found:
        if plugin.problem:
            origin = f" ({plugin.distribution} {plugin.version})" if plugin.distribution else ""
            advice = (
                f"repair or uninstall it, or leave it out: FITPRINT_DISABLE_PLUGINS={plugin.name}"
            )
            yield Finding("plugins", "broken", f"{plugin.name}{origin}: {plugin.problem}; {advice}")
        for misfit in misfits(plugin.distribution) if plugin.distribution else ():
            yield Finding("plugins", "broken", misfit)
    working = [
        f"{plugin.name} {plugin.version}".strip() for plugin in hooks().found if not plugin.problem
    ]
    yield Finding("plugins", "ok", ", ".join(working))


def _home(workspace: Workspace) -> Iterator[Finding]:
    home = workspace.home
    folder = next(folder for folder in (home, *home.parents) if os.path.exists(folder))  # noqa: PTH110 - Path.exists may raise
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        message = (
            f"{folder} cannot be written ({error.strerror}): set FITPRINT_HOME to a folder "
            "that can be"
        )
        yield Finding("home", "broken", message)
    else:
        yield Finding("home", "ok", f"{home} can be written")
    mode = folder.stat().st_mode
    if folder == home and mode & stat.S_IRWXO:
        message = (
            f"{home} is open to other users (mode {stat.S_IMODE(mode):o}): close it with "
            f"chmod 700 {home}"
        )
        yield Finding("home", "broken", message)
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if free < _LITTLE_SPACE:
        yield Finding(
            "disk",
            "broken",
            f"only {size(free)} are free where {home} lies: make room, or records will be lost",
        )
    else:
        yield Finding("disk", "ok", f"{size(free)} free")
    refuge = temporary_home()
    if refuge != home and refuge.is_dir():
        message = (
            f"a home could not be written once, its runs lie in {refuge}: read them with "
            f"FITPRINT_HOME={refuge}, then remove it"
        )
        yield Finding("home", "warning", message)


def _locks(workspace: Workspace) -> Iterator[Finding]:
    """Try locks where journals lie, and where the database lies that is no home's own."""
    folders = [workspace.home]
    path = workspace.store_uri.removeprefix("sqlite:///")
    if path != workspace.store_uri and not Path(path).is_relative_to(workspace.home):
        folders.append(Path(path).absolute().parent)
    for folder in folders:
        try:
            fault = faults(folder)
        except OSError:
            continue  # told as that of the home or of the store
        option = local_option(folder)
        if fault:
            message = (
                f"locks of files do not work where {folder} lies: {fault}. Runs may be shown as "
                "KILLED that go on, and a SQLite database may be damaged: choose a folder on a "
                "disk of this machine, or a store on PostgreSQL"
            )
            yield Finding("locks", "broken", message)
        elif option:
            message = (
                f"locks of files hold on this machine alone where {folder} lies (mount option "
                f"{option}): let no other machine use it, or mount it without that"
            )
            yield Finding("locks", "warning", message)
        else:
            yield Finding("locks", "ok", f"two processes keep each other out of {folder}")


def _damaged_journals(workspace: Workspace) -> Iterator[Finding]:
    for folder in sorted((workspace.home / "journal").glob(".damaged-*")):
        writer = read_writer(folder)
        by = (
            f", written by process {writer['pid']} on {writer.get('host')}"
            if "pid" in writer
            else ""
        )
        damages = [damage for stretch in read_journal(folder) for damage in stretch.damage]
        told = "; ".join(
            f"{damage.segment}: {damage.size} bytes at {damage.offset}: {damage.reason}"
            for damage in damages
        )
        message = (
            f"{folder}{by}: {told or 'records could not be read'}. What was intact is in the "
            "store; remove the folder if that is enough, or rename it to "
            f"{folder.name.removeprefix('.damaged-')} to have it read again"
        )
        yield Finding("journals", "broken", message)


def _leftovers(workspace: Workspace) -> Iterator[Finding]:
    """Remove what killed programs have left, and tell of it; half journals go with the delivery
    that follows.
    """
    found = [*leftovers(workspace.home / "journal"), *workspace.staging.sweep(deep=True)]
    if found:
        names = ", ".join(path.name for path in found[:5]) + (", ..." if len(found) > 5 else "")
        message = (
            f"programs that were killed left {len(found)} half-written files or folders, "
            f"which are removed: {names}"
        )
        yield Finding("home", "warning", message)


def _journals(workspace: Workspace, store: Store) -> Iterator[Finding]:
    """Tell about the journals that are there before anything is delivered."""
    live, left, waiting = 0, 0, 0
    names = workspace.destination.names(workspace.home)
    elsewhere: dict[str, int] = {}
    for journal in journals(workspace.home / "journal"):
        writer = read_writer(journal)
        if not is_for(writer, store, names):
            other = str(writer.get("destination", ""))
            elsewhere[other] = elsewhere.get(other, 0) + 1
            continue
        if writer_is_gone(journal):
            left += 1
        else:
            live += 1
        number, offset = split_position(store.position(journal.name))
        for segment in segments(journal):
            if int(segment.stem) >= number:
                waiting += segment.stat().st_size - (offset if int(segment.stem) == number else 0)
    yield Finding(
        "journals",
        "ok",
        f"{live} of programs that run, {left} of programs that have ended, {size(waiting)} not "
        "delivered yet",
    )
    for other, count in elsewhere.items():
        yield Finding(
            "journals",
            "warning",
            f"{count} journals here are for another store, {_named(other, workspace)}",
        )


def _named(destination: str, workspace: Workspace) -> str:
    """Return how a store is called, and how what is recorded for it gets there."""
    if _DIGEST.fullmatch(destination):
        return (
            f"which an earlier version named by a digest ({destination}): set FITPRINT_STORE to "
            "the whole URI that was set then, "
            f"and run `fitprint sync`; if it is {workspace.store_uri}, write "
            f'"{workspace.destination.address}" instead of the digest in '
            "their writer.json"
        )
    place = (
        f"{destination}: set FITPRINT_STORE to it"
        if destination
        else "the home's own: unset FITPRINT_STORE"
    )
    return f"{place} and run `fitprint sync`"


def _delivery(workspace: Workspace, *, aside: bool) -> Iterator[Finding]:
    done = workspace.sync_to_read()
    for journal, reason in done.failed.items():
        yield _undelivered(workspace.home / "journal" / journal, reason, aside=aside)
    if done.killed:
        ids = ", ".join(short_id(run) for run in done.killed)
        yield Finding(
            "journals",
            "warning",
            "the programs that recorded these runs ended without a word, they are KILLED now: "
            f"{ids}",
        )
    for journal, damages in done.damage.items():
        for damage in damages:
            place = f"{damage.segment}, {damage.size} bytes at {damage.offset}: {damage.reason}"
            yield Finding(
                "journals",
                "broken",
                f"{workspace.home / 'journal' / journal}: {place}; all intact records were "
                "delivered",
            )
    for problem in done.problems.values():
        yield Finding("journals", "broken", problem)


def _undelivered(journal: Path, reason: str, *, aside: bool) -> Finding:
    told = f"{journal} cannot be delivered ({reason})"
    if not writer_is_gone(journal):
        return Finding(
            "journals", "broken", f"{told}; its program still runs: look again when that has ended"
        )
    if not aside:
        return Finding(
            "journals",
            "broken",
            f"{told}; `fitprint doctor --set-aside` puts it aside, nothing of it is removed",
        )
    place = set_aside(journal)
    return Finding(
        "journals",
        "warning",
        f"{told}; it lies in {place} now: rename it to {journal.name} to have it delivered again",
    )


def _store(store: Store) -> Iterator[Finding]:
    """Let the store look at itself."""
    health = store.check()
    for problem in health.problems:
        yield Finding("store", "broken", problem)
    told = ([] if health.size is None else [size(health.size)]) + (
        [health.details] if health.details else []
    )
    if told and not health.problems:
        yield Finding("store", "ok", ", ".join(told))


def _pending(workspace: Workspace, store: Store) -> Iterator[Finding]:
    """Tell where artifacts go that others are to read, and which are not there."""
    if not workspace.shares_bytes():
        return
    place = workspace.shared.place(store)
    uri = "" if place is None else public(place.uri)
    if place is not None and place.remark:
        yield Finding("artifacts", "ok", f"{uri}: {place.remark}")
    waiting = store.pending()
    lost = [item for item in waiting if workspace.shared.is_lost(item)]
    here = [item for item in waiting if item.digest in workspace.staging]
    if lost:
        yield Finding(
            "artifacts",
            "broken",
            f"{counted(lost)} were recorded here, never arrived in {uri} and are gone: train again",
        )
    if here:
        yield Finding(
            "artifacts",
            "warning",
            f"{counted(here)} of this home are not in {uri} yet: run `fitprint sync`",
        )
    for origin in sorted(
        {item.origin for item in waiting if item not in lost and item not in here}
    ):
        items = [
            item
            for item in waiting
            if item.origin == origin and item not in lost and item not in here
        ]
        where = origin or "in unknown homes"
        yield Finding(
            "artifacts",
            "warning",
            f"{counted(items)} are not in {uri} yet, recorded {where}: run `fitprint sync` there",
        )
    if uri and not waiting:
        yield Finding("artifacts", "ok", f"{uri} has all that was recorded")


def _restored(workspace: Workspace, digests: Iterable[str]) -> Iterator[Finding]:
    """Bring artifacts again that somebody removed where others read them."""
    restored = workspace.shared.restore(digests) if workspace.shares_bytes() else []
    if restored:
        message = (
            f"{len(restored)} artifacts had been removed from {workspace.shared.uri}, and "
            "are there again, from this home"
        )
        yield Finding("artifacts", "warning", message)


def _artifacts(workspace: Workspace, store: Store, *, deep: bool) -> Iterator[Finding]:
    runs, _ = matching(store, "", [], None, limit=None if deep else _SAMPLE_RUNS, parts=True)
    owners: dict[str, tuple[RunRecord, Artifact]] = {
        artifact.digest: (run, artifact) for run in runs for artifact in run.artifacts
    }
    yield from _restored(workspace, owners)
    read = bad = 0
    for run, artifact in owners.values():
        if not deep and read + artifact.size > _SAMPLE_BYTES:
            continue
        try:
            workspace.blobs.read(artifact.digest)
        except PendingBytesError:
            continue  # told above
        except (FitprintError, OSError) as error:
            bad += 1
            if bad <= 20:
                message = (
                    f"{artifact.path} of run {run.name} ({short_id(run.id)}): {error}; or "
                    "train again"
                )
                yield Finding("artifacts", "broken", message)
        read += artifact.size
    if bad > 20:
        yield Finding("artifacts", "broken", f"... and {bad - 20} more")
    how = "all" if deep else f"of the newest {len(runs)} runs"
    if not bad:
        yield Finding(
            "artifacts",
            "ok",
            f"{len(owners)} files ({how}), {size(read)} read and found as they were recorded",
        )
