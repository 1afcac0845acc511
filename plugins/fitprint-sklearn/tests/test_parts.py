"""Types that other frameworks lend to scikit-learn's models: what a file may do with them, and what
not.
"""

import io
import json
import os
import pickle
import string
import zipfile
from types import MappingProxyType

import numpy as np
import pytest
import skops.io
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fitprint.errors import IntegrityError, UntrustedModelError
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.models import pickles
from fitprint.models.directory import pack
from fitprint.models.flavor import parts_of
from fitprint.models.loading import load_directory
from fitprint.models.opcodes import Name, scan
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.models.reader import Reader
from fitprint.models.trust import Trust
from fitprint_sklearn.compiled import BUILDERS, MAKERS
from fitprint_sklearn.flavor import SklearnFlavor
from fitprint_sklearn.trust import is_constructor, is_trusted, parts

X = np.arange(12.0).reshape(6, 2)
y = np.array([0, 1] * 3)


# the plugin below is known to this process alone, so no other one could try its parts
TRIED = ["sklearn"]


class Templates(PickleFlavor):
    """The flavor of a framework whose model is a template."""

    name = "templates"
    packages = ("string",)
    parts = MappingProxyType({"string": ["Template"], "os": ["PathLike"]})

    def accepts(self, model):
        return False

    def check_state(self, kind, state):
        if kind == "string.Template" and state.get("template") == "astray":
            raise IntegrityError("the template leads astray")


class Plugin:
    @staticmethod
    @hookimpl
    def register_flavors():
        return [Templates()]


@pytest.fixture(autouse=True)
def lent():
    """One type is lent."""
    before = manager.hooks()
    manager.reset(manager.Hooks(extra={"templates": Plugin}, strict=True))
    yield
    manager.reset(before)


def holding(thing):
    model = LogisticRegression().fit(X, y)
    model.part_ = thing
    return model


def unpickle(data):
    return pickles.load(
        data, Trust(), "model.pkl", is_trusted, is_constructor, parts(), MAKERS, BUILDERS
    )


def test_only_a_flavors_own_packages_count():
    """A plugin lends nothing that belongs to others."""
    assert {("string", "Template")} == parts_of([Templates()]).keys()
    assert ("string", "Template") in parts()
    assert ("os", "PathLike") not in parts()
    assert not is_trusted("string", "Template")


def test_models_with_parts_load_without_trust(tmp_path):
    """As skops, and as a pickle."""
    model = make_pipeline(StandardScaler(), holding(string.Template("$x"))).fit(X, y)
    model[-1].part_ = string.Template("$x")

    packed = pack(model, tmp_path, flavors=[SklearnFlavor()])

    assert ("skops", True, []) == (
        packed.facts["serialization"],
        packed.facts["safe"],
        packed.facts["needs"],
    )
    assert "$x" == load_directory(tmp_path, [SklearnFlavor()], TRIED)[-1].part_.template
    assert "$x" == unpickle(pickle.dumps(model))[-1].part_.template


def test_pickled_models_with_parts_need_nothing(tmp_path):
    """Where skops cannot write the model."""
    model = holding(
        [
            string.Template("$x"),
            string.Template("$y"),
            np.ma.masked_array([1.0], [True]),
            memoryview,
        ]
    )
    del model.part_[-1]
    model.vocabulary_ = dict.fromkeys(map(str, range(100_001)))

    packed = pack(model, tmp_path, flavors=[SklearnFlavor()])

    assert ("pickle", []) == (packed.facts["serialization"], packed.facts["needs"])
    assert "$y" == load_directory(tmp_path, [SklearnFlavor()], TRIED).part_[1].template


