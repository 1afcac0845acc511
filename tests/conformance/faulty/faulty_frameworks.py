"""Plugins for toyboost, each with one fault."""

import random
import threading

from fitprint_toyboost import Toyboost, observe_train

from fitprint.autologging.framework import Function
from fitprint.recording.opening import open_run


def plugin(observe):
    """Return a framework whose observer of ``train`` is this one."""

    class Faulty(Toyboost):
        def targets(self):
            return [Function("toyboost.training:train", observe)]

    return Faulty()


def mutates_arguments(fit):
    fit.argument("callbacks").append(lambda number, loss: fit.metric("loss", loss, step=number))
    yield


def leaves_a_callback(fit):
    ensemble = yield
    ensemble.callback = lambda number: fit.metric("late", number)


class Note:
    """Something of the plugin's."""


def leaves_an_object(fit):
    ensemble = yield
    ensemble.note = Note()


def leaves_an_attribute(fit):
    ensemble = yield
    type(ensemble).observed = True


def draws_random_numbers(fit):
    fit.params({"tag": random.random()})
    yield


def imports_what_draws(fit):
    import faulty_drawing

    fit.params({"drawn": faulty_drawing.DRAWN})
    yield


def leaves_a_callback_after_a_failure(fit):
    callbacks = fit.argument("callbacks")
    callbacks.append(ours := lambda number, loss: fit.metric("loss", loss, step=number))
    yield
    callbacks.remove(ours)


def counts_from_one(fit):
    fit.params(fit.argument("params"))
    fit.replace_argument(
        "callbacks", [lambda number, loss: fit.metric("loss", loss, step=number + 1)]
    )
    ensemble = yield
    fit.model(ensemble)


def changes_the_result(fit):
    fit.replace_argument("params", {**fit.argument("params"), "rate": 0.125})
    yield


def warns(fit):
    import warnings

    def each_round(number, loss):
        warnings.warn("observing", stacklevel=1)

    fit.replace_argument("callbacks", [each_round])
    yield


def prints(fit):
    print("observing")
    yield


def steps_back(fit):
    fit.params(fit.argument("params"))
    fit.replace_argument("callbacks", [lambda number, loss: fit.metric("loss", loss, step=-number)])
    ensemble = yield
    fit.model(ensemble)


def loses_steps(fit):
    fit.params(fit.argument("params"))
    fit.replace_argument(
        "callbacks", [lambda number, loss: number % 2 or fit.metric("loss", loss, step=number)]
    )
    ensemble = yield
    fit.model(ensemble)


def records_an_address(fit):
    fit.params({"callback": object.__repr__(fit)})
    yield


def records_too_little(fit):
    fit.params(fit.argument("params"))
    yield


def records_a_second_run(fit):
    open_run(name="stray").end()
    yield


KEPT = []


def keeps_the_data(fit):
    KEPT.append(fit.argument("data"))
    yield


def skips_in_threads(fit):
    if threading.current_thread() is not threading.main_thread():
        fit.skip("not the main thread")
    yield


def fails_on_a_full_disk(fit):
    run = fit.run
    fit.replace_argument(
        "callbacks", [lambda number, loss: run.log_metric("loss", loss, step=number)]
    )
    yield


class NoSuchTarget(Toyboost):
    def targets(self):
        return [Function("toyboost.training:train_in_parallel", observe_train)]


class ImportsItsFramework(Toyboost):
    def targets(self):
        import toyboost

        return [Function(f"{toyboost.training.__name__}:train", observe_train)]
