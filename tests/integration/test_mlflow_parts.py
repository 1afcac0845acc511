"""Pipelines of scikit-learn around XGBoost and LightGBM: they load without trust, and what an
attacker puts into them does not.
"""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.hooks.manager import hooks
from fitprint.models.directory import pack
from fitprint.models.loading import load_directory

pytestmark = [pytest.mark.together, pytest.mark.filterwarnings("ignore")]

rng = np.random.RandomState(0)
X = rng.normal(size=(60, 3))
y = np.arange(60) % 3


@pytest.fixture
def flavors():
    return list(hooks().registered("register_flavors").values())


def xgb(**options):
    import xgboost

    return xgboost.XGBClassifier(n_estimators=2, **options)


def lgbm(**options):
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=2, verbosity=-1, min_child_samples=2, **options)


COMPOSITIONS = {
    "pipeline": lambda make: make_pipeline(StandardScaler(), make()),
    "stacking": lambda make: StackingClassifier(
        [("a", make()), ("b", LogisticRegression())], LogisticRegression(), cv=2
    ),
    "voting": lambda make: VotingClassifier(
        [("a", make()), ("b", LogisticRegression())], voting="soft"
    ),
    "search": lambda make: GridSearchCV(make(), {"max_depth": [1, 2]}, cv=2),
    "calibrated": lambda make: CalibratedClassifierCV(make(), cv=2),
    "one versus rest": lambda make: OneVsRestClassifier(make()),
}


@pytest.mark.parametrize("make", [xgb, lgbm])
@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions_load_without_trust(flavors, tmp_path, name, make):
    """Stored without code, and the same afterwards."""
    model = COMPOSITIONS[name](make).fit(X, y)

    packed = pack(model, tmp_path, flavors=flavors)

    assert ("sklearn", "skops", True, []) == (
        packed.flavor,
        packed.facts["serialization"],
        packed.facts["safe"],
        packed.facts["needs"],
    )
    assert {"xgboost" if make is xgb else "lightgbm"} <= {
        line.partition("==")[0] for line in packed.facts["requirements"]
    }
    assert (
        model.predict_proba(X).tolist()
        == load_directory(tmp_path, flavors).predict_proba(X).tolist()
    )


@pytest.mark.parametrize("make", [xgb, lgbm])
def test_both_frameworks_in_one_model(flavors, tmp_path, make):
    """A stack of everything."""
    model = StackingClassifier([("a", xgb()), ("b", lgbm())], make(), cv=2).fit(X, y)
    pack(model, tmp_path, flavors=flavors)

    assert model.predict(X).tolist() == load_directory(tmp_path, flavors).predict(X).tolist()


@pytest.mark.parametrize("make", [xgb, lgbm])
def test_functions_by_reference_have_to_be_named(flavors, tmp_path, make):
    """An objective that is anything but the framework's own is code."""
    model = make_pipeline(StandardScaler(), make()).fit(X, y)
    model[-1].objective = os.system
    pack(model, tmp_path, flavors=flavors)

    with pytest.raises(UntrustedModelError, match=r"\.system +<- can run any code"):
        load_directory(tmp_path, flavors)


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("make", [xgb, lgbm])
@pytest.mark.parametrize(
    "where", ["missing", "_Booster", "callbacks", "__setstate__", "__class__", "__reduce__"]
)
def test_commands_in_a_parts_state_never_run(flavors, tmp_path, make, where):
    """Whichever attribute they sit in."""
    model = make_pipeline(StandardScaler(), make()).fit(X, y)
    state = dict(vars(model[-1]))
    shell = Hollow(type(model[-1]), {**state, where: Command(tmp_path / "made")})
    model.steps[-1] = ("model", shell)
    directory = written(tmp_path / "model", pickle.dumps(model))

    with pytest.raises(UntrustedModelError, match="mkdir"):
        load_directory(directory, flavors)
    assert not (tmp_path / "made").exists()


class Hollow:
    """Pickles as an object of another type with a state of our choice."""

    def __init__(self, kind, state):
        self.kind, self.state = kind, state

    __class__ = property(lambda self: self.kind)  # as the pickler wants to see it

    def __reduce_ex__(self, protocol):
        import copyreg

        return copyreg.__newobj__, (self.kind,), self.state


class Called:
    """Pickles as a call of a type."""

    def __init__(self, kind, *arguments):
        self.kind, self.arguments = kind, arguments

    def __reduce__(self):
        return self.kind, self.arguments


def written(folder, data):
    folder.mkdir()
    (folder / "model.pkl").write_bytes(data)
    (folder / "MLmodel").write_text(
        json.dumps({"flavors": {"sklearn": {"pickled_model": "model.pkl"}}})
    )
    return folder


