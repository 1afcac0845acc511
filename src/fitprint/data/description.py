"""What data are, asked once: the answer travels with the call that uses them.

The data are never copied, converted, densified, consumed or evaluated. Small arrays on a GPU are
the exception: only a copy tells what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

from fitprint.data.buffers import EXACT_BYTES, on_host, quiet
from fitprint.data.digests import digest_data
from fitprint.data.facts import MOST_COLUMNS, facts_of
from fitprint.data.kinds import kind_of
from fitprint.data.places import place_of
from fitprint.data.rows import first_rows, row_count
from fitprint.data.schema import Schema, schema_of
from fitprint.data.targets import describe_target
from fitprint.data.values import type_name
from fitprint.entities import Dataset

__all__ = ["Description", "described"]

Role = Literal["features", "target", "weights"]


def described(data: Any) -> Description:
    """Return the description of data; one of a description is itself."""
    return data if type(data) is Description else Description(data)


class Description:
    """What one object of data is. Each answer is found when it is first asked for, and kept.

    Attributes:
        data: the object; a description keeps it alive, and must not outlive the call that was given
            it.
        kind: see :func:`fitprint.data.kinds.kind_of`.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        self.kind = kind_of(data)
        self._summaries: dict[bool | None, dict[str, Any]] = {}

    @cached_property
    def rows(self) -> int | None:
        """Number of rows; None where that cannot be told without reading the data."""
        return row_count(self.data)

    @cached_property
    def host(self) -> Any:
        """The data where they can be seen from here: of a small array on a GPU a copy, all others
        as they are.
        """
        return on_host(self.data, EXACT_BYTES)

    @cached_property
    def schema(self) -> Schema:
        """Columns and types, as signatures of models have them.

        Raises:
            SignatureError: the data are of no kind that has columns or a type.
        """
        return schema_of(self.data)

    @cached_property
    def digest(self) -> tuple[str, str]:
        """Digest and coverage; see :func:`fitprint.data.digests.digest_data`."""
        return digest_data(self.host)

    @cached_property
    def example(self) -> Any:
        """A copy of the first rows; None of data that cannot be cut."""
        return first_rows(self.data)

    def summary(self, discrete: bool | None = None) -> dict[str, Any]:
        """Return what the data are as a target; see
        :func:`fitprint.data.targets.describe_target`.
        """
        if discrete not in self._summaries:
            self._summaries[discrete] = describe_target(self.host, discrete)
        return self._summaries[discrete]

    def dataset(
        self,
        name: str,
        role: str,
        *,
        kind: Role = "features",
        target: Any = None,
        discrete: bool | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> Dataset:
        """Return facts on the data; about a millisecond for a megabyte, and no more than some
        milliseconds for any size.

        Facts, where they can be had at that price: ``type``, ``shape``, ``dtype`` (tables:
        ``schema``, a list of name, dtype and ``nullable``, whether the dtype can hold missing
        values), ``bytes``, ``feature_names``, ``missing`` (number of missing values), ``format``
        and ``nonzero`` of sparse data, ``file`` where the object knows which it is read from (see
        :func:`fitprint.data.places.place_of`), and ``digest_of``: "all", or "sample" where the
        digest covers only evenly spread parts. A target has ``summary``. An array of CuPy's or
        torch's on a GPU has ``device``; one of up to 4 MiB is copied from there for its digest and
        summary, a larger one has neither.

        Args:
            name: a short name.
            role: "train", "eval", "test" or another word.
            kind: what the data are: "features", a "target", or sample "weights" (summarized as a
                continuous target).
            target: the target that belongs to the data; its facts, with a digest of its own, become
                the fact ``target``.
            discrete: whether the target consists of classes; by default told from its values.
            feature_names: names of the features, for data that carry none.
        """
        facts = self.facts(kind, discrete)
        digest = facts.pop("digest")
        if feature_names is not None:
            facts["feature_names"] = [str(feature) for feature in feature_names[:MOST_COLUMNS]]
        if target is not None:
            facts["target"] = described(target).facts("target", discrete)
        return Dataset(name, role, digest, facts)

    def facts(self, kind: Role = "features", discrete: bool | None = None) -> dict[str, Any]:
        """Return the facts of :meth:`dataset`, the digest among them; each that cannot be had fails
        alone, and ``failed`` tells why.
        """
        facts: dict[str, Any] = {"type": type_name(self.data)}
        failed: list[str] = []

        def attempt(what: str, tell: Callable[[], Any]) -> Any:
            try:
                return tell()
            except Exception as error:  # noqa: BLE001 - data of any kind may fail in any way
                failed.append(f"{what}: {type(error).__name__}: {error}")

        with quiet():
            facts.update(attempt("description", lambda: facts_of(self.data, self.kind)) or {})
            facts.update(attempt("place", lambda: place_of(self.data)) or {})
            attempt("copy from the device", lambda: self.host)
            if "host" not in vars(self):
                self.host = self.data
            if kind != "features":
                summary = attempt(
                    "summary", lambda: self.summary(False if kind == "weights" else discrete)
                )
                facts.update({"summary": summary} if summary else {})
            facts["digest"], coverage = attempt("digest", lambda: self.digest) or ("", "")
            if facts["digest"]:
                facts["digest_of"] = coverage
        if failed:
            facts["failed"] = failed
        return facts
