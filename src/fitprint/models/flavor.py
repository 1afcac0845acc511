"""What a model flavor is: it knows the models of some packages, writes them to a directory and
reads them back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from fitprint.arguments import shown
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.signature import Signature
from fitprint.models.trust import Trust

__all__ = [
    "Flavor",
    "FlavorEntry",
    "Kept",
    "StateCheck",
    "choose_flavor",
    "class_name",
    "file_within",
    "parts_of",
]

StateCheck = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class FlavorEntry:
    """What a flavor says of the files that it wrote.

    Attributes:
        options: the flavor's own part of ``MLmodel``, JSON values, paths relative to the directory;
            ``load`` is given it back.
        serialization: name of the format, such as "skops" or "pickle".
        safe: loading runs no code that is not the framework's own, unless the caller names it.
        needs: names that a caller has to trust to load the model, sorted.
        modules: modules (dotted or not) that must be importable to load the model; requirements are
            made from them.
        pyfunc: MLflow's ``python_function`` part; None where MLflow has no loader for these files.
        digests: of files, by path, where the flavor took them while it wrote
            (:func:`fitprint.models.hashing.write_hashed`); the other files are read again for
            theirs.
    """

    options: Mapping[str, Any]
    serialization: str
    safe: bool
    needs: Sequence[str] = ()
    modules: Sequence[str] = ()
    pyfunc: Mapping[str, Any] | None = field(default=None)
    digests: Mapping[str, str] = field(default_factory=dict)


Kept = tuple[FlavorEntry, Mapping[str, Sequence[bytes]]]
"""What a flavor says of a model's files, and the files, in pieces by path."""


