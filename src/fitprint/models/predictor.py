"""Predictors: models of any framework behind one way to predict."""

from __future__ import annotations

from typing import Any

from fitprint.models.batches import conform, empty, rows
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

    __slots__ = ("_flavor", "flavor", "model", "signature", "uri")

    def __init__(
        self, model: Any, flavor: Flavor, signature: Signature | None = None, uri: str = ""
    ) -> None:
        self.model = model
        self.signature = signature
        self.flavor = flavor.name
        self.uri = uri
        self._flavor = flavor

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
        signature = self.signature
        batch = data
        if signature is not None and signature.inputs is not None:
            batch = conform(signature.inputs, data)
            if not options and signature.outputs is not None and rows(batch) == 0:
                try:
                    return empty(signature.outputs)
                except LookupError:
                    pass  # the framework says what it makes of nothing
        return self._flavor.predict(self.model, batch, **options)

    def __repr__(self) -> str:
        inputs = self.signature.inputs if self.signature is not None else None
        told = "any data" if inputs is None else f"{inputs.container} of {len(inputs.fields)}"
        return f"<Predictor of {class_name(self.model)} ({self.flavor}) for {told}>"
