"""What a call of ``Model.fit`` leaves on its run."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import fitprint


class Counting(keras.callbacks.Callback):
    """Notes the epochs that it sees."""

    def __init__(self, log: list[Any], name: str = "") -> None:
        super().__init__()
        self.log = log
        self.name = name

    def on_epoch_end(self, epoch, logs=None):
        self.log.append((self.name, epoch))


class Failing(keras.callbacks.Callback):
    """Raises at the end of an epoch."""

    def __init__(self, error: BaseException, epoch: int = 3) -> None:
        super().__init__()
        self.error = error
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise self.error


def test_metrics_of_each_epoch_are_recorded_with_epoch_and_step(tracked, data, make):
    """A curve has one point for each epoch, at that epoch's step."""
    X, y = data
    history = make().fit(X[:64], y[:64], epochs=3, verbose=0, validation_split=0.25).history
    run = tracked.one()
    for key, values in history.items():
        found = run.history(key)
        assert (list(found.value), list(found.step), list(found.epoch)) == (
            values,
            [0, 1, 2],
            [0, 1, 2],
        )


def test_callbacks_none_is_no_failure(tracked, data, make):
    """``callbacks=None`` is Keras' default, also if it is given."""
    make().fit(data[0][:32], data[1][:32], callbacks=None, verbose=0)
    assert (tracked.one().status, len(tracked.one().history("loss").value)) == ("FINISHED", 1)


def test_reused_callbacks_list_leaks_no_run(tracked, data, make):
    """The user's list neither grows nor carries a callback of ours into the next training."""
    log: list[Any] = []
    callbacks = [Counting(log, "a"), Counting(log, "b")]
    given = list(callbacks)
    for _ in range(2):
        make().fit(data[0][:32], data[1][:32], epochs=2, callbacks=callbacks, verbose=0)
    assert callbacks == given
    assert log == [("a", 0), ("b", 0), ("a", 1), ("b", 1)] * 2
    assert [(run.status, len(run.history("loss").value)) for run in tracked.roots()] == [
        ("FINISHED", 2)
    ] * 2


@pytest.mark.parametrize(
    "wrap",
    [lambda c: c, lambda c: (c,), lambda c: {"mine": c}, lambda c: [c]],
    ids=["single", "tuple", "dict", "list"],
)
def test_callbacks_of_any_form_are_called_once_for_each_epoch(tracked, data, make, wrap):
    """Keras takes one callback, or a structure of them."""
    log: list[Any] = []
    make().fit(data[0][:32], data[1][:32], epochs=2, callbacks=wrap(Counting(log)), verbose=0)
    assert (log, len(tracked.one().history("loss").value)) == ([("", 0), ("", 1)], 2)


def test_callback_list_of_the_users_is_left_as_it_is(tracked, data, make):
    """A ``CallbackList`` is used as it is, with the history that it holds."""
    log: list[Any] = []
    model = make()
    mine = keras.callbacks.CallbackList(
        [Counting(log)], add_history=True, model=model, epochs=2, verbose=0, steps=1
    )
    before = list(mine.callbacks)
    history = model.fit(data[0][:32], data[1][:32], epochs=2, callbacks=mine, verbose=0)
    assert (mine.callbacks, log, history.epoch) == (before, [("", 0), ("", 1)], [0, 1])
    assert len(tracked.one().history("loss").value) == 2


def test_arguments_by_position_are_recorded_as_they_took_effect(tracked, data, make):
    """``fit(x, y, 16, 3, 0)`` trains three epochs in batches of 16."""
    make().fit(data[0][:64], data[1][:64], 16, 3, 0)
    params = tracked.one().params
    assert {name: params[name] for name in ("batch_size", "epochs", "steps_per_epoch")} == {
        "batch_size": 16,
        "epochs": 3,
        "steps_per_epoch": 4,
    }


def test_default_batch_size_is_told_as_the_number_that_it_is(tracked, data, make):
    """Keras takes 32 rows where nothing is said, and that is marked as its default."""
    make().fit(data[0][:64], data[1][:64], verbose=0)
    found = tracked.one().record.params["batch_size"]
    assert (found.value, found.provenance) == (32, "default")


