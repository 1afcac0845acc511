"""What a store with a model registry promises; one without it says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fitprint.entities import Artifact, Decision, LoggedModel
from fitprint.errors import QueryError, RegisteredModelNotFoundError
from fitprint.events import (
    AliasMoved,
    ArtifactStoreChosen,
    Batch,
    ModelAct,
    ModelVersionCreated,
    ModelVersionEdited,
    RegisteredModelEdited,
    RunDeleted,
    RunPurged,
)
from fitprint.ids import new_id
from fitprint.platform.copies import copy, status_of
from fitprint.query.fields import VERSIONS
from fitprint.query.grammar import parse
from fitprint.stores.protocol import ModelRegistry, Store
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.processes import forked
from fitprint.testing.stores.feeding import EPOCH, Feed, ended, params, points, started
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["CHECKS"]

_FILES = (
    Artifact("MLmodel", "sha256:" + "ab" * 32, 7),
    Artifact("data/model.bin", "sha256:" + "cd" * 32, 1 << 40),
)


def _created(
    name: str, run: str = "", digest: str = "", *, flavor: str = "toy", **changes: Any
) -> ModelVersionCreated:
    model = LoggedModel(
        "model",
        flavor,
        digest or f"sha256:{new_id()}{new_id()}",
        {"class": "Toy", "signature": {"inputs": [1, None]}},
    )
    return ModelVersionCreated(name, EPOCH, new_id(), "ann", run, model, _FILES, changes, "because")


def _moved(
    name: str, alias: str, version: int, *, actor: str = "ann", **options: Any
) -> AliasMoved:
    return AliasMoved(name, EPOCH, new_id(), actor, alias, version, **options)


def _edited(
    registered: str, version: int = 0, /, *, actor: str = "ann", **changes: Any
) -> ModelAct:
    if version:
        return ModelVersionEdited(registered, EPOCH, new_id(), actor, version, changes)
    return RegisteredModelEdited(registered, EPOCH, new_id(), actor, changes)


def _registry(store: Store) -> ModelRegistry:
    registry = store.registry
    if registry is None:
        raise NotApplicable("the store has no model registry")
    return registry


def _decided(store: Store, feed: Feed, *acts: ModelAct) -> list[Decision]:
    """Deliver the acts, and return what was decided about each."""
    feed.send(*acts)
    found = [store.decision(act.id) for act in acts]
    expect(None not in found, "an act of the registry has no decision")
    return [each for each in found if each is not None]


def _done(store: Store, feed: Feed, *acts: ModelAct) -> list[Decision]:
    found = _decided(store, feed, *acts)
    for each in found:
        expect(each.refusal is None, f"{each.act} is refused: {each.refusal}")
    return found


def _refused(store: Store, feed: Feed, act: ModelAct, part: str) -> None:
    (found,) = _decided(store, feed, act)
    expect(
        found.refusal is not None and part in found.refusal,
        f"{act} is not refused because of {part!r}, but: {found.refusal!r}",
    )


def versions_are_numbered(conformance: StoreSubject, folder: Path) -> None:
    """From 1 on, without gaps, for each name; the same model of a run is registered once; all comes
    back as it was given.
    """
    run = new_id()
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        feed.send(started(run))
        first = _created("churn", run, "sha256:one", tags={"team": "a", "off": None}, note="# Note")
        made = _done(
            store,
            feed,
            first,
            _created("churn", run, "sha256:two"),
            _created("other"),
            _created("churn", run, "sha256:one"),
        )
        expect(
            [each.version for each in made] == [1, 2, 1, 1],
            f"the numbers are {[each.version for each in made]}",
        )
        _refused(store, feed, _created(""), "cannot be called")
        _refused(store, feed, _created("a/b"), "cannot be called")
        (again,) = _done(store, feed, _created("churn"))
        expect(again.version == 3, f"after a refusal the next number is {again.version}, not 3")
    with _opened_again(conformance, folder, store) as store:
        registry = _registry(store)
        found = registry.version("churn", 1)
        expect(
            (found.name, found.version, found.run_id, len(found.id)) == ("churn", 1, run, 32),
            f"the version is {found}",
        )
        expect(
            (found.model, found.artifacts) == (first.model, _FILES),
            f"the model is {found.model}, its files are {found.artifacts}",
        )
        expect(
            (dict(found.tags), found.note, found.actor) == ({"team": "a"}, "# Note", "ann"),
            f"the version is {found}",
        )
        models = [(each.name, each.latest, each.version_count) for each in registry.models()]
        expect(models == [("churn", 3, 3), ("other", 1, 1)], f"the registered models are {models}")
        for name, number in (("churn", 4), ("churn", 0), ("nobody", 1), ("churn", 1 << 70)):
            try:
                registry.version(name, number)
            except RegisteredModelNotFoundError:
                continue
            raise AssertionError(f"there is a version {number} of {name!r}")


def _opened_again(conformance: StoreSubject, folder: Path, store: Store) -> Any:
    return conformance.opened(folder) if conformance.across_processes else _Kept(store)


class _Kept:
    """A store that lasts as long as its object."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> Store:
        return self.store

    def __exit__(self, *error: object) -> None:
        pass


