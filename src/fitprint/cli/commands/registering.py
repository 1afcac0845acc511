"""``fitprint models``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from fitprint import clock
from fitprint.cli import reading
from fitprint.cli.command import add_verb
from fitprint.cli.grid import Column
from fitprint.cli.model_pages import (
    aliases_text,
    pairs_text,
    print_history,
    print_lines,
    print_table,
    version_columns,
)
from fitprint.cli.selecting import tags_of
from fitprint.cli.terminal import tell
from fitprint.errors import FitprintError
from fitprint.recording.registering import (
    get_registered_model,
    register_model,
    registered_models,
    search_model_versions,
)
from fitprint.recording.versions import ModelVersion, RegisteredModel, get_model_version
from fitprint.registered import ModelVersionRecord
from fitprint.stores.promotion import spoken
from fitprint.views.fields import dumped
from fitprint.views.model_versions import decision_fields, model_fields, version_fields
from fitprint.views.wording import age, clean, moment, number, size

__all__ = ["COMMAND", "Registering"]

_MOST = 1000  # versions and acts that are listed

_Add = Callable[[argparse.ArgumentParser], Any]


class Registering:
    """VERSION is NAME/3, NAME/latest or NAME@ALIAS. Append ?at=2026-05-01T12:00:00Z for the state
    at that time.

    Examples:
      fitprint models register @best:val_auc churn --alias challenger
      fitprint models promote churn 3 champion --reason "beats version 2 on July"
      fitprint models history churn
      fitprint models rollback churn champion
      fitprint models show "churn@champion?at=2026-05-01"
      fitprint models compare churn/1 churn/3
      fitprint models rules churn champion --approvals 1 --beats test_accuracy_score

    --json prints, for a listing, a list of objects with name, id, former_names, created, changed,
    deleted_time, latest, version_count, aliases, rules, tags and note; with -q, versions: name,
    version, uri, run_id, path, flavor, digest, facts, files, created, deleted_time, actor, aliases,
    stage, tags, note, approvals and evaluations. `show` prints such an object, with `versions` for
    a registered model. `history` prints a list, the latest first: id, act, did, version, alias,
    before, actor, reason, requested_at, decided_at and refusal. `compare` prints schema (1),
    before, after, breaks and differences (section, key, before, after). Verbs that change something
    print the version or the model.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        _add_filter(parser)
        parser.set_defaults(query=None, sort="", removed=False)
        parser.add_argument("--json", action="store_true", help="print JSON")
        verbs = parser.add_subparsers(
            dest="verb", metavar="VERB", help="what to do; without it, registered models are listed"
        )
        for verb, (help_text, names, add, _) in _VERBS.items():
            one = add_verb(verbs, verb, help_text, names, {"ALIAS": _alias_name})
            add(one)
            one.add_argument(
                "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
            )

    def run(self, arguments: argparse.Namespace) -> int:
        if (arguments.verb in (None, "ls")) and (nothing := reading.nothing_yet()):
            tell(nothing)
            if arguments.json:
                print("[]")
            return 0
        reading.store()
        act = _list if arguments.verb is None else _VERBS[arguments.verb][3]
        act(arguments)
        return 0


# -- what the verbs take ---------------------------------------------------------------------------


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-q",
        "--query",
        metavar="FILTER",
        default=argparse.SUPPRESS,
        help="list the versions that match, such as \"name = 'churn' and tags.ok = 'yes'\"",
    )
    parser.add_argument(
        "--sort",
        metavar="FIELD",
        default=argparse.SUPPRESS,
        help="sort these versions, such as 'metrics.val_auc desc'",
    )
    parser.add_argument(
        "--removed",
        action="store_true",
        default=argparse.SUPPRESS,
        help="list the registered models that were removed; `restore` brings one back",
    )


def _alias_name(text: str) -> str:
    """Return an alias, which may be written with the @ of a URI."""
    return text.removeprefix("@")


def _nothing(_: argparse.ArgumentParser) -> None:
    pass


def _add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; the history shows it")


def _add_registration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--alias", metavar="ALIAS", type=_alias_name, help="an alias to point to the version"
    )
    parser.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a tag of the version; may be given several times",
    )
    parser.add_argument("--note", metavar="TEXT", default="", help="what the version is about")
    _add_reason(parser)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--approvals",
        metavar="N",
        type=int,
        help="how many other people must approve a version (0: none)",
    )
    parser.add_argument(
        "--beats",
        metavar="METRIC",
        help="a metric by which it must beat the previous version ('': none)",
    )
    _add_reason(parser)