def test_validation_points_are_recorded_once(tracked, data, make):
    """A validation pass makes the ``val_`` points and no others."""
    make().fit(
        data[0][:64],
        data[1][:64],
        epochs=2,
        validation_data=(data[0][64:96], data[1][64:96]),
        verbose=0,
    )
    run = tracked.one()
    curves = {key: len(run.history(key).value) for key in run.metrics if key != "fit_time"}
    assert curves == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"), 2
    )


def test_early_stopping_invents_no_point(tracked, data, make):
    """The stop is told in numbers of its own, counted from 0; curves end with the last epoch
    trained.
    """
    stop = keras.callbacks.EarlyStopping(
        "loss", min_delta=10.0, patience=2, restore_best_weights=True
    )
    make().fit(data[0][:32], data[1][:32], epochs=10, callbacks=[stop], verbose=0)
    run = tracked.one()
    assert list(run.history("loss").step) == [0, 1, 2]
    facts = {
        key: run.metrics[key]
        for key in ("best_iteration", "stopped_iteration", "stopped_epoch", "restored_epoch")
    }
    assert facts == {
        "best_iteration": 0,
        "stopped_iteration": 2,
        "stopped_epoch": 2,
        "restored_epoch": 0,
    }
    assert run.metrics["best_score"] == run.history("loss").value[0]
    assert "min" == run.summary("best_score").goal
    assert run.params["early_stopping_patience"] == 2


def test_training_that_ends_by_itself_is_not_told_as_stopped(tracked, data, make):
    """Early stopping that never struck has no stopped epoch."""
    stop = keras.callbacks.EarlyStopping("loss", patience=5)
    make().fit(data[0][:32], data[1][:32], epochs=2, callbacks=[stop], verbose=0)
    assert {"stopped_epoch", "restored_epoch"} & tracked.one().metrics.keys() == set()


def test_learning_rate_is_that_of_the_epoch(tracked, data, make):
    """A schedule by epochs shows in the curve as it took effect."""
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 / (epoch + 1))
    make().fit(data[0][:32], data[1][:32], epochs=3, callbacks=[schedule], verbose=0)
    assert list(tracked.one().history("learning_rate").value) == pytest.approx([0.1, 0.05, 0.1 / 3])


def test_reduced_learning_rate_shows_in_the_epoch_after(tracked, data, make):
    """``ReduceLROnPlateau`` acts at the end of an epoch, for the next one."""
    reduce = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100.0)
    make().fit(data[0][:32], data[1][:32], epochs=3, callbacks=[reduce], verbose=0)
    assert list(tracked.one().history("learning_rate").value) == pytest.approx(
        [0.001, 0.001, 0.0001]
    )


