"""What the program was configured with: flags that it parsed, configurations of Hydra's and
OmegaConf's, parameters of click's.

Libraries are asked only where the program has imported them. Values become parameters with the
provenance ``config``, named ``config.`` and the path of the value; texts are looked through for
secrets. No object of the program's is kept.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from fitprint.context.secrecy import told, withheld
from fitprint.context.secret_shapes import REDACTED
from fitprint.data.values import number_or_text, param_value
from fitprint.errors import InvalidParamError
from fitprint.hooks.manager import hooks

__all__ = ["configured", "note_configuration", "plain_configuration"]

_MOST = 500  # values of a configuration that are recorded
_MOST_ITEMS = 100  # of a list or a mapping in one of them, which the program waits for
_LEVELS = 12
_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_][\w.\[\]]*)\s*\}")
_NAME = re.compile(r"-{0,2}([A-Za-z_][\w.-]*)")
_WORDS: dict[str, Any] = {"true": True, "false": False, "none": None, "null": None}


class _Noted:
    """What was seen as the program was configured, by who told it."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {}
        self.flags: tuple[list[str], dict[str, Any]] = ([], {})


_noted = _Noted()


def note_configuration(source: str, values: Mapping[str, Any]) -> None:
    """Note values as they are now; those that the same source told before are forgotten.

    Args:
        source: who tells them, such as a parser by the name of its program.
        values: by name; mappings among them, and objects of argparse's, are parts of the
            configuration.
    """
    _noted.values.pop(source, None)
    _noted.values[source] = dict(islice(_flat(values), _MOST))


def configured() -> dict[str, Any]:
    """Return what the program is configured with at this moment, as JSON values by dotted name.

    What parsers returned, and above it what OmegaConf and click have now; where none of these is
    used, the flags of the command line.
    """
    found: dict[str, Any] = {}
    try:
        for values in (*list(_noted.values.values()), _of_omegaconf(), _of_click()):
            found.update(values)
        return found or _of_flags()
    except Exception as error:  # noqa: BLE001
        # libraries of any version, and objects of the user's own
        hooks().problem(
            f"the configuration cannot be recorded: {type(error).__name__}: {error}",
            "configuration",
            error,
        )
        return {}