def _add_removal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remove",
        metavar="KEY",
        action="append",
        default=[],
        help="a tag to remove; may be given several times",
    )


def _add_alias_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--alias", metavar="ALIAS", type=_alias_name, help="only what was done to this alias"
    )


# -- what they do ----------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> None:
    if arguments.query is not None or arguments.sort:
        _list_versions(
            [
                each.record
                for each in search_model_versions(arguments.query or "", arguments.sort, _MOST)
            ],
            arguments,
        )
        return
    found = registered_models(removed=arguments.removed)
    if arguments.json:
        print(dumped([model_fields(each.record) for each in found]))
    elif not found and arguments.removed:
        tell("no registered model was removed")
    elif not found:
        tell("no model is registered: `fitprint models register RUN NAME`")
    else:
        now = clock.now()
        print_table(
            Column("model", [clean(each.name) for each in found], styles=["bold"] * len(found)),
            Column("versions", [str(each.record.version_count) for each in found], right=True),
            Column("aliases", [aliases_text(each) for each in found], 1),
            Column(
                "changed", [age((now - each.record.changed) / 1e6) for each in found], 2, right=True
            ),
            Column("tags", [clean(pairs_text(each.tags)) for each in found], 4),
            Column("note", [clean((each.note.splitlines() or [""])[0]) for each in found], 3),
        )


