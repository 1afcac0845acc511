"""fitprint for toyboost."""

from fitprint.autologging.framework import Framework, Function, SubclassMethod
from fitprint.hooks.markers import hookimpl


class Toyboost(Framework):
    name = "toyboost"
    distribution = "toyboost"

    def targets(self):
        return [
            Function("toyboost.training:train", observe_train),
            SubclassMethod("toyboost.estimators:Model", "fit", observe_fit),
        ]


@hookimpl
def register_frameworks():
    return [Toyboost()]


def observe_train(fit):
    fit.params(fit.argument("params", {}))
    fit.dataset(fit.argument("data"), name="data")

    def each_round(number, loss):
        fit.metric("loss", loss, step=number)

    fit.replace_argument("callbacks", [*(fit.argument("callbacks") or ()), each_round])
    ensemble = yield
    fit.model(ensemble)


def observe_fit(fit):
    fit.params(vars(fit.instance))
    fit.dataset(fit.argument("data"), name="data")
    model = yield
    fit.history(
        "contribution", [abs(constant) for constant in model.ensemble_.constants], goal="min"
    )
    fit.model(model)