def test_boosters_are_not_called(flavors, tmp_path):
    """A constructor would read any file."""
    import lightgbm
    import xgboost

    for number, part in enumerate(
        [
            Called(xgboost.Booster, {}, (), "/etc/hostname"),
            Called(lightgbm.Booster, {}, None, "/etc/hostname"),
        ]
    ):
        model = FunctionTransformer()
        model.part_ = part
        with pytest.raises(UntrustedModelError, match="Booster"):
            load_directory(written(tmp_path / str(number), pickle.dumps(model)), flavors)


@pytest.mark.parametrize("name", ["xgboost.Booster", "lightgbm.Booster", "xgboost.XGBClassifier"])
def test_types_are_not_held(flavors, tmp_path, name):
    """A function transformer would call them with data that the file names."""
    module, _, attribute = name.rpartition(".")
    kind = getattr(__import__(module), attribute)

    for number, model in enumerate([FunctionTransformer(kind), {"a": [kind]}]):
        with pytest.raises(UntrustedModelError, match=attribute):
            load_directory(written(tmp_path / str(number), pickle.dumps(model)), flavors)


@pytest.mark.parametrize("handle", [None, "tree\nnothing\n", "tree", "", 5, b"tree"])
def test_boosters_without_trees_are_refused(flavors, tmp_path, handle):
    """They would lead compiled code to nowhere."""
    import lightgbm

    model = FunctionTransformer()
    model.part_ = Hollow(lightgbm.Booster, {"_handle": handle, "params": {}})

    with pytest.raises(FitprintError):
        load_directory(written(tmp_path / "model", pickle.dumps(model)), flavors)


@pytest.mark.parametrize(
    "handle", [bytearray(b""), bytearray(b"no model"), bytearray(b"{L" + b"\xff" * 40), "text", 5]
)
def test_boosters_of_other_bytes_are_refused(flavors, tmp_path, handle):
    """XGBoost reads them, and says no."""
    import xgboost

    model = FunctionTransformer()
    model.part_ = Hollow(xgboost.Booster, {"handle": handle})

    with pytest.raises(FitprintError):
        load_directory(written(tmp_path / "model", pickle.dumps(model)), flavors)


def astray(text):
    """Let the first tree ask for a feature that there is not: LightGBM would count it beyond the
    end of its memory.
    """
    assert "split_feature=" in text
    place = text.index("split_feature=") + len("split_feature=")
    return f"{text[:place]}9{text[place + 1 :]}"


def test_trees_that_lead_astray_are_refused(flavors, tmp_path):
    """In a pipeline as in a booster's own file."""
    model = make_pipeline(StandardScaler(), lgbm()).fit(X, y)
    contents = skops_contents(model, tmp_path / "model", flavors)
    contents["schema.json"] = astray(contents["schema.json"].decode()).encode()

    with pytest.raises(IntegrityError, match="feature"):
        load_directory(written_skops(tmp_path / "changed", contents), flavors)


@pytest.mark.parametrize("disguise", [str, np.str_])
def test_pickled_trees_that_lead_astray_are_refused(flavors, tmp_path, disguise):
    """Before LightGBM is given them."""
    import lightgbm

    model = FunctionTransformer()
    text = astray(lgbm().fit(X, y).booster_.model_to_string())
    model.part_ = Hollow(lightgbm.Booster, {"_handle": disguise(text), "params": {}})

    with pytest.raises(IntegrityError, match="feature" if disguise is str else "no trees"):
        load_directory(written(tmp_path / "model", pickle.dumps(model)), flavors)


def test_boosters_that_are_cut_are_refused(flavors, tmp_path):
    """XGBoost would read on behind their end."""
    import xgboost

    model = make_pipeline(StandardScaler(), xgb()).fit(X, y)
    contents = skops_contents(model, tmp_path / "model", flavors)
    (file,) = (name for name, data in contents.items() if data[:2] == b"{L")
    contents[file] = contents[file][:-200]
    with pytest.raises(IntegrityError, match="cut short"):
        load_directory(written_skops(tmp_path / "changed", contents), flavors)

    whole = model[-1].get_booster().__getstate__()["handle"]
    other = FunctionTransformer()
    other.part_ = Hollow(xgboost.Booster, {"handle": whole[:-200]})
    with pytest.raises(IntegrityError, match="cut short"):
        load_directory(written(tmp_path / "pickled", pickle.dumps(other)), flavors)


def skops_contents(model, folder, flavors):
    pack(model, folder, flavors=flavors)
    with zipfile.ZipFile(folder / "model.skops") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written_skops(folder, contents):
    folder.mkdir()
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    options = {"pickled_model": "model.skops", "serialization_format": "skops"}
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": options}}))
    return folder
