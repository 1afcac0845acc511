"""What is put in the place of functions and methods changes nothing, and goes without a trace."""

from __future__ import annotations

import copy
import functools
import gc
import importlib
import inspect
import pickle
import sys
import threading
import types
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.autologging import activation
from fitprint.autologging.framework import Function
from fitprint.autologging.replacements import Interceptor

if TYPE_CHECKING:
    from conftest import Toy

CLASSES = ("Mixin", "Base", "Inheriting", "Calling", "Meta", "Conditional", "Careful", "Odd")


def residue(module: types.ModuleType) -> dict[str, Any]:
    """Return everything that a patch could have changed, by identity."""
    found: dict[str, Any] = {name: id(value) for name, value in vars(module).items()}
    for name in CLASSES:
        cls = getattr(module, name)
        found[name] = [(key, id(value)) for key, value in vars(cls).items() if key != "__weakref__"]
    found["fn"] = id(vars(module.Careful)["fit_predict"].fn)
    return found


def idioms(module: types.ModuleType) -> dict[str, Any]:
    """Return the results of ordinary things that programs do with functions and methods."""
    instance = module.Calling()
    fit = instance.fit
    return {
        "signature": str(inspect.signature(module.Base.fit)),
        "bound signature": str(inspect.signature(fit)),
        "function signature": str(inspect.signature(module.train)),
        "doc": module.Base.fit.__doc__,
        "name": (
            module.Base.fit.__name__,
            module.Base.fit.__qualname__,
            module.Base.fit.__module__,
        ),
        "kinds": (
            type(module.Base.fit),
            type(fit),
            inspect.isfunction(module.train),
            inspect.ismethod(fit),
        ),
        "identity": (
            module.Base.fit is module.Base.fit,
            module.Inheriting.fit is module.Base.fit,
            fit.__func__ is module.Calling.fit,
        ),
        "self": fit.__self__ is instance,
        "equality": fit == instance.fit,
        "by name": pickle.loads(pickle.dumps(module.Base.fit)) is module.Base.fit,
        "function by name": pickle.loads(pickle.dumps(module.train)) is module.train,
        "bound pickle": pickle.loads(pickle.dumps(fit)).__func__ is module.Calling.fit,
        "pickle": pickle.dumps(instance.fit([1])),
        "copies": (
            copy.copy(fit).__func__ is module.Calling.fit,
            copy.deepcopy(module.train) is module.train,
        ),
        "attributes": sorted(vars(instance)),
        "inherited": "fit" in vars(module.Inheriting),
        "mro": [cls.__name__ for cls in module.Inheriting.__mro__],
        "conditional": (
            hasattr(module.Careful(1), "fit_predict"),
            hasattr(module.Careful(-1), "fit_predict"),
        ),
        "conditional doc": module.Careful.fit_predict.__doc__,
        "odd": (
            hasattr(module.Odd(), "fit_predict"),
            isinstance(vars(module.Odd)["fit_predict"], property),
        ),
        "dir": sorted(name for name in dir(module.Base) if name != "__init_subclass__"),
        "alias": module.start is module.train,
        "results": (
            module.train({}, [1]),
            module.Careful(2).fit_predict([1]),
            instance.fit([1]) is instance,
            module.Mixin().score([1]),
        ),
        "annotations": module.train.__annotations__,
        "partial": functools.partial(module.train, {})([1]),
    }


def test_ordinary_idioms_give_the_same(toy: Toy) -> None:
    """Signatures, names, identities, pickles, copies and results are those of the unpatched
    framework.
    """
    module = toy.module
    before = idioms(module)
    fitprint.autolog()
    after = idioms(module)
    assert before == after


@pytest.mark.parametrize("order", ["before", "after"])
def test_switching_off_leaves_no_trace(toy: Toy, order: str) -> None:
    """Each attribute of each module and class is the object that it was, in its old order."""
    if order == "before":
        module = toy.module
        before = residue(module)
        fitprint.autolog()
        assert before != residue(module)
    else:
        fitprint.autolog()
        module = toy.module
        patched = residue(module)
    fitprint.autolog(disable=True)
    after = residue(module)
    if order == "before":
        assert before == after
    else:
        assert patched != after
    assert not any(
        isinstance(cell.cell_contents, Interceptor)
        for cls in map(vars(module).get, CLASSES)
        for cell in cells(cls)
    )
    assert "__init_subclass__" not in vars(module.Base)


def cells(cls: Any) -> list[Any]:
    return [
        cell
        for value in vars(cls).values()
        for cell in (getattr(getattr(value, "fn", value), "__closure__", None) or ())
    ]


