"""Models on their way to a file and back."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import fitprint
from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.models.trust import Trust
from fitprint_tensorflow.flavor import KerasFlavor
from fitprint_tensorflow.savedmodel import TensorFlowFlavor


@keras.saving.register_keras_serializable(package="tests")
class Doubling(keras.layers.Layer):
    """A layer that Keras knows by name."""

    def call(self, inputs):
        return inputs * 2


class Halving(keras.layers.Layer):
    """A layer that nobody has registered."""

    def call(self, inputs):
        return inputs / 2


class Unconfigured(keras.layers.Layer):
    """A layer that cannot tell its configuration."""

    def __init__(self, thing):
        super().__init__()
        self.thing = thing

    def call(self, inputs):
        return inputs


def distance(expected, found):
    """A loss of the user's."""
    return keras.ops.mean(keras.ops.abs(expected - found))


def saved(model, folder: Path):
    entry = KerasFlavor().save(model, folder)
    return json.loads(json.dumps(dict(entry.options))), entry


def test_registered_layer_loads_for_who_trusts_it(make, data, tmp_path):
    """It is named, for it is code of the user's all the same."""
    model = make(Doubling())
    options, entry = saved(model, tmp_path)
    with pytest.raises(UntrustedModelError, match="Doubling"):
        KerasFlavor().load(tmp_path, options, Trust())
    loaded = KerasFlavor().load(tmp_path, options, Trust(entry.needs))
    assert np.array_equal(loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0))


def test_unregistered_layer_and_loss_load_from_their_modules(make, data, tmp_path):
    """Trusted by their dotted names, they are imported."""
    model = make(Halving(), loss=distance)
    options, entry = saved(model, tmp_path)
    assert list(entry.needs) == [f"{__name__}.Halving", f"{__name__}.distance"]
    loaded = KerasFlavor().load(tmp_path, options, Trust(entry.needs))
    assert np.array_equal(loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0))


def test_unregistered_layer_trains_as_ever_and_the_report_names_the_remedy(runs, data, make):
    """Training is untouched."""
    fitprint.autolog()
    make(Halving()).fit(data[0][:32], data[1][:32], verbose=0)
    run = runs.one()
    assert (run.status, run.models[0].facts["needs"]) == ("FINISHED", [f"{__name__}.Halving"])
    told = run.capture["skipped"][f"registration of {__name__}.Halving"]
    assert "register_keras_serializable" in told


def test_model_that_cannot_be_saved_says_what_and_why(make, tmp_path):
    """The message names the class and the remedy."""
    with pytest.raises(FitprintError, match=r"Unconfigured.*register_keras_serializable"):
        KerasFlavor().save(make(Unconfigured(object())), tmp_path)


def test_code_that_is_gone_is_named_with_the_remedy(make, tmp_path):
    """The layer's module is not here."""
    options, entry = saved(make(Halving()), tmp_path)
    rewrite(
        tmp_path / "data/model.keras",
        "config.json",
        lambda text: text.replace(__name__, "gone.away"),
    )
    options["size"] = None
    with pytest.raises(FitprintError, match=r"gone\.away\.Halving.*custom_object_scope"):
        KerasFlavor().load(tmp_path, options, Trust(["gone.away.Halving"]))
    assert entry.needs


def test_lambda_runs_only_for_who_trusts_lambdas(make, data, tmp_path):
    """Its code is in the file."""
    model = make(keras.layers.Lambda(lambda x: x + 1.0, output_shape=(30,)))
    options, entry = saved(model, tmp_path)
    assert (entry.safe, list(entry.needs)) == (False, ["keras.layers.Lambda"])
    with pytest.raises(UntrustedModelError, match=r"keras\.layers\.Lambda"):
        KerasFlavor().load(tmp_path, options, Trust())
    loaded = KerasFlavor().load(tmp_path, options, Trust(["keras.layers.Lambda"]))
    assert np.array_equal(loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0))


