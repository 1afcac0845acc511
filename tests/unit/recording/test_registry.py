"""Registered models in Python: registering, URIs, aliases, rules, history, and what is told of
mistakes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import pytest

import fitprint
from fitprint import clock
from fitprint.entities import Artifact, LoggedModel
from fitprint.errors import (
    FitprintError,
    ModelNotFoundError,
    QueryError,
    RefusedError,
    RegisteredModelNotFoundError,
    RegistryUnreachableError,
    StoreError,
)
from fitprint.events import ArtifactStoreChosen, Batch, BytesArrived, ModelVersionCreated
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.journal.delivery import journals
from fitprint.journal.reader import read_journal
from fitprint.recording.workspace import current
from fitprint.registered import ModelEvaluation, ModelVersionRecord
from fitprint.stores.memory import MemoryStore
from fitprint.stores.memory_registry import MemoryRegistry
from fitprint.views.model_versions import compared_versions


class Adds:
    """A model."""

    def __init__(self, number: int) -> None:
        self.number = number

    def predict(self, rows: list[int]) -> list[int]:
        return [row + self.number for row in rows]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Adds) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]


def recorded(number: int, **metrics: float) -> fitprint.Run:
    """Return a run with a model."""
    with fitprint.start_run(f"run-{number}") as run:
        run.log_param("number", number)
        run.log_metrics(metrics)
        run.log_model(Adds(number))
    return run


@pytest.fixture
def churn(home: Any) -> list[fitprint.Run]:
    """Three runs, registered as the versions 1 to 3 of "churn"."""
    runs = [recorded(number, acc=number / 10) for number in (1, 2, 3)]
    for run in runs:
        fitprint.register_model(run, "churn")
    return runs


def test_a_run_is_registered(churn: list[fitprint.Run]) -> None:
    """By its handle, its URI, or a name; the version says what it is, and loads as the model that
    was recorded.
    """
    version = fitprint.get_model_version("models:/churn/2")
    assert ("churn", 2, churn[1].id, "models:/churn/2") == (
        version.name,
        version.version,
        version.run_id,
        version.uri,
    )
    assert "<fitprint.ModelVersion churn/2, pickle>" == repr(version)
    assert "<fitprint.RegisteredModel 'churn', 3 versions>" == repr(
        fitprint.get_registered_model("churn")
    )
    assert 1 == fitprint.register_model(churn[0], "other").version
    assert [1, 2] == [
        fitprint.register_model(each, "named").version
        for each in ("run-1", f"runs:/{churn[2].id}/model")
    ]


def _needs(uri: str) -> list[str]:
    return list(fitprint.get_model_version(uri).record.model.facts.get("needs", ()))


@pytest.mark.parametrize(
    "uri",
    [
        "models:/churn/3",
        "models:/churn/latest",
        "models:/churn@champion",
        "models:/churn/production",
    ],
)
def test_a_version_is_loaded_by_every_form_of_uri(churn: list[fitprint.Run], uri: str) -> None:
    """The stage of MLflow's, too."""
    fitprint.get_registered_model("churn").promote(3, "champion")
    fitprint.get_model_version("churn/3").set_stage("Production")
    loaded = fitprint.load_predictor(uri, trust=_needs(uri))
    assert [4] == list(loaded.predict([1]))


def test_the_same_model_of_a_run_is_registered_once(churn: list[fitprint.Run]) -> None:
    """Again returns the version that there is; another model of the same run is another version."""
    assert 2 == fitprint.register_model(churn[1], "churn").version
    with fitprint.start_run(run_id=churn[1].id) as run:
        run.log_model(Adds(9))
    assert 4 == fitprint.register_model(churn[1], "churn").version


def test_a_version_outlives_its_run(churn: list[fitprint.Run], tmp_path: Path) -> None:
    """Its files stay, and can be downloaded."""
    version = fitprint.get_model_version("churn/1")
    fitprint.delete_run(churn[0])
    fitprint.purge_run(churn[0].id)
    assert "MLmodel" in {path.name for path in version.download(tmp_path / "copy").iterdir()}
    assert [2] == list(
        fitprint.load_predictor("models:/churn/1", trust=_needs("churn/1")).predict([1])
    )


