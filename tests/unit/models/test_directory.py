import json
import string

import pytest

from fitprint.errors import FitprintError, IntegrityError, SignatureError, UntrustedModelError
from fitprint.models.directory import MANIFEST, pack, read_manifest, verify
from fitprint.models.flavor import Flavor, FlavorEntry, choose_flavor
from fitprint.models.hashing import digest_of
from fitprint.models.loading import load_directory
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.models.signature import infer_signature
from fitprint.models.yaml_text import load as load_yaml


class TextFlavor(Flavor):
    """Templates as plain text: a flavor as a plugin would write one."""

    name = "text"
    packages = ("string",)

    def accepts(self, model):
        return type(model).__module__ == "string"

    def save(self, model, directory):
        (directory / "parts").mkdir()
        (directory / "parts" / "model.txt").write_text(model.template)
        return FlavorEntry(
            options={"file": "parts/model.txt"},
            serialization="text",
            safe=True,
            modules=["string", "pluggy"],
        )

    def load(self, directory, options, trust):
        return string.Template((directory / options["file"]).read_text())


FLAVORS = [PickleFlavor(), TextFlavor()]


@pytest.fixture
def packed(tmp_path):
    return pack(
        string.Template("$x"),
        tmp_path / "model",
        flavors=FLAVORS,
        signature=infer_signature([1, 2], ["a", "b"]),
    )


def test_model_comes_back(packed, tmp_path):
    """What was packed loads, with a flavor that needs no trust."""
    assert "$x" == load_directory(tmp_path / "model", FLAVORS).template


def test_packed_names_every_file(packed, tmp_path):
    """Paths, digests and sizes are those on disk."""
    found = {
        path.relative_to(tmp_path / "model").as_posix()
        for path in (tmp_path / "model").rglob("*")
        if path.is_file()
    }

    assert found == {file.path for file in packed.files}
    assert found == {
        "MLmodel",
        "fitprint.json",
        "parts/model.txt",
        "python_env.yaml",
        "requirements.txt",
    }
    assert all(
        (file.digest, file.size) == digest_of(tmp_path / "model" / file.path)
        for file in packed.files
    )


def test_facts_tell_what_the_model_is(packed):
    """The facts are JSON and hold what a reader of the run wants to know."""
    facts = json.loads(json.dumps(packed.facts))

    assert ("text", "string.Template", "text", True, []) == (
        packed.flavor,
        facts["class"],
        facts["serialization"],
        facts["safe"],
        facts["needs"],
    )
    assert [line.partition("==")[0] for line in facts["requirements"]] == ["pluggy"]
    assert facts["size"] == sum(file.size for file in packed.files)


def test_equal_models_have_equal_bytes(packed, tmp_path):
    """Nothing in a directory tells where or when it was written."""
    again = pack(
        string.Template("$x"),
        tmp_path / "again",
        flavors=FLAVORS,
        signature=infer_signature([1, 2], ["a", "b"]),
    )

    assert packed == again


def test_mlmodel_names_the_flavor(packed, tmp_path):
    """The file that MLflow reads has the flavor's part."""
    assert {"text": {"file": "parts/model.txt"}} == load_yaml(
        (tmp_path / "model" / "MLmodel").read_text()
    )["flavors"]


def test_manifest_keeps_the_signature(packed, tmp_path):
    """The signature is read back as it was inferred."""
    assert infer_signature([1, 2], ["a", "b"]) == read_manifest(tmp_path / "model").signature


@pytest.mark.parametrize(
    "name", ["MLmodel", "parts/model.txt", "python_env.yaml", "requirements.txt"]
)
def test_changed_bytes_are_refused(packed, tmp_path, name):
    """The file is named, whichever it is."""
    with (tmp_path / "model" / name).open("ab") as file:
        file.write(b"x")

    with pytest.raises(IntegrityError, match=f"{name} has changed"):
        load_directory(tmp_path / "model", FLAVORS)


def test_missing_file_is_refused(packed, tmp_path):
    """The file is named."""
    (tmp_path / "model" / "parts" / "model.txt").unlink()

    with pytest.raises(IntegrityError, match=r"parts/model\.txt is missing"):
        load_directory(tmp_path / "model", FLAVORS)


