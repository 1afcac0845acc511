"""Conformance of model flavors."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.models.directory import MANIFEST, pack
from fitprint.models.flavor import Flavor, FlavorEntry
from fitprint.models.hashing import digest_of
from fitprint.models.loading import load_directory
from fitprint.models.mlmodel import read_mlmodel
from fitprint.models.trust import Trust
from fitprint.testing.checks import Conformance, NotApplicable, expect
from fitprint.testing.comparison import difference
from fitprint.testing.processes import in_fresh_process

__all__ = ["FlavorConformance", "ModelCase"]

_CHANGES = 12  # of each file


@dataclass(frozen=True)
class ModelCase:
    """A model to be saved and loaded.

    The functions import the framework inside, because new processes call them, too.

    Attributes:
        name: short and unique among the cases.
        build: returns a fitted model, with the same values each time.
        predict: takes a model and returns what must be the same after saving and loading; by
            default the whole model.
        holding: returns a model that holds the given object, for instance as a parameter; None if
            models hold no objects.
        safe: whether it is saved in a format that loads without trusted names.
        table: returns a data frame of numbers for which the model predicts; None if it takes none.
    """

    name: str
    build: Callable[[], Any]
    predict: Callable[[Any], Any] | None = None
    holding: Callable[[Any], Any] | None = None
    safe: bool = True
    table: Callable[[], Any] | None = None


class FlavorSubject(Conformance):
    """A model flavor under test, and its cases.

    Attributes:
        flavor: the flavor.
        cases: models that it saves, at least one.
    """

    flavor: Flavor
    cases: Sequence[ModelCase] = ()


def accepts_without_importing(conformance: FlavorSubject) -> None:
    """Asking the flavor about objects that it does not know imports none of its packages, and it
    refuses them.
    """
    in_fresh_process(_accept_nothing, conformance)


def accepts_its_models(conformance: FlavorSubject, case: ModelCase) -> None:
    """The flavor accepts the models of its cases."""
    expect(conformance.flavor.accepts(case.build()), "the flavor does not accept the model")


def round_trip_predicts_the_same(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """A model that was saved and loaded is of the same type, predicts the same, and saving leaves
    the model alone.
    """
    model = case.build()
    expected = _told(case, model)
    entry = _save(conformance, model, folder)
    told = difference(expected, _told(case, model))
    expect(not told, f"saving changed the model: {told}")
    loaded = conformance.flavor.load(folder, _through_json(entry), Trust(entry.needs))
    expect(
        type(loaded) is type(model),
        f"a {type(model).__qualname__} was loaded as a {type(loaded).__qualname__}",
    )
    told = difference(expected, _told(case, loaded))
    expect(not told, f"the loaded model is another: {told}")


def round_trip_in_a_fresh_process(
    conformance: FlavorSubject, case: ModelCase, folder: Path
) -> None:
    """A model directory can be moved, and loads in a process that has imported nothing, and saved
    nothing.
    """
    model = case.build()
    made, moved = folder / "made", folder / "moved"
    packed = pack(model, made, flavors=[conformance.flavor])
    shutil.move(made, moved)
    told = in_fresh_process(
        _load_again,
        conformance,
        case=case.name,
        directory=str(moved),
        needs=list(packed.facts["needs"]),
    ).value
    expect(told == "", f"the model loaded in a fresh process is another: {told}")


def kept_models_come_back(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """What the flavor keeps in a quicker way loads under its owner's seal without trust, as the
    same model; keeping leaves that alone.
    """
    keep = conformance.flavor.keep
    if keep is None:
        raise NotApplicable("the flavor has no quicker way to keep a model")
    model = case.build()
    expected = _told(case, model)
    entry, contents = keep(model)
    told = difference(expected, _told(case, model))
    expect(not told, f"keeping changed the model: {told}")
    for name, pieces in contents.items():
        (folder / name).write_bytes(b"".join(pieces))
    trust = Trust()
    trust.own = {name: digest_of(folder / name)[0] for name in contents}
    told = difference(
        expected, _told(case, conformance.flavor.load(folder, _through_json(entry), trust))
    )
    expect(not told, f"the model that was kept is another: {told}")


def parts_are_the_flavors_own(conformance: FlavorSubject) -> None:
    """Parts that files of other flavors may hold without trust are of the flavor's own packages:
    others would be passed over.
    """
    foreign = sorted(
        module
        for module in conformance.flavor.parts
        if module.partition(".")[0] not in conformance.flavor.packages
    )
    expect(
        not foreign,
        f"`parts` names types of {', '.join(foreign)}, which no package of `packages` has",
    )


def needs_are_all_there_is(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """A model loads for who trusts what the flavor named, is refused to who leaves out any of it,
    and a safe one needs nothing.
    """
    entry = _save(conformance, case.build(), folder)
    expect(
        list(entry.needs) == sorted(set(entry.needs)),
        f"`needs` is not sorted, or names things twice: {entry.needs}",
    )
    expect(
        entry.safe == case.safe, f"the flavor calls the model {'safe' if entry.safe else 'unsafe'}"
    )
    expect(not (case.safe and entry.needs), f"a safe model needs trust in {', '.join(entry.needs)}")
    for name in entry.needs:
        try:
            conformance.flavor.load(
                folder,
                _through_json(entry),
                Trust([other for other in entry.needs if other != name]),
            )
        except UntrustedModelError as error:
            expect(name in str(error), f"the refusal does not name {name}")
        else:
            raise AssertionError(
                f"the model loads for who does not trust {name}, which `needs` names"
            )


def arrays_predict_the_same(conformance: FlavorSubject, case: ModelCase) -> None:
    """What the flavor predicts for an array is what it predicts for a frame of the same numbers, of
    the same type and without a warning.
    """
    if case.table is None:
        raise NotApplicable("the case has no frame (`table`)")
    model, frame = case.build(), case.table()
    predict = conformance.flavor.predict_array(model)
    if predict is None:
        raise NotApplicable("the model takes no array (`predict_array`)")
    expected = conformance.flavor.predict(model, frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predict(frame.to_numpy())
    told = difference(expected, found)
    expect(not told, f"an array is predicted otherwise than a frame: {told}")


def nothing_runs_untrusted(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """Code that hides in a model does not run unless the loading side names it; the refusal names
    it.
    """
    if case.holding is None:
        raise NotApplicable("the case holds no objects (`holding`)")
    mark = folder / "ran"
    directory = folder / "model"
    directory.mkdir()
    entry = _save(conformance, case.holding(Hostile(str(mark))), directory)
    mark.unlink(missing_ok=True)  # saving may run the user's own objects
    for trust in (
        (),
        [name for name in entry.needs if not name.startswith(__name__)],
        ["os.system", "builtins.open"],
    ):
        try:
            conformance.flavor.load(directory, _through_json(entry), Trust(trust))
        except UntrustedModelError as error:
            expect(__name__ in str(error), f"the refusal does not name the code: {error}")
        else:
            raise AssertionError(
                f"a model with foreign code loads for who trusts {trust or 'nothing'}"
            )
        expect(not mark.exists(), "code in the model ran without trust")


def foreign_pickles_run_nothing(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """A pickle in the place of any file of the model runs nothing, though the caller trusts all
    that the model itself needs.
    """
    original, mark = folder / "original", folder / "ran"
    original.mkdir()
    entry = _save(conformance, case.build(), original)
    for file in [
        path.relative_to(original) for path in sorted(original.rglob("*")) if path.is_file()
    ]:
        copy = folder / "copy"
        shutil.copytree(original, copy)
        (copy / file).write_bytes(pickle.dumps(Hostile(str(mark))))
        try:
            conformance.flavor.load(copy, _through_json(entry), Trust(entry.needs))
        except FitprintError:
            pass
        except Exception as error:
            if not mark.exists():
                raise AssertionError(
                    f"a foreign pickle as {file} is a {type(error).__name__}, not an "
                    f"IntegrityError: {error}"
                ) from error
        expect(
            not mark.exists(),
            f"{file} is unpickled: a pickle from elsewhere in its place runs whatever it names, "
            "without trust",
        )
        shutil.rmtree(copy)


def damaged_files_are_noticed(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """Files that are cut short, empty or missing are an IntegrityError, not a crash and not a
    model.
    """
    original = folder / "original"
    original.mkdir()
    entry = _save(conformance, case.build(), original)
    files = [path.relative_to(original) for path in sorted(original.rglob("*")) if path.is_file()]
    for file in files:
        for what in ("cut short", "cut by a byte", "empty", "missing"):
            copy = folder / "copy"
            shutil.copytree(original, copy)
            _damage(copy / file, what)
            try:
                conformance.flavor.load(copy, _through_json(entry), Trust(entry.needs))
            except IntegrityError:
                pass
            except Exception as error:
                raise AssertionError(
                    f"a file that is {what} ({file}) is a {type(error).__name__}, not an "
                    f"IntegrityError: {error}"
                ) from error
            else:
                raise AssertionError(f"a model loads although {file} is {what}")
            shutil.rmtree(copy)


def tampered_directory_is_refused(
    conformance: FlavorSubject, case: ModelCase, folder: Path
) -> None:
    """In a model directory a single changed bit, an added file and a missing file are noticed
    before anything is loaded.
    """
    original = folder / "original"
    packed = pack(case.build(), original, flavors=[conformance.flavor])
    needs = packed.facts["needs"]
    for what in ("a bit", "an added file", "a missing file"):
        copy = folder / "copy"
        shutil.copytree(original, copy)
        victim = copy / next(
            file.path
            for file in packed.files
            if file.path not in ("MLmodel", "fitprint.json", "requirements.txt")
        )
        if what == "a bit":
            data = bytearray(victim.read_bytes())
            data[len(data) // 2] ^= 1
            victim.write_bytes(data)
        elif what == "an added file":
            (copy / "added.py").write_text("raise SystemExit", encoding="utf-8")
        else:
            victim.unlink()
        try:
            load_directory(copy, [conformance.flavor], needs)
        except IntegrityError:
            shutil.rmtree(copy)
            continue
        raise AssertionError(f"a model directory with {what} loads")


def changed_bytes_end_no_process(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """A model directory whose files were changed here and there, with the digests to match, is an
    error or a model, never a crash.
    """
    original = folder / "original"
    packed = pack(case.build(), original, flavors=[conformance.flavor])
    try:
        in_fresh_process(
            _load_changed, conformance, directory=str(original), needs=list(packed.facts["needs"])
        )
    except AssertionError as error:
        raise AssertionError(
            f"{error}\n"
            "The flavor reads files with code that a changed byte crashes: give it `trial`"
        ) from error


def options_stay_inside(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """Files that the options name are looked for inside of the model directory alone."""
    directory = folder / "model"
    directory.mkdir()
    entry = _save(conformance, case.build(), directory)
    named = [
        key
        for key, value in entry.options.items()
        if isinstance(value, str) and value and (directory / value).is_file()
    ]
    if not named:
        raise NotApplicable("the options name no files")
    for key in named:
        shutil.copy(directory / entry.options[key], folder / "outside")
        for path in ("../outside", str(folder / "outside")):
            options = {**_through_json(entry), key: path}
            try:
                conformance.flavor.load(directory, options, Trust(entry.needs))
            except IntegrityError:
                continue
            raise AssertionError(f"the option {key!r} leads out of the model directory to {path}")


def mlmodel_entry_is_well_formed(conformance: FlavorSubject, case: ModelCase, folder: Path) -> None:
    """The flavor's part of ``MLmodel`` is JSON, stands under its name, and the requirements name
    what it takes to load.
    """
    packed = pack(case.build(), folder, flavors=[conformance.flavor])
    flavors = read_mlmodel(folder)["flavors"]
    expect(
        conformance.flavor.name in flavors,
        f"MLmodel has no flavor {conformance.flavor.name!r}, only {', '.join(flavors)}",
    )
    json.dumps(flavors)
    pyfunc = flavors.get("python_function")
    expect(
        pyfunc is None or pyfunc.get("loader_module"),
        "the python_function part names no loader_module",
    )
    expect(packed.facts["serialization"], "the flavor does not name its format")
    lines = packed.facts["requirements"]
    expect(all("==" in line for line in lines), f"the requirements are not exact: {lines}")
    modules = set(type(case.build()).__module__.split(".")[:1]) & set(conformance.flavor.packages)
    expect(
        lines or not modules,
        "there are no requirements although the model is of a package of the flavor's",
    )


class FlavorConformance(FlavorSubject):
    """Check that a model flavor keeps its protocol.

    Attributes:
        flavor: the flavor.
        cases: models that it saves, at least one.

    Example:
        >>> class TestToylearnFlavor(FlavorConformance):
        ...     flavor = ToylearnFlavor()
        ...     cases = (ModelCase("mean", build, lambda model: model.predict([1, 2])),)
    """

    checks = (
        accepts_without_importing,
        accepts_its_models,
        round_trip_predicts_the_same,
        round_trip_in_a_fresh_process,
        kept_models_come_back,
        parts_are_the_flavors_own,
        needs_are_all_there_is,
        arrays_predict_the_same,
        nothing_runs_untrusted,
        foreign_pickles_run_nothing,
        damaged_files_are_noticed,
        tampered_directory_is_refused,
        changed_bytes_end_no_process,
        options_stay_inside,
        mlmodel_entry_is_well_formed,
    )


class Hostile:
    """An object whose pickle calls a function that leaves a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], Hostile], tuple[str]]:
        return leave_mark, (self.mark,)