def test_a_folder_and_a_version_are_registered(churn: list[fitprint.Run], tmp_path: Path) -> None:
    """A model directory from anywhere, and a version under another name,
    with what is known of it.
    """
    folder = fitprint.get_model_version("churn/1").download(tmp_path / "copy")
    found = fitprint.register_model(folder, "folder")
    assert (None, "pickle") == (found.run_id, found.record.model.flavor)
    assert [2] == list(
        fitprint.load_predictor("models:/folder/1", trust=[f"{Adds.__module__}.Adds"]).predict([1])
    )
    copy = fitprint.register_model("models:/churn/3", "copies", tags={"from": 3})
    assert (churn[2].id, {"from": "3"}) == (copy.run_id, copy.tags)


def test_an_alias_moves_and_goes_back(churn: list[fitprint.Run]) -> None:
    """With a history, the latest first."""
    model = fitprint.get_registered_model("churn")
    for version in (1, 2, 3):
        model.promote(version, "champion", reason=f"because of {version}")
    assert 2 == model.rollback("@champion").version
    assert 1 == model.rollback("champion").version
    with pytest.raises(RefusedError, match="has no previous version"):
        model.rollback("champion")
    told = [
        (each.before, each.version, each.reason)
        for each in model.history("champion")
        if each.refusal is None
    ]
    assert [
        (2, 1, ""),
        (3, 2, ""),
        (2, 3, "because of 3"),
        (1, 2, "because of 2"),
        (0, 1, "because of 1"),
    ] == told
    model.delete_alias("champion")
    assert {} == model.aliases


def test_who_saw_an_older_state_does_not_move_an_alias(churn: list[fitprint.Run]) -> None:
    """The other is told where it leads now; ``set_alias`` moves it wherever it leads."""
    mine, theirs = fitprint.get_registered_model("churn"), fitprint.get_registered_model("churn")
    mine.promote(1, "champion")
    with pytest.raises(RefusedError, match="now points to version 1, not to no version"):
        theirs.promote(2, "champion")
    theirs.set_alias("champion", 2)
    assert {"champion": 2} == theirs.aliases


def test_what_was_champion_then(churn: list[fitprint.Run]) -> None:
    """By the time of decisions, in a URI and in Python."""
    model = fitprint.get_registered_model("churn")
    start = datetime.now(timezone.utc)
    for number in (1, 2):
        with clock.replaced(
            lambda number=number: round((start + timedelta(hours=number)).timestamp() * 1e6)
        ):
            model.promote(number, "champion")
    times = [(start + timedelta(hours=hours)) for hours in (0.5, 1.5, 2.5)]
    found = [model.at(time, "champion") for time in times]
    assert [None, 1, 2] == [each and each.version for each in found]
    assert (
        1 == fitprint.get_model_version(f"models:/churn@champion?at={times[1].isoformat()}").version
    )
    assert (
        3 == fitprint.get_model_version(f"models:/churn/latest?at={times[0].isoformat()}").version
    )
    with pytest.raises(RegisteredModelNotFoundError, match="led to no version at"):
        fitprint.get_model_version(f"models:/churn@champion?at={times[0].isoformat()}")
    with pytest.raises(RegisteredModelNotFoundError, match="was registered later"):
        fitprint.get_model_version("models:/churn/1?at=2020-01-01")
    with pytest.raises(RegisteredModelNotFoundError, match="had no version at"):
        fitprint.get_model_version("models:/churn/latest?at=2020-01-01")


