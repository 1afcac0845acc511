"""Where this process records: settled settings, the home folder, the journal, the blobs, and the
store that reads.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import __version__
from fitprint.artifacts.staging import Staging
from fitprint.errors import SettingsError, StoreBusyError, StoreVersionError
from fitprint.hooks.manager import SETTLED_FIRST, find_plugins, hooks
from fitprint.journal.delivery import PATIENCE, Delivery, deliver
from fitprint.journal.writer import JournalWriter
from fitprint.platform.processes import at_fork
from fitprint.platform.users import host_name, user_name
from fitprint.recording import deferred
from fitprint.recording.destination import Destination, note_store_id
from fitprint.recording.ending import at_end
from fitprint.recording.homes import home_of, make_home, make_temporary_home
from fitprint.recording.token import Local, RunToken, inherited_token, problems
from fitprint.settings import (
    CORE_SETTINGS,
    Setting,
    Settings,
    check_names,
    flat,
    load_settings,
    sound,
)

if TYPE_CHECKING:
    from fitprint.artifacts.blobs import Blobs
    from fitprint.recording.background import BackgroundDelivery
    from fitprint.recording.sharing import SharedBytes, Uploaded
    from fitprint.stores.protocol import Forwarded, Store

__all__ = [
    "Workspace",
    "admitted",
    "all_open",
    "configure",
    "current",
    "declared_settings",
    "existing",
    "given",
    "inherit",
    "settle",
    "strictly",
    "use",
]

_READING_PATIENCE = 2.0  # seconds that a look at runs waits for others who deliver


class Workspace:
    """One home folder and one store. Safe from any thread, and after a fork."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._settle_in(home_of(settings["home"]))
        self.destination = Destination(settings)
        self._lock = threading.RLock()
        self._store: Store | None = None
        self._writer: JournalWriter | None = None
        self._background: BackgroundDelivery | None = None
        self._closed_store: Store | None = None
        self._patience = _READING_PATIENCE
        self._is_swept = False
        # reasons for which artifacts could not be stored, which are told once
        self.refusals: set[str] = set()
        _all.add(self)

    def _settle_in(self, home: Path) -> None:
        self.home = home
        self.staging = Staging(home / "blobs")
        self._shared: SharedBytes | None = None
        self._may_lack_bytes = True

    @property
    def blobs(self) -> Blobs:
        """The bytes of artifacts, wherever they lie."""
        from fitprint.artifacts.blobs import Blobs

        return Blobs(self.staging, self._elsewhere)

    def _elsewhere(self) -> SharedBytes | None:
        """Return what reads bytes that are not in this home; None where all stay here."""
        return self.shared if self.shares_bytes() else None

    def shares_bytes(self) -> bool:
        """Tell whether bytes of artifacts go to another place than this home, in which nobody ever
        waits for any.
        """
        is_alone = self.destination.is_own(self.home) and not self.settings["artifacts"]
        return not is_alone or self.known_store().artifact_uri is not None

    @property
    def shared(self) -> SharedBytes:
        """The bytes of artifacts where all can read them who use the store."""
        with self._lock:
            if self._shared is None:
                from fitprint.recording.sharing import SharedBytes

                self._shared = SharedBytes(self)
            return self._shared

    @property
    def records(self) -> bool:
        """Whether this process has recorded something here."""
        return self._writer is not None

    @property
    def store_uri(self) -> str:
        """The URI of the backend store, without a password."""
        return self.destination.uri(self.home)

    @property
    def writer(self) -> JournalWriter:
        """The journal of this process.

        If the home cannot be written, the home moves to a temporary folder, and that is told.
        """
        if self._writer is None:
            with self._lock:
                if self._writer is None:
                    self._writer = self._open_writer()
        return self._writer

    def token(self) -> RunToken:
        """Return what another process needs to record here."""
        return RunToken(
            store=self.store_uri, store_id=self.destination.store_id, local=Local.of(self.home)
        )

    def _open_writer(self) -> JournalWriter:
        try:
            writer = self._new_writer(self.home)
            make_home(self.home, self.settings["home_mode"])
            writer.open()
        except OSError as error:
            writer = self._open_writer_elsewhere(error)
        at_end(writer.close)
        return writer

    def _brings_at_hand(self) -> bool:
        """Tell whether artifacts go to no other place than one at hand,
        as far as the settings say.
        """
        chosen: str | None = self.settings["artifacts"]
        if not chosen:
            return True
        from fitprint.hooks.openers import is_at_hand

        return is_at_hand(chosen, hooks().registered("register_artifact_stores"))

    def _deliver_in_background(self) -> bool:
        # no longer: who looks meanwhile waits for the same store
        self._may_lack_bytes |= bool(self.sync(_READING_PATIENCE).batches)
        if self._may_lack_bytes and self.shares_bytes():
            self._may_lack_bytes = self.shared.bring_in_background()
        is_distant = self._shared is not None and self._shared.is_distant
        return is_distant or self._may_lack_bytes or self.destination.is_shared(self.home)

    def _forward_in_background(self) -> None:
        store = self._store  # the one that was delivered to: to open another is no time for a fork
        if store is not None:
            for problem in store.forward(_READING_PATIENCE).problems:
                hooks().problem(problem, "store")

    def _open_writer_elsewhere(self, error: OSError) -> JournalWriter:
        try:
            home = make_temporary_home()
            writer = self._new_writer(home)
            writer.open()
        except OSError:
            return self._new_writer(self.home)  # keeps records in memory, says so, and tries again
        hooks().problem(
            f"the folder {self.home} cannot be written ({error.strerror}); recording to {home} "
            "instead: set FITPRINT_HOME to a folder that can be written, or read these runs with "
            f"FITPRINT_HOME={home}",
            "journal",
        )
        self._settle_in(home)
        self._store = None
        return writer

    def _new_writer(self, home: Path) -> JournalWriter:
        from fitprint.recording import monitor  # who only reads runs needs none

        return JournalWriter(
            home / "journal",
            facts=lambda: self.facts(home),
            on_problem=lambda problem: hooks().problem(problem, "journal"),
            on_open=self._begin_background,
            on_look=monitor.resume,
            durability=self.settings["durability"],
        )

    def _begin_background(self) -> None:
        """Deliver from a thread, as long as the journal is open, what somebody may wait for who
        cannot look into this home.
        """
        if not self.destination.is_shared(self.home) and self._brings_at_hand():
            return
        if self._background is None:
            from fitprint.recording.background import BackgroundDelivery

            self._background = BackgroundDelivery(
                self._deliver_in_background,
                lambda problem: hooks().problem(self.destination.hide(problem), "store"),
                self._forward_in_background,
                self._close_store,
            )
        self._background.begin()
        at_end(self._finish_background)

    def _finish_background(self) -> None:
        if self._background is not None:
            self._background.finish(self.settings["exit_wait"])

    def shown_settings(self) -> dict[str, Any]:
        """Return the settings without passwords."""
        shown = {**self.settings.values, "store": self.destination.public}
        if shown["artifacts"]:
            from fitprint.stores.addresses import public

            shown["artifacts"] = public(shown["artifacts"])
        return shown

    def whole_uris(self) -> tuple[str, ...]:
        """Return the URIs that were chosen here and hold a password: of the store, and of the
        artifact store.
        """
        artifacts = self.settings["artifacts"]
        whole = (
            self.destination.whole_uri,
            artifacts if artifacts != self.shown_settings()["artifacts"] else None,
        )
        return tuple(uri for uri in whole if uri is not None)

    def facts(self, home: Path | None = None) -> dict[str, Any]:
        """Return what journals say of this process, also of the home where bytes have a way to go
        from there.
        """
        home = home or self.home
        facts = {**_describe_process(), **self.destination.facts(home)}
        return (
            {**facts, "home": str(home)}
            if facts["destination"] or self.settings["artifacts"]
            else facts
        )

    def sync(self, patience: float = PATIENCE) -> Delivery:
        """Deliver what the journals of this home hold to the store.

        Raises:
            StoreBusyError: others did not let us for ``patience`` seconds.
            StoreError: the store refused; nothing is lost.
        """
        if self._writer is not None:
            self._writer.settle()
            # what this process recorded is to be there, whatever became of its files
            self._writer.look()
        if not self._is_swept:
            self._is_swept = True
            self.staging.sweep()
        done = deliver(
            self.home / "journal",
            self.known_store(),
            self.destination.names(self.home),
            patience=patience,
        )
        self._may_lack_bytes |= bool(done.batches)
        for problem in done.problems.values():
            hooks().problem(problem, "journal")
        for journal, reason in done.failed.items():
            hooks().problem(
                f"the journal {self.home / 'journal' / journal} cannot be delivered ({reason}); "
                "all others are, and `fitprint doctor` says what to do",
                "store",
            )
        return done

    def sync_to_read(self) -> Delivery:
        """Deliver what can be delivered in a moment; what cannot is told."""
        try:
            done = self.sync(self._patience)
        except StoreBusyError as error:
            self._patience = 0.0  # whoever looks again and again waits once
            hooks().problem(
                f"{error}; the newest records may be missing from what you see", "store"
            )
            return Delivery()
        except StoreVersionError as error:
            self.known_store()  # raises the like if it cannot even be read
            told = (
                f"{error} (what is recorded meanwhile stays in the journals, and is missing "
                "from what you see)"
            )
            hooks().problem(told, "store")
            return Delivery(problems={"": told})
        self._patience = _READING_PATIENCE
        if done.batches or self._may_lack_bytes:
            self._may_lack_bytes = False
            self.bring_to_read()
        return done

    def bring(self) -> Uploaded | None:
        """Bring all bytes that are here to the artifact store; None where they stay here.

        Raises:
            StoreError: it cannot be opened, or the store refused; nothing is lost.
        """
        return self.shared.bring() if self.shares_bytes() else None

    def forward(self, patience: float = PATIENCE) -> Forwarded:
        """Bring what the store keeps on this machine first to where others look.

        Raises:
            StoreBusyError: another process did that for ``patience`` seconds.
            StoreError: that place cannot be reached; nothing is lost.
        """
        return self.known_store().forward(patience)

    def bring_to_read(self) -> None:
        """Bring bytes that can be brought in a moment; what cannot is told."""
        if self.shares_bytes():
            self.shared.bring_to_read()

    def known_store(self) -> Store:
        """Return the store as it is, without a delivery.

        Raises:
            StoreError: it cannot be opened.
        """
        with self._lock:
            # also where it was moved under us
            if self.destination.public is None and (self._store is None or not self.home.is_dir()):
                make_home(self.home, self.settings["home_mode"])
            if self._store is None:
                self._store = self.destination.open(self.home)
            return self._store

    @property
    def store(self) -> Store:
        """The store, with everything delivered that was recorded so far (what others hold up is
        told, and missing).

        Raises:
            StoreError: the store cannot be opened, or refused a delivery.
        """
        with self._lock:
            self.sync_to_read()
            return self.known_store()

    def close(self) -> None:
        """Close journal and stores, after what is done in the background.

        Recording again opens them again.
        """
        deferred.finish(self.settings["exit_wait"])
        self._finish_background()
        if self._shared is not None:
            self._shared.finish()
            self._shared.close()
        with self._lock:
            if self._writer is not None:
                self._writer.close()
        self._close_store()

    def _close_store(self) -> None:
        """Close the store; again, where a delivery that was left behind has used it since."""
        with self._lock:
            for store in (self._store, self._closed_store):
                if store is not None:
                    store.close()
            self._closed_store, self._store = self._store or self._closed_store, None

    def _after_fork_in_child(self) -> None:
        self._lock = threading.RLock()
        self._shared = None
        _inherited.extend(store for store in (self._store, self._closed_store) if store is not None)
        self._store = self._closed_store = None


