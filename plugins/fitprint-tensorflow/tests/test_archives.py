"""Files of Keras' that name what is not theirs, or that hold more than they could."""

import io
import json
import zipfile

import pytest

from fitprint.errors import IntegrityError, UntrustedModelError
from fitprint.models.trust import Trust
from fitprint_tensorflow.archive import read_archive
from fitprint_tensorflow.flavor import KerasFlavor


def written(path, config, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", '{"keras_version": "3.0.0"}')
        archive.writestr("model.weights.h5", members.get("weights", b""))
    return path


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.src.layers.core.lambda_layer.python_utils", "func_load"),
        ("keras.src.layers.core.lambda_layer", "python_utils"),
        ("keras.src.layers.core.lambda_layer", "python_utils.func_load"),
        ("keras.src.layers.core.lambda_layer", "serialization_lib"),
        ("keras.src.layers.core.lambda_layer", "inspect"),
        ("keras.src.layers.no_such_module", "Dense"),
    ],
)
def test_fault_5_a_name_has_to_be_what_it_seems(tmp_path, module, name):
    """What lies below a package of layers need not be one: only what is defined there, by a name of
    its own, makes models.
    """
    path = written(
        tmp_path / "model.keras",
        {"class_name": name, "module": module, "config": {}, "registered_name": None},
    )
    assert [f"{module}.{name}"] == list(read_archive(path, {}).needs)
    with pytest.raises(UntrustedModelError, match=name):
        KerasFlavor().load(tmp_path, {"data": "model"}, Trust())


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.layers", "Dense"),
        ("keras.src.models.functional", "Functional"),
        ("keras", "Sequential"),
        ("keras.optimizers", "Adam"),
    ],
)
def test_what_makes_models_needs_no_trust(tmp_path, module, name):
    """Under its public name and where it is defined."""
    path = written(
        tmp_path / "model.keras",
        {"class_name": name, "module": module, "config": {}, "registered_name": None},
    )
    assert {} == read_archive(path, {}).needs


def test_fault_5_a_bomb_is_refused_before_it_is_read(tmp_path):
    """A small file of very many zeros, whichever member they are in."""
    written(tmp_path / "model.keras", {}, weights=bytes(100 << 20))
    with pytest.raises(
        IntegrityError, match=r"bytes says that it holds 10\d{7}, .*name the flavor in trust"
    ):
        KerasFlavor().load(tmp_path, {"data": "model"}, Trust())
    assert [] == list(read_archive(tmp_path / "model.keras", {}, vast=True).needs)


def test_fault_5_a_bomb_in_an_archive_is_refused(tmp_path):
    """One archive inside of another."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", bytes(100 << 20))
    path = written(tmp_path / "model.keras", {})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/states.npz", inner.getvalue())
    with pytest.raises(IntegrityError, match="no honest model"):
        read_archive(path, {})