def test_switching_on_and_off_again_and_again_leaves_no_trace(toy: Toy) -> None:
    """Patches do not pile up."""
    module = toy.module
    before = residue(module)
    for _ in range(3):
        fitprint.autolog()
        fitprint.autolog()
        module.train({}, [])
        fitprint.autolog(disable=True)
    assert before == residue(module)
    assert 3 == toy.seen.count(("after", "train"))


def test_it_does_not_matter_when_the_framework_is_imported(toy: Toy) -> None:
    """Imported after ``autolog()``, functions and methods are observed as well."""
    fitprint.autolog()
    assert toy.name not in sys.modules
    toy.module.train({}, [])
    toy.module.Base().fit([])
    assert [
        ("before", "train"),
        ("after", "train"),
        ("before", "Base"),
        ("after", "Base"),
    ] == toy.seen


def test_names_imported_before_are_observed(toy: Toy) -> None:
    """A user's ``from framework import train`` may stand above ``autolog()``, and is as before when
    it is off.
    """
    toy.write(
        "user",
        f"from {toy.name} import train, Base\nimport {toy.name} as framework\nmine = train\n",
    )
    user = importlib.import_module("user")
    original = user.train
    fitprint.autolog()
    user.train({}, [])
    user.mine({}, [])
    assert user.train is user.mine is user.framework.train is user.framework.start
    assert 2 == toy.seen.count(("after", "train"))
    fitprint.autolog(disable=True)
    assert original is user.train is user.mine is user.framework.train


def test_names_imported_while_it_was_on_are_restored(toy: Toy) -> None:
    """Switching off reaches names that were bound in between."""
    fitprint.autolog()
    toy.write("user", f"from {toy.name} import train\n")
    user = importlib.import_module("user")
    fitprint.autolog(disable=True)
    user.train({}, [])
    assert [] == toy.seen
    assert user.train is toy.module.train
    assert not hasattr(user.train, "__wrapped__")


def test_aliases_made_during_the_frameworks_own_import_are_observed(toy: Toy) -> None:
    """Names that the framework binds to its function before its module is whole lead to the
    observed one.
    """
    fitprint.autolog()
    assert toy.module.start is toy.module.train
    (toy.folder / f"{toy.name}p").mkdir()
    toy.write(f"{toy.name}p/__init__", f"from {toy.name}p.core import train as public\n")
    toy.write(f"{toy.name}p/api", f"from {toy.name}p.core import train\n")
    toy.write(f"{toy.name}p/core", f"def train(): return 1\nimport {toy.name}p.api\n")
    toy.chosen = [Function(f"{toy.name}p.core:train", toy.observe)]
    fitprint.autolog(disable=True)
    fitprint.autolog()
    package = importlib.import_module(f"{toy.name}p")
    assert package.public is package.api.train is package.core.train
    package.api.train()
    assert ("after", "train") in toy.seen


def test_a_module_that_is_imported_anew_is_observed_by_the_next_autolog(toy: Toy) -> None:
    """A module removed from ``sys.modules`` and imported again, as tests and notebooks do, is
    patched when it is switched on again.
    """
    fitprint.autolog()
    first = toy.module
    fitprint.autolog(disable=True)
    del sys.modules[toy.name]
    fitprint.autolog()
    second = toy.module
    assert first is not second
    second.train({}, [])
    assert ("after", "train") in toy.seen


def test_an_import_that_fails_fails_as_ever(toy: Toy) -> None:
    """The framework's own import error is the user's,
    and a second try that succeeds is observed.
    """
    source = (toy.folder / f"{toy.name}.py").read_text()
    toy.write(toy.name, "raise ImportError('missing library')\n")
    fitprint.autolog()
    with pytest.raises(ImportError, match="missing library") as caught:
        importlib.import_module(toy.name)
    assert caught.value.__cause__ is None
    toy.write(toy.name, source + "\n# longer, so that no cached bytecode is taken for it\n")
    toy.module.train({}, [])
    assert ("after", "train") in toy.seen


def test_a_target_that_does_not_exist_is_told_and_the_rest_observed(
    toy: Toy, told: list[str]
) -> None:
    """A framework of another version: what is gone is named, what is there is observed, the import
    is not harmed.
    """
    toy.chosen = [
        toy.function("gone"),
        toy.method("Base.gone"),
        toy.method("Gone.fit"),
        toy.function("Base"),
        toy.function(),
    ]
    fitprint.autolog()
    toy.module.train({}, [])
    assert ("after", "train") in toy.seen
    assert 4 == len(told)
    assert all(toy.name in problem and "cannot be observed" in problem for problem in told)


