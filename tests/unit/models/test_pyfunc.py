import json
import sys

import pytest

from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.models.loading import load_directory
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.models.predictor import Predictor
from fitprint.models.pyfunc import PyfuncFlavor

LOADER = """
import json, os
os.environ["OWN_PYFUNC_RAN"] = "1"
class Scaled:
    def __init__(self, by):
        self.by = by
    def predict(self, data, params=None):
        return [value * self.by * (params or {}).get("more", 1) for value in data]
def _load_pyfunc(path):
    with open(path) as file:
        return Scaled(json.load(file))
"""
TRUST = ["code/own_pyfunc.py", "own_pyfunc._load_pyfunc"]


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A model directory that brings the code that loads it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("OWN_PYFUNC_RAN", raising=False)
    sys.modules.pop("own_pyfunc", None)
    folder = tmp_path / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "own_pyfunc.py").write_text(LOADER)
    (folder / "data.json").write_text("3")
    write(folder)
    yield folder
    sys.modules.pop("own_pyfunc", None)


def write(folder, **options):
    content = {"loader_module": "own_pyfunc", "code": "code", "data": "data.json", **options}
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"python_function": content}}))


def has_run():
    import os

    return "OWN_PYFUNC_RAN" in os.environ


def test_who_names_loader_and_code_gets_the_model(directory):
    """And its params are MLflow's."""
    model = load_directory(directory, [], trust=TRUST)

    assert [3, 6] == Predictor(model, PyfuncFlavor()).predict([1, 2])
    assert [12] == Predictor(model, PyfuncFlavor()).predict([1], more=4)
    assert sys.path[-1] == str(directory / "code")


@pytest.mark.parametrize(
    "trust", [(), TRUST[:1], TRUST[1:], ["own_pyfunc", "code", "code/*", "os.system"]]
)
def test_who_leaves_out_any_gets_nothing(directory, trust):
    """No part of the code has run, and it cannot be imported."""
    with pytest.raises(UntrustedModelError, match="own_pyfunc"):
        load_directory(directory, [], trust=trust)

    assert not has_run()
    assert str(directory / "code") not in sys.path


def test_files_that_are_added_have_to_be_named_too(directory):
    """Trust is not in the folder, but in what is in it."""
    (directory / "code" / "json.py").write_text("raise SystemExit")

    with pytest.raises(UntrustedModelError, match=r"code/json\.py"):
        load_directory(directory, [], trust=TRUST)


def test_code_takes_no_installed_modules_place(directory):
    """It comes last on the path."""
    (directory / "code" / "pluggy.py").write_text("raise SystemExit")
    sys.modules.pop("pluggy.impostor", None)

    load_directory(directory, [], trust=[*TRUST, "code/pluggy.py"])

    import importlib.util

    assert str(directory) not in importlib.util.find_spec("pluggy").origin


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"code": "../elsewhere"}, "outside"),
        ({"code": "/"}, "outside"),
        ({"data": "../../data.json"}, "outside"),
        ({"data": "no.json"}, r"no\.json is missing"),
        ({"loader_module": "own_pyfunc; import os"}, "no module's name"),
        ({"loader_module": "../own_pyfunc"}, "no module's name"),
    ],
)
def test_paths_stay_inside_and_names_are_names(directory, options, message):
    """Whoever trusts the code still does not trust what the directory says."""
    write(directory, **options)

    with pytest.raises(IntegrityError, match=message):
        load_directory(directory, [], trust=TRUST)


def test_pickles_of_python_models_name_what_they_refer_to(directory):
    """MLflow's own loader unpickles them."""
    (directory / "python_model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    write(
        directory, loader_module="mlflow.pyfunc.model", python_model="python_model.pkl", code=None
    )

    with pytest.raises(
        UntrustedModelError,
        match=(
            r"mlflow\.pyfunc\.model\._load_pyfunc +<- can run any code\n +os\.system +<- can "
            r"run any"
        ),
    ):
        load_directory(directory, [])


def test_python_models_from_scripts_name_the_script(directory):
    """MLflow runs it."""
    write(directory, loader_module="mlflow.pyfunc.model", python_model="model.py", code=None)

    with pytest.raises(UntrustedModelError, match=r"model\.py +<- can run any code"):
        load_directory(directory, [], trust=["mlflow.pyfunc.model._load_pyfunc"])


def test_a_flavor_at_hand_goes_first(directory):
    """The loader of last resort is not asked."""

    class Mine(PickleFlavor):
        name = "mine"

        def load(self, directory, options, trust):
            return "mine"

    (directory / "MLmodel").write_text(
        json.dumps({"flavors": {"python_function": {"loader_module": "own_pyfunc"}, "mine": {}}})
    )

    assert "mine" == load_directory(directory, [Mine()])


def test_it_only_reads():
    """Saving is the business of others."""
    assert not PyfuncFlavor().accepts(object())
    with pytest.raises(FitprintError, match="only loads"):
        PyfuncFlavor().save(object(), None)
