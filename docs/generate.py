"""The reference pages, written from the code while the site is built (a hook of MkDocs) and looked
through by the tests.

``pages()`` returns everything that is generated, as Markdown by path; nothing of it is committed.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import runpy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from packaging.requirements import Requirement

__all__ = [
    "Support",
    "checks_of",
    "conformance_classes",
    "heading",
    "markdown",
    "on_files",
    "pages",
    "signature",
    "supported",
    "usage_of",
]

_ROOT = Path(__file__).parents[1]
_OLDEST, _NEWEST = "3.10", "3.13"  # the Pythons of the lanes, see `base_python` in tox.ini

_SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Example|Examples|Note):$")
_ITEM = re.compile(r"(?P<names>[\w.*]+(?:, [\w.*]+)*)(?: \([^)]*\))?: (?P<text>.*)")
_ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?(?:fitprint\.)?([^`]+)`")


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to those that MkDocs found."""
    from mkdocs.structure.files import File

    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def pages() -> dict[str, str]:
    """Return the generated pages, by path below ``docs/``."""
    return {
        "reference/api.md": _api(),
        "reference/commands.md": _commands(),
        "reference/settings.md": _settings(),
        "reference/errors.md": _errors(),
        "reference/hooks.md": _hooks(),
        "reference/plugins.md": _plugins(),
        "reference/filters.md": _page(
            "Filters", markdown(_doc(importlib.import_module("fitprint.query.grammar")))
        ),
        "reference/views.md": _views(),
        "reference/data-digests.md": _page(
            "Digests of data", markdown(_doc(importlib.import_module("fitprint.data.trees")))
        ),
        "reference/conformance.md": _conformance(),
        "reference/journal.md": _journal(),
        "reference/store.md": _store(),
        "reference/support.md": _support(),
        **{
            f"reference/{path.parent.name}.md": _of_plugin(path)
            for path in sorted(_ROOT.glob("plugins/*/README.md"))
        },
    }


# -- pages -----------------------------------------------------------------------------------------


def _of_plugin(path: Path) -> str:
    """Return what a plugin says of itself, with links that lead to pages of the site."""
    return path.read_text(encoding="utf-8").replace("](../../docs/", "](../")


def _api() -> str:
    fitprint = importlib.import_module("fitprint")
    names = [name for name in getattr(fitprint, "__all__", ()) if not name.startswith("_")]
    things = {name: getattr(fitprint, name) for name in names}
    verbs = {name: thing for name, thing in things.items() if not _is_class(thing)}
    classes = {
        name: thing
        for name, thing in things.items()
        if _is_class(thing) and not issubclass(thing, Exception)
    }
    return _page(
        "Python",
        "Everything here is found as `fitprint.NAME`. Times are microseconds since the Unix epoch, "
        "UTC.",
        *(_documented(f"fitprint.{name}", verb) for name, verb in sorted(verbs.items())),
        *(_documented_class(f"fitprint.{name}", thing) for name, thing in sorted(classes.items())),
    )


def _commands() -> str:
    commands = importlib.import_module("fitprint.cli.catalogue").all_commands()
    return _page(
        "Command line",
        markdown(_doc(importlib.import_module("fitprint.cli"))),
        *map(_command, commands.values()),
    )


def _command(command: Any) -> str:
    parser = importlib.import_module("fitprint.cli.command").parser_of(command)
    # argparse shows them nowhere else
    actions = [action for action in parser._actions if action.dest != "help"]  # noqa: SLF001
    rows = [(f"`{usage_of(action)}`", action.help or "") for action in actions]
    parts = [f"## fitprint {command.name}", command.help, markdown(parser.epilog or "")]
    return "\n\n".join(
        [part for part in parts if part] + ([_table(("Argument", "Meaning"), rows)] if rows else [])
    )


def usage_of(action: Any) -> str:
    """Return an argument as one writes it: its position's name,
    or its option and the value's name.
    """
    if not action.option_strings:
        return str(action.metavar or action.dest)
    value = (
        ""
        if action.nargs == 0
        else f" {action.metavar or '|'.join(map(str, action.choices or ())) or action.dest.upper()}"
    )
    return ", ".join(action.option_strings) + value


def _settings() -> str:
    settings = importlib.import_module("fitprint.recording.workspace").declared_settings()
    variable_of = importlib.import_module("fitprint.settings").variable_of
    rows = [
        (
            f"`{setting.name}`",
            f"`{variable_of(setting.name)}`",
            setting.type.__name__,
            f"`{setting.default!r}`",
            _choices(setting),
        )
        for setting in settings
    ]
    return _page(
        "Settings",
        markdown(_doc(importlib.import_module("fitprint.settings"))),
        _table(("Name", "Variable", "Type", "Default", "Meaning"), rows),
    )