def test_a_half_imported_module_is_observed_when_it_is_whole(toy: Toy) -> None:
    """``autolog()`` called from inside the framework's import patches what is there by the next
    ``autolog()``.
    """
    source = (toy.folder / f"{toy.name}.py").read_text()
    toy.write(toy.name, "import fitprint\nfitprint.autolog()\n" + source)
    module = toy.module
    fitprint.autolog()
    module.train({}, [])
    module.Base().fit([])
    assert [("after", "train"), ("after", "Base")] == [
        item for item in toy.seen if item[0] == "after"
    ]


@pytest.mark.parametrize("defined", ["before", "after"])
def test_classes_of_the_user_are_observed(toy: Toy, defined: str) -> None:
    """Subclasses with a ``fit`` of their own, defined before or after ``autolog()``, at any depth,
    are observed once a call.
    """
    if defined == "after":
        fitprint.autolog()
    module = toy.module

    class Mine(module.Base):  # type: ignore[misc, name-defined]
        def fit(self, X, y=None):
            super().fit(X)
            return self

    class Deeper(Mine):
        def fit(self, X, y=None):
            return Mine.fit(self, X, y)

    if defined == "before":
        fitprint.autolog()
    Mine().fit([])
    Deeper().fit([])
    assert [
        ("before", "Mine"),
        ("after", "Mine"),
        ("before", "Deeper"),
        ("after", "Deeper"),
    ] == toy.seen


def test_a_mixins_method_is_observed_on_subclasses_and_no_one_else(toy: Toy) -> None:
    """A method that comes from a mixin is patched there; objects of other kinds that share it are
    left alone.
    """
    toy.chosen = [toy.subclass_method("score")]
    module = toy.module
    fitprint.autolog()

    class Better(module.Mixin):  # type: ignore[misc, name-defined]
        def score(self, X):
            return 42.0

    class Stranger(module.Mixin):  # type: ignore[misc, name-defined]
        pass

    class Mixed(module.Inheriting, Better):  # type: ignore[misc, name-defined]
        pass

    assert 0.5 == module.Inheriting().score([])
    assert 0.5 == Stranger().score([])
    assert 42.0 == Mixed().score([])
    assert [
        ("before", "Inheriting"),
        ("after", "Inheriting"),
        ("before", "Mixed"),
        ("after", "Mixed"),
    ] == toy.seen


def test_a_subclass_hook_of_the_framework_goes_on_working(toy: Toy) -> None:
    """``__init_subclass__`` with arguments, of the framework or of the user, is called as ever,
    once.
    """
    toy.write(
        toy.name,
        "class Base:\n    made = []\n"
        "    def __init_subclass__(cls, /, key=None, **rest):\n"
        "        super().__init_subclass__(**rest)\n"
        "        cls.made.append((cls.__name__, key))\n"
        "    def fit(self): return self\n",
    )
    toy.chosen = [toy.subclass_method()]
    module = toy.module
    fitprint.autolog()

    class Mine(module.Base, key=3):  # type: ignore[misc, name-defined, call-arg]
        def fit(self):
            return self

    class Own(module.Base):  # type: ignore[misc, name-defined]
        def __init_subclass__(cls, /, **rest):
            super().__init_subclass__(key="own", **rest)

    class Last(Own):
        def fit(self):
            return self

    assert [("Mine", 3), ("Own", None), ("Last", "own")] == module.Base.made
    with pytest.raises(TypeError):
        types.new_class("Bad", (module.Base,), {"unknown": 1})
    Mine().fit()
    Last().fit()
    assert ["Mine", "Last"] == [subject for phase, subject in toy.seen if phase == "after"]


def test_a_plain_class_refuses_class_arguments_as_ever(toy: Toy) -> None:
    """Where nobody defined ``__init_subclass__``, an unknown class argument is the same error, and
    ``vars`` gets the hook back out.
    """
    module = toy.module
    with pytest.raises(TypeError) as bare:
        types.new_class("Bad", (module.Base,), {"unknown": 1})
    fitprint.autolog()
    with pytest.raises(TypeError) as ours:
        types.new_class("Bad", (module.Base,), {"unknown": 1})
    assert str(bare.value) == str(ours.value)


def test_a_class_that_guards_itself_is_observed(toy: Toy) -> None:
    """A metaclass that lets nobody change its classes neither notices nor makes the class statement
    fail.
    """
    fitprint.autolog()
    module = toy.module

    class Guard(type):
        def __setattr__(cls, name, value):
            raise TypeError(f"{cls.__name__} is closed")

    class Closed(module.Base, metaclass=Guard):  # type: ignore[misc, name-defined]
        def fit(self, X):
            return self

    assert isinstance(Closed().fit([]), Closed)
    assert ("after", "Closed") in toy.seen
    fitprint.autolog(disable=True)
    assert not hasattr(vars(Closed)["fit"], "__wrapped__")


