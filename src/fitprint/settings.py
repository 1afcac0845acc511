"""Typed settings: default < ``[tool.fitprint]`` of the nearest ``pyproject.toml`` < environment
``FITPRINT_*`` < call.

A plugin's settings live in its own namespace: ``sklearn.max_candidates`` is the table
``[tool.fitprint.sklearn]``, the variable ``FITPRINT_SKLEARN__MAX_CANDIDATES``, and the argument
``sklearn={"max_candidates": ...}``. An unknown name is an error that suggests the nearest known
one. A wrong value given in code raises. A wrong value in a file or a variable is reported and
ignored, because a training must not end because of a file near it. Files that another user may have
written are not read.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fitprint.access import why_foreign
from fitprint.declared import CORE_SETTINGS, Setting
from fitprint.errors import SettingsError

__all__ = [
    "CORE_SETTINGS",
    "VIEWS",
    "Setting",
    "Settings",
    "check_names",
    "find_file",
    "find_project",
    "flat",
    "load_settings",
    "parsed",
    "read_table",
    "sound",
    "variable_of",
    "wanted",
    "working_folder",
]

# the tables of a project's that hold no settings: views (see ``fitprint.views.saved``), and what
# ``fitprint run`` may run
VIEWS = "views"
_TABLES = {VIEWS, "project"}

# Variables that carry facts between processes and are no settings.
_NO_SETTINGS = {
    "FITPRINT_DESTINATION",
    "FITPRINT_MLFLOW_PYTHON",
    "FITPRINT_RUN",
    "FITPRINT_SERVE_TOKEN",
    "FITPRINT_WHOLE",
    "FITPRINT_WITHHELD",
}
_TRUTH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


# Settings that there were, and what to do instead.
_FORMER = {
    "sync": (
        'it is `durability`: "process" in the place of "never", "power" in the place of "always"'
    ),
    "training_metrics_limit": (
        "it was a time, which depends on the machine; give "
        "`training_metrics_work`, a number of steps"
    ),
}


@dataclass(frozen=True)
class Settings:
    """Settled values.

    Attributes:
        values: by name.
        origins: where each comes from ("default", a file, a variable or "call").
        problems: what is wrong in a file or a variable, and was ignored.
        foreign: files that were ignored because another user may have written them.
    """

    values: Mapping[str, Any] = field(repr=False)  # the store's may hold a password
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def namespace(self, name: str) -> dict[str, Any]:
        """Return a plugin's settings without their prefix."""
        prefix = f"{name}."
        return {
            key[len(prefix) :]: value
            for key, value in self.values.items()
            if key.startswith(prefix)
        }


def wanted(name: str, include: Iterable[str], exclude: Iterable[str]) -> bool:
    """Tell whether a name matches one of ``include`` and none of ``exclude`` (case-sensitive
    globs).
    """
    return any(fnmatchcase(name, glob) for glob in include) and not any(
        fnmatchcase(name, glob) for glob in exclude
    )


def working_folder() -> Path | None:
    """Return the working directory; None if it is gone, or nobody may say where it is."""
    try:
        return Path.cwd()
    except OSError:
        return None


def find_project(start: Path | None = None, passed_over: list[str] | None = None) -> Path:
    """Return the project root: the nearest folder upwards with ``.fitprint``, else with ``.git`` or
    ``pyproject.toml``, else ``start``.

    A mark that belongs to another user, or that everybody may write, marks nothing.

    Args:
        start: the working directory by default.
        passed_over: takes a sentence for each such mark.

    Raises:
        OSError: the working directory is gone.
    """
    start = start or Path.cwd()
    folders = [start, *start.parents]
    told: list[str] = []
    found = start
    for marks in ((".fitprint",), (".git", "pyproject.toml")):
        known = next(
            (folder for folder in folders if any(_marks(folder / mark, told) for mark in marks)),
            None,
        )
        if known is not None:
            found = known
            break
    if passed_over is not None:
        passed_over += told
    return found