def test_added_file_is_refused(packed, tmp_path):
    """Nothing slips in beside what was recorded."""
    (tmp_path / "model" / "sitecustomize.py").write_text("")

    with pytest.raises(IntegrityError, match=r"sitecustomize\.py"):
        load_directory(tmp_path / "model", FLAVORS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": "x"}', "\ud800"])
def test_damaged_manifest_is_refused(packed, tmp_path, text):
    """A manifest that cannot be read is no reason to go on without one."""
    (tmp_path / "model" / MANIFEST).write_text(text, errors="surrogatepass")

    with pytest.raises(IntegrityError, match=MANIFEST):
        load_directory(tmp_path / "model", FLAVORS)


def test_newer_format_says_what_to_do(packed, tmp_path):
    """An older fitprint does not guess."""
    path = tmp_path / "model" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))

    with pytest.raises(FitprintError, match="update fitprint"):
        load_directory(tmp_path / "model", FLAVORS)


def test_the_models_own_word_is_no_trust(tmp_path):
    """Whatever the directory says of what it needs, the caller has to say it."""
    pack(string.Template("$x"), tmp_path / "model", flavors=FLAVORS, flavor="pickle")
    manifest = read_manifest(tmp_path / "model")
    path = tmp_path / "model" / MANIFEST
    path.write_text(
        json.dumps(
            json.loads(path.read_text()) | {"safe": True, "needs": [], "trust": ["string.Template"]}
        )
    )

    assert (("string.Template",), False) == (manifest.needs, manifest.safe)
    with pytest.raises(UntrustedModelError):
        load_directory(tmp_path / "model", FLAVORS)
    assert "$x" == load_directory(tmp_path / "model", FLAVORS, trust=["string.Template"]).template


def test_refusal_tells_the_uri_that_was_asked_for(tmp_path):
    """The call in the text can be copied."""
    pack(string.Template("$x"), tmp_path / "model", flavors=FLAVORS, flavor="pickle")

    with pytest.raises(
        UntrustedModelError, match=r'load_model\("runs:/1/model", trust=\["string.Template"\]\)'
    ):
        load_directory(tmp_path / "model", FLAVORS, uri="runs:/1/model")


def test_file_names_lead_nowhere_else(tmp_path):
    """A description that points out of its directory is refused."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors:\n  pickle:\n    file: ../other.pkl\n")
    (tmp_path / "other.pkl").write_bytes(b"N.")

    with pytest.raises(IntegrityError, match="outside"):
        load_directory(tmp_path / "model", FLAVORS)


def test_directory_without_a_model_is_said(tmp_path):
    """The error says what is not there."""
    with pytest.raises(FitprintError, match="not a model directory"):
        load_directory(tmp_path, FLAVORS)


def test_unknown_flavor_is_said(tmp_path):
    """The error names the flavor that is wanted, those at hand, and what to install."""
    (tmp_path / "MLmodel").write_text("flavors: {keras: {data: data}, python_function: {}}\n")

    with pytest.raises(
        FitprintError,
        match=(
            "written as keras, which no installed plugin reads; there are: pickle, text; "
            "`pip install fitprint-tensorflow`"
        ),
    ):
        load_directory(tmp_path, FLAVORS)


def test_versions_are_compared_when_loading_fails(packed, tmp_path):
    """A framework's error comes with what differs from the environment that made the model."""
    path = tmp_path / "model" / MANIFEST
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"requirements": ["pluggy==0.1"], "options": {}})
    )

    with pytest.raises(
        FitprintError, match=r"KeyError: 'file'\nIt was made with pluggy 0\.1 \(here "
    ):
        load_directory(tmp_path / "model", FLAVORS)


def test_example_that_cannot_be_kept_costs_only_itself(tmp_path):
    """The model is there, and the problem is told."""
    packed = pack(
        string.Template("$x"), tmp_path / "model", flavors=FLAVORS, input_example=object()
    )

    assert [
        "the input example was not kept: a builtins.object cannot be kept as an input example"
    ] == packed.facts["problems"]
    assert "$x" == load_directory(tmp_path / "model", FLAVORS).template