@pytest.mark.parametrize("vocabulary", [0, 100_001])
def test_states_are_looked_at_before_they_are_given(tmp_path, monkeypatch, vocabulary):
    """The framework refuses content that would lead its code astray, in either format."""
    model = holding(string.Template("astray"))
    model.vocabulary_ = dict.fromkeys(map(str, range(vocabulary)))
    packed = pack(model, tmp_path, flavors=[SklearnFlavor()])
    given = []
    monkeypatch.setattr(
        string.Template, "__setstate__", lambda _, state: given.append(state), raising=False
    )

    with pytest.raises(IntegrityError, match="leads astray"):
        load_directory(tmp_path, [SklearnFlavor()], TRIED)
    assert ("pickle" if vocabulary else "skops", []) == (packed.facts["serialization"], given)


def test_states_are_given_once_they_were_looked_at(monkeypatch):
    """As the class wants it, and nothing stays on the object."""
    data = pickle.dumps(string.Template("x"))
    assert {"template": "x"} == vars(unpickle(data))
    monkeypatch.setattr(
        string.Template,
        "__setstate__",
        lambda part, state: vars(part).update(given=state),
        raising=False,
    )
    assert {"given": {"template": "x"}} == vars(unpickle(data))


def test_states_are_looked_at_each_time():
    """A second one is no way around, and neither is one that replaces what looks."""
    astray = b"}\x8c\x08template\x8c\x06astraysb"
    with pytest.raises(IntegrityError, match="leads astray"):
        unpickle(b"\x80\x04" + MADE + astray + b".")
    setter = b"}\x8c\x0c__setstate__cbuiltins\ndict\nsb"
    for state in (setter, b"K\x01b", b"N}\x86b"):
        with pytest.raises(IntegrityError, match="state that no honest one has"):
            unpickle(b"\x80\x04" + MADE + state + astray + b".")


TYPE = b"\x8c\x06string\x8c\x08Template\x93"
MADE = TYPE + b")\x81}\x8c\x08template\x8c\x01xsb"
ATTACKS = {
    "a call": TYPE + b"\x8c\x01x\x85R.",
    "a call without arguments": TYPE + b")R.",
    "making with arguments": TYPE + b"\x8c\x01x\x85\x81.",
    "making with named arguments": TYPE + b")}\x92.",
    "an instance by its name": b"(S'x'\nistring\nTemplate\n.",
    "an instance by its type": b"(" + TYPE + b"\x8c\x01xo.",
    "the type itself": TYPE + b".",
    "the type in a list": b"](" + TYPE + b"e.",
    "the type in a state": MADE[:-5] + TYPE + b"sb.",
    "the type beside an object of it": b"](" + MADE + TYPE + b"e.",
    "the type from the memo": TYPE + b"\x940h\x00)\x81h\x00\x86.",
    "the type twice on the stack": TYPE + b"2)\x81\x86.",
    "a changed type": TYPE + b"}\x8c\x09delimiter\x8c\x01%sb.",
    "a method of it": b"\x8c\x06string\x8c\x13Template.substitute\x93)R.",
    "reconstruction": b"ccopyreg\n_reconstructor\n(" + TYPE + b"cbuiltins\nobject\nNtR.",
    "a command in the state": TYPE + b")\x81}\x8c\x08templatecos\nsystem\nsb.",
    "a setter of state": TYPE + b")\x81}\x8c\x0c__setstate__cos\nsystem\nsb.",
    "another type of the module": b"cstring\nFormatter\n)\x81.",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_pickles_do_nothing_but_make_bare_objects(attack):
    """No call, no hold of the type, nothing foreign in the state."""
    data = b"\x80\x04" + ATTACKS[attack]
    with pytest.raises(UntrustedModelError, match=r"string\.|os\.system"):
        unpickle(data)


def test_what_a_pickle_finds_is_no_type():
    """Were a use of the type overlooked, it would be of no use for anything."""
    part, seen = Name("string", "Template"), []
    found = Reader(
        b"\x80\x04" + TYPE + b".", Trust(), "model.pkl", is_trusted, {part: seen.append}
    ).load()

    assert found is not string.Template
    assert not callable(found)
    assert {part} == scan(b"\x80\x04" + MADE + b".").only_made


def skops_with(change):
    """Return a skops archive of a model that holds a template, its schema changed."""
    data = skops.io.dumps(holding(string.Template("x")))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents["schema.json"])
    attributes = schema["content"]["content"]
    change(attributes, schema)
    contents["schema.json"] = json.dumps(schema).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def node(loader, content=None, name="Template", module="string"):
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": loader,
        "content": content,
        "__id__": 1,
    }