def test_classes_made_in_a_loop_can_die(toy: Toy) -> None:
    """Neither a class nor its functions are kept alive, and nothing grows with their number."""
    fitprint.autolog()
    module = toy.module

    def make() -> weakref.ref[type]:
        class Mine(module.Base):  # type: ignore[misc, name-defined]
            def fit(self, X):
                return super().fit(X)  # refers to the class

            @module.Conditional
            def fit_predict(self, X):
                return super().fit(X)

        Mine().fit([])
        return weakref.ref(Mine)

    references = [make() for _ in range(20)]
    gc.collect()
    assert [None] * 20 == [reference() for reference in references]
    kept = sum(1 for item in gc.get_objects() if isinstance(item, Interceptor))
    make()
    gc.collect()
    assert kept == sum(1 for item in gc.get_objects() if isinstance(item, Interceptor))
    before = len(activation._patcher._undo)
    for _ in range(20):
        make()
    gc.collect()
    assert before == len(activation._patcher._undo)


@pytest.mark.parametrize("kind", ["function", "method"])
def test_another_tools_wrapper_on_top_stays(toy: Toy, kind: str) -> None:
    """Switched off, ours lets everything through below another tool's wrapper, which stays;
    switched on again, one call is one run.
    """
    fitprint.autolog()
    module = toy.module
    owner, name = (module, "train") if kind == "function" else (module.Base, "fit")
    ours = getattr(owner, name)
    calls = []

    @functools.wraps(ours)
    def theirs(*args, **kwargs):
        calls.append(1)
        return ours(*args, **kwargs)

    setattr(owner, name, theirs)
    call = (lambda: module.train({}, [])) if kind == "function" else (lambda: module.Base().fit([]))
    call()
    assert (1, 2) == (len(calls), len(toy.seen))
    fitprint.autolog(disable=True)
    assert vars(owner)[name] is theirs
    call()
    assert (2, 2) == (len(calls), len(toy.seen))
    fitprint.autolog()
    call()
    assert (3, 4) == (len(calls), len(toy.seen))


def test_a_wrapper_below_stays_too(toy: Toy) -> None:
    """What another tool had wrapped before is wrapped, called, and put back."""
    module = toy.module
    original = module.train

    @functools.wraps(original)
    def theirs(*args, **kwargs):
        return {**original(*args, **kwargs), "theirs": True}

    module.train = theirs
    fitprint.autolog()
    assert module.train({}, [])["theirs"]
    assert 2 == len(toy.seen)
    fitprint.autolog(disable=True)
    assert module.train is theirs


def test_a_pickled_hook_is_false(toy: Toy) -> None:
    """By value, a patched function carries ``False`` instead of anything of ours; copies in this
    process stay what they are.
    """
    fitprint.autolog()
    (hook,) = [
        cell.cell_contents
        for cell in toy.module.train.__closure__
        if isinstance(cell.cell_contents, Interceptor)
    ]
    assert pickle.loads(pickle.dumps(hook)) is False
    assert b"fitprint" not in pickle.dumps(hook)
    assert copy.copy(hook) is hook
    assert copy.deepcopy(hook) is hook
    assert hook
    fitprint.autolog(disable=True)
    assert not hook


def test_modules_with_odd_attributes_are_no_obstacle(toy: Toy) -> None:
    """Lazy modules, objects in ``sys.modules`` that are no modules, and values that raise when
    compared are not touched.
    """

    class Touchy:
        def __eq__(self, other):
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    class Lazy(types.ModuleType):
        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    sys.modules["touchy_thing"] = Touchy()  # type: ignore[assignment]
    sys.modules["lazy_thing"] = Lazy("lazy_thing")
    vars(sys.modules["lazy_thing"])["value"] = Touchy()
    try:
        assert toy.module
        fitprint.autolog()
        fitprint.autolog(disable=True)
    finally:
        del sys.modules["touchy_thing"], sys.modules["lazy_thing"]


def test_calls_under_way_when_it_is_switched_off_end_well(toy: Toy) -> None:
    """A call that began observed is finished and recorded, whatever happens meanwhile in another
    thread.
    """
    fitprint.autolog()
    module = toy.module
    inside, go_on = threading.Event(), threading.Event()

    def callback(params: Any) -> None:
        inside.set()
        go_on.wait(60)

    thread = threading.Thread(target=lambda: module.train({}, [], callbacks=[callback]))
    thread.start()
    inside.wait(60)
    fitprint.autolog(disable=True)
    go_on.set()
    thread.join()
    assert [("before", "train"), ("after", "train")] == toy.seen