def aliases_have_a_history(conformance: StoreSubject, folder: Path) -> None:
    """An alias moves only from where its mover saw it; it goes back; each move is told with actor,
    reason and where it led before.
    """
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        _done(store, feed, *(_created("churn") for _ in range(3)))
        _done(
            store,
            feed,
            _moved("churn", "champion", 1, reason="first"),
            _moved("churn", "champion", 2, expected=1, actor="bob"),
        )
        _refused(store, feed, _moved("churn", "champion", 3, expected=1), "now points to version 2")
        _refused(store, feed, _moved("churn", "champion", 9), "no version 9")
        for wrong in ("latest", "v3", "3", "", "a b", "x" * 101):
            _refused(store, feed, _moved("churn", wrong, 1), "cannot be called")
        _done(
            store, feed, _moved("churn", "champion", 3), _moved("churn", "champion", 0, back=True)
        )
        expect(
            dict(registry.model("churn").aliases) == {"champion": 2},
            f"the aliases are {registry.model('churn').aliases}",
        )
        _done(store, feed, _moved("churn", "champion", 0, back=True))
        expect(
            registry.version("churn", 1).aliases == ("champion",),
            "an alias does not go back to its first version",
        )
        _refused(store, feed, _moved("churn", "champion", 0, back=True), "has no previous version")
        _done(store, feed, _moved("churn", "champion", 0))
        expect(not registry.model("churn").aliases, "an alias is not removed")
        _refused(store, feed, _moved("churn", "champion", 0), "there is no alias")
        told = registry.decisions(registry.model("churn").id, act="AliasMoved", alias="champion")
        moves = [(each.before, each.version) for each in reversed(told) if each.refusal is None]
        expect(
            moves == [(0, 1), (1, 2), (2, 3), (3, 2), (2, 1), (1, 0)],
            f"the history of the alias is {moves}",
        )
        expect([each.reason for each in told][-1] == "first", f"the reason is {told[-1].reason!r}")
        expect([each.actor for each in told][-2] == "bob", f"the actor is {told[-2].actor!r}")
        times = [each.decided_at for each in registry.decisions(registry.model("churn").id)]
        expect(
            times == sorted(set(times), reverse=True),
            "two decisions about a model have the same time, or are not the latest first",
        )
        for number, decision in enumerate(reversed(told)):
            until = registry.decisions(
                decision.subject_id, act="AliasMoved", alias="champion", until=decision.decided_at
            )
            expect(
                until[0] == decision,
                f"the history up to the decision {number} ends with {until[0]}",
            )