def _list_versions(found: Sequence[ModelVersionRecord], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(dumped([version_fields(each) for each in found]))
    elif not found:
        tell("no version matches")
    else:
        print_table(*version_columns(found))


def _show(arguments: argparse.Namespace) -> None:
    text = arguments.name.removeprefix("models:/")
    if "/" in text or "@" in text or "?" in text:
        _show_version(get_model_version(text), arguments)
        return
    model = get_registered_model(text)
    versions = [each.record for each in model.versions()]
    if arguments.json:
        print(
            dumped(
                {
                    **model_fields(model.record),
                    "versions": [version_fields(each) for each in versions],
                }
            )
        )
        return
    print(clean(model.name))
    lines = [
        ("aliases", aliases_text(model)),
        ("tags", pairs_text(model.tags)),
        ("formerly", ", ".join(model.record.former_names)),
    ]
    lines += [(f"rules of @{alias}", spoken(rules)) for alias, rules in model.rules.items()]
    lines += [("note", model.note)]
    print_lines(lines)
    if versions:
        print()
        print_table(*version_columns(versions))


def _show_version(version: ModelVersion, arguments: argparse.Namespace) -> None:
    record = version.record
    if arguments.json:
        print(dumped(version_fields(record)))
        return
    facts = record.model.facts
    print(f"{clean(record.name)}/{record.version}")
    lines = [
        ("aliases", " ".join(f"@{alias}" for alias in record.aliases)),
        ("registered", f"{moment(record.created)} by {record.actor}"),
        ("run", record.run_id),
        (
            "model",
            "  ".join(
                filter(
                    None,
                    [
                        record.model.flavor,
                        str(facts.get("class", "")),
                        size(sum(file.size for file in record.artifacts)),
                    ],
                )
            ),
        ),
        ("digest", record.model.digest),
        ("stage", record.stage if record.stage != "None" else ""),
        ("tags", pairs_text(record.tags)),
        ("note", record.note),
    ]
    for data, each in record.evaluations.items():
        told = ", ".join(f"{key} {number(value)}" for key, value in each.metrics.items())
        lines.append((f"on {data}", f"{told} (data {each.digest[7:13]})"))
    lines += [
        (f"approved for @{alias}", ", ".join(names)) for alias, names in record.approvals.items()
    ]
    lines.append(("load it", f'fitprint.load_model("{version.uri}")'))
    print_lines(lines)


def _register(arguments: argparse.Namespace) -> None:
    tags = tags_of(arguments.tag, [])
    version = register_model(
        arguments.model,
        arguments.name,
        alias=arguments.alias,
        tags=tags,
        note=arguments.note,
        reason=arguments.reason,
    )
    _done(f"{clean(version.name)}/{version.version} is registered", version, arguments)


def _promote(arguments: argparse.Namespace) -> None:
    model = get_registered_model(arguments.name)
    alias = arguments.alias
    before = model.aliases.get(alias)
    version = model.promote(arguments.version, alias, reason=arguments.reason)
    _done(
        f"{clean(model.name)}@{alias} points to version "
        f"{version.version}{_was(before, version.version)}",
        version,
        arguments,
    )


def _alias(arguments: argparse.Namespace) -> None:
    model = get_registered_model(arguments.name)
    alias = arguments.alias
    if arguments.version is None:
        model.delete_alias(alias, reason=arguments.reason)
        _done(f"{clean(model.name)}@{alias} is removed", model, arguments)
        return
    before = model.aliases.get(alias)
    model.set_alias(alias, arguments.version, reason=arguments.reason)
    version = model.version(alias)
    _done(
        f"{clean(model.name)}@{alias} points to version "
        f"{version.version}{_was(before, version.version)}",
        version,
        arguments,
    )


def _was(before: int | None, now: int) -> str:
    return f" (before: {before})" if before not in (None, now) else ""


def _roll_back(arguments: argparse.Namespace) -> None:
    model = get_registered_model(arguments.name)
    alias = arguments.alias
    before = model.aliases.get(alias)
    version = model.rollback(alias, reason=arguments.reason)
    _done(
        f"{clean(model.name)}@{alias} is back at version "
        f"{version.version}{_was(before, version.version)}",
        version,
        arguments,
    )


def _history(arguments: argparse.Namespace) -> None:
    model = get_registered_model(arguments.name)
    found = model.history(arguments.alias, limit=_MOST)
    if arguments.json:
        print(dumped([decision_fields(each) for each in found]))
        return
    print_history(found)


def _compare(arguments: argparse.Namespace) -> None:
    found = get_model_version(arguments.before).compare(get_model_version(arguments.after))
    if arguments.json:
        print(dumped(found.to_dict()))
        return
    for problem in found.breaks:
        print(f"callers break: {problem}")
    if not found.breaks:
        print("callers: nothing breaks, as far as the signatures tell")
    if not found.differences:
        tell("nothing differs")
        return
    print()
    shown = found.differences
    print_table(
        Column("", [each.section for each in shown]),
        Column("", [each.key for each in shown], styles=["bold"] * len(shown), most=44),
        Column(
            f"{clean(found.before.name)}/{found.before.version}",
            [each.before for each in shown],
            most=44,
        ),
        Column(
            f"{clean(found.after.name)}/{found.after.version}",
            [each.after for each in shown],
            most=44,
        ),
    )


def _copy(arguments: argparse.Namespace) -> None:
    source = get_model_version(arguments.version)
    version = register_model(
        source, arguments.name, note=source.note, tags=source.tags, reason=arguments.reason
    )
    _done(
        f"{clean(version.name)}/{version.version} is a copy of "
        f"{clean(source.name)}/{source.version}",
        version,
        arguments,
    )


def _approve(arguments: argparse.Namespace) -> None:
    version = get_model_version(f"{arguments.name}/{arguments.version}")
    version.approve(arguments.alias, reason=arguments.reason)
    _done(
        f"approved {clean(version.name)}/{version.version} for @{arguments.alias}",
        version,
        arguments,
    )


def _rules(arguments: argparse.Namespace) -> None:
    model = get_registered_model(arguments.name)
    alias = arguments.alias
    rules = dict(model.rules.get(alias, {}))
    given = {
        key: getattr(arguments, key)
        for key in ("approvals", "beats")
        if getattr(arguments, key) is not None
    }
    if given:
        model.set_rules(alias, **{**rules, **given}, reason=arguments.reason)
    _done(
        f"{clean(model.name)}@{clean(alias)}: {clean(spoken(model.rules.get(alias, {})))}",
        model,
        arguments,
    )


def _tag(arguments: argparse.Namespace) -> None:
    tags = tags_of(arguments.key, arguments.remove)
    if not tags:
        raise FitprintError(f"name the tags: {arguments.name} KEY=VALUE ..., or --remove KEY")
    found = _named(arguments.name)
    found.set_tags(tags)
    _done(f"tagged {_called(found)}", found, arguments)


def _note(arguments: argparse.Namespace) -> None:
    found = _named(arguments.name)
    found.set_note(arguments.text)
    _done(f"wrote the note of {_called(found)}", found, arguments)


def _stage(arguments: argparse.Namespace) -> None:
    version = get_model_version(arguments.version)
    version.set_stage(arguments.stage, reason=arguments.reason)
    _done(f"{_called(version)} is in the stage {version.stage}", version, arguments)


def _rename(arguments: argparse.Namespace) -> None:
    model = get_registered_model(arguments.name)
    before = model.name
    model.rename(arguments.new_name)
    _done(
        f"{clean(before)!r} is called {clean(model.name)!r}; the old name still works",
        model,
        arguments,
    )


def _remove(arguments: argparse.Namespace) -> None:
    found = _named(arguments.name)
    found.delete(reason=arguments.reason)
    _done(
        f"removed {_called(found)}; `fitprint models restore {_called(found)}` brings it back",
        found,
        arguments,
    )


def _restore(arguments: argparse.Namespace) -> None:
    found = _named(arguments.name, removed=True)
    found.restore(reason=arguments.reason)
    _done(f"{_called(found)} is back", found, arguments)


def _named(text: str, *, removed: bool = False) -> ModelVersion | RegisteredModel:
    """Return the version or the registered model that is meant."""
    text = text.removeprefix("models:/")
    name, slash, version = text.partition("/")
    if removed and slash and version.isdecimal():
        return get_registered_model(name).removed_version(int(version))
    return get_model_version(text) if slash or "@" in text else get_registered_model(text)


def _called(found: ModelVersion | RegisteredModel) -> str:
    return clean(f"{found.name}/{found.version}" if isinstance(found, ModelVersion) else found.name)


def _done(text: str, found: ModelVersion | RegisteredModel, arguments: argparse.Namespace) -> None:
    tell(text)
    if arguments.json:
        print(
            dumped(
                version_fields(found.record)
                if isinstance(found, ModelVersion)
                else model_fields(found.record)
            )
        )


_MODEL = {"NAME": "the registered model"}
_NEW_OR_OLD = {"NAME": "the registered model; created if there is none of this name"}
_EITHER = {"NAME": "a registered model, or a version such as NAME/3"}
_VERSION = {"VERSION": "a version: NAME/3, NAME/latest or NAME@ALIAS"}
_OF_MODEL = {"VERSION": "which of its versions: a number or latest"}
_ALIAS = {"ALIAS": "the alias, such as champion"}
_VERBS: dict[str, tuple[str, dict[str, str], _Add, Callable[[argparse.Namespace], None]]] = {
    "ls": ("list registered models, or the versions that match a filter", {}, _add_filter, _list),
    "show": ("show a registered model with its versions, or one version", _EITHER, _nothing, _show),
    "register": (
        "register the model of a run, runs:/RUN/PATH or a folder",
        {"MODEL": "a run, runs:/RUN/PATH, a folder of a model, or a version", **_NEW_OR_OLD},
        _add_registration,
        _register,
    ),
    "promote": (
        "point an alias to a version, unless somebody has just moved it",
        {**_MODEL, **_OF_MODEL, **_ALIAS},
        _add_reason,
        _promote,
    ),
    "alias": (
        "point an alias to a version, or remove the alias",
        {**_MODEL, **_ALIAS, "[VERSION]": "a number or latest; without it, the alias is removed"},
        _add_reason,
        _alias,
    ),
    "rollback": (
        "point an alias to its previous version again",
        {**_MODEL, **_ALIAS},
        _add_reason,
        _roll_back,
    ),
    "history": (
        "list who changed what in a registered model, when and why",
        _MODEL,
        _add_alias_filter,
        _history,
    ),
    "compare": (
        "show what differs between two versions, and whether callers would break",
        {
            "BEFORE": "the version that callers use: NAME/3, NAME/latest or NAME@ALIAS",
            "AFTER": "the version that would replace it",
        },
        _nothing,
        _compare,
    ),
    "copy": (
        "register a version under another name",
        {**_VERSION, **_NEW_OR_OLD},
        _add_reason,
        _copy,
    ),
    "approve": (
        "approve a version for an alias whose rules ask for it",
        {**_MODEL, **_OF_MODEL, **_ALIAS},
        _add_reason,
        _approve,
    ),
    "rules": (
        "show or set what must hold before an alias moves",
        {**_MODEL, **_ALIAS},
        _add_rules,
        _rules,
    ),
    "tag": (
        "set tags of a registered model or a version",
        {**_EITHER, "KEY=VALUE": "a tag to set; several may follow"},
        _add_removal,
        _tag,
    ),
    "note": (
        "set the note of a registered model or a version",
        {**_EITHER, "TEXT": "the note; '' removes it"},
        _nothing,
        _note,
    ),
    "stage": (
        "put a version into one of MLflow's stages",
        {**_VERSION, "STAGE": "None, Staging, Production or Archived"},
        _add_reason,
        _stage,
    ),
    "rename": (
        "give a registered model another name",
        {**_MODEL, "NEW_NAME": "what to call it"},
        _nothing,
        _rename,
    ),
    "rm": ("remove a registered model, or one version", _EITHER, _add_reason, _remove),
    "restore": ("restore a removed registered model or version", _EITHER, _add_reason, _restore),
}

COMMAND = Registering()
