"""What stands in the parameters and errors of estimators, and must not be recorded."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline


class Talking(TransformerMixin, BaseEstimator):
    """A transformer of the user's that asks a service."""

    def __init__(self, api_key=None, url=None):
        self.api_key = api_key
        self.url = url

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_fault_4_secrets_of_a_part_are_in_no_text_of_the_whole(tracked):
    """Neither in the text of a step, nor in the structure, nor in the name of a candidate."""
    X, y = np.eye(8), np.arange(8) % 2
    pipeline = make_pipeline(Talking("hunter2", "https://bob:hunter2@host"), LogisticRegression())
    runs = [tracked.of(lambda: pipeline.fit(X, y))]
    runs.append(
        tracked.of(
            lambda: GridSearchCV(pipeline, {"talking__api_key": ["hunter2", "hunter3"]}, cv=2).fit(
                X, y
            )
        )
    )
    recorded = [
        (run.name, run.params, run.record.documents) for run in (*runs, *runs[1].children())
    ]
    assert "hunter" not in str(recorded)
    assert (
        "Talking(api_key='[redacted]', url='https://bob:[redacted]@host')"
        == runs[0].params["steps"][0][1]
    )


def test_fault_4_the_failure_in_a_sequence_is_stored_without_secrets(tracked):
    class Failing(ClassifierMixin, BaseEstimator):
        def partial_fit(self, X, y=None):
            if y is None:
                raise ValueError("cannot log in with password=hunter, giving up")
            return self

    model = Failing()
    model.partial_fit(np.eye(3), [0, 1, 0])
    with pytest.raises(ValueError, match="hunter"):
        model.partial_fit(np.eye(3))
    assert "password=[redacted], giving up" in tracked.run().record.documents["failure"]["error"]