def test_schedule_of_keras_is_followed(tracked, data, make):
    """A schedule in the optimizer is told with its settings, and its curve recorded."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    make(optimizer=keras.optimizers.SGD(schedule)).fit(
        data[0][:32], data[1][:32], epochs=3, verbose=0
    )
    run = tracked.one()
    assert list(run.history("learning_rate").value) == pytest.approx([0.1, 0.05, 0.025])
    assert (
        run.params["optimizer_learning_rate"],
        run.params["optimizer_learning_rate_decay_rate"],
    ) == ("ExponentialDecay", 0.5)


def test_schedule_of_the_users_is_not_called_once_more(tracked, data, make):
    """What the user's code computes is computed as often as unobserved."""
    calls: list[int] = []

    class Mine(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            calls.append(1)
            return 0.01

        def get_config(self):
            return {}

    def train() -> int:
        calls.clear()
        make(optimizer=keras.optimizers.SGD(Mine())).fit(
            data[0][:32], data[1][:32], epochs=2, verbose=0
        )
        return len(calls)

    observed = train()
    fitprint.autolog(disable=True)
    assert observed == train()
    assert "learning_rate" in tracked.one().capture["skipped"]


def test_optimizer_loss_and_metrics_are_typed_params(tracked, data, make):
    """Numbers are numbers, as the user wrote them."""
    make(
        optimizer=keras.optimizers.Adam(0.002), metrics=["accuracy", keras.metrics.AUC(name="auc")]
    ).fit(data[0][:32], data[1][:32], verbose=0)
    params = tracked.one().params
    names = (
        "optimizer",
        "optimizer_learning_rate",
        "optimizer_beta_1",
        "loss",
        "metrics",
        "total_params",
    )
    assert {name: params[name] for name in names} == {
        "optimizer": "Adam",
        "optimizer_learning_rate": 0.002,
        "optimizer_beta_1": 0.9,
        "loss": "binary_crossentropy",
        "metrics": ["accuracy", "AUC"],
        "total_params": 31,
    }


def test_architecture_and_summary_are_artifacts(tracked, data, make):
    """Both tell the layers by name."""
    make(keras.layers.Dense(4, name="hidden")).fit(data[0][:32], data[1][:32], verbose=0)
    run = tracked.one()
    texts = [run.read(name).decode() for name in ("architecture.json", "model_summary.txt")]
    assert all("hidden" in text for text in texts)
    assert "shared_object_id" not in texts[0]


def test_callbacks_are_recorded_with_their_settings(tracked, data, make):
    """The document has class and settings of each."""
    make().fit(
        data[0][:32],
        data[1][:32],
        callbacks=[keras.callbacks.TerminateOnNaN(), Counting([], "mine")],
        verbose=0,
    )
    told = tracked.one().record.documents["callbacks"]
    assert [(entry["class"], entry["config"].get("name")) for entry in told] == [
        ("TerminateOnNaN", None),
        ("Counting", "mine"),
    ]


def test_checkpoints_of_the_users_are_linked_and_the_last_is_kept(tracked, data, make, tmp_path):
    """Each file is told once, with the epoch that wrote it."""
    (tmp_path / "9-old.weights.h5").write_bytes(b"of another training")
    callback = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{loss:.1f}.weights.h5", save_weights_only=True
    )
    fitprint.configure(models=True)
    make().fit(data[0][:32], data[1][:32], epochs=2, callbacks=[callback], verbose=0)
    run = tracked.one()
    files = run.record.documents["checkpoints"]["files"]
    assert [(Path(file["file"]).name[0], file["epoch"]) for file in files] == [("1", 0), ("2", 1)]
    kept = [
        artifact.path
        for artifact in run.record.artifacts
        if artifact.path.startswith("checkpoints/")
    ]
    assert kept == [files[-1]["artifact"]]


def test_batch_metrics_are_thinned_by_a_rule_on_the_run(tracked, data, make):
    """At most so many points an epoch, at the steps of their batches."""
    fitprint.autolog(keras={"batch_metrics": 2})
    make().fit(data[0][:64], data[1][:64], 8, 2, 0)
    run = tracked.one()
    assert list(run.history("batch_loss").step) == [3, 7, 11, 15]
    assert run.record.documents["batch_metrics"]["points"] == 2


def test_metrics_that_a_callback_adds_to_the_logs_are_recorded(tracked, data, make):
    """They are part of the history, and so of the record."""

    class Adding(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = 10.0 + epoch

    history = (
        make().fit(data[0][:32], data[1][:32], epochs=2, callbacks=[Adding()], verbose=0).history
    )
    assert list(tracked.one().history("mine").value) == history["mine"] == [10.0, 11.0]


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("mine"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(3), "FAILED")],
    ids=lambda value: str(value),
)
def test_points_are_kept_when_a_callback_raises_in_epoch_three(tracked, data, make, error, status):
    """The user gets the very exception; the run has every epoch that ended, and how it ended."""
    with pytest.raises(type(error)) as caught:
        make().fit(data[0][:32], data[1][:32], epochs=9, callbacks=[Failing(error)], verbose=0)
    run = tracked.one()
    assert caught.value is error
    assert (run.status, list(run.history("loss").step)) == (status, [0, 1, 2, 3])


def test_nan_loss_is_recorded_as_it_is(tracked, data, make):
    """A training that diverges is a finished run whose curve says NaN."""
    X = np.full((32, 30), np.nan, "float32")
    make(loss="mse").fit(X, data[1][:32], epochs=2, verbose=0)
    assert tracked.one().status == "FINISHED"
    assert np.isnan(tracked.one().history("loss").value).all()


