"""KServe's protocol of version 1: ``/v1/models/NAME:predict``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.models.signature import Signature
from fitprint_serve.asked import Answer, Asked
from fitprint_serve.jsons import plain, read_object, write_json
from fitprint_serve.protocols.mlflow import instances
from fitprint_serve.refusals import RefusalError, bad

__all__ = ["read", "refuse", "write"]


def read(body: bytes, headers: Mapping[str, str], signature: Signature | None) -> Asked:  # noqa: ARG001 - other protocols need them
    """Return what a body asks.

    Raises:
        RefusalError: it says nothing that a model could be asked.
    """
    found = read_object(body)
    if "instances" not in found:
        raise bad("the body must have the key instances")
    if found.get("parameters"):
        raise bad("the model takes no parameters: leave the key out")
    return instances(found["instances"])


def write(predictions: Any, asked: Asked, name: str) -> Answer:  # noqa: ARG001 - other protocols need them
    """Return the answer."""
    return Answer(write_json({"predictions": plain(predictions)}))


def refuse(refusal: RefusalError, request: str) -> bytes:
    """Return the body of an error."""
    return write_json({"error": refusal.message, **refusal.place, "request_id": request})