@pytest.mark.parametrize(
    "node",
    [
        {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
        {
            "module": "builtins",
            "class_name": "function",
            "config": "eval",
            "registered_name": "eval",
        },
        {
            "module": "keras.utils",
            "class_name": "function",
            "config": "get_file",
            "registered_name": "get_file",
        },
        {
            "module": "keras.config",
            "class_name": "function",
            "config": "enable_unsafe_deserialization",
            "registered_name": None,
        },
        {
            "module": "keras.models",
            "class_name": "function",
            "config": "load_model",
            "registered_name": "load_model",
        },
        {
            "module": "keras.layers",
            "class_name": "TFSMLayer",
            "config": {"filepath": "x"},
            "registered_name": None,
        },
        {
            "module": "keras.layers",
            "class_name": "StringLookup",
            "config": {"vocabulary": "/etc/passwd"},
            "registered_name": None,
        },
        {
            "module": "subprocess",
            "class_name": "Popen",
            "config": {"args": "x"},
            "registered_name": None,
        },
        {"class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess", "config": {}},
    ],
    ids=lambda node: str(node.get("config"))[:20] + node["class_name"],
)
def test_configuration_that_leads_elsewhere_is_refused(make, tmp_path, node):
    """Whatever a file names that makes no model needs the caller's word."""
    options, _ = saved(make(), tmp_path)

    def hide(text: str) -> str:
        config = json.loads(text)
        config["config"]["layers"][1]["config"]["activation"] = node
        return json.dumps(config)

    rewrite(tmp_path / "data/model.keras", "config.json", hide)
    with pytest.raises(UntrustedModelError):
        KerasFlavor().load(tmp_path, options | {"size": None}, Trust())


def test_model_of_a_newer_keras_says_which_to_install(make, tmp_path):
    """A file that this Keras cannot read, and that a newer one wrote."""
    options, _ = saved(make(), tmp_path)
    path = tmp_path / "data/model.keras"
    rewrite(path, "metadata.json", lambda text: text.replace(keras.__version__, "99.1.0"))
    rewrite(path, "config.json", lambda text: text.replace('"Dense"', '"DenserStill"'))
    with pytest.raises(FitprintError, match=r"saved by Keras 99\.1\.0.*install keras>=99\.1\.0"):
        KerasFlavor().load(tmp_path, options | {"size": None}, Trust())


def test_weights_that_were_exchanged_are_noticed(make, tmp_path):
    """A file in the archive that is not what was written is damage."""
    options, _ = saved(make(), tmp_path)
    path = tmp_path / "data/model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        KerasFlavor().load(tmp_path, options, Trust())


def test_model_that_mlflow_wrote_is_read(make, data, tmp_path):
    """Its keras and tensorflow flavors both hold the file in ``data``."""
    model = make()
    saved(model, tmp_path)
    expected = model.predict(data[0], verbose=0)
    keras_options = {
        "data": "data",
        "keras_version": keras.__version__,
        "keras_backend": "tensorflow",
        "save_exported_model": False,
    }
    tensorflow_options = {
        "data": "data",
        "model_type": "keras",
        "keras_version": keras.__version__,
        "save_format": "keras",
        "code": None,
    }
    for flavor, options in (
        (KerasFlavor(), keras_options),
        (TensorFlowFlavor(), tensorflow_options),
    ):
        assert np.array_equal(
            flavor.load(tmp_path, options, Trust()).predict(data[0], verbose=0), expected
        )


def test_saved_model_on_request_is_a_program_that_has_to_be_trusted(make, data, tmp_path, capsys):
    """``flavor="tensorflow"`` writes it; loading it takes the caller's word."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("of the TensorFlow backend")
    model = make()
    entry = TensorFlowFlavor().save(model, tmp_path)
    with pytest.raises(UntrustedModelError, match=r"tensorflow\.saved_model\.load"):
        TensorFlowFlavor().load(tmp_path, entry.options, Trust())
    loaded = TensorFlowFlavor().load(tmp_path, entry.options, Trust(entry.needs))
    predictions = TensorFlowFlavor().predict(loaded, data[0])
    assert np.allclose(predictions, model.predict(data[0], verbose=0), atol=1e-6)
    capsys.readouterr()


def rewrite(path: Path, name: str, change) -> None:
    """Change one file in an archive."""
    with zipfile.ZipFile(path) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    contents[name] = change(contents[name].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in contents.items():
            archive.writestr(entry, content)