def _marks(mark: Path, told: list[str]) -> bool:
    if not os.path.exists(mark):  # noqa: PTH110 - Path.exists may raise PermissionError
        return False
    reason = why_foreign(mark)
    if reason:
        choice = mark if mark.name == ".fitprint" else mark.parent / ".fitprint"
        told.append(
            f"{mark} {reason}, so it does not say where runs go; if they are to go there, set "
            f"FITPRINT_HOME={choice}"
        )
    return not reason


def load_settings(
    declared: Iterable[Setting] = CORE_SETTINGS,
    *,
    call: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    start: Path | None = None,
    pass_over: bool = False,
) -> Settings:
    """Settle every declared setting.

    Args:
        declared: all settings there are, those of plugins included.
        call: values given in code; a mapping as value stands for a namespace.
        environment: instead of ``os.environ``.
        start: folder from which ``pyproject.toml`` is looked for; the working directory by default.
        pass_over: pass over unknown names, instead of raising or telling.

    Raises:
        SettingsError: ``call`` has an unknown name, or a value of the wrong type; where a file or a
            variable has, the result's ``problems`` tell it.
    """
    known = {setting.name: setting for setting in declared}
    values: dict[str, Any] = {name: setting.default for name, setting in known.items()}
    origins = dict.fromkeys(known, "default")
    given = flat(call or {})
    environment = os.environ if environment is None else environment
    problems: list[str] = []
    foreign: list[str] = []
    path = find_file(start, given.get("home") or environment.get("FITPRINT_HOME"), foreign)
    for origin, layer in (
        *_from_file(path, problems),
        *_from_environment(environment),
        ("call", given),
    ):
        for name, value in layer.items():
            try:
                if pass_over and name not in known:
                    continue
                values[name] = _settled(name, value, origin, known)
                origins[name] = origin
            except SettingsError as error:
                if layer is given:
                    raise
                problems.append(str(error))
    return Settings(values, origins, tuple(problems), tuple(foreign))


def sound(
    given: Mapping[str, Any], origin: str, declared: Iterable[Setting]
) -> tuple[dict[str, Any], list[str]]:
    """Return those settings that are declared and have a value of the right type, and what is wrong
    with the others.
    """
    known = {setting.name: setting for setting in declared}
    good: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in given.items():
        try:
            good[name] = _settled(name, value, origin, known)
        except SettingsError as error:
            problems.append(str(error))
    return good, problems


def _settled(name: str, value: Any, origin: str, known: Mapping[str, Setting]) -> Any:
    if name not in known:
        raise SettingsError(_unknown(name, origin, known))
    return _checked(known[name], value, origin)


def find_file(start: Path | None, home: Any, foreign: list[str]) -> Path | None:
    """Return the nearest ``pyproject.toml`` that is no stranger's; what is said of those that are
    goes to ``foreign``.

    Args:
        start: where to begin; the working directory by default.
        home: the home that the user has chosen, if so.
        foreign: takes a sentence for each file that is passed over.
    """
    start = start or working_folder()
    for folder in () if start is None else (start, *start.parents):
        path = folder / "pyproject.toml"
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file may raise PermissionError
            continue
        reason = "" if _is_chosen(folder, home) else why_foreign(path)
        if not reason:
            return path
        choice = folder / ".fitprint"
        foreign.append(
            f"{path} {reason}, so its settings are ignored; if you trust it, set "
            f"FITPRINT_HOME={choice}"
        )
    return None


def _is_chosen(folder: Path, home: Any) -> bool:
    """Tell whether the user has chosen this folder's project, by its home; a folder where strangers
    put files cannot be chosen so.
    """
    try:
        chosen = home is not None and Path(home) == folder / ".fitprint"
        return chosen and not folder.stat().st_mode & stat.S_ISVTX
    except (OSError, TypeError, ValueError):
        return False


def _from_file(path: Path | None, problems: list[str]) -> list[tuple[str, dict[str, Any]]]:
    if path is None:
        return []
    try:
        table = read_table(path)
        said = {name: value for name, value in table.items() if name not in _TABLES}
        return [(f"[tool.fitprint] in {path}", flat(said))]
    except SettingsError as error:
        problems.append(str(error))
        return []


