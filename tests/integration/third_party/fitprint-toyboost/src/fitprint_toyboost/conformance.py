"""What the plugin is held against."""

from fitprint.testing import Case, FrameworkConformance
from fitprint_toyboost import Toyboost


def build_arguments():
    return {"params": {"rate": 0.25, "rounds": 4}, "data": [1.0, 2.0, 4.0], "callbacks": []}


def train(params, data, callbacks):
    import toyboost

    return toyboost.train(params, data, callbacks=callbacks)


def build_estimator():
    import toyboost

    return {"model": toyboost.Booster(rate=0.5, rounds=3), "data": [1.0, 2.0, 4.0]}


def fit(model, data):
    return model.fit(data)


class ToyboostConformance(FrameworkConformance):
    framework = Toyboost()
    cases = (
        Case(
            "train",
            build_arguments,
            train,
            params={"rate", "rounds"},
            metrics={"loss": 4, "fit_time": 1},
        ),
        Case(
            "estimator",
            build_estimator,
            fit,
            params={"rate", "rounds"},
            metrics={"contribution": 3},
        ),
    )