def test_example_is_kept_in_plain_json(tmp_path):
    """Lists and dicts are written as they are."""
    pack(
        string.Template("$x"),
        tmp_path / "model",
        flavors=FLAVORS,
        input_example={"x": [1, float("nan"), "a"]},
    )

    assert {"x": [1, None, "a"]} == json.loads(
        (tmp_path / "model" / "input_example.json").read_text()
    )
    verify(tmp_path / "model", read_manifest(tmp_path / "model"))


def test_unknown_flavor_name_lists_the_known(tmp_path):
    """A name that is asked for must exist."""
    with pytest.raises(
        FitprintError, match="no installed plugin has a model flavor 'txt'; there are: pickle, text"
    ):
        pack(string.Template("$x"), tmp_path / "model", flavors=FLAVORS, flavor="txt")


def test_nearest_package_chooses_the_flavor():
    """A class of one framework that derives from another's belongs to the former, whatever the
    order of registration.
    """

    class Base:
        __module__ = "alpha.core"

    class Derived(Base):
        __module__ = "beta.core"

    class Users(Derived):
        pass

    class Known(PickleFlavor):
        def __init__(self, name):
            self.name = name
            self.packages = (name,)

        def accepts(self, model):
            return any(base.__module__.startswith(self.name) for base in type(model).__mro__)

    alpha, beta, last = Known("alpha"), Known("beta"), PickleFlavor()

    for flavors in ([alpha, beta, last], [last, beta, alpha]):
        assert (alpha, beta, beta, last) == tuple(
            choose_flavor(model, flavors) for model in (Base(), Derived(), Users(), {})
        )


def test_model_that_no_flavor_takes_is_said():
    """The error names the class."""
    with pytest.raises(FitprintError, match=r"save a builtins\.dict"):
        choose_flavor({}, [TextFlavor()])


def test_signature_of_an_mlflow_file_is_read(tmp_path):
    """Columns and tensors of a foreign directory are enforced like ours."""
    columns = (
        '[{"type": "long", "name": "a", "required": true}, {"type": "string", "name": "b", '
        '"required": false}]'
    )
    (tmp_path / "MLmodel").write_text(
        "flavors: {pickle: {}}\n"
        "signature:\n"
        f"  inputs: '{columns}'\n"
        "  outputs: null\n"
        "  params: null\n"
    )

    signature = read_manifest(tmp_path).signature

    assert [{"a": 1, "b": "x"}] == signature.enforce([{"a": 1, "b": "x"}])
    with pytest.raises(
        SignatureError, match="column 'a' is string, where the model was given int64"
    ):
        signature.enforce([{"a": "x", "b": "x"}])


@pytest.mark.parametrize(
    "key",
    [
        "flavor",
        "options",
        "class",
        "serialization",
        "needs",
        "files",
        "requirements",
        "python",
        "signature",
        "format",
    ],
)
@pytest.mark.parametrize("value", [True, -1, "x", [1], {"a": 1}, ["x", None], {"a": [None, 1]}])
def test_fault_7_odd_parts_of_a_manifest_are_told(packed, tmp_path, key, value):
    """By one kind of error, whatever part it is; some are as good as what was there."""
    file = tmp_path / "model" / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    try:
        load_directory(tmp_path / "model", FLAVORS)
    except FitprintError:
        pass


@pytest.mark.parametrize(
    "text",
    [
        "flavors:\n  text: x\n",
        "flavors:\n  text:\n  - a\n",
        "flavors:\n  1: {}\n",
        "flavors:\n  pickle: {}\nsignature: x\n",
        "flavors:\n  pickle: {}\nsignature:\n  inputs: '[1]'\n",
        "flavors:\n  pickle:\n    file: [a]\n",
        f"flavors:\n  pickle:\n    file: {'x' * 5000}\n",
    ],
)
def test_fault_7_odd_parts_of_an_mlflow_file_are_told(tmp_path, text):
    """A part that is no mapping, a signature that is none, a file that cannot be."""
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(FitprintError):
        load_directory(tmp_path, FLAVORS)