def all_open() -> list[Workspace]:
    """Return all workspaces that something still refers to, the current one among them."""
    return list(_all)


_all: weakref.WeakSet[Workspace] = weakref.WeakSet()
# of the parent: a child must neither use nor close (hence not forget) its connections
_inherited: list[Store] = []


def _after_fork_in_child() -> None:
    global _current_lock
    _current_lock = threading.RLock()
    for workspace in all_open():
        workspace._after_fork_in_child()  # noqa: SLF001 - the one who calls it


at_fork(after_in_child=_after_fork_in_child)


def _describe_process() -> dict[str, Any]:
    return {"host": host_name(), "pid": os.getpid(), "user": user_name(), "fitprint": __version__}


_current: Workspace | None = None
_strict = False
_current_lock = threading.RLock()


def declared_settings() -> list[Setting]:
    """Return all settings there are: fitprint's own and those of the plugins."""
    return [*CORE_SETTINGS, *hooks().registered("register_settings").values()]


def settle(call: Mapping[str, Any] | None = None) -> Settings:
    """Find the plugins and settle all settings; what is wrong in a file or a variable is told, and
    passed over.

    Raises:
        SettingsError: ``call`` has an unknown name or a value of the wrong type; inside
            :func:`strictly`, a file or a variable has.
    """
    _find_plugins(call or {})
    settings = load_settings(declared_settings(), call=call)
    for problem in settings.problems:
        if _strict:
            raise SettingsError(problem)
        hooks().problem(f"{problem}; it is ignored", "settings", SettingsError(problem))
    for problem in settings.foreign:
        hooks().problem(problem, "settings")
    return settings