def _errors() -> str:
    errors = importlib.import_module("fitprint.errors")
    classes = [getattr(errors, name) for name in errors.__all__]
    return _page(
        "Errors",
        markdown(_doc(errors)),
        *(
            f"## {cls.__name__}\n\n*A `{cls.__base__.__name__}`.* {markdown(_doc(cls))}"
            for cls in classes
        ),
    )


def _hooks() -> str:
    specs = importlib.import_module("fitprint.hooks.specs")
    return _page(
        "Hooks",
        markdown(_doc(specs)),
        *(_documented(name, getattr(specs, name)) for name in specs.__all__),
    )


def _plugins() -> str:
    """Return the page of what the modules of a plugin import and are handed, beside stores, which
    have a page of their own.
    """
    parts = {
        "fitprint.autologging.framework": ("Framework", "Function", "Method", "SubclassMethod"),
        "fitprint.autologging.fit": ("Fit",),
        "fitprint.autologging.recorder": ("Child",),
        "fitprint.autologging.rounds": ("Rounds",),
        "fitprint.data.description": ("Description",),
        "fitprint.models.flavor": ("Flavor", "FlavorEntry"),
        "fitprint.copying.origin": ("Origin", "Listed", "Described", "Importer"),
        "fitprint.hooks.openers": ("Opener",),
        "fitprint.hooks.metrics": ("Metric", "Outcome"),
        "fitprint.hooks.runners": ("Job", "Prepared", "Runner"),
        "fitprint.hooks.targets": ("Release", "Rendering", "Target"),
        "fitprint.hooks.watchers": ("Watcher",),
    }
    modules = {name: importlib.import_module(name) for name in parts}
    return _page(
        "Parts of plugins",
        "What plugins import, by module, and the `Fit` that an observer is handed.",
        *(
            "\n\n".join(
                [
                    f"## {name}",
                    markdown(_doc(module)),
                    *(_documented_class(cls, getattr(module, cls), "###") for cls in parts[name]),
                ]
            )
            for name, module in modules.items()
        ),
    )


def _views() -> str:
    views = importlib.import_module("fitprint.stores.views")
    return _page(
        "Views for SQL",
        markdown(_doc(views)),
        _documented_class("QueryResult", views.QueryResult),
        *(
            (
                f"## {view.name}\n"
                "\n"
                f"A row is {view.row}.\n"
                "\n"
                f"{_table(('Column', 'Meaning'), _meanings(view))}"
            )
            for view in views.VIEWS
        ),
    )


def _meanings(view: Any) -> list[tuple[str, str]]:
    return [(f"`{name}`", text) for name, text in view.columns.items()]


def _conformance() -> str:
    testing = importlib.import_module("fitprint.testing")
    return _page(
        "Conformance checks",
        markdown(_doc(testing)),
        *(_checks(cls) for cls in conformance_classes()),
        "## Beside the classes",
        *(
            _documented_class(name, getattr(testing, name), "###")
            for name in ("Case", "ModelCase", "CapturedRuns")
        ),
        *(
            _documented(name, getattr(testing, name), "###")
            for name in ("isolated", "captured_runs", "check_plugin")
        ),
    )


def conformance_classes() -> list[Any]:
    """Return the classes that plugins derive from."""
    testing = importlib.import_module("fitprint.testing")
    return [
        getattr(testing, name)
        for name in testing.__all__
        if name.endswith("Conformance") and name != "Conformance"
    ]


def checks_of(cls: Any) -> list[Any]:
    """Return the checks that a class derived from this one runs."""
    return list(type(cls.__name__, (cls,), {"__doc__": cls.__doc__}).checks)


def _checks(cls: Any) -> str:
    rows = [
        (f"`{check.__name__}`", " ".join(markdown(_doc(check)).split())) for check in checks_of(cls)
    ]
    return f"## {cls.__name__}\n\n{markdown(_doc(cls))}\n\n{_table(('Check', 'Promise'), rows)}"


def _journal() -> str:
    events = importlib.import_module("fitprint.events")
    classes = [getattr(events, name) for name in events.__all__]
    return _page(
        "Journal",
        markdown(_doc(importlib.import_module("fitprint.journal"))),
        "## Frames",
        markdown(_doc(importlib.import_module("fitprint.journal.frames"))),
        "## Events",
        markdown(_doc(importlib.import_module("fitprint.journal.codec"))),
        markdown(_doc(events)),
        *(
            f"### {cls.__name__}\n\n{markdown(_doc(cls))}\n\n{_fields(cls)}"
            for cls in classes
            if dataclasses.is_dataclass(cls)
        ),
    )