def leave_mark(mark: str) -> Hostile:
    """Leave a mark: whoever calls this has run code."""
    Path(mark).touch()
    return Hostile(mark)


def _told(case: ModelCase, model: Any) -> Any:
    return model if case.predict is None else case.predict(model)


def _save(conformance: FlavorSubject, model: Any, folder: Path) -> FlavorEntry:
    entry = conformance.flavor.save(model, folder)
    return replace(entry, options=dict(entry.options))


def _through_json(entry: FlavorEntry) -> Any:
    return json.loads(json.dumps(dict(entry.options)))


def _damage(path: Path, what: str) -> None:
    data = path.read_bytes()
    if what == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"cut short": data[: len(data) // 2], "cut by a byte": data[:-1], "empty": b""}[what]
        )


def _accept_nothing(conformance: FlavorSubject) -> None:
    packages = set(conformance.flavor.packages)
    loaded = sorted(packages & sys.modules.keys())
    expect(
        not loaded,
        f"loading {type(conformance).__module__} imports {', '.join(loaded)}: import it inside "
        "`build`",
    )
    stranger = type("Stranger", (), {"__module__": "somebody.elses"})()
    things: tuple[object, ...] = (stranger, 1, "text", None, [], type, conformance)
    for thing in things:
        accepted = conformance.flavor.accepts(thing)
        expect(
            not (accepted and packages),
            f"a flavor for {', '.join(sorted(packages))} accepts {thing!r:.60}",
        )
    loaded = sorted(packages & sys.modules.keys())
    expect(not loaded, f"accepts() imports {', '.join(loaded)}")