class Flavor(ABC):
    """A model format; a plugin's derives from this class, and defines what its models need beyond
    it.

    Stateless, usable from several threads, and picklable where it has a :meth:`trial`; its module
    has to be importable then.

    Attributes:
        name: unique, and the key of its part in ``MLmodel``; where MLflow has a flavor for the same
            models, MLflow's name.
        packages: top-level packages whose classes it knows, such as ``("sklearn",)``; empty for a
            flavor of last resort.
        parts: plain model types of the flavor's own packages, ``{module: names}``, that a file in
            another flavor's format (skops, pickle) may hold without the caller's trust, such as a
            booster's estimator in a pipeline. A file can make such an object, without arguments
            (``cls.__new__(cls)``), and give it any state (``__setstate__``, or else its
            ``__dict__``); it can neither call the type nor get hold of the type itself. List a type
            only if this runs nothing but the framework's own reading of model bytes, whatever the
            state is: no imports by name, no reading of paths, no evaluation of text, no calls of
            what the state holds.
        keep: None, or a quicker way to keep a model at home, where its owner's seal vouches for the
            bytes: a method that takes the model and returns its :class:`FlavorEntry` and its files,
            in pieces by path, while the user waits: nothing is imported, nor loaded back. ``load``
            reads them without a question if ``trust.own`` has the digest of their bytes, else as a
            stranger's. ``save`` writes what may travel then: :mod:`fitprint.bundles` converts to it
            when a run leaves its home.
    """

    name: str
    packages: Sequence[str] = ()
    parts: ClassVar[Mapping[str, Collection[str]]] = MappingProxyType({})
    keep: Callable[[Any], Kept] | None = None

    @abstractmethod
    def accepts(self, model: object) -> bool:
        """Tell if this flavor can save the model, from the names of ``type(model).__mro__`` alone:
        nothing is imported.
        """

    @abstractmethod
    def save(self, model: object, directory: Path) -> FlavorEntry:
        """Write the model's files into an existing, empty directory.

        Raises:
            FitprintError: the model cannot be written; the text says why.
        """

    @abstractmethod
    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        """Read back what ``save`` wrote, or what MLflow's flavor of the same name wrote.

        Nothing that the files name is run unless it is the framework's own or the caller trusts it.

        Raises:
            UntrustedModelError: by :meth:`Trust.require`.
            IntegrityError: the files are damaged.
        """

    def predict(self, model: Any, data: Any, **options: Any) -> Any:
        """Return the model's predictions for a batch, by default of its own ``predict``, or by
        calling a model that is a function.

        Args:
            model: what ``load`` returned.
            data: fits the model's signature. A model of named columns gets a data frame with these
                columns in this order, those that were categories with the categories of the
                training; a model of an array gets a numpy array, or a sparse matrix if the caller
                has one; a model of several arrays a dict or a list of them. Without a signature it
                is what the caller gave.
            options: the caller's, for the framework's own ``predict``.

        Raises:
            FitprintError: the model cannot predict.
        """
        predict = getattr(model, "predict", None)
        if predict is None:
            if isinstance(model, type) or not callable(model):
                raise FitprintError(
                    f"a {class_name(model)} has no method predict; fitprint.load_model returns the "
                    "model itself"
                )
            predict = model
        return predict(data, **options)

    # for those whose models take one
    def predict_array(self, model: Any) -> Callable[[Any], Any] | None:  # noqa: ARG002
        """Return what predicts with this model for an array of numbers, or None, the default.

        A frame of a few rows costs a model more than its arithmetic. What is returned is called
        instead of :meth:`predict`, without options, where all columns of the signature are numbers.
        It must give what :meth:`predict` gives for a frame of these values, of the same type, and
        without a warning; where that depends on the model's parts, tell it from what the model is,
        and return None in case of doubt. It is asked for once, and is used as long as the model.

        The array has two dimensions, the columns in the model's order, and the type to which the
        columns of such a frame are brought together: a signed or unsigned integer, or a float, NaN
        where a value is missing. Truth values are floats.
        """
        return None

    # for those who know
    def thread_safe(self, model: Any) -> bool:  # noqa: ARG002
        """Tell if several threads may predict with the model at once; by default they may not."""
        return False

    def warm(self, model: Any, data: Any) -> None:
        """Do what the first prediction would have to wait for, such as compiling; by default by a
        prediction.

        Args:
            model: what ``load`` returned.
            data: as for :meth:`predict`, a few rows of the training, say.
        """
        self.predict(model, data)

    # most need not look
    def check_state(self, kind: str, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Look at the state that a file wants to give one of :attr:`parts`, before it is given.

        By default it may be any.

        Args:
            kind: the part's ``module.name``.
            state: by attribute. What is neither a plain value nor bytes may be an object of any
                kind.

        Raises:
            IntegrityError: it would lead the framework's compiled code astray, or cannot be told.
        """

    # for those who tell them apart
    def reads_unverified(self, options: Mapping[str, Any], trust: Trust) -> bool:  # noqa: ARG002
        """Tell if ``load`` would take the very same files from a stranger: damaged bytes neither
        crash it nor run anything.

        Then it need not wait for the digests of large files, which are taken meanwhile. What it
        returned is handed out only if they are right.
        """
        return False

    def trial(
        self,
        directory: Path,  # noqa: ARG002
        options: Mapping[str, Any],  # noqa: ARG002
    ) -> Callable[[Any, Signature | None], None] | None:
        """Return what predicts with a model that was loaded in a process of its own, given the
        model and its signature, if it has one.

        A framework that reads files with compiled code may crash of damaged or hostile bytes. Files
        that this user did not record are therefore first read in a process that may die of it
        (:mod:`fitprint.models.trials`). What is returned should lead many ways through the model
        (:mod:`fitprint.models.trial_data`). What it raises does not matter.

        None, the default, says that these files cannot crash anything: reading them follows every
        index and length, or is plain Python. It is asked before anything is read, so it must not
        give the files to the framework, nor believe what their directory says of them.
        """
        return None


def parts_of(flavors: Iterable[Flavor]) -> dict[tuple[str, str], StateCheck]:
    """Return the ``(module, name)`` of all parts that the flavors state, as far as they belong to
    the flavors' own packages.

    Each has what looks at the state that a file wants to give it.
    """
    return {
        (module, name): partial(flavor.check_state, f"{module}.{name}")
        for flavor in flavors
        for module, names in flavor.parts.items()
        if module.partition(".")[0] in flavor.packages
        for name in names
    }


def choose_flavor(model: object, flavors: Iterable[Flavor]) -> Flavor:
    """Return the flavor that knows the model best.

    Among the flavors that accept it, that is the one whose package comes first among the model's
    class and its bases: a class of one framework that derives from another's belongs to the former.
    A flavor of last resort is taken if no other accepts.

    Raises:
        FitprintError: no flavor accepts the model.
    """
    accepting = [flavor for flavor in flavors if flavor.accepts(model)]
    if not accepting:
        raise FitprintError(f"no installed model flavor can save a {class_name(model)}")
    lineage = [base.__module__.partition(".")[0] for base in type(model).__mro__]

    def distance(flavor: Flavor) -> int:
        return min(
            (lineage.index(package) for package in flavor.packages if package in lineage),
            default=len(lineage),
        )

    return min(accepting, key=distance)


def class_name(model: object) -> str:
    """Return the dotted name of the model's class."""
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def file_within(directory: Path, name: object) -> Path:
    """Return the path of a file that a model's own description names.

    Raises:
        IntegrityError: the name leads out of the directory, or to no file.
    """
    if not isinstance(name, str):
        raise IntegrityError(f"the model names the file {shown(name)}, which is no name of one")
    path = directory / name
    try:
        inside, there = path.resolve().is_relative_to(directory.resolve()), path.is_file()
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"the model names the file {shown(name)}, which no file can be called ({error})"
        ) from error
    if not inside:
        raise IntegrityError(
            f"the model names the file {name!r}, which lies outside of its directory"
        )
    if not there:
        raise IntegrityError(f"{name} is missing from the model directory")
    return path