TEXT = {
    "__class__": "str",
    "__module__": "builtins",
    "__loader__": "JsonNode",
    "content": '"x"',
    "is_json": True,
    "__id__": 2,
}
ARGUMENTS = {
    "__class__": "tuple",
    "__module__": "builtins",
    "__loader__": "TupleNode",
    "content": [TEXT],
    "__id__": 3,
}


def first_protocol(attributes, schema):
    """A function node of skops's first format names what it holds elsewhere than other nodes do."""
    attributes["more_"] = node(
        "FunctionNode", {"module_path": "string", "function": "Template"}, "str", "builtins"
    )
    schema["protocol"] = 0


SKOPS_ATTACKS = {
    "the type itself": lambda attributes, _: attributes.update(more_=node("TypeNode")),
    "the type as a function": lambda attributes, _: attributes.update(more_=node("FunctionNode")),
    "a call": lambda attributes, _: attributes.update(
        more_=node("ConstructorFromReduceNode", ARGUMENTS)
    ),
    "a list of its kind": lambda attributes, _: attributes.update(more_=node("ListNode", [])),
    "a set of its kind": lambda attributes, _: attributes.update(more_=node("SetNode", [TEXT])),
    "a method": lambda attributes, _: attributes.update(
        more_=node("MethodNode", {"func": "substitute", "obj": attributes["part_"]}),
    ),
    "the first protocol": first_protocol,
    "a command in its state": lambda attributes, _: attributes["part_"]["content"][
        "content"
    ].update(template=node("FunctionNode", None, "system", os.system.__module__)),
}


@pytest.mark.parametrize("attack", SKOPS_ATTACKS)
def test_skops_archives_do_nothing_but_make_bare_objects(tmp_path, attack):
    """The same for the other format."""
    (tmp_path / "model.skops").write_bytes(skops_with(SKOPS_ATTACKS[attack]))
    options = {"pickled_model": "model.skops", "serialization_format": "skops"}
    (tmp_path / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": options}}))

    with pytest.raises(UntrustedModelError, match=r"string\.Template|\.system"):
        load_directory(tmp_path, [SklearnFlavor()], TRIED)


def test_changed_archives_are_otherwise_readable(tmp_path):
    """The attacks above are refused for what they do."""
    (tmp_path / "model.skops").write_bytes(skops_with(lambda *_: None))
    options = {"pickled_model": "model.skops", "serialization_format": "skops"}
    (tmp_path / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": options}}))

    assert "x" == load_directory(tmp_path, [SklearnFlavor()], TRIED).part_.template


def test_types_that_honest_models_hold_have_to_be_named(tmp_path):
    """A transformer that would call the type is no model that was made of it."""
    pack(FunctionTransformer(string.Template), tmp_path, flavors=[SklearnFlavor()])

    with pytest.raises(UntrustedModelError, match=r'trust=\["sklearn", "string.Template"\]'):
        load_directory(tmp_path, [SklearnFlavor()], TRIED)
    assert (
        load_directory(tmp_path, [SklearnFlavor()], trust=["string.Template", *TRIED]).func
        is string.Template
    )


def test_without_the_plugin_nothing_is_lent(tmp_path):
    """Trust comes with the plugin of the framework."""
    model = DummyClassifier().fit(X, y)
    model.part_ = string.Template("x")
    pack(model, tmp_path, flavors=[SklearnFlavor()])
    manager.reset(manager.Hooks())

    with pytest.raises(UntrustedModelError, match="string.Template"):
        load_directory(tmp_path, [SklearnFlavor()], TRIED)