def rules_are_kept(conformance: StoreSubject, folder: Path) -> None:
    """Where an alias has rules, it moves only to a version that another person approved, and that
    is better on the same data.
    """
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        first, second = (
            {
                "test": [
                    "data",
                    "target",
                    {"acc": value, "loss": 1 - value},
                    {"acc": "max", "loss": "min"},
                ]
            }
            for value in (0.7, 0.8)
        )
        _done(
            store,
            feed,
            _created("churn", evaluations=second),
            _created("churn", evaluations=first),
            _created("churn"),
        )
        _done(
            store, feed, _edited("churn", rules={"champion": {"approvals": 1, "beats": "test_acc"}})
        )
        expect(
            dict(registry.model("churn").rules)
            == {"champion": {"approvals": 1, "beats": "test_acc"}},
            "the rules are not kept",
        )
        _refused(store, feed, _moved("churn", "champion", 1), "must approve")
        _done(store, feed, _edited("churn", 1, approved="champion"))
        _refused(store, feed, _moved("churn", "champion", 1), "must approve")
        _done(
            store,
            feed,
            _edited("churn", 1, actor="bob", approved="champion"),
            _moved("churn", "champion", 1),
        )
        expect(
            registry.version("churn", 1).approvals == {"champion": ("ann", "bob")},
            "who approved is not kept",
        )
        _done(
            store,
            feed,
            *(_edited("churn", number, actor="bob", approved="champion") for number in (2, 3)),
        )
        _refused(
            store,
            feed,
            _moved("churn", "champion", 2),
            "its test_acc is 0.7, that of version 1 is 0.8",
        )
        _refused(
            store, feed, _moved("churn", "champion", 3), "the test_acc of version 3 is not known"
        )
        other = {"test": ["others", "target", {"acc": 0.9}, {"acc": "max"}]}
        _done(store, feed, _edited("churn", 3, evaluations=other))
        _refused(store, feed, _moved("churn", "champion", 3), "on other data")
        _done(store, feed, _edited("churn", rules={"champion": {"beats": "test_loss"}}))
        _refused(store, feed, _moved("churn", "champion", 2), "its test_loss is 0.3")
        _done(store, feed, _edited("churn", rules={"champion": {}}), _moved("churn", "champion", 2))
        _done(
            store,
            feed,
            _edited("churn", rules={"champion": {"approvals": 20}}),
            _moved("churn", "champion", 0, back=True),
        )
        for wrong in ({"approvals": -1}, {"beats": 3}, {"unknown": 1}, {"approvals": True}):
            _refused(store, feed, _edited("churn", rules={"champion": wrong}), "")
        expect(
            dict(registry.model("churn").aliases) == {"champion": 1},
            f"the aliases are {registry.model('churn').aliases}",
        )


def models_and_versions_are_edited(conformance: StoreSubject, folder: Path) -> None:
    """Names, notes, tags, stages; removed and brought back; a name that was still leads there; a
    number is never given again.
    """
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        _done(
            store,
            feed,
            _edited("churn", created=True, note="about", tags={"team": "a"}),
            _created("churn"),
            _created("churn"),
        )
        _refused(store, feed, _edited("churn", created=True), "already")
        _done(
            store,
            feed,
            _edited("churn", 1, note="one", tags={"a": "b", "c": None}, stage="Production"),
        )
        for act in (
            _edited("churn", 1, stage="Best"),
            _edited("churn", 1, unheard=1),
            _edited("churn", unheard=1),
            _edited("churn", 1, tags=3),
        ):
            _refused(store, feed, act, "")
        version = registry.version("churn", 1)
        expect(
            (version.note, dict(version.tags), version.stage) == ("one", {"a": "b"}, "Production"),
            f"the version is {version}",
        )
        _done(store, feed, _edited("churn", name="leaving"))
        found = registry.model("churn")
        expect(
            (found.name, found.former_names, found.note) == ("leaving", ("churn",), "about"),
            f"the model is {found}",
        )
        _refused(store, feed, _edited("leaving", name="x/y"), "cannot be called")
        _done(store, feed, _moved("churn", "champion", 2))
        _refused(store, feed, _edited("leaving", 2, deleted=True), "in use by @champion")
        _refused(store, feed, _edited("leaving", deleted=True), "in use")
        _done(store, feed, _edited("leaving", 1, deleted=True))
        expect(
            registry.version("leaving", 1).deleted_time is not None,
            "a removed version does not say so",
        )
        _refused(store, feed, _moved("leaving", "other", 1), "")
        _done(store, feed, _edited("leaving", 1, deleted=False), _moved("leaving", "champion", 0))
        _done(store, feed, _edited("leaving", deleted=True))
        expect(
            registry.model("leaving").deleted_time is not None, "a removed model does not say so"
        )
        _refused(store, feed, _edited("leaving", note="gone"), "removed")
        _done(store, feed, _edited("leaving", deleted=False))
        expect(
            registry.model("leaving").version_count == 2, "a model comes back without its versions"
        )
        _done(store, feed, _edited("leaving", deleted=True))
        (made,) = _done(store, feed, _created("leaving"))
        found = registry.model("leaving")
        expect(
            (made.version, found.latest, found.version_count) == (3, 3, 1),
            f"after it came back the model is {found}",
        )
        expect(
            registry.version("leaving", 1).deleted_time is not None,
            "a version from before the removal is there again",
        )
        _done(store, feed, _created("churn"))
        expect(
            (registry.model("churn").name, registry.version("churn", 1).name)
            == ("leaving", "leaving"),
            "a former name leads nowhere",
        )
        _done(store, feed, _edited("churn", created=True))
        expect(registry.model("churn").name == "churn", "a former name is not free")


