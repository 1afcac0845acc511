"""Who may run code while a model is loaded: the names that the loading side gives, and nothing
else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from fitprint.errors import FitprintError, UntrustedModelError

__all__ = ["Trust"]

# Whoever may call one of these may do anything at all; the refusal says so.
_ANYTHING = {
    "_posixsubprocess", "bdb", "builtins", "cloudpickle", "code", "codeop", "commands", "ctypes",
    "dill", "distutils", "imp", "importlib", "joblib", "marshal", "nt", "ntpath", "operator", "os",
    "pdb", "pickle", "pip", "posix", "posixpath", "pty", "pydoc", "runpy", "shutil", "socket",
    "subprocess", "sys", "types", "webbrowser",
}  # fmt: skip


class Trust:
    """The names (``module.Class``, ``module.function``) that a caller trusts while one model is
    loaded.

    Args:
        names: dotted names, each exact; there are no wildcards.
        uri: what the caller asks to load, for the text of a refusal.
        verb: the function of fitprint that the caller used, for the same.

    Attributes:
        own: digests of the files, by path in the model directory, if this user's own program
            recorded them (see :mod:`fitprint.models.seals`); else empty. Set by whoever found the
            seal. Bytes of such a digest need no trust.
        foreign_seal: there is a seal, and it is not this user's. Only for the text of a refusal.
    """

    __slots__ = ("foreign_seal", "names", "own", "uri", "verb")

    def __init__(
        self, names: Collection[str] | None = None, uri: str = "URI", verb: str = "load_model"
    ) -> None:
        self.own: Mapping[str, str] = {}
        self.foreign_seal = False
        names = () if names is None else names
        given = tuple(names) if isinstance(names, list | tuple | set | frozenset) else (names,)
        if not all(isinstance(name, str) for name in given):
            raise FitprintError(
                'trust takes the names of types, such as trust=["package.module.Class"]; it was '
                f"given {names!r}"
            )
        self.names = frozenset(map(str, given))
        self.uri = uri
        self.verb = verb

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def require(self, needed: Iterable[str], file: str) -> None:
        """Let the names pass if the caller trusts them all.

        Raises:
            UntrustedModelError: it names those that are missing and the call that would trust them.
        """
        missing = sorted(set(needed) - self.names)
        if not missing:
            return
        lines = [
            (
                f"{file} of {self.uri} refers to code that you have not named as trusted, so "
                "nothing of it was loaded:"
            )
        ]
        lines += [
            f"  {name}{'   <- can run any code' if _is_anything(name) else ''}" for name in missing
        ]
        if self.foreign_seal:
            lines.append(
                "Its seal is not made with your key, so that it loads as a stranger's does: "
                "another user recorded it, or the key is gone."
            )
        names = ", ".join(f'"{name}"' for name in sorted(self.names.union(missing)))
        lines += [
            "If you made this model yourself, or trust the person who did, name them:",
            f'  fitprint.{self.verb}("{self.uri}", trust=[{names}])',
        ]
        raise UntrustedModelError("\n".join(lines))


def _is_anything(name: str) -> bool:
    return (
        name.partition(".")[0] in _ANYTHING
        or name.endswith(("._load_pyfunc", ".py"))
        or "/" in name
    )
