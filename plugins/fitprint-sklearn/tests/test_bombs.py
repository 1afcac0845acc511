"""Archives of skops' that hold more than they could."""

import io
import zipfile

import pytest
import scipy.sparse
import skops.io
from sklearn.linear_model import LogisticRegression

from fitprint.errors import IntegrityError
from fitprint.models.trust import Trust
from fitprint_sklearn.flavor import SklearnFlavor

OPTIONS = {"pickled_model": "model.skops", "serialization_format": "skops"}


def bombed(path, name, data):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    model.kept_ = scipy.sparse.eye(2, format="csr")
    skops.io.dump(model, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)


def nested(data):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", data)
    return inner.getvalue()


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_fault_5_a_bomb_is_refused_before_it_is_read(tmp_path, form):
    """In an array, and in the archive that a sparse matrix is kept in."""
    bombed(
        tmp_path / "model.skops",
        f"more.{form}",
        bytes(100 << 20) if form == "npy" else nested(bytes(100 << 20)),
    )
    with pytest.raises(IntegrityError, match="no honest model"):
        SklearnFlavor().load(tmp_path, OPTIONS, Trust())
    assert type(SklearnFlavor().load(tmp_path, OPTIONS, Trust(["sklearn"]))) is LogisticRegression


def test_archives_that_are_as_large_as_they_say_load(tmp_path):
    """Whatever they hold."""
    bombed(tmp_path / "model.skops", "more.npz", nested(b"1234"))
    assert type(SklearnFlavor().load(tmp_path, OPTIONS, Trust())) is LogisticRegression


def test_an_archive_whose_directory_lies_before_it_is_damaged(tmp_path):
    """Python's reader would seek to a negative place."""
    bombed(tmp_path / "model.skops", "more.npy", b"")
    data = bytearray((tmp_path / "model.skops").read_bytes())
    end = data.rindex(b"PK\5\6")
    data[end + 16 : end + 20] = (0x7FFFFFFF).to_bytes(4, "little")
    (tmp_path / "model.skops").write_bytes(data)
    with pytest.raises(IntegrityError, match="is damaged"):
        SklearnFlavor().load(tmp_path, OPTIONS, Trust())
    assert SklearnFlavor().trial(tmp_path, OPTIONS) is None
