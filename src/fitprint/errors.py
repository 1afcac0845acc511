"""Every exception that fitprint raises on purpose.

All derive from :class:`FitprintError`, whose text says what is wrong and what to do about it.
The command line prints that text without a traceback and exits with status 1.
"""

from __future__ import annotations

__all__ = [
    "AmbiguousRunError",
    "ArtifactNotFoundError",
    "CorruptStoreError",
    "ExperimentNotFoundError",
    "FitprintError",
    "IntegrityError",
    "InvalidMetricError",
    "InvalidParamError",
    "MetricNotFoundError",
    "ModelNotFoundError",
    "NoActiveRunError",
    "PendingBytesError",
    "PluginError",
    "QueryError",
    "RefusedError",
    "RegisteredModelNotFoundError",
    "RegistryUnreachableError",
    "RunNotFinishedError",
    "RunNotFoundError",
    "SettingsError",
    "SignatureError",
    "StoreBusyError",
    "StoreError",
    "StoreVersionError",
    "TokenError",
    "UnknownStoreError",
    "UntrustedModelError",
]


class FitprintError(Exception):
    """Base of all errors that fitprint raises on purpose."""


class SettingsError(FitprintError):
    """A setting has an unknown name or a value of the wrong type."""


class PluginError(FitprintError):
    """A plugin could not be loaded, or broke the contract of a hook."""


class TokenError(FitprintError):
    """A text is no run token, or one of a version that this fitprint does not know."""


class NoActiveRunError(FitprintError):
    """A logging verb was called where no run is current."""


class InvalidParamError(FitprintError):
    """One or more parameters could not be recorded; the message names them, all others were
    recorded.
    """


class InvalidMetricError(FitprintError):
    """One or more metrics were not real numbers; the message names them,
    all others were recorded.
    """


class StoreError(FitprintError):
    """A backend store could not do what was asked."""


class StoreBusyError(StoreError):
    """Other processes did not let this one at the store for as long as it waits; the message says
    who.
    """


class UnknownStoreError(StoreError):
    """No installed plugin provides a store for the URI's scheme."""


class CorruptStoreError(StoreError):
    """The store's file is damaged or is not a fitprint store."""


class StoreVersionError(StoreError):
    """The store was written by a newer fitprint than this one, which must not write to it, or
    cannot read it.
    """


class RunNotFoundError(StoreError):
    """No run has the given id, prefix or name."""


class RunNotFinishedError(StoreError):
    """A run that is to be judged goes on, failed, was killed, or is in the trash."""


class AmbiguousRunError(StoreError):
    """More than one run is meant by a part of an id, or by a name."""


class ExperimentNotFoundError(StoreError):
    """No experiment has the given name."""


class RefusedError(StoreError):
    """The store refused what somebody wanted to do to a run, an experiment or a registered model.

    The message is the reason, and nothing has changed.
    """


class RegistryUnreachableError(StoreError):
    """The store could not be reached to register a model; the request stays in the journal, and is
    decided when that is delivered.
    """


class ArtifactNotFoundError(StoreError):
    """The run holds no artifact at the given path, or its bytes are gone."""


class PendingBytesError(ArtifactNotFoundError):
    """An artifact's bytes have not arrived in the artifact store: they are in the home that
    recorded them, which the message names.
    """


class IntegrityError(StoreError):
    """Stored bytes do not match the digest under which they were recorded."""


class MetricNotFoundError(StoreError):
    """The run has no metric of the given name."""


class ModelNotFoundError(StoreError):
    """A model URI leads to no recorded model."""


class RegisteredModelNotFoundError(ModelNotFoundError):
    """There is no registered model of the given name, or it has no such version or alias."""


class UntrustedModelError(FitprintError):
    """Loading a model would run code that the caller has not named as trusted."""


class SignatureError(FitprintError):
    """Data does not fit the signature of a model; the message names the column, and where it can be
    told the row. It holds no values of the data.

    Attributes:
        column: label of the column or input at fault, or its 0-based position in an array without
            labels; None where no single one is.
        row: 0-based number of the first row at fault; None where no single one is.
    """

    def __init__(self, message: str, column: object = None, row: int | None = None) -> None:
        self.column = column
        self.row = row
        super().__init__(message)


class QueryError(FitprintError):
    """A filter, an ordering or a statement of SQL cannot be understood.

    Attributes:
        text: the filter as given.
        position: 0-based offset in ``text`` at which reading stopped.
    """

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        self.text = text
        self.position = position
        if text:
            message = f"{message}\n  {text}\n  {' ' * position}^"
        super().__init__(message)