def _load_again(conformance: FlavorSubject, *, case: str, directory: str, needs: list[str]) -> str:
    chosen = next(item for item in conformance.cases if item.name == case)
    loaded = load_directory(Path(directory), [conformance.flavor], needs)
    return difference(_told(chosen, chosen.build()), _told(chosen, loaded))


def _load_changed(conformance: FlavorSubject, *, directory: str, needs: list[str]) -> None:
    original = Path(directory)
    os.environ["XDG_STATE_HOME"] = str(original.parent)
    manifest = json.loads((original / MANIFEST).read_text(encoding="utf-8"))
    draw = random.Random(0)  # noqa: S311 - for the same changes each time
    for name in manifest["files"]:
        if name in {"MLmodel", "python_env.yaml", "requirements.txt"}:  # no flavor reads them
            continue
        whole = (original / name).read_bytes()
        for _ in range(_CHANGES):
            data = bytearray(whole)
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            (original / name).write_bytes(data)
            files = {**manifest["files"], name: list(digest_of(original / name))}
            (original / MANIFEST).write_text(
                json.dumps({**manifest, "files": files}), encoding="utf-8"
            )
            try:
                load_directory(original, [conformance.flavor], needs)
            except FitprintError:
                pass
        (original / name).write_bytes(whole)
