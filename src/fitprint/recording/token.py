"""A run token: what another process needs to go on where this one stands, as a value, and as a
short text that can travel anywhere.

The text is ``fitprint.VERSION.BODY``, of letters, digits, dots, ``-`` and ``_``: it fits a
variable, a tag, an address or a pickle. Reading it is strict. A version that adds or changes
anything has another number; a process that does not know it says so and records by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from fitprint.errors import TokenError
from fitprint.hooks.manager import built_in
from fitprint.platform.users import boot_id, host_name

__all__ = [
    "Local",
    "Role",
    "RunToken",
    "forget_inherited",
    "inherit_token",
    "inherited_token",
    "is_run_id",
]

VERSION = 1
_PREFIX = "fitprint."
_LONGEST = 100_000  # characters
_NOT_SETTINGS = {"home", "store"}  # they have places of their own in a token

# What a worker does with training calls: records them ("observer"), leaves them to whoever sent it
# ("quiet"), does not look at them since autologging was switched off ("off"), or nothing, since
# nobody ever asked for autologging ("").
Role = Literal["observer", "quiet", "off", ""]
_ROLES = frozenset(get_args(Role))


@dataclass(frozen=True, slots=True)
class Local:
    """What counts only on the very machine, and until that is started anew.

    Attributes:
        home: absolute path of the home; "" where the process finds it by itself.
        host: name of the machine.
        boot: what tells this start of it from all others; "" where the system does not say.
    """

    home: str
    host: str
    boot: str

    @classmethod
    def of(cls, home: str | Path) -> Local:
        """Return what counts on this machine."""
        return cls(str(home), host_name(), boot_id())

    def is_here(self) -> bool:
        """Tell whether this is that machine, not started anew since."""
        return (self.host, self.boot) == (host_name(), boot_id())


@dataclass(frozen=True)
class RunToken:
    """What another process needs to go on where this one stands.

    No connection and no password is in it.

    Attributes:
        run: id of the current run; "" if there is none.
        call: id of the run of the observed call that is under way; "" outside of one.
        role: what the worker does with training calls (see :data:`Role`).
        experiment: name of the run's experiment; "" if it is not known.
        settings: those that were configured in code, by name, without passwords; neither the home
            nor the store.
        store: the store's URI without credentials; "" where the process finds it by itself.
        store_id: the store's own id; "" where it is not known yet.
        local: what counts on this machine only; None if nothing does.
    """

    run: str = ""
    call: str = ""
    role: Role = ""
    experiment: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    store: str = ""
    store_id: str = ""
    local: Local | None = None

    def encode(self) -> str:
        """Return the text of the token."""
        import json
        from base64 import urlsafe_b64encode

        said = {name: value for name, value in asdict(self).items() if value}
        body = urlsafe_b64encode(
            json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(
                "utf-8", "surrogatepass"
            )
        )
        return f"{_PREFIX}{VERSION}.{body.decode().rstrip('=')}"

    @classmethod
    def decode(cls, text: str) -> RunToken:
        """Return the token of a text.

        Raises:
            TokenError: it is none, is of a newer version, or says what no token says.
        """
        match = (
            re.fullmatch(r"fitprint\.(\d{1,9})\.([\w-]*)", text, re.ASCII)
            if len(text) <= _LONGEST
            else None
        )
        if match is None:
            raise TokenError(
                "it is not a token of fitprint; hand on what RunToken.encode() returned, as it is"
            )
        if int(match[1]) != VERSION:
            from fitprint import __version__

            raise TokenError(
                f"it is a token of version {int(match[1])}, and fitprint {__version__}, which runs "
                f"here, reads version {VERSION}: install the same fitprint here as there"
            )
        return cls(**_checked(_said(match[2])))

    @cached_property
    def elsewhere(self) -> str:
        """Why this process cannot record where the token's run is recorded; "" if it can."""
        if self.local is None or _is_distant(self.store):
            return ""
        if not self.local.is_here():
            return (
                f"its home {self.local.home} lies on {self.local.host or 'another machine'}, "
                f"and this process runs on {host_name()}"
            )
        if self.run and self.local.home and not Path(self.local.home).is_dir():
            return f"its home {self.local.home} is gone"
        return ""

    def settings_here(self) -> dict[str, Any]:
        """Return all settings that the token stands for in this process: what counts on one machine
        only is left out on others.
        """
        settings = dict(self.settings)
        if self.elsewhere:
            settings.pop("artifacts", None)  # that of a store which this process does not use
            return settings
        if self.store:
            settings["store"] = self.store
        if self.local is not None and self.local.home and self.local.is_here():
            settings["home"] = self.local.home
        return settings