def test_model_history_and_pickle_hold_nothing_of_ours(tracked, data, make):
    """What Keras leaves on the model is what it leaves unobserved."""
    model = make()
    result = model.fit(data[0][:32], data[1][:32], verbose=0)
    assert result is model.history
    assert not [
        value for value in vars(model).values() if type(value).__module__.startswith("fitprint")
    ]
    assert "fitprint" not in repr(sorted(vars(model)))


def test_six_threads_give_six_complete_runs(tracked, data, make):
    """Trainings at once do not get into each other's way."""
    models = [make() for _ in range(6)]
    threads = [
        threading.Thread(
            target=model.fit, args=(data[0][:32], data[1][:32]), kwargs={"epochs": 2, "verbose": 0}
        )
        for model in models
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [
        (run.status, run.params["epochs"], len(run.history("loss").value))
        for run in tracked.roots()
    ] == [("FINISHED", 2, 2)] * 6


def test_two_fits_in_one_user_run_are_both_complete(tracked, data, make):
    """The first is recorded on the user's run, the second on a child of it."""
    with fitprint.start_run() as run:
        make().fit(data[0][:32], data[1][:32], epochs=2, verbose=0)
        make().fit(data[0][:32], data[1][:32], epochs=3, verbose=0)
    (child,) = tracked.one().children()
    assert (tracked.one().params["epochs"], child.params["epochs"]) == (2, 3)
    assert run.id == tracked.one().id


def test_second_fit_of_a_model_names_the_run_that_it_continues(tracked, data, make):
    """Fine-tuning leads back to the training before."""
    model = make()
    model.fit(data[0][:32], data[1][:32], verbose=0)
    model.fit(data[0][:32], data[1][:32], initial_epoch=1, epochs=2, verbose=0)
    first, second = tracked.roots()
    assert (second.record.tags["continues_run"], list(second.history("loss").step)) == (
        first.id,
        [1],
    )


def test_fit_that_a_subclass_defines_is_recorded_once(tracked, data):
    """The call inside is Keras' own, and it is what trains."""

    class Mine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.out = keras.layers.Dense(1)

        def call(self, inputs):
            return self.out(inputs)

        def fit(self, x):
            return super().fit(x, x[:, :1], epochs=2, verbose=0)

    model = Mine()
    model.compile("sgd", "mse")
    model.fit(data[0][:32])
    assert (tracked.one().params["epochs"], tracked.one().params["total_params"]) == (2, 31)


def test_progress_is_shown_as_ever(tracked, data, make, capsys):
    """Keras' lines have the same words with us as without."""
    shown = []
    for disable in (False, True):
        fitprint.autolog(disable=disable)
        make().fit(data[0][:32], data[1][:32], epochs=2, verbose=2, validation_split=0.5)
        shown.append(re.sub(r"\b\d+m?s(/step|/epoch)?\b", "", capsys.readouterr().out))
    assert shown[0] == shown[1] != ""


def test_stop_that_a_callback_asks_for_is_heeded(tracked, data, make):
    """``model.stop_training`` is the user's."""

    class Stopping(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    history = make().fit(data[0][:32], data[1][:32], epochs=9, callbacks=[Stopping()], verbose=0)
    assert (history.epoch, list(tracked.one().history("loss").step)) == ([0, 1], [0, 1])


def test_only_what_runs_under_autolog_is_recorded(runs, data, make):
    """Left, the block leaves Keras as it was."""
    model = make()
    with fitprint.autolog():
        type(model).fit(model, data[0][:32], data[1][:32], verbose=0)
    model.fit(data[0][:32], data[1][:32], verbose=0)
    assert runs.one().status == "FINISHED"


def test_call_that_does_not_fit_says_so_itself(tracked, make):
    """The error is Keras' own, and there is no run."""
    with pytest.raises(TypeError, match="no_such"):
        make().fit(no_such=1)
    assert len(tracked) == 0


def test_call_without_compile_fails_as_ever(tracked, data):
    """The error is Keras' own, on a failed run."""
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="compile"):
        model.fit(data[0], data[1])
    assert tracked.one().status == "FAILED"
