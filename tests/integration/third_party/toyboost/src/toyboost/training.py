"""The function that trains."""

import random


class Ensemble:
    """What training gives."""

    def __init__(self, constants):
        self.constants = constants

    def predict(self, data):
        return [sum(self.constants) for _ in data]


def train(params, data, callbacks=None):
    """Boost constants to the mean of the data; each callback is called with the round
    and the loss.
    """
    rate, rounds = params.get("rate", 0.5), params.get("rounds", 10)
    sample = random.choices(data, k=len(data))
    constants = []
    for number in range(rounds):
        residuals = [value - sum(constants) for value in sample]
        constants.append(rate * sum(residuals) / len(residuals))
        for callback in callbacks or ():
            callback(number, sum(residual * residual for residual in residuals) / len(residuals))
    return Ensemble(constants)