def is_run_id(text: str) -> bool:
    """Tell whether this may be the id of a run."""
    return re.fullmatch("[0-9a-f]{32}", text) is not None


def _is_distant(store: str) -> bool:
    """Tell whether a store can be reached from other machines, too."""
    return "://" in store and not store.startswith(("sqlite:", "memory:"))


def _said(body: str) -> dict[str, Any]:
    import json
    from base64 import urlsafe_b64decode

    try:
        said = json.loads(
            urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", "surrogatepass")
        )
    except (ValueError, RecursionError):
        raise TokenError(
            "it is damaged; hand on what RunToken.encode() returned, as it is"
        ) from None
    if not isinstance(said, dict):
        raise TokenError("it is not a token of fitprint: it says nothing by name")
    return said


def _checked(said: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a token, each of the kind that it must be.

    Raises:
        TokenError: one is not.
    """
    unknown = said.keys() - {each.name for each in fields(RunToken)}
    if unknown:
        raise TokenError(f"it says {min(unknown)[:40]!r}, which no token of version {VERSION} says")
    settings = said.pop("settings", {})
    local = said.pop("local", None)
    if not isinstance(settings, dict) or settings.keys() & _NOT_SETTINGS:
        raise TokenError("its settings are none")
    if local is not None:
        if not isinstance(local, dict) or local.keys() != {each.name for each in fields(Local)}:
            raise TokenError("what it says of its machine is not what tokens say")
        local = Local(**_texts(local))
        if local.home and not (Path(local.home).is_absolute() and _can_be_a_path(local.home)):
            raise TokenError("its home is no absolute path")
    texts = _texts(said)
    if (
        not all(is_run_id(texts[name]) for name in ("run", "call") if texts.get(name))
        or texts.get("role", "") not in _ROLES
    ):
        raise TokenError("its run, call or role is none")
    return {**texts, "settings": settings, "local": local}


def _can_be_a_path(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _texts(said: Mapping[str, Any]) -> dict[str, str]:
    for name, value in said.items():
        if not isinstance(value, str) or "\0" in value:
            raise TokenError(f"its {name} is no text")
    return dict(said)


_inherited: RunToken | None = None
_is_known = False
# with what this process was started with; told as soon as there is somebody to tell it to
problems: list[str] = []


def inherited_token() -> RunToken | None:
    """Return what this process has from the one that started it; None if nothing.

    It is looked for once, and nothing is raised.
    """
    global _is_known, _inherited
    if not _is_known:
        _is_known = True
        for carrier in built_in("register_carriers"):
            try:
                found: RunToken | None = carrier.received()
            except TokenError as error:
                problems.append(
                    f"this process was handed a run through {carrier.name}, and cannot use it: "
                    f"{error}; it records by itself"
                )
                continue
            if found is not None:
                _inherited = found if _inherited is None else _joined(_inherited, found)
    return _inherited


def _joined(first: RunToken, second: RunToken) -> RunToken:
    """Return the first token, with what it leaves open from the second."""
    if not first.run:
        first = replace(first, run=second.run, experiment=second.experiment)
    return first if first.store else replace(first, store=second.store, store_id=second.store_id)


def inherit_token(token: RunToken) -> None:
    """Take a token for what this process has from the one that started it, in the place of what it
    may have found.
    """
    global _is_known, _inherited
    _is_known, _inherited = True, token


def forget_inherited() -> None:
    """Look for it anew at the next occasion (for tests)."""
    global _is_known, _inherited
    _is_known, _inherited = False, None
    problems.clear()