def test_rules_ask_for_another_person_and_for_a_better_version(
    churn: list[fitprint.Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the same data, as ``evaluate`` found it."""
    model = fitprint.get_registered_model("churn")
    model.set_rules("champion", approvals=1, beats="test_acc", reason="audit")
    assert {"champion": {"approvals": 1, "beats": "test_acc"}} == model.rules
    with pytest.raises(RefusedError, match="must approve it, and nobody did"):
        model.promote(1, "champion")
    version = fitprint.get_model_version("churn/1")
    version.approve("champion")
    with pytest.raises(RefusedError, match="must approve it"):
        model.promote(1, "champion")
    model.set_rules("champion", beats="test_share")
    model.promote(1, "champion")
    metrics = {
        "share": lambda true, predicted: (
            sum(a == b for a, b in zip(true, predicted, strict=True)) / len(true)
        )
    }
    for number in (1, 2):
        fitprint.evaluate(
            f"models:/churn/{number}", [1, 2], [2, 3], metrics, trust=_needs(f"churn/{number}")
        )
    assert {"test_share": 1.0} == fitprint.get_model_version("churn/1").metrics
    assert 0.0 == fitprint.get_run(churn[1].id).metrics["test_share"]
    with pytest.raises(RefusedError, match="its test_share is 0, that of version 1 is 1"):
        model.promote(2, "champion")
    assert {"champion": 1} == model.aliases


def test_decide_transition_of_a_plugin_may_say_no(churn: list[fitprint.Run]) -> None:
    """One that fails says no, too; going back asks nobody."""

    class Says:
        @hookimpl
        def decide_transition(self, name: str, version: int, alias: str) -> str | None:
            if alias == "broken":
                raise ValueError("oh")
            return f"{name}/{version} is too new" if version == 3 else None

    current()
    manager.reset(manager.Hooks(extra={"says": Says()}))
    model = fitprint.get_registered_model("churn")
    with pytest.raises(
        RefusedError,
        match="the plugin says does not let version 3 of churn have @champion: churn/3 is too new",
    ):
        model.promote(3, "champion")
    with pytest.raises(RefusedError, match="it failed: ValueError: oh"):
        model.set_alias("broken", 1)
    model.promote(2, "champion")
    assert {"champion": 2} == model.aliases


def test_a_version_that_nobody_else_could_load_gets_no_alias(churn: list[fitprint.Run]) -> None:
    """Its files must have arrived in the artifact store, where there is one."""
    store = current().store
    file = Artifact("MLmodel", "sha256:" + "ab" * 32, 7)
    made = ModelVersionCreated(
        "churn", clock.now(), "1" * 32, "ann", "", LoggedModel("model", "toy", "sha256:1"), (file,)
    )
    position = store.position("j")
    store.append(
        Batch(
            "j",
            position,
            position + 1,
            [ArtifactStoreChosen(clock.now(), "memory://elsewhere"), made],
        )
    )
    model = fitprint.get_registered_model("churn")
    with pytest.raises(
        RefusedError,
        match=(
            r"1 artifact \(7 B\) of it have not arrived in the artifact store and are .*; run "
            r"`fitprint sync`"
        ),
    ):
        model.promote(4, "champion")
    store.append(
        Batch("j", position + 1, position + 2, [BytesArrived(clock.now(), (file.digest,))])
    )
    assert 4 == model.promote(4, "champion").version


def test_versions_are_found(churn: list[fitprint.Run]) -> None:
    """By what their runs recorded and by their own facts, in any order."""
    fitprint.get_model_version("churn/2").set_tags({"team": "a", "api_key": "a1b2c3d4e5"})
    assert [2] == [
        each.version
        for each in fitprint.search_model_versions("tags.team = 'a' and metrics.acc > 0.1")
    ]
    assert [3, 2, 1] == [
        each.version for each in fitprint.search_model_versions(order_by="params.number desc")
    ]
    assert [3, 2] == [
        each.version for each in fitprint.get_registered_model("churn").versions("version > 1")
    ]
    assert [3] == [each.version for each in fitprint.search_model_versions(max_results=1)]
    assert "[redacted]" == fitprint.get_model_version("churn/2").tags["api_key"]
    with pytest.raises(
        QueryError, match="there is no attribute 'verion'; did you mean attributes.version"
    ):
        fitprint.search_model_versions("verion = 1")


def test_names_notes_and_removal(churn: list[fitprint.Run]) -> None:
    """A former name leads to the model; what was removed says how to bring it back."""
    model = fitprint.get_registered_model("churn")
    model.rename("leaving")
    model.set_note("# About")
    model.set_tags({"team": "a", "other": None})
    found = fitprint.get_registered_model("churn")
    assert ("leaving", "# About", {"team": "a"}, ("churn",)) == (
        found.name,
        found.note,
        found.tags,
        found.record.former_names,
    )
    version = model.version(1)
    version.set_note("first")
    version.delete(reason="old")
    with pytest.raises(RegisteredModelNotFoundError, match="fitprint models restore leaving/1"):
        fitprint.get_model_version("leaving/1")
    model.removed_version(1).restore()
    assert "first" == fitprint.get_model_version("churn/1").note
    model.delete()
    assert [] == fitprint.registered_models()
    model.restore()
    assert [3, 2, 1] == [each.version for each in model.versions()]
    made = fitprint.create_registered_model("empty", note="soon", tags={"a": 1})
    assert (None, "soon", {"a": "1"}) == (made.latest, made.note, made.tags)
    with pytest.raises(RefusedError, match="there is a registered model 'empty' already"):
        fitprint.create_registered_model("empty")


@pytest.mark.parametrize(
    ("uri", "error", "part"),
    [
        (
            "models:/churn@nobody",
            RegisteredModelNotFoundError,
            "has no alias 'nobody'; its aliases: none",
        ),
        ("models:/churn/7", RegisteredModelNotFoundError, "has no version 7"),
        ("models:/chrun/1", RegisteredModelNotFoundError, "did you mean 'churn'"),
        ("models:/churn/1/2", ModelNotFoundError, "is not a model URI: write models:/NAME@ALIAS"),
        ("models:/", ModelNotFoundError, "is not a model URI"),
        ("models:/churn?at=yesterday", ModelNotFoundError, "is not a time"),
        ("models:/churn?to=2020", ModelNotFoundError, "is not a time"),
        ("models:/churn/best", RegisteredModelNotFoundError, "'best' is not a version of churn"),
        (
            "models:/churn/staging",
            RegisteredModelNotFoundError,
            "no version of churn is in the stage Staging",
        ),
        ("models:/churn/" + "9" * 30, RegisteredModelNotFoundError, "has no version"),
    ],
)
def test_what_leads_nowhere_is_told(
    churn: list[fitprint.Run], uri: str, error: type[FitprintError], part: str
) -> None:
    """With what there is."""
    with pytest.raises(error, match=part.replace("(", r"\(")):
        fitprint.load_model(uri)


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "a@b", "a:b", "a?b", "x" * 251, " a", "a\n", "\ud800"]
)
def test_a_name_that_is_none_is_refused(churn: list[fitprint.Run], name: str) -> None:
    """And nothing is registered."""
    with pytest.raises(FitprintError, match="cannot be called|must be a text"):
        fitprint.register_model(churn[0], name)
    assert ["churn"] == [each.name for each in fitprint.registered_models()]


def test_what_has_no_model_is_told(home: Any) -> None:
    """A run without one, and a path that it does not have."""
    with fitprint.start_run("bare") as bare:
        pass
    with pytest.raises(ModelNotFoundError, match="has no model 'model'; its models: none"):
        fitprint.register_model(bare, "churn")
    run = recorded(1)
    with pytest.raises(ModelNotFoundError, match=f"its models: runs:/{run.id}/model"):
        fitprint.register_model(f"runs:/{run.id}/other", "churn")


class _Without(MemoryStore):
    """A store that keeps no registered models."""

    registry = None  # type: ignore[assignment]


class _Silent(MemoryStore):
    """A store that cannot be reached."""

    def append(self, batch: Any) -> None:
        raise StoreError("the network is down")


class _Forgetful(MemoryRegistry):
    """A registry that cannot be asked for versions."""

    def version(self, name: str, number: int) -> Any:
        raise StoreError("the network is down")


class _Leaving(MemoryStore):
    """A store that is out of reach as soon as it has decided."""

    @property
    def registry(self) -> Any:
        return _Forgetful(self._records)


class _Listening(MemoryStore):
    """A store behind a socket that waits for an answer, however long that takes."""

    connections: ClassVar[list[socket.socket]] = []

    def _ask(self) -> None:
        host, _, port = self.uri.removeprefix("listening://").partition(":")
        try:
            with socket.create_connection((host, int(port))) as connection:
                self.connections.append(connection)
                connection.recv(1)
        except OSError:
            pass
        raise StoreError("the server has closed the connection")

    @property
    def id(self) -> str:
        self._ask()
        return super().id

    def append(self, batch: Any) -> None:
        self._ask()
        super().append(batch)


@pytest.fixture
def stores(home: Any) -> Iterator[None]:
    """Stores by scheme."""
    from fitprint.hooks.openers import Opener

    class Plugin:
        @hookimpl
        def register_stores(self) -> dict[str, Opener]:
            found = {"without": _Without, "silent": _Silent, "leaving": _Leaving}
            stores = {name: Opener(store, "on-read") for name, store in found.items()}
            return {**stores, "listening": Opener(_Listening, "on-read")}

    manager.reset(manager.Hooks(extra={"stores": Plugin()}))
    yield
    manager.reset()


def test_a_store_without_a_registry_says_so(stores: None) -> None:
    """And which stores have one."""
    fitprint.configure(store="without://x")
    with pytest.raises(
        StoreError,
        match=(
            r"keeps no registered models; a SQLite file does: set the setting `store` to "
            r"sqlite:///PATH"
        ),
    ):
        fitprint.registered_models()


def test_a_store_that_is_out_of_reach_leaves_the_request_in_the_journal(
    stores: None, tmp_path: Path
) -> None:
    """And says so, for a model that needs no look at the store."""
    run = recorded(1)
    folder = run.download("model", tmp_path / "model")
    fitprint.configure(store="silent://x")
    with pytest.raises(RegistryUnreachableError, match="your request is kept"):
        fitprint.register_model(folder, "churn")


def test_a_run_of_this_program_is_registered_though_the_store_is_out_of_reach(
    stores: None,
) -> None:
    """What was recorded through the handle is known without a look; what only the store knows is an
    error that writes nothing down.
    """
    fitprint.configure(store="silent://x")
    run = recorded(1)
    with pytest.raises(RegistryUnreachableError, match="your request is kept"):
        fitprint.register_model(run, "churn")
    for unknown in (fitprint.Run(current(), run.id), f"runs:/{run.id}/model"):
        with pytest.raises(StoreError, match="the network is down") as raised:
            fitprint.register_model(unknown, "churn")
        assert not isinstance(raised.value, RegistryUnreachableError)


@pytest.fixture
def listening(stores: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of a server that takes connections, and never says a word until the test is over."""
    monkeypatch.setattr("fitprint.recording.answering._LEAST", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"listening://127.0.0.1:{server.getsockname()[1]}"
    for connection in _Listening.connections:  # who waits goes on
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    _Listening.connections.clear()


def test_a_store_that_never_answers_is_waited_for_once(listening: str, tmp_path: Path) -> None:
    """By the setting, whatever is looked up, and the request is kept if nothing had to be."""
    run = recorded(1)
    folder = run.download("model", tmp_path / "model")
    fitprint.configure(store=listening, registry_wait=0)
    here = recorded(2)
    for known in (here, folder):
        with pytest.raises(RegistryUnreachableError, match=r"within 0\.2 s .*request is kept"):
            fitprint.register_model(known, "churn")
    for unknown in (f"runs:/{run.id}/model", "models:/churn/1", fitprint.Run(current(), run.id)):
        with pytest.raises(StoreError, match=r"not answered within 0\.2 s") as raised:
            fitprint.register_model(unknown, "churn")
        assert not isinstance(raised.value, RegistryUnreachableError)
    acts = [
        event
        for journal in journals(current().home / "journal")
        for stretch in read_journal(journal)
        for event in stretch.events
        if isinstance(event, ModelVersionCreated)
    ]
    assert [here.id, ""] == [act.run for act in acts]


def test_a_store_that_leaves_after_it_has_decided_is_told_with_the_version(stores: None) -> None:
    """Nobody should think that nothing was done."""
    fitprint.configure(store="leaving://x")
    with pytest.raises(
        RegistryUnreachableError, match="^churn/1 is registered, and cannot be read"
    ):
        fitprint.register_model(recorded(1), "churn")


def test_a_model_is_judged_though_the_store_is_out_of_reach(stores: None) -> None:
    """It is recorded, and arrives later; that no version was told is a note."""
    fitprint.configure(store="silent://x")
    with fitprint.start_run():
        found = fitprint.evaluate(
            Adds(1), [1, 2], [2, 3], metrics={"sum": lambda _, rows: sum(rows)}
        )
    assert {"sum": 5} == found.metrics
    assert any(
        "the result could not be written to registered versions: " in note for note in found.notes
    )


def test_models_are_registered_while_they_are_recorded(home: Any) -> None:
    """Nobody waits: the version appears with the delivery."""
    with fitprint.start_run() as run:
        run.log_model(Adds(1), register="churn")
    (version,) = fitprint.get_registered_model("churn").versions()
    assert (1, run.id) == (version.version, version.run_id)


def test_versions_are_compared(churn: list[fitprint.Run]) -> None:
    """What their runs recorded, and whether callers break."""
    first, third = (fitprint.get_model_version(f"churn/{number}") for number in (1, 3))
    found = first.compare(third)
    assert ("metric", "acc", "0.1", "0.3") in [
        (each.section, each.key, each.before, each.after) for each in found.differences
    ]
    assert "param number: 1 → 3" in str(found)
    assert () == found.breaks
    assert 1 == found.to_dict()["schema"]
    assert () == first.compare(first).differences


def test_defaults_that_only_one_version_has_are_no_difference(home: Path) -> None:
    """Two kinds of model have them by the dozen."""
    versions = []
    for kind, other in (("depth", "width"), ("width", "depth")):
        run = recorded(1)
        run.log_params({"seed": len(versions), kind: 1, f"{other}s": 2}, defaults=["seed", kind])
        versions.append(fitprint.register_model(run, "kinds"))
    found = {each.key for each in versions[0].compare(versions[1]).differences}
    assert {"seed", "depths", "widths"} == found & {"seed", "depth", "width", "depths", "widths"}


def test_a_removed_name_begins_anew_and_its_versions_come_back_one_by_one(
    churn: list[fitprint.Run],
) -> None:
    """The number goes on; who restores the model, which is there, is told how."""
    model = fitprint.get_registered_model("churn")
    model.delete()
    assert 4 == fitprint.register_model(recorded(4), "churn").version
    model.refresh()
    with pytest.raises(
        RefusedError,
        match=(
            "is not removed; its versions from before it was removed come back one by one: churn/1"
        ),
    ):
        model.restore()
    with pytest.raises(RegisteredModelNotFoundError, match="fitprint models restore churn/1"):
        fitprint.get_model_version("churn/1")
    model.removed_version(1).restore()
    assert [4, 1] == [each.version for each in model.versions()]
    model.refresh()
    assert (4, 2) == (model.latest, model.record.version_count)
    with pytest.raises(RefusedError, match="version 1 is not removed"):
        model.removed_version(1).restore()


@pytest.mark.parametrize("name", ["team/churn", "a@b", "x" * 300, " "])
def test_a_name_that_is_none_is_told_where_it_is_given(home: Any, name: str) -> None:
    """By ``log_model`` before anything is recorded, and by the setting."""
    with fitprint.start_run() as run, pytest.raises(FitprintError, match="cannot be called"):
        run.log_model(Adds(1), register=name)
    with pytest.raises(FitprintError, match="register: a registered model cannot be called"):
        fitprint.configure(register=name)


def test_rules_are_not_passed_by_detours(churn: list[fitprint.Run]) -> None:
    """Neither by taking the alias away, nor by another direction of the metric, nor by data of
    another name.
    """
    model = fitprint.get_registered_model("churn")
    tell(1, test_acc=(0.9, "max"))
    model.promote(1, "champion")
    model.set_rules("champion", beats="test_acc")
    model.delete_alias("champion")
    tell(2, test_acc=(0.5, "max"))
    with pytest.raises(RefusedError, match="its test_acc is 0.5, that of version 1 is 0.9"):
        model.promote(2, "champion")
    tell(2, test_acc=(0.1, "min"))
    with pytest.raises(
        RefusedError, match=r"is not the same for version 2 \(min\) and version 1 \(max\)"
    ):
        model.promote(2, "champion")
    model.set_rules("champion", beats="test_x_y")
    for number, (data, metric) in ((1, ("test", "x_y")), (2, ("test_x", "y"))):
        found = ModelEvaluation("d", "t", {metric: 0.5 + number}, {metric: "max"})
        model.version(number).tell_evaluation(data, found)
    with pytest.raises(
        RefusedError, match="the test_x_y of both versions on data of one name is not known"
    ):
        model.promote(2, "champion")


def tell(number: int, *, test_acc: tuple[float, Any]) -> None:
    value, goal = test_acc
    found = ModelEvaluation("digest", "target", {"acc": value}, {"acc": goal})
    fitprint.get_model_version(f"churn/{number}").tell_evaluation("test", found)


def test_what_is_said_of_a_version_that_is_there_holds(churn: list[fitprint.Run]) -> None:
    """Its tags and its note; a refused alias says that the version is registered."""
    again = fitprint.register_model(churn[0], "churn", tags={"a": "b"}, note="more")
    assert (1, {"a": "b"}, "more") == (again.version, again.tags, again.note)
    fitprint.get_registered_model("churn").set_rules("champion", approvals=1)
    with pytest.raises(
        RefusedError,
        match=r"\(churn/4 is registered all the same\)",
    ):
        fitprint.register_model(recorded(7), "churn", alias="champion")


def version_with(
    number: int, inputs: list[tuple[str, str]], outputs: list[tuple[str, Any]]
) -> ModelVersionRecord:
    signature = {
        "inputs": {
            "container": "frame",
            "fields": [{"name": name, "type": kind, "nullable": False} for name, kind in inputs],
        },
        "outputs": {
            "container": "array",
            "fields": [
                {"name": None, "type": kind, "nullable": False, "shape": shape}
                for kind, shape in outputs
            ],
        },
    }
    return ModelVersionRecord(
        str(number),
        "m",
        number,
        "",
        LoggedModel("model", "toy", f"d{number}", {"signature": signature}),
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ([("b", "float64"), ("a", "float64")], [("float64", [-1])], "another order"),
        ([("a", "float64")], [("float64", [-1])], "does not take b any more"),
        (
            [("a", "float64"), ("b", "string")],
            [("float64", [-1])],
            "the input b is string in the place of float64",
        ),
        (
            [("a", "float64"), ("b", "float64"), ("c", "int64")],
            [("float64", [-1])],
            "needs the input c",
        ),
        ([("a", "float64"), ("b", "float64")], [("float64", [-1, 2])], "the outputs are others"),
    ],
)
def test_what_breaks_callers_is_seen(
    inputs: list[tuple[str, str]], outputs: list[tuple[str, Any]], told: str
) -> None:
    """And shown among the differences."""
    before = version_with(1, [("a", "float64"), ("b", "float64")], [("float64", [-1])])
    found = compared_versions(before, version_with(2, inputs, outputs))
    assert any(told in each for each in found.breaks), found.breaks
    assert {"input", "output"} & {each.section for each in found.differences}
    assert () == compared_versions(before, before).breaks


@pytest.mark.parametrize(("old", "new"), [("float32", "float64"), ("int8", "int64")])
def test_types_that_a_predictor_takes_break_nobody(old: str, new: str) -> None:
    """As :func:`fitprint.load_predictor` brings data into the form of the model's own."""
    outputs = [("float64", [-1])]
    before = version_with(1, [("a", old)], outputs)
    after = version_with(2, [("a", new)], outputs)
    assert () == compared_versions(before, after).breaks
    assert compared_versions(version_with(1, [("a", "string")], outputs), after).breaks


def test_a_verdict_belongs_to_the_model_that_was_judged(home: Any) -> None:
    """Not to another one of the same run, nor to what was logged at its path later."""
    metrics = {
        "share": lambda true, said: sum(a == b for a, b in zip(true, said, strict=True)) / len(true)
    }
    with fitprint.start_run() as run:
        run.log_model(Adds(1), "good")
        run.log_model(Adds(5), "bad")
    fitprint.evaluate(f"runs:/{run.id}/good", [1, 2], [2, 3], metrics)
    bad = fitprint.register_model(f"runs:/{run.id}/bad", "m")
    good = fitprint.register_model(f"runs:/{run.id}/good", "m")
    assert ({}, {"test_share": 1.0}) == (bad.metrics, good.metrics)
    with fitprint.start_run(run_id=run.id) as again:
        again.log_model(Adds(7), "good")
    fitprint.evaluate(f"runs:/{run.id}/good", [1, 2], [2, 3], metrics)
    good.refresh()
    assert {"test_share": 1.0} == good.metrics


def test_what_nobody_could_write_down_is_not_said_to_be(stores: None) -> None:
    """A store without a registry is no store that cannot be reached."""
    fitprint.configure(store="without://x")
    with pytest.raises(StoreError, match="keeps no registered models") as caught:
        fitprint.create_registered_model("m")
    assert type(caught.value) is StoreError


def test_the_latest_of_a_time_is_the_newest(churn: list[fitprint.Run]) -> None:
    """Whatever was registered once more since."""
    fitprint.register_model(churn[0], "churn")
    assert 3 == fitprint.get_model_version("models:/churn/latest?at=2090-01-01").version
    model = fitprint.get_registered_model("churn")
    model.rename("leaving")
    model.set_tags({})
    assert ["", "renamed from churn"] == [each.about for each in model.history()][:2]
    assert 3 == len(fitprint.get_registered_model("churn").versions())
    model.version(1).approve("@champion")
    assert 1 == len(model.history("@champion"))
