"""The kit finds faults: each faulty plugin fails the check that is named beside it, and the fault
alone is why.
"""

import dataclasses
import importlib
import os
import sys

import faulty_artifacts
import faulty_carriers
import faulty_flavors
import faulty_frameworks
import faulty_stores
import pytest
from fitprint_toyboost.conformance import ToyboostConformance

from fitprint.autologging import observing, patching
from fitprint.testing import (
    ArtifactStoreConformance,
    CarrierConformance,
    FlavorConformance,
    NotApplicable,
    StoreConformance,
)
from fitprint.testing.own import PickleFlavorConformance
from fitprint.testing.processes import forked


def outcomes(conformance, check):
    """Run one check with every case, and return the failures' texts."""
    found = []
    items = [item for item in conformance.items() if item.name == check]
    assert items
    for item in items:
        try:
            item.run()
        except NotApplicable:
            continue
        except Exception as error:  # noqa: BLE001 - any failure counts
            found.append(str(error))
    return found


# -- framework plugins -----------------------------------------------------------------------------


class MutatesArguments(ToyboostConformance):
    framework = faulty_frameworks.plugin(faulty_frameworks.mutates_arguments)
    cases = ToyboostConformance.cases[:1]


class LeavesACallback(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.leaves_a_callback)


class LeavesAnObject(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.leaves_an_object)


class LeavesAnAttribute(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.leaves_an_attribute)


class LeavesACallbackAfterAFailure(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.leaves_a_callback_after_a_failure)


class CountsFromOne(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.counts_from_one)


def fail_unobserved(**given):
    raise LookupError("no such data")


class FailsUnobserved(MutatesArguments):
    """The plugin is right, and the case trains nothing."""

    cases = (dataclasses.replace(ToyboostConformance.cases[0], fit=fail_unobserved),)


class ExpectsData(MutatesArguments):
    framework = ToyboostConformance.framework
    cases = (dataclasses.replace(ToyboostConformance.cases[0], datasets={"the data"}),)


class DrawsRandomNumbers(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.draws_random_numbers)


class ImportsWhatDraws(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.imports_what_draws)


class ChangesTheResult(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.changes_the_result)


class Warns(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.warns)


class Prints(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.prints)


def train_and_tell(**given):
    print("process", os.getpid())
    return ToyboostConformance.cases[0].fit(**given)


class TellsProcesses(ToyboostConformance):
    """The plugin is right, and the framework never prints the same."""

    cases = (dataclasses.replace(ToyboostConformance.cases[0], fit=train_and_tell),)


class StepsBack(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.steps_back)


class LosesSteps(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.loses_steps)


class RecordsAnAddress(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.records_an_address)


class RecordsTooLittle(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.records_too_little)


class RecordsASecondRun(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.records_a_second_run)


class KeepsTheData(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.keeps_the_data)


class Table:
    """A container of the framework's own."""

    __slots__ = ("values",)


class ndarray(list):
    __slots__ = ()


def build_table():
    table = Table()
    table.values = ndarray([1.0, 2.0, 4.0])
    return {"params": {"rate": 0.25, "rounds": 4}, "table": table}


def train_on_table(params, table):
    return ToyboostConformance.cases[0].fit(params, table.values, [])


class KeepsWhatATableHolds(KeepsTheData):
    cases = (
        dataclasses.replace(ToyboostConformance.cases[0], build=build_table, fit=train_on_table),
    )


class SkipsInThreads(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.skips_in_threads)


class FailsOnAFullDisk(MutatesArguments):
    framework = faulty_frameworks.plugin(faulty_frameworks.fails_on_a_full_disk)


class NoSuchTarget(MutatesArguments):
    framework = faulty_frameworks.NoSuchTarget()


class ImportsItsFramework(MutatesArguments):
    framework = faulty_frameworks.ImportsItsFramework()


