"""Families of classes: the methods of a base class and of all that derives from it,
now or later.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fitprint.autologging.framework import SubclassMethod
from fitprint.autologging.replacements import Choose
from fitprint.hooks.manager import hooks

if TYPE_CHECKING:
    from fitprint.autologging.patching import Patcher

__all__ = ["Family"]


class Family:
    """The methods of a base class and all that derives from it."""

    def __init__(
        self, patcher: Patcher, base: type, targets: Mapping[str, tuple[SubclassMethod, Choose]]
    ) -> None:
        self._patcher = patcher
        self._base = base
        self._targets = targets

    def patch_existing(self) -> None:
        """Patch the base, its subclasses, and the mixins from which they have a method."""
        for owner in self.classes():
            self._patch_owner(owner)

    def classes(self) -> Iterator[type]:
        """Iterate over the base, its subclasses, and the mixins from which they may have a method,
        each once.
        """
        found: dict[type, None] = {}
        waiting: dict[type, None] = {self._base: None}
        while waiting:
            cls, _ = waiting.popitem()
            found |= dict.fromkeys(cls.__mro__)
            subclasses: list[type] = type.__subclasses__(cls)
            waiting |= dict.fromkeys(below for below in subclasses if below not in found)
        return iter(found)

    def _patch_owner(self, owner: type) -> None:
        for name in self._targets.keys() & vars(owner).keys():
            target, choose = self._targets[name]
            if target.skip is None or not target.skip(owner):
                self._patcher.claim(owner, name, self._base, target, choose)

    def watch_new(self) -> None:
        """See classes that are defined later, through ``__init_subclass__``."""
        owner = next(
            (cls for cls in self._base.__mro__[:-1] if "__init_subclass__" in vars(cls)), None
        )
        if owner is None:
            self._watch_plain()
        else:
            self._watch_through(owner)

    def _watch_through(self, owner: Any) -> None:
        original = vars(owner)["__init_subclass__"]
        function, patch = original.__func__, self._patch_new

        @functools.wraps(function)
        def defined(cls: type, /, *args: Any, **kwargs: Any) -> None:
            function(cls, *args, **kwargs)
            patch(cls)

        replacement: Any = classmethod(defined)
        owner.__init_subclass__ = replacement

        def restore() -> None:
            if vars(owner).get("__init_subclass__") is replacement:
                owner.__init_subclass__ = original

        self._patcher.restore_later(restore)

    def _watch_plain(self) -> None:
        base: Any = self._base
        patch = self._patch_new

        def defined(cls: type, /, **kwargs: Any) -> None:
            # base is a class known at run time only
            super(base, cls).__init_subclass__(**kwargs)  # type: ignore[misc]
            patch(cls)

        replacement: Any = classmethod(defined)
        base.__init_subclass__ = replacement

        def restore() -> None:
            if vars(base).get("__init_subclass__") is replacement:
                del base.__init_subclass__

        self._patcher.restore_later(restore)

    def _patch_new(self, cls: type) -> None:
        if not self._patcher.on or not issubclass(cls, self._base):
            return
        try:
            for owner in cls.__mro__:
                self._patch_owner(owner)
        except Exception as error:  # noqa: BLE001
            # an error here would make the user's class statement fail
            hooks().problem(
                f"{cls.__qualname__} cannot be observed: {type(error).__name__}: {error}",
                "autolog",
                error,
            )