def read_table(path: Path) -> dict[str, Any]:
    """Return ``[tool.fitprint]`` of a file.

    Raises:
        SettingsError: the file cannot be read, or is not what it should be.
    """
    try:
        content = path.read_bytes()
        # spares most programs the import of a TOML parser, and the mistakes of others
        if b"tool.fitprint" not in content:
            return {}
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error}); correct it, or run from another folder"
        ) from error
    try:
        table = parsed(content, path).get("tool", {}).get("fitprint", {})
    except AttributeError as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); correct it") from error
    if not isinstance(table, dict):
        raise SettingsError(
            f"tool.fitprint in {path} must be one table of settings, [tool.fitprint]"
        )
    return table


def parsed(content: bytes, path: Path) -> dict[str, Any]:
    """Return what a file of TOML says.

    Raises:
        SettingsError: it is none.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # the same parser, before it came into Python
    try:
        whole: dict[str, Any] = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} cannot be read ({error}); correct it, or run from another folder"
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); correct it") from error
    return whole


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            f"the environment variable {name}",
            {name[len("FITPRINT_") :].lower().replace("__", "."): value},
        )
        for name, value in environment.items()
        if name.startswith("FITPRINT_") and name not in _NO_SETTINGS
    ]


def check_names(names: Iterable[str], declared: Iterable[Setting], origin: str) -> None:
    """Raise SettingsError where a name is neither that of a setting nor that of a plugin which has
    some.
    """
    known = {setting.name: setting for setting in declared}
    for name in names:
        if name not in known and not any(other.startswith(f"{name}.") for other in known):
            raise SettingsError(_unknown(name, origin, known))


def variable_of(name: str) -> str:
    """Return the environment variable of a setting: ``FITPRINT_SKLEARN__MAX_CANDIDATES`` of
    ``sklearn.max_candidates``.
    """
    return "FITPRINT_" + name.upper().replace(".", "__")


def flat(given: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings with nested mappings as names with dots."""
    names: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            names.update(flat(value, f"{prefix}{name}."))
        else:
            names[f"{prefix}{name}"] = value
    return names


def _unknown(name: str, origin: str, known: Mapping[str, Setting]) -> str:
    import difflib

    if name in _FORMER:
        return f"setting {name!r} from {origin} does not exist any more: {_FORMER[name]}"
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "`fitprint config` lists all settings"
    plugin, dot, _ = name.partition(".")
    if dot and not near and not any(other.startswith(f"{plugin}.") for other in known):
        advice = f"no installed plugin has settings of {plugin!r}; {advice}"
    return f"unknown setting {name!r} from {origin}: {advice}"


def _checked(setting: Setting, value: Any, origin: str) -> Any:
    try:
        value = _converted(setting, value)
    except (ValueError, OverflowError):
        words = {
            bool: "true or false",
            int: "a whole number",
            float: "a number",
            str: "text",
            list: "a list of texts",
        }
        raise SettingsError(
            f"setting {setting.name!r} from {origin} must be {words[setting.type]}, not {value!r}"
        ) from None
    if value == "" and setting.default:
        raise SettingsError(
            f"setting {setting.name!r} from {origin} must not be empty; leave it out for "
            f"{setting.default!r}"
        )
    # NaN is not, either
    if setting.least is not None and value is not None and not value >= setting.least:
        raise SettingsError(
            f"setting {setting.name!r} from {origin} must be a number from {setting.least} on, not "
            f"{value!r}"
        )
    if setting.most is not None and value is not None and not value <= setting.most:
        raise SettingsError(
            f"setting {setting.name!r} from {origin} must be a number up to {setting.most:g}, not "
            f"{value!r}"
        )
    if setting.choices and value not in setting.choices:
        choices = ", ".join(map(repr, setting.choices))
        raise SettingsError(
            f"setting {setting.name!r} from {origin} must be one of {choices}, not {value!r}"
        )
    return value


def _converted(setting: Setting, value: Any) -> Any:
    kind = setting.type
    if value is None:
        if setting.default is None:
            return None
    elif kind is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _TRUTH:
            return _TRUTH[value.lower()]
    elif kind is list:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
            return list(value)
    elif kind is str:
        if isinstance(value, (str, Path)):
            return str(value)
    elif not isinstance(value, bool) and isinstance(value, (int, float, str)):
        number = kind(value)
        if isinstance(value, str) or number == value:
            return number
    raise ValueError