def _found(registry: ModelRegistry, text: str, **options: Any) -> list[tuple[str, int]]:
    return [
        (each.name, each.version)
        for each in registry.search(parse(text, vocabulary=VERSIONS, **options)).versions
    ]


def versions_are_found(conformance: StoreSubject, folder: Path) -> None:
    """By name, number, alias, tags, and by what their runs recorded; in pages, in any order;
    removed ones where they are asked for.
    """
    run, other = new_id(), new_id()
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        feed.send(
            started(run),
            params(run, C=2),
            points(run, "acc", [0.5, 0.9]),
            ended(run),
            started(other),
            points(other, "acc", [0.4]),
        )
        for act in (
            _created("a", run, tags={"team": "x"}),
            _created("a", other, tags={"team": "y"}),
            _created("b", flavor="forest"),
        ):
            _done(store, feed, act)
        _done(
            store,
            feed,
            _moved("a", "champion", 2),
            _moved("a", "spare", 2),
            _created("a"),
            _edited("a", 3, deleted=True),
        )
        expect(
            _found(registry, "") == [("b", 1), ("a", 2), ("a", 1)],
            f"all versions are {_found(registry, '')}",
        )
        for text, expected in {
            "name = 'a'": [("a", 2), ("a", 1)],
            "version > 1": [("a", 2)],
            "version in (1, 7)": [("b", 1), ("a", 1)],
            "alias = 'champion'": [("a", 2)],
            "alias is null": [("b", 1), ("a", 1)],
            "not alias = 'spare'": [("b", 1), ("a", 1)],
            "tags.team = 'x' or tags.team is null": [("b", 1), ("a", 1)],
            "tags.team != 'x'": [("a", 2)],
            "metrics.acc > 0.3 and name like 'a%'": [("a", 2), ("a", 1)],
            "max(metrics.acc) >= 0.9 and params.C = 2": [("a", 1)],
            f"run_id = '{run}'": [("a", 1)],
            "run_id is null": [("b", 1)],
            "flavor = 'forest' and stage = 'None' and actor = 'ann'": [("b", 1)],
            "created > '2020-01-01'": [("b", 1), ("a", 2), ("a", 1)],
        }.items():
            expect(
                _found(registry, text) == expected,
                f"{text} gives {_found(registry, text)}, not {expected}",
            )
        expect(
            _found(registry, "", deleted="only") == [("a", 3)],
            "a removed version is not found where it is asked for",
        )
        for order, expected in {
            "metrics.acc desc": [("a", 1), ("a", 2), ("b", 1)],
            "name, version": [("a", 1), ("a", 2), ("b", 1)],
            "tags.team desc, version": [("a", 2), ("a", 1), ("b", 1)],
        }.items():
            found = _found(registry, "", order_by=[order])
            expect(
                found == expected, f"ordered by {order} the versions are {found}, not {expected}"
            )
        _expect_pages(registry)


def _expect_pages(registry: ModelRegistry) -> None:
    query = parse("", order_by=["tags.team"], vocabulary=VERSIONS)
    seen: list[tuple[str, int]] = []
    token = None
    for _ in range(9):
        page = registry.search(query, limit=1, token=token)
        seen += [(each.name, each.version) for each in page.versions]
        token = page.token
        if token is None:
            break
    expect(seen == [("a", 1), ("a", 2), ("b", 1)], f"page by page the versions are {seen}")
    try:
        registry.search(query, token="none")  # noqa: S106 - of a page
    except QueryError:
        return
    raise AssertionError("a search takes any page token")