@contextmanager
def strictly() -> Iterator[None]:
    """Let what is wrong in a file or a variable raise, too: a command is stopped by it, a training
    is not.
    """
    global _strict
    before, _strict = _strict, True
    try:
        yield
    finally:
        _strict = before


def _find_plugins(call: Mapping[str, Any]) -> None:
    found = find_plugins(call)
    while problems:
        found.problem(problems.pop(), "carriers")


def current() -> Workspace:
    """Return the workspace of this process, made at the first call."""
    global _current
    if _current is None:
        with _current_lock:
            if _current is None:
                _current = Workspace(settle(_given_here()))
                _begin_carriers()
    return _current


def existing() -> Workspace | None:
    """Return the workspace of this process, if there is one yet."""
    return _current


def use(workspace: Workspace | None) -> Workspace | None:
    """Make this the workspace of the process (None: a new one at the next use), and return the one
    before.
    """
    global _current
    with _current_lock:
        previous, _current = _current, workspace
    if workspace is not None:
        _begin_carriers()
    return previous


_given: dict[str, Any] = {}
_has_begun = False  # whether ``_given`` holds what this process was started with


def _given_here() -> dict[str, Any]:
    global _has_begun
    if not _has_begun:
        with _current_lock:
            token = inherited_token()
            if token is not None and not _has_begun:
                _given.update(admitted(token))
            _has_begun = True
    return _given


