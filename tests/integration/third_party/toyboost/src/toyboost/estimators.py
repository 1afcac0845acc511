"""The same as classes."""

from toyboost.training import train


class Model:
    """The base of all that has ``fit``."""


class Booster(Model):
    def __init__(self, rate=0.5, rounds=10):
        self.rate = rate
        self.rounds = rounds

    def fit(self, data):
        """Train on the data."""
        self.ensemble_ = train({"rate": self.rate, "rounds": self.rounds}, data)
        return self

    def predict(self, data):
        return self.ensemble_.predict(data)