def _store() -> str:
    protocol = importlib.import_module("fitprint.stores.protocol")
    schema = importlib.import_module("fitprint.stores.sql.schema")
    others = [getattr(protocol, name) for name in protocol.__all__ if name != "Store"]
    entities = importlib.import_module("fitprint.entities")
    artifacts = importlib.import_module("fitprint.artifacts.protocol")
    return _page(
        "Store",
        markdown(_doc(protocol)),
        _documented_class("Store", protocol.Store),
        *(_documented_class(cls.__name__, cls) for cls in others),
        *(
            _documented_class(name, getattr(entities, name))
            for name in ("PendingBytes", "Change", "Changes", "Consumer")
        ),
        "## Changes",
        markdown(_doc(importlib.import_module("fitprint.stores.changes"))),
        "## Artifact stores",
        markdown(_doc(artifacts)),
        *(_documented_class(name, getattr(artifacts, name), "###") for name in artifacts.__all__),
        "## Tables of the SQL store",
        markdown(_doc(schema)),
        markdown(_doc(importlib.import_module("fitprint.stores.chunks"))),
        *(
            f"### Step {number}\n\n```sql\n{_sql(statements)}\n```"
            for number, statements in enumerate(schema.STEPS, 1)
        ),
    )


def _support() -> str:
    rows = [
        (
            f"`{each.plugin}`",
            _listed(each.ranges),
            _tested(each.oldest, _OLDEST),
            _tested({}, _NEWEST),
        )
        for each in supported()
    ]
    return _page(
        "Supported versions",
        "Each plugin states in its metadata, as the extra `framework`, which versions of its "
        "framework it supports. Both ends are tested: the conformance kit and the plugin's own "
        "tests run on the oldest versions and on the newest ones that can be installed.",
        _table(("Plugin", "Supports", "Oldest tested", "Newest tested"), rows),
        "No range has an upper end, so a plugin never keeps you from upgrading a framework. Of a "
        "version outside of the range `autolog()` tells once. A function or class that a version "
        "does not have is told in one line, and everything else is recorded.",
    )


class Support(NamedTuple):
    """What a plugin supports and the oldest versions that it is tested with, by distribution, both
    from its metadata.
    """

    plugin: str
    ranges: Mapping[str, str]
    oldest: Mapping[str, str]


def supported() -> list[Support]:
    """Return of every plugin the supported range of its framework, and the versions of the lane
    that tests its lower end.
    """
    lane = runpy.run_path(str(_ROOT / "tests/lane.py"))
    found = []
    for name, folder in lane["plugins"]().items():
        project = lane["metadata"](folder)["project"]
        ranges = {
            each.name: str(each.specifier)
            for each in map(Requirement, project["optional-dependencies"]["framework"])
        }
        held = [
            each
            for each in map(Requirement, lane["constraints"](name))
            if not each.marker or each.marker.evaluate({"python_version": _OLDEST})
        ]
        pins = {each.name: str(each.specifier).removeprefix("==") for each in held}
        found.append(
            Support(project["name"], ranges, {each: pins[each] for each in ranges if each in pins})
        )
    return found