def admitted(token: RunToken) -> dict[str, Any]:
    """Return the settings of a token as far as this process knows them; the others are told, and
    passed over.
    """
    settings = token.settings_here()
    origin = "the process that handed on its run"
    _find_plugins(sound(settings, origin, SETTLED_FIRST)[0])
    good, wrong = sound(settings, origin, declared_settings())
    for problem in wrong:
        hooks().problem(f"{problem}; it is ignored", "settings")
    if token.store_id and "store" in good:
        note_store_id(token.store, token.store_id)
    return good


def inherit(settings: Mapping[str, Any]) -> None:
    """Set the settings of another process (see :func:`admitted`) in the place of all that were
    given here.

    Raises:
        SettingsError: as :func:`configure` does.
    """
    global _has_begun
    _has_begun = True
    if _current is None:
        _given.clear()
        _given.update(settings)
    elif _given != settings:
        configure(**dict.fromkeys(_given, None) | dict(settings))


def given() -> dict[str, Any]:
    """Return the settings that were given in code, a plugin's by names with a dot."""
    return dict(_given_here())


def _begin_carriers() -> None:
    for _ in hooks().ask_each("register_carriers", lambda carrier: carrier.begin()):
        pass


def configure(**settings: Any) -> None:
    """Set settings in code, over file and environment. Runs that are open go on where they began.

    Args:
        settings: names of settings, such as ``store="sqlite:///runs.db"``; a plugin's by a dict
            under its name; None takes a setting, or all of a plugin's, back.

    Raises:
        SettingsError: an unknown name or a value of the wrong type; nothing is changed.
    """
    merged = {**_given_here(), **flat(settings)}
    back = tuple(name for name, value in merged.items() if value is None)
    merged = {
        name: value
        for name, value in merged.items()
        if name not in back and not name.startswith(tuple(f"{name}." for name in back))
    }
    settled = settle(merged)
    check_names([*back, *settings], declared_settings(), "call")
    _given.clear()
    _given.update(merged)
    with _current_lock:
        if _current is None or (
            _current.settings["home"],
            _current.settings["store"],
            _current.settings["artifacts"],
        ) != (
            settled["home"],
            settled["store"],
            settled["artifacts"],
        ):
            use(Workspace(settled))
        else:
            _current.settings = settled
