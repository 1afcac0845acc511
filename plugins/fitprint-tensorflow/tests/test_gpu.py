"""Trainings on a GPU, with the backends that can use it: nothing changes, and the run says where it
was.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fitprint

pytestmark = pytest.mark.gpu


def weights_after_training(make, data, **options):
    model = make()
    model.fit(*data, epochs=2, verbose=0, **options)
    return [np.asarray(weight) for weight in model.get_weights()]


def on_device(values):
    if keras.backend.backend() == "torch":
        import torch

        return torch.asarray(values).cuda()
    return keras.ops.convert_to_tensor(values)


@pytest.mark.parametrize("where", ["host", "device"])
def test_the_same_weights_and_a_whole_run(runs, data, make, where):
    """Byte by byte, with each epoch, the device and the model."""
    given = data if where == "host" else tuple(map(on_device, data))
    bare = weights_after_training(make, given)
    fitprint.autolog()
    recorded = weights_after_training(make, given)
    assert all(np.array_equal(one, other) for one, other in zip(bare, recorded, strict=True))
    run = runs.one()
    assert ("FINISHED", None) == (run.status, run.capture.get("failed"))
    assert [0, 1] == list(run.history("loss").epoch)
    assert any(
        "cuda" in device.lower() or "gpu" in device.lower()
        for device in run.record.documents["devices"]["devices"]
    )
    assert [[569, 30], [569]] == [dataset.facts["shape"] for dataset in run.datasets]
    if where == "device":
        assert all("cuda" in dataset.facts["device"] for dataset in run.datasets)
    loaded = fitprint.load_model(f"runs:/{run.id}/model")
    assert all(
        np.array_equal(one, np.asarray(other))
        for one, other in zip(recorded, loaded.get_weights(), strict=True)
    )


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="other backends' arrays have no digest on a device"
)
def test_tensors_have_the_digest_that_they_have_elsewhere(tracked, data, make):
    """Moved to the device, data are the same data."""
    for given in (data, tuple(map(on_device, data))):
        make().fit(*given, verbose=0)
    host, device = tracked.all()
    assert [dataset.digest for dataset in host.datasets] == [
        dataset.digest for dataset in device.datasets
    ]
    assert device.datasets[1].facts["summary"]["counts"] == [212, 357]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="of the JAX backend")
def test_a_distribution_is_one_run(tracked, data, make):
    """Over the devices that there are."""
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=keras.distribution.list_devices("gpu"))
    )
    try:
        make().fit(*data, verbose=0)
    finally:
        keras.distribution.set_distribution(None)
    assert "DataParallel" == tracked.one().record.documents["devices"]["distribution"]