def _listed(ranges: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {range_.replace('>=', '≥ ')}" for name, range_ in ranges.items())


def _tested(pins: Mapping[str, str], python: str) -> str:
    return ", ".join(
        [
            *([f"{name} {version}" for name, version in pins.items()] or ["the newest releases"]),
            f"Python {python}",
        ]
    )


# -- parts -----------------------------------------------------------------------------------------


def heading(name: str, thing: Any) -> str:
    """Return the heading under which a function stands: its name and parameters."""
    return f"{name}{signature(thing)}"


def signature(thing: Any) -> str:
    """Return the parameters and the result of a function as they are written."""
    found = inspect.signature(thing)
    parameters = [
        parameter.replace(annotation=_written(parameter.annotation))
        for parameter in found.parameters.values()
    ]
    return str(
        found.replace(parameters=parameters, return_annotation=_written(found.return_annotation))
    )


def _written(annotation: Any) -> Any:
    """Return an annotation that is shown as it stands in the source,
    without the quotes of a text.
    """
    if not isinstance(annotation, str):
        return annotation
    return type(
        "Written",
        (),
        {"__repr__": lambda _: annotation.strip("\"'") if annotation[:1] in "\"'" else annotation},
    )()


def _documented(name: str, thing: Any, level: str = "##") -> str:
    return (
        f"{level} {name}\n"
        "\n"
        "```python\n"
        f"{heading(name.rpartition('.')[2], thing)}\n"
        "```\n"
        "\n"
        f"{markdown(_doc(thing))}"
    )


def _documented_class(name: str, cls: type, level: str = "##") -> str:
    parts = [f"{level} {name}", markdown(_doc(cls))]
    if dataclasses.is_dataclass(cls):
        parts.append(_fields(cls))
    for member, value in sorted(_members(cls).items()):
        if isinstance(value, property):
            parts.append(f"{level}# {cls.__name__}.{member}\n\n{markdown(_doc(value))}")
        elif isinstance(value, (classmethod, staticmethod)) or inspect.isfunction(value):
            function = getattr(cls, member)
            parts.append(
                f"{level}# {cls.__name__}.{member}\n"
                "\n"
                "```python\n"
                f"{heading(member, function)}\n"
                "```\n"
                "\n"
                f"{markdown(_doc(function))}"
            )
    return "\n\n".join(parts)


def _members(cls: type) -> dict[str, Any]:
    """Return the public members that a class and those of ours from which it inherits define."""
    bases = [base for base in reversed(cls.__mro__) if base.__module__.startswith("fitprint")]
    return {
        name: value
        for base in bases
        for name, value in vars(base).items()
        if not name.startswith("_")
    }


def _fields(cls: Any) -> str:
    rows = [(f"`{field.name}`", f"`{field.type}`") for field in dataclasses.fields(cls)]
    return _table(("Field", "Type"), rows)


def _sql(statements: Iterable[str]) -> str:
    return "\n".join(
        inspect.cleandoc(statement.replace("\n        ", "\n")) + ";" for statement in statements
    )


def _choices(setting: Any) -> str:
    return setting.help + (
        f" One of {', '.join(f'`{choice}`' for choice in setting.choices)}."
        if setting.choices
        else ""
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *map(tuple, rows)]
    lines.insert(1, ("---",) * len(lines[0]))
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *(part for part in parts if part)]) + "\n"


def _is_class(thing: Any) -> bool:
    return isinstance(thing, type) and thing.__name__[:1].isupper()


def _doc(thing: ModuleType | Any) -> str:
    """Return a docstring that is the thing's own: no dataclass's made-up one, nothing inherited
    from ``object``.
    """
    doc = inspect.getdoc(thing) or ""
    return (
        ""
        if dataclasses.is_dataclass(thing) and doc.startswith(f"{getattr(thing, '__name__', '')}(")
        else doc
    )


# -- docstrings ------------------------------------------------------------------------------------


def markdown(doc: str) -> str:
    """Return a docstring (Google sections, double back-quotes, ``::`` blocks) as Markdown."""
    out: list[str] = []
    lines = iter([*doc.splitlines(), ""])
    for line in lines:
        if _SECTION.match(line):
            out += ["", f"**{line[:-1]}**", ""]
            out += _section(_indented(lines))
        elif line.endswith("::"):
            out += [_inline(line[:-1]), *_fence(_indented(lines), "text")]
        elif re.match(r"=+( +=+)+$", line):
            rows = [line]
            for row in lines:
                if not row:
                    break
                rows.append(row)
            out += _fence(rows, "text")
        elif line.startswith("- ") or not line.startswith(" "):
            out.append(_inline(line))
        else:
            out.append(_inline(line) if out and out[-1] else _inline(line.strip()))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def _indented(lines: Iterator[str]) -> list[str]:
    """Take the next block of lines, up to and with the empty line behind it."""
    taken: list[str] = []
    for line in lines:
        if line:
            taken.append(line)
        elif taken:
            break
    return taken


def _section(lines: list[str]) -> list[str]:
    lines = [line.removeprefix("    ") for line in lines]
    if lines and lines[0].startswith(">>>"):
        return _fence(lines, "python")
    out: list[str] = []
    for line in lines:
        item = _ITEM.match(line)
        if item:
            names = ", ".join(f"`{name}`" for name in item["names"].split(", "))
            out.append(f"- {names}: {_inline(item['text'])}")
        else:
            out.append(
                ("  " if out and not line.startswith("  ") and out[0].startswith("- ") else "")
                + _inline(line)
            )
    return [*out, ""]


def _fence(lines: Iterable[str], language: str) -> list[str]:
    return [
        "",
        f"```{language}",
        *inspect.cleandoc("\n" + "\n".join(lines)).splitlines(),
        "```",
        "",
    ]


def _inline(text: str) -> str:
    return _ROLE.sub(r"`\1`", text).replace("``", "`")
