"""The store that records of this process are for: its name in journals and child processes, and
what opens it.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint.access import read_regular, write_private
from fitprint.errors import StoreError, UnknownStoreError
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.journal.delivery import former_destination
from fitprint.settings import Settings

if TYPE_CHECKING:
    from fitprint.stores.protocol import Store

__all__ = ["Destination", "note_store_id"]

_SQLITE = "sqlite:///"
_WITHOUT_PASSWORD = ("sqlite:", "memory:")
_told_ids: dict[str, str] = {}  # of stores, by address, as run tokens told them


class Destination:
    """The store that was chosen, or the home's own, which asks for no address: most programs never
    import how those are made.

    A process that a run's variables made current names the store without its password; the password
    is in ``FITPRINT_STORE``, which it may have inherited, or in the file of credentials, or
    nowhere: then it records, and others deliver.

    Attributes:
        address: what all spellings of the URI that was chosen have in common; "" for the home's own
            store.
        public: that URI, without a password; None for the home's own store.
        store_id: the store's own id; "" as long as it is not known here.
    """

    def __init__(self, settings: Settings) -> None:
        chosen: str | None = settings["store"]
        self._chosen: str | None = None
        self.address = ""
        self.public: str | None = None
        self.store_id = ""
        if chosen:
            from fitprint.stores.addresses import address_of, public

            self.address = address_of(chosen)
            self._given = chosen
            self._chosen = self.address if chosen.startswith("sqlite:///") else chosen
            self.public = public(self._chosen)

    def is_own(self, home: Path) -> bool:
        """Tell whether it is the home's own store."""
        return self._chosen in (None, _own(home))

    def uri(self, home: Path) -> str:
        """Return the URI, without a password."""
        return self.public or _own(home)

    def is_shared(self, home: Path) -> bool:
        """Tell whether others may look at the store who cannot look into this home: they see what
        this process has delivered.
        """
        if self.is_own(home):
            return False
        from fitprint.hooks.openers import is_at_hand

        return not is_at_hand(str(self._chosen), hooks().registered("register_stores"))

    @property
    def whole_uri(self) -> str | None:
        """The URI that was chosen if it holds a password, and so must not leave this machine; else
        None.
        """
        return self._chosen if self.public != self._chosen else None

    def facts(self, home: Path) -> dict[str, Any]:
        """Return what a journal says of its store: the address, "" for the home's own, and the id
        where it is known.
        """
        if self.is_own(home):
            return {"destination": ""}
        self.store_id = _known_ids(home).get(self.address) or _told_ids.get(self.address, "")
        return (
            {"destination": self.address, "store": self.store_id}
            if self.store_id
            else {"destination": self.address}
        )

    def names(self, home: Path) -> set[str]:
        """Return all that journals for this store may call it.

        Raises:
            StoreError: others can read the file of credentials.
        """
        if self._chosen is None or self.is_own(home):
            return {""}
        return {self.address, former_destination(self._given), former_destination(self._whole())}

    def others(self, home: Path) -> list[tuple[str, str]]:
        """Return other stores into which the home has recorded, each with its URI, with what gives
        access, and its id, "" for the own.

        Raises:
            StoreError: others can read the file of credentials.
        """
        from fitprint.stores.addresses import whole

        is_own = self.is_own(home)
        own = [(_own(home), "")] if not is_own and (home / "fitprint.db").exists() else []
        return [
            *own,
            *(
                (whole(address), id_)
                for address, id_ in _known_ids(home).items()
                if is_own or address != self.address
            ),
        ]

    def _whole(self) -> str:
        from fitprint.stores.addresses import whole

        return whole(self._chosen or "")

    def open(self, home: Path) -> Store:
        """Open the store, and write down its id for those who record.

        Raises:
            StoreError: it cannot be opened; the message holds no password.
        """
        store = self._opened(home)
        self.store_id = store.id
        if not self.is_own(home):
            _remember_id(home, self.address, store.id)
        return store

    def is_made(self, home: Path) -> bool:
        """Tell whether there is a store; to ask makes none.

        Raises:
            StoreError: it cannot be opened; the message holds no password.
        """
        uri = self.uri(home)
        if uri.startswith(_SQLITE):
            return Path(uri.removeprefix(_SQLITE)).exists()
        with closing(self._opened(home)) as store:
            return store.is_made()

    def _opened(self, home: Path) -> Store:
        from fitprint.stores.opening import open_store

        uri = _own(home) if self._chosen is None else self._whole()
        try:
            return open_store(uri, hooks().registered("register_stores"), home)
        except StoreError as error:
            may_lack_password = (
                uri == self.public
                and not uri.startswith(_WITHOUT_PASSWORD)
                and not isinstance(error, UnknownStoreError)
            )
            told = self.hide(str(error)) + (self._advice() if may_lack_password else "")
            if told == str(error):
                raise
            raise type(error)(told) from None

    def _advice(self) -> str:
        from fitprint.stores.addresses import credentials_file

        file = credentials_file()
        return (
            f" (no password for {self.address} was found: set FITPRINT_STORE to the whole "
            f"URI, or write that to {file}, chmod 600)"
        )

    def hide(self, text: str) -> str:
        """Return the text without passwords of the store."""
        if self._chosen is None:
            return text
        from fitprint.stores.addresses import hidden

        try:
            return hidden(text, self._whole())
        except StoreError:  # nothing to hide was read
            return hidden(text, self._chosen)


def note_store_id(uri: str, store_id: str) -> None:
    """Take note of a store's id that somebody else has learned: journals name the store by it."""
    from fitprint.stores.addresses import address_of

    _told_ids[address_of(uri)] = store_id


def _own(home: Path) -> str:
    return f"sqlite:///{home / 'fitprint.db'}"


def _known_ids(home: Path) -> dict[str, str]:
    try:
        content = json.loads(read_regular(home / "stores.json"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remember_id(home: Path, address: str, store_id: str) -> None:
    known = _known_ids(home)
    if known.get(address) == store_id or not home.is_dir():
        return
    new = home / f".stores-{new_id()}"
    try:
        write_private(new, json.dumps({**known, address: store_id}))
        new.replace(home / "stores.json")
    except OSError:
        pass  # a home that may only be read
