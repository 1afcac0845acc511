"""A carrier for a library of nobody's, as the guide says, and carriers that each have one fault."""

import importlib
import os

from fitprint.carriers import Carrier


def carry(function, args, kwargs):
    from fitprint.carriers.tasks import sending

    work, *arguments = args
    return function(sending()(work), *arguments, **kwargs)


class Toypool(Carrier):
    name = "toypool"
    call = staticmethod(carry)

    def patches(self):
        return {"toypool:submit": lambda _: self.call}


class LosesTheRun(Toypool):
    @staticmethod
    def call(function, args, kwargs):
        return function(*args, **kwargs)


class TellsThePassword(Toypool):
    @staticmethod
    def call(function, args, kwargs):
        from fitprint.recording.workspace import current

        os.environ["TOYPOOL_STORE"] = current().settings["store"]
        try:
            return carry(function, args, kwargs)
        finally:
            del os.environ["TOYPOOL_STORE"]


class SwallowsErrors(Toypool):
    @staticmethod
    def call(function, args, kwargs):
        try:
            return carry(function, args, kwargs)
        except ZeroDivisionError:
            return None


class ImportsItsLibrary(Toypool):
    def patches(self):
        importlib.import_module("toypool")
        return super().patches()
