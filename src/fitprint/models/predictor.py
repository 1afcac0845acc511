"""Predictors: models of any framework behind one way to predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fitprint.models.batches import empty
from fitprint.models.compiled import Batch, Reader
from fitprint.models.flavor import Flavor, class_name
from fitprint.models.signature import Signature

__all__ = ["Predictor"]


class Predictor:
    """A loaded model that checks what it is given against the signature of its training.

    Attributes:
        model: the framework's own object, as :func:`fitprint.load_model` returns it.
        signature: of the model's inputs and outputs; None if it was recorded without one, and then
            nothing is checked.
        flavor: name of the flavor that loaded it.
        uri: where it was loaded from.
    """

    __slots__ = ("_flavor", "_way", "flavor", "model", "signature", "uri")

    def __init__(
        self, model: Any, flavor: Flavor, signature: Signature | None = None, uri: str = ""
    ) -> None:
        self.model = model
        self.signature = signature
        self.flavor = flavor.name
        self.uri = uri
        self._flavor = flavor
        self._way: tuple[Reader, Callable[[Any], Any] | None] | None = None

    @property
    def reader(self) -> Reader:
        """Makes batches for this model of rows, records, columns and arrays; the signature is
        compiled when it is first asked for.
        """
        return self._compiled()[0]

    @property
    def thread_safe(self) -> bool:
        """Whether several threads may predict at once."""
        return self._flavor.thread_safe(self.model)

    def predict(self, data: Any, **options: Any) -> Any:
        """Return the predictions for a batch, in the framework's own form.

        Columns are put into the model's order and others are left out. Integers may stand for
        floats, any width for another, floats for integers only if they are whole numbers or
        missing, plain values for categories; nothing else is converted, least of all texts. A batch
        without rows gives no predictions, in the form of the signature's outputs, if that is known.

        Args:
            data: a data frame, a dict of columns (or of single values: one row), a list of records
                or rows, an array, a dict or list of arrays for a model with several inputs, or a
                sparse matrix where the model takes one.
            options: for the framework's own ``predict``.

        Raises:
            SignatureError: the data does not fit; the text names the column or input and the
                remedy.
            FitprintError: the model has no way to predict.
        """
        return self.predict_batch(self.reader.read(data), **options)

    def predict_batch(self, batch: Batch, **options: Any) -> Any:
        """Return the predictions for a batch of :attr:`reader`'s; see :meth:`predict`."""
        signature = self.signature
        if (
            batch.rows == 0
            and not options
            and signature is not None
            and signature.inputs is not None
            and signature.outputs is not None
        ):
            try:
                return empty(signature.outputs)
            except LookupError:
                pass  # the framework says what it makes of nothing
        on_array = self._compiled()[1]
        if batch.in_place and on_array is not None and not options:
            return on_array(batch.data)
        return self._flavor.predict(self.model, batch.frame(), **options)

    def warm(self, data: Any) -> None:
        """Do now what the first prediction would have to wait for.

        Args:
            data: a few rows, as for :meth:`predict`.
        """
        batch = self.reader.read(data)
        self._flavor.warm(self.model, batch.frame())
        self.predict_batch(batch)

    def _compiled(self) -> tuple[Reader, Callable[[Any], Any] | None]:
        if self._way is None:
            schema = self.signature.inputs if self.signature is not None else None
            is_table = schema is not None and schema.container == "table"
            on_array = self._flavor.predict_array(self.model) if is_table else None
            self._way = Reader(schema, arrays=on_array is not None), on_array
        return self._way

    def __repr__(self) -> str:
        inputs = self.signature.inputs if self.signature is not None else None
        told = "any data" if inputs is None else f"{inputs.container} of {len(inputs.fields)}"
        return f"<Predictor of {class_name(self.model)} ({self.flavor}) for {told}>"