def versions_outlive_their_runs(conformance: StoreSubject, folder: Path) -> None:
    """Whatever becomes of the run, a version keeps its files, and its bytes are waited for."""
    run = new_id()
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        feed.send(ArtifactStoreChosen(EPOCH, "file:///there"), started(run), ended(run))
        _done(store, feed, _created("churn", run))
        feed.send(RunDeleted(run, EPOCH, new_id()), RunPurged(run, EPOCH, new_id(), ""))
        waiting = {each.digest for each in store.pending()}
        expect(waiting == {file.digest for file in _FILES}, f"awaited are {waiting}")
        found = registry.version("churn", 1)
        expect((found.run_id, found.artifacts) == (run, _FILES), f"the version is {found}")
        expect(
            _found(registry, "metrics.acc is null") == [("churn", 1)],
            "a version of a purged run is not found",
        )


def acts_of_the_registry_are_changes(conformance: StoreSubject, folder: Path) -> None:
    """Who follows the store learns which registered model was made, got a version, or was changed;
    what was refused is no change.
    """
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        _done(store, feed, _created("churn"))
        model = registry.model("churn").id
        page = store.changes()
        told = {(each.subject, each.id, each.kinds) for each in page.items}
        expect(
            told == {("registered model", model, ("started", "recorded"))},
            f"a new registered model is told as {told}",
        )
        _refused(store, feed, _moved("churn", "champion", 7), "no version")
        expect(store.changes(page.cursor).items == (), "a refused act is a change")
        _done(store, feed, _moved("churn", "champion", 1))
        told = {(each.subject, each.id, each.kinds) for each in store.changes(page.cursor).items}
        expect(
            told == {("registered model", model, ("edited",))}, f"a moved alias is told as {told}"
        )


def acts_are_done_once(conformance: StoreSubject, folder: Path) -> None:
    """A batch that comes twice makes no second version; several acts of one batch see what those
    before did.
    """
    with conformance.opened(folder) as store:
        registry, feed = _registry(store), Feed(store)
        last = feed.send(
            _created("churn"),
            _moved("churn", "champion", 1),
            _created("churn"),
            _moved("churn", "champion", 2, expected=1),
        )
        store.append(last)
        store.append(Batch(last.journal, last.start, last.end, [_created("churn")]))
        found = registry.model("churn")
        expect(
            (found.latest, dict(found.aliases)) == (2, {"champion": 2}),
            f"after a batch that came twice the model is {found}",
        )


def numbers_are_unique_everywhere(conformance: StoreSubject, folder: Path) -> None:
    """Of processes that register at once, each gets numbers of its own, without gaps; of those that
    move an alias, one wins.
    """
    if not conformance.across_processes:
        raise NotApplicable("the store lasts as long as its process")

    def work() -> None:
        with conformance.opened(folder) as store:
            registry = _registry(store)
            _done(store, Feed(store), _created("churn"))
        children = {_child(conformance, folder) for _ in range(4)}
        while children:
            for child in list(children):
                status = status_of(child)
                if status is not None:
                    expect(status == 0, f"a writer ended with the status {status}")
                    children.discard(child)
        with conformance.opened(folder) as store:
            registry = _registry(store)
            numbers: Sequence[int] = sorted(
                number for _, number in _found(registry, "name = 'churn'")
            )
            expect(numbers == list(range(1, 18)), f"the numbers of 17 versions are {numbers}")
            moves = registry.decisions(registry.model("churn").id, act="AliasMoved")
            won = [each for each in moves if each.refusal is None]
            expect(
                (len(won), len(moves)) == (1, 4),
                f"of {len(moves)} who moved an alias at once, {len(won)} were told that they did",
            )

    with conformance.opened(folder) as store:
        _registry(store)
    forked(work, timeout=120)


def _child(conformance: StoreSubject, folder: Path) -> int:
    child = copy()
    if child:
        return child
    status = 1
    try:
        with conformance.opened(folder) as store:
            for _ in range(4):
                _done(store, Feed(store), _created("churn"))
            _decided(store, Feed(store), _moved("churn", "champion", 1, expected=0))
        status = 0
    finally:
        os._exit(status)


CHECKS: tuple[Check, ...] = (
    versions_are_numbered,
    aliases_have_a_history,
    rules_are_kept,
    models_and_versions_are_edited,
    versions_are_found,
    versions_outlive_their_runs,
    acts_of_the_registry_are_changes,
    acts_are_done_once,
    numbers_are_unique_everywhere,
)