def _flat(values: Any, prefix: str = "", level: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the values of a configuration, of nested ones by their paths, as far as they can be
    recorded.
    """
    for key, value in list(values.items())[:_MOST]:
        name = f"{prefix}{key}"
        parts = vars(value) if _is_namespace(value) else value
        if isinstance(parts, Mapping) and parts and level < _LEVELS:
            yield from _flat(parts, f"{name}.", level + 1)
            continue
        try:
            yield name, _discreet(name, param_value(_short(value, [_MOST])))
        except InvalidParamError:
            pass


def _is_namespace(value: Any) -> bool:
    return any(
        cls.__name__ == "Namespace"
        and cls.__module__.partition(".")[0] in ("argparse", "jsonargparse")
        for cls in type(value).__mro__
    )


def _short(value: Any, room: list[int], level: int = 0) -> Any:
    """Return a list or mapping as its beginning and the number of what follows, as long as there is
    ``room`` for values of all in it.
    """
    if type(value) in (list, tuple, dict) and level < _LEVELS:
        kept = []
        for item in islice(value.items() if type(value) is dict else value, _MOST_ITEMS):
            if room[0] <= 0:
                break
            kept.append(
                (item[0], _short(item[1], room, level + 1))
                if type(value) is dict
                else _short(item, room, level + 1)
            )
        left = len(value) - len(kept)
        if type(value) is dict:
            return dict([*kept, ("…", f"{left} more")] if left else kept)
        return [*kept, f"… {left} more"] if left else kept
    room[0] -= 1
    return value


def _discreet(name: str, value: Any) -> Any:
    """Return the JSON value without secrets: those in its texts, and all that stands under the name
    of one, numbers too.
    """
    if type(value) is list:
        return [_discreet(name, item) for item in value]
    if type(value) is dict:
        return {key: _discreet(f"{name}.{key}", item) for key, item in value.items()}
    if type(value) is str:
        return told(str(withheld(name, value)))
    # a password may have digits only
    if type(value) in (int, float) and withheld(name, str(value)) == REDACTED:
        return REDACTED
    return value


# -- OmegaConf -------------------------------------------------------------------------------------


def plain_configuration(configuration: Any) -> dict[str, Any]:
    """Return a configuration of OmegaConf's as plain values.

    References to its other values are followed. What a resolver would compute stays as it is
    written: resolvers run code of the user's, and read the environment.
    """
    plain: dict[str, Any] = sys.modules["omegaconf"].OmegaConf.to_container(
        configuration, resolve=False
    )
    return {str(key): _followed(plain, value) for key, value in plain.items()}


def _followed(root: dict[str, Any], value: Any) -> Any:
    """Return the value with others in the place of its references to them; one to a whole part,
    which stands elsewhere, stays.
    """
    if isinstance(value, dict):
        return {str(key): _followed(root, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_followed(root, item) for item in value]
    for _ in range(_LEVELS):
        reference = _REFERENCE.fullmatch(value) if type(value) is str else None
        found = None if reference is None else _at(root, reference[1])
        if found is None or isinstance(found, (dict, list)):
            break
        value = found
    return value


def _at(root: Any, path: str) -> Any:
    """Return the value at a path; None if there is none."""
    for part in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(root, list) and part.isdecimal() and int(part) < len(root):
            root = root[int(part)]
        elif isinstance(root, dict):
            root = root.get(part)
        else:
            return None
    return root


def _of_omegaconf() -> dict[str, Any]:
    """Return the configurations among the global names of the program."""
    kind = getattr(sys.modules.get("omegaconf"), "DictConfig", None)
    if kind is None:
        return {}
    found: dict[str, Any] = {}
    for value in list(vars(sys.modules["__main__"]).values()):
        # what others stand for, such as a lazy object, is not looked at: that would make it
        if issubclass(type(value), kind):
            found.update(islice(_flat(plain_configuration(value)), _MOST))
    return found


# -- click, and the command line -------------------------------------------------------------------


def _of_click() -> dict[str, Any]:
    """Return the parameters of the command that is running in this thread,
    and of those around it.
    """
    click: Any = sys.modules.get("click")
    context = (
        click.get_current_context(silent=True) if hasattr(click, "get_current_context") else None
    )
    found: dict[str, Any] = {}
    while context is not None:
        hidden = {
            param.name for param in context.command.params if getattr(param, "hide_input", False)
        }
        values = {
            name: REDACTED if name in hidden and value else value
            for name, value in context.params.items()
        }
        found = {**dict(_flat(values)), **found}
        context = context.parent
    return found


def _of_flags() -> dict[str, Any]:
    """Return the flags of the command line, typed by how they look; none where the program is an
    installed one or a notebook.
    """
    words = list(sys.argv)
    if _noted.flags[0] != words:
        from fitprint.context.code import find_script, is_installed
        from fitprint.context.redaction import redact_argv

        script = find_script()
        is_users = script is not None and not is_installed(script)
        _noted.flags = words, dict(_flat(dict(_flags(redact_argv(words[1:]))))) if is_users else {}
    return _noted.flags[1]


def _flags(words: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield ``--name value``, ``--name=value``, ``-n value``,
    ``--name`` alone and ``name=value``.
    """
    for word, following in zip(words, [*words[1:], "-"], strict=False):
        if word == "--":
            return
        written, sign, value = word.partition("=")
        name = _NAME.fullmatch(written)
        if name is None or not (sign or word.startswith("-")):
            continue
        if not sign:
            value = (
                "true"
                if following.startswith("-") and _typed(following) == following
                else following
            )
        yield name[1].replace("-", "_"), _typed(value)


def _typed(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return number_or_text(text)
