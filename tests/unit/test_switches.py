"""Every setting is a keyword of ``autolog`` and ``configure``;
no public verb hides its arguments.
"""

from __future__ import annotations

import inspect

import jedi
import pytest

import fitprint
from fitprint.errors import SettingsError
from fitprint.recording.workspace import current
from fitprint.settings import CORE_SETTINGS


@pytest.mark.parametrize("verb", [fitprint.autolog, fitprint.configure])
def test_every_setting_is_a_keyword(verb):
    """With the type that the setting has, or None, and a default that is none of its values."""
    parameters = inspect.signature(verb).parameters
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if name not in ("disable", "plugins")
    }
    assert [setting.name for setting in CORE_SETTINGS] == list(named)
    types = {bool: "bool", float: "float", str: "str", list: "Sequence[str]"}
    for setting in CORE_SETTINGS:
        told = named[setting.name].annotation
        assert told.endswith(" | None")
        assert ("Literal" in told) if setting.choices else told.startswith(types[setting.type])
        assert "..." == repr(named[setting.name].default)


@pytest.mark.parametrize(
    "name", [name for name in fitprint.__all__ if inspect.isroutine(getattr(fitprint, name))]
)
def test_no_public_verb_takes_anything_at_all(name):
    """Arguments have names; what goes to others does so beside named ones."""
    parameters = inspect.signature(getattr(fitprint, name)).parameters.values()
    keywords = [parameter for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD]
    assert not keywords or len(parameters) > 1
    assert inspect.getdoc(getattr(fitprint, name))


def test_options_of_mlflow_are_understood(home):
    """Where they mean the same; of others it is said what there is instead."""
    fitprint.configure(log_models=False, log_datasets=False, log_input_examples=True, silent=True)
    settings = current().settings
    assert (False, False, True, False) == tuple(
        settings[name] for name in ("models", "datasets", "input_examples", "notice")
    )
    with pytest.raises(SettingsError, match="no setting 'exclusive': whatever is logged by hand"):
        fitprint.autolog(exclusive=True)
    with pytest.raises(SettingsError, match="did you mean 'models'"):
        fitprint.configure(modles=False)


def test_none_takes_a_setting_back(home):
    """What is not given stays."""
    fitprint.configure(experiment="a", models=False)
    fitprint.configure(experiment=None)
    assert ("Default", False) == tuple(
        current().settings[name] for name in ("experiment", "models")
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import fitprint\nfitprint.log_me", "log_metric"),
        ("import fitprint\nfitprint.autolog(experi", "experiment="),
        ("import fitprint\nwith fitprint.start_run() as run:\n    run.log_me", "log_metric"),
        ("import fitprint\nfitprint.get_run('a').dura", "duration"),
        ("import fitprint\nfitprint.get_run('a').history('m').to_p", "to_pandas"),
        ("import fitprint\nfitprint.get_run('a').tags.se", "setdefault"),
        ("import fitprint\nfitprint.search_runs()[0].dura", "duration"),
        ("import fitprint\nfitprint.get_experiment('a').ar", "archived_time"),
    ],
)
def test_an_editor_completes_names(source, name):
    """As jedi, and so IPython, sees them without running anything."""
    lines = source.splitlines()
    assert name in {
        completion.name for completion in jedi.Script(source).complete(len(lines), len(lines[-1]))
    }