@pytest.mark.parametrize(
    ("conformance", "check", "words"),
    [
        (MutatesArguments, "arguments_not_mutated", "'callbacks'"),
        (LeavesACallback, "callbacks_not_left_behind", "leaves_a_callback"),
        (LeavesAnObject, "callbacks_not_left_behind", "Note"),
        (LeavesACallbackAfterAFailure, "failed_call_leaves_nothing", "`finally` around the yield"),
        (CountsFromOne, "steps_complete_and_increasing", "begin with [1]: the first round is 0"),
        (
            FailsUnobserved,
            "trains_unobserved",
            "LookupError: no such data; mend its `build` or `fit` first",
        ),
        (ExpectsData, "record_is_complete", "data are not described: the data"),
        (LeavesAnObject, "model_pickles_and_loads_without_fitprint", "faulty_frameworks"),
        (LeavesAnAttribute, "revert_restores_every_attribute", "Ensemble.observed"),
        (DrawsRandomNumbers, "result_identical_to_unpatched", ""),
        (ImportsWhatDraws, "first_call_leaves_random_state", "by train"),
        (ChangesTheResult, "result_identical_to_unpatched", "constants"),
        (Warns, "result_identical_to_unpatched", "warnings"),
        (Prints, "nothing_on_stdout", "observing"),
        (
            TellsProcesses,
            "nothing_on_stdout",
            "the framework itself writes something else to standard output each time: silence it",
        ),
        (StepsBack, "steps_complete_and_increasing", "do not grow"),
        (LosesSteps, "steps_complete_and_increasing", "2 points, not 4"),
        (RecordsAnAddress, "params_json_safe", "memory address"),
        (RecordsTooLittle, "record_is_complete", "metrics are missing"),
        (RecordsASecondRun, "nested_calls_give_one_run", "2 runs"),
        (KeepsTheData, "data_is_freed_after_fit", "'data'"),
        (KeepsWhatATableHolds, "data_is_freed_after_fit", "'table.values'"),
        (SkipsInThreads, "one_run_per_call_in_threads", "gave 0 runs"),
        (FailsOnAFullDisk, "store_failure_is_invisible", "full disk"),
        (NoSuchTarget, "targets_resolve_on_installed_version", "train_in_parallel"),
        (ImportsItsFramework, "imports_no_framework", "toyboost"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value,
)
def test_a_faulty_framework_plugin_is_found(conformance, check, words):
    """The check fails, and its text speaks of the fault; the plugin without the fault passes it."""
    failures = outcomes(conformance(), check)
    assert failures
    assert all(words in failure for failure in failures), failures
    if conformance is LeavesAnAttribute:
        del sys.modules["toyboost.training"].Ensemble.observed
    assert [] == outcomes(ToyboostConformance(), check)


def raise_(error):
    raise error


def unguarded(call, what, step):
    step()


def noted(call, error):
    error.__notes__ = ["seen by fitprint"]
    observing.Call._finish(call, "FAILED", "the failure")


def unlike(function, hook):
    def observed(*args, **kwargs):
        call = hook and hook(args)
        return call(function, args, kwargs) if call else function(*args, **kwargs)

    return observed


@pytest.mark.parametrize(
    ("owner", "name", "fault", "check"),
    [
        (observing.Call, "_guarded", unguarded, "observer_failure_is_invisible"),
        (observing.Call, "_failed", noted, "user_exception_untouched"),
        (patching, "replacement_of", unlike, "signature_and_doc_kept"),
        (patching.Patcher, "_rebind", lambda *_: None, "imported_names_are_rebound"),
        (patching.Interceptor, "__bool__", lambda _: True, "revert_under_foreign_wrapper"),
        (patching.Patcher, "undo", lambda _: None, "disabled_adds_no_run"),
        (observing, "is_off", lambda: False, "off_adds_no_run"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_faulty_engine_is_found(owner, name, fault, check):
    """The checks that hold for every plugin because the engine sees to it notice when
    it does not.
    """

    def work():
        setattr(owner, name, fault)
        assert outcomes(ToyboostConformance(), check)

    assert [] == outcomes(ToyboostConformance(), check)
    forked(work)  # what such an engine leaves behind stays there


def test_an_undeclared_range_is_found(tmp_path, monkeypatch):
    """A distribution without a range, or with one that the installed version is not in, does not
    pass.
    """
    for name, requires in (
        ("toyboost", ""),
        ("fitprint-toyboost", "Requires-Dist: toyboost>=3,<4; extra == 'framework'\n"),
    ):
        folder = tmp_path / f"{name.replace('-', '_')}-2.1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n{requires}", encoding="utf-8"
        )
    (folder / "entry_points.txt").write_text(
        "[fitprint]\ntoyboost = fitprint_toyboost\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert ["toyboost 2.1 is installed, which is not in >=3,<4"] == outcomes(
        ToyboostConformance(), "range_declared"
    )
    metadata = folder / "METADATA"
    metadata.write_text(
        metadata.read_text(encoding="utf-8").replace(">=3,<4", ""), encoding="utf-8"
    )
    importlib.invalidate_caches()
    assert "admits every version" in outcomes(ToyboostConformance(), "range_declared")[0]
    metadata.write_text(
        metadata.read_text(encoding="utf-8").replace("toyboost; extra", "toyboost>=2.0,<3; extra"),
        encoding="utf-8",
    )
    importlib.invalidate_caches()
    assert [] == outcomes(ToyboostConformance(), "range_declared")


def test_a_framework_that_comes_with_its_plugin_needs_no_range(tmp_path, monkeypatch):
    """Their versions are one."""
    folder = tmp_path / "toyboost-2.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toyboost\nVersion: 2.1\n", encoding="utf-8"
    )
    (folder / "entry_points.txt").write_text(
        "[fitprint]\ntoyboost = fitprint_toyboost\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (item,) = [item for item in ToyboostConformance().items() if item.name == "range_declared"]
    with pytest.raises(NotApplicable, match="comes with the plugin"):
        item.run()


# -- stores ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "check"),
    [
        ("ForgetsPositions", "positions_are_kept"),
        ("ForgetsPositions", "replay_is_idempotent"),
        ("KeepsHalfABatch", "append_is_atomic"),
        ("LosesNaN", "nan_inf_metrics"),
        ("MakesTexts", "typed_params_round_trip"),
        ("CutsKeys", "unicode_and_long_keys"),
        ("RoundsTimes", "life_of_a_run"),
        ("PagesByCount", "paging_is_stable"),
        ("FindsTooMuch", "query_operators"),
        ("IgnoresOrder", "query_order"),
        ("ShowsTheTrash", "deleted_run_hidden_and_restored"),
        ("AcceptsGaps", "gaps_are_refused"),
        ("DrawsIds", "id_is_kept"),
        ("RaisesKeyError", "unknown_run_error"),
        ("SamplesByStride", "series_downsampling_keeps_extremes"),
        ("NewestChildFirst", "children"),
        ("CountsTheTrash", "children"),
        ("OwnsAllRuns", "open_runs"),
        ("BringsNamesBack", "names_that_were_lead_on"),
        ("ForgetsDecisions", "acts_are_decided"),
        ("DecidesAnew", "acts_are_decided"),
        ("PurgesAtWill", "purged_runs_stay_away"),
        ("ListsTheArchive", "archived_experiments_are_out_of_sight"),
        ("ClosesOnce", "close_twice"),
        ("ChoosesAgain", "artifact_store_is_chosen_once"),
        ("HasPendingBytesAtHome", "nothing_is_pending_at_home"),
        ("ForgetsWhoRecorded", "bytes_are_pending_until_they_arrive"),
        ("ForgetsWhoRecorded", "homes_of_several_hosts_share_bytes"),
        ("NeedsArtifactsFirst", "arrivals_come_in_any_order"),
        ("WaitsForever", "nobody_waits_for_purged_runs"),
        ("ForgetsWhatWasFreed", "freed_bytes_have_not_arrived"),
        ("TakesArrivalsForRuns", "arrivals_leave_runs_alone"),
        ("ForgetsArrivals", "bytes_arrive_after_an_end_in_the_middle"),
        ("FindsFaultWithItself", "check_tells_damage"),
        ("TellsRefusals", "changes_say_what_happened"),
        ("NumbersByTime", "old_events_are_new_changes"),
        ("SkipsTheRestOfAPage", "changes_come_in_pages"),
        ("KeepsEachChange", "changes_stay_few"),
        ("TakesAnyCursor", "foreign_cursors_are_refused"),
        ("GivesLeasesToAll", "one_process_has_the_lease"),
        ("ShowsTimesAsNumbers", "sql_shows_what_is_recorded"),
        ("RunsAnything", "sql_changes_nothing"),
        ("GivesAllRows", "sql_is_bounded"),
        ("HidesItsViews", "sql_shows_what_is_recorded"),
    ],
)
def test_a_faulty_store_is_found(store, check):
    """The check fails for the faulty store; the memory store, from which it derives, passes
    (test_own).
    """
    made = {}

    class Faulty(StoreConformance):
        across_processes = False

        def open(self, folder):
            return made.setdefault(folder, getattr(faulty_stores, store)())

    assert outcomes(Faulty(), check)


@pytest.mark.parametrize(
    "check", ["sql_shows_what_is_recorded", "sql_changes_nothing", "sql_is_bounded"]
)
def test_the_store_with_sql_from_which_faulty_ones_derive_is_sound(check):
    """Each of them fails for its own fault."""

    class Sound(StoreConformance):
        across_processes = False

        def open(self, folder):
            return faulty_stores.HasSql()

    assert [] == outcomes(Sound(), check)


@pytest.mark.parametrize(
    "check",
    [
        "read_your_writes",
        "concurrent_writers",
        "concurrent_processes",
        "deleted_while_open",
        "brought_back_while_open",
        "full_disk_keeps_nothing",
        "followers_miss_nothing",
    ],
)
def test_a_store_that_overwrites_others_is_found(check):
    """A store that reads its file once and writes it whole loses what others wrote."""

    class Faulty(StoreConformance):
        def open(self, folder):
            return faulty_stores.ReadsOnceAndWritesWhole(folder / "runs")

    assert outcomes(Faulty(), check)


def test_a_store_that_is_named_by_its_place_is_found():
    """Its journals would not find it again where its files were moved."""

    class Faulty(StoreConformance):
        def open(self, folder):
            return faulty_stores.IsNamedByItsPlace(folder / "runs")

    assert ["the store has another id after its files were moved: keep the id in them"] == outcomes(
        Faulty(), "id_is_kept"
    )


def test_a_store_that_hides_damage_is_found():
    """A store that begins anew where its file is damaged says that all is well."""

    class Faulty(StoreConformance):
        def open(self, folder):
            return faulty_stores.StartsAnewWhereItCannotRead(folder / "runs")

    assert any(
        "check() has no problems" in text for text in outcomes(Faulty(), "check_tells_damage")
    )


# -- artifact stores -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "check"),
    [
        ("DoesNotVerify", "wrong_bytes_are_refused"),
        ("FollowsPaths", "bad_digest_is_refused"),
        ("ReadsAgain", "put_is_idempotent"),
        ("KeepsTwice", "put_is_idempotent"),
        ("LosesItsEnd", "bytes_round_trip"),
        ("KeepsInMemory", "seen_by_another_process"),
        ("ReadsWhole", "large_file"),
        ("RaisesFileNotFound", "unknown_digest"),
        ("WritesInPlace", "upload_cut_off"),
        ("WritesInPlace", "killed_while_putting"),
        ("WritesInPlace", "concurrent_puts"),
        ("ForgetsAtTheEnd", "closed_twice"),
        ("SaysNothing", "says_its_url"),
        ("ListsNothing", "kept_bytes_are_listed"),
        ("RemovesWhatIsNew", "touched_bytes_stay"),
        ("TouchesNothing", "touched_bytes_stay"),
        ("KeepsWhatIsRemoved", "removed_bytes_are_gone"),
        ("KnowsOneOwner", "owners_are_known"),
    ],
)
def test_a_faulty_artifact_store_is_found(store, check):
    """The check fails for the faulty store; the folder, from which it derives,
    passes (test_own).
    """

    class Faulty(ArtifactStoreConformance):
        def open(self, folder):
            return getattr(faulty_artifacts, store)(folder)

    assert outcomes(Faulty(), check)


# -- carriers --------------------------------------------------------------------------------------


class ToypoolConformance(CarrierConformance):
    carrier = faulty_carriers.Toypool()
    library = "toypool"

    def send(self, function, *arguments):
        import toypool

        return toypool.submit(function, *arguments)


class LosesTheRun(ToypoolConformance):
    carrier = faulty_carriers.LosesTheRun()


class TellsThePassword(ToypoolConformance):
    carrier = faulty_carriers.TellsThePassword()


class SwallowsErrors(ToypoolConformance):
    carrier = faulty_carriers.SwallowsErrors()


class ImportsItsLibrary(ToypoolConformance):
    carrier = faulty_carriers.ImportsItsLibrary()


def test_register_carriers_lets_a_third_party_carry_runs():
    """A carrier written as the guide says passes every check."""
    assert [] == [
        failure
        for item in ToypoolConformance().items()
        for failure in outcomes(ToypoolConformance(), item.name)
    ]


@pytest.mark.parametrize(
    ("conformance", "check", "words"),
    [
        (LosesTheRun, "run_arrives", "current run"),
        (LosesTheRun, "role_arrives", "role"),
        (TellsThePassword, "no_password_travels", "password"),
        (SwallowsErrors, "results_and_errors_are_the_same", "swallowed"),
        (ImportsItsLibrary, "imports_nothing", "imports toypool"),
    ],
)
def test_a_faulty_carrier_is_found(conformance, check, words):
    """The check fails for the faulty carrier and says why; the carrier from which it derives
    passes.
    """
    (failure,) = outcomes(conformance(), check)
    assert words in failure


# -- flavors ---------------------------------------------------------------------------------------


class NeedsTheFolder(PickleFlavorConformance):
    flavor = faulty_flavors.NeedsTheFolder()


class AcceptsStrangers(PickleFlavorConformance):
    flavor = faulty_flavors.AcceptsStrangers()


class ImportsToAccept(PickleFlavorConformance):
    flavor = faulty_flavors.ImportsToAccept()


class CrashesOfChangedBytes(PickleFlavorConformance):
    cases = PickleFlavorConformance.cases[:1]
    flavor = faulty_flavors.CrashesOfChangedBytes()


class IsTriedFirst(CrashesOfChangedBytes):
    flavor = faulty_flavors.IsTriedFirst()


def test_fault_2_a_flavor_that_is_tried_first_is_none_of_the_faulty():
    """Its loader crashes, in a process that may."""
    assert not outcomes(IsTriedFirst(), "changed_bytes_end_no_process")


@pytest.mark.parametrize(
    ("conformance", "check"),
    [
        (CrashesOfChangedBytes, "changed_bytes_end_no_process"),
        (NeedsTheFolder, "round_trip_in_a_fresh_process"),
        (AcceptsStrangers, "accepts_without_importing"),
        (ImportsToAccept, "accepts_without_importing"),
        (ImportsToAccept, "accepts_its_models"),
    ],
)
def test_a_faulty_flavor_is_found_by_a_fresh_process(conformance, check):
    """The check fails for the faulty flavor; the pickles, from which it derives,
    pass (test_own).
    """
    assert outcomes(conformance(), check)


class Numbers(list):
    """A frame of numbers, for want of one."""

    def to_numpy(self):
        return list(self)


class PredictsArraysOtherwise(FlavorConformance):
    flavor = faulty_flavors.PredictsArraysOtherwise()
    cases = (
        dataclasses.replace(PickleFlavorConformance.cases[0], table=lambda: Numbers([1.0, 2.0])),
    )


class PredictsArraysTheSame(PredictsArraysOtherwise):
    flavor = faulty_flavors.PredictsArraysTheSame()


def test_a_flavor_that_predicts_arrays_otherwise_is_found():
    """One that predicts the same is not."""
    assert outcomes(PredictsArraysOtherwise(), "arrays_predict_the_same")
    assert not outcomes(PredictsArraysTheSame(), "arrays_predict_the_same")


@pytest.mark.parametrize(
    ("flavor", "check"),
    [
        ("TrustsEverybody", "nothing_runs_untrusted"),
        ("TrustsEverybody", "foreign_pickles_run_nothing"),
        ("TrustsEverybody", "needs_are_all_there_is"),
        ("TellsOfDamageByEOFError", "damaged_files_are_noticed"),
        ("NamesTooLittle", "round_trip_predicts_the_same"),
        ("NamesTooMuch", "needs_are_all_there_is"),
        ("LosesAttributes", "round_trip_predicts_the_same"),
        ("ChangesTheModel", "round_trip_predicts_the_same"),
        ("KeepsAnother", "kept_models_come_back"),
        ("LendsOthers", "parts_are_the_flavors_own"),
        ("HasOptionsWithoutJson", "mlmodel_entry_is_well_formed"),
        ("CallsItSafe", "needs_are_all_there_is"),
        ("FollowsPaths", "options_stay_inside"),
    ],
)
def test_a_faulty_flavor_is_found(flavor, check):
    """The check fails for the faulty flavor."""

    class Faulty(FlavorConformance):
        cases = PickleFlavorConformance.cases[:1]

    Faulty.flavor = getattr(faulty_flavors, flavor)()
    assert outcomes(Faulty(), check)
