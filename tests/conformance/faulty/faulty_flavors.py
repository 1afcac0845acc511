"""Flavors, each with one fault."""

import os
import pickle
from dataclasses import replace
from types import MappingProxyType

from fitprint.errors import FitprintError
from fitprint.models.pickle_flavor import PickleFlavor


class TrustsEverybody(PickleFlavor):
    def load(self, directory, options, trust):
        return pickle.loads((directory / options["file"]).read_bytes())


class TellsOfDamageByEOFError(PickleFlavor):
    def load(self, directory, options, trust):
        data = (directory / options["file"]).read_bytes()
        if data.endswith(b"."):
            return super().load(directory, options, trust)
        raise EOFError("ran out of input")


class NamesTooLittle(PickleFlavor):
    def save(self, model, directory):
        return replace(super().save(model, directory), needs=())


class NamesTooMuch(PickleFlavor):
    def save(self, model, directory):
        entry = super().save(model, directory)
        return replace(entry, needs=sorted([*entry.needs, "somebody.Else"]))


class LosesAttributes(PickleFlavor):
    def load(self, directory, options, trust):
        model = super().load(directory, options, trust)
        model.slope = 0.0
        return model


class ChangesTheModel(PickleFlavor):
    def save(self, model, directory):
        entry = super().save(model, directory)
        model.slope = 0.0
        return entry


class KeepsAnother(PickleFlavor):
    def keep(self, model):
        return super().keep(type(model)(0.0))


class LendsOthers(PickleFlavor):
    parts = MappingProxyType({"os": ["PathLike"]})


class HasOptionsWithoutJson(PickleFlavor):
    def save(self, model, directory):
        entry = super().save(model, directory)
        return replace(entry, options={**entry.options, "kind": type(model)})


class CallsItSafe(PickleFlavor):
    def save(self, model, directory):
        return replace(super().save(model, directory), safe=True)


class FollowsPaths(PickleFlavor):
    def load(self, directory, options, trust):
        (directory / "model.pkl").write_bytes((directory / options["file"]).read_bytes())
        return super().load(directory, {"file": "model.pkl"}, trust)


class PredictsArraysOtherwise(PickleFlavor):
    def predict_array(self, model):
        return lambda array: [0.0, *self.predict(model, array)][:-1]


class PredictsArraysTheSame(PickleFlavor):
    def predict_array(self, model):
        return lambda array: self.predict(model, array)


class NeedsTheFolder(PickleFlavor):
    def save(self, model, directory):
        entry = super().save(model, directory)
        return replace(entry, options={**entry.options, "home": str(directory)})

    def load(self, directory, options, trust):
        return super().load(type(directory)(options["home"]), options, trust)


class AcceptsStrangers(PickleFlavor):
    packages = ("toyboost",)


class ImportsToAccept(PickleFlavor):
    packages = ("toyboost",)

    def accepts(self, model):
        import toyboost

        return isinstance(model, toyboost.Model)


class CrashesOfChangedBytes(PickleFlavor):
    def load(self, directory, options, trust):
        try:
            return super().load(directory, options, trust)
        except FitprintError:
            os.abort()


class IsTriedFirst(CrashesOfChangedBytes):
    """One without the fault: another process dies of it."""

    def trial(self, directory, options):
        return self.predict_odd

    def predict_odd(self, model, signature):
        model.predict([1.0])
