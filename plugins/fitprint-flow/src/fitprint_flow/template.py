"""The files that ``fitprint flow new`` writes: the life cycle of a model, on data that
scikit-learn brings.
"""

from __future__ import annotations

__all__ = ["FILES"]

_FLOW = '''\
"""From data to a registered model; `fitprint flow run` runs what changed."""

import fitprint
import pandas as pd
from fitprint_flow import Flow, step
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


@step
def ingest():
    """Return all rows, with the class in the column `target`."""
    return load_breast_cancer(as_frame=True).frame


@step
def split(rows, test_size=0.25, seed=0):
    train, test = train_test_split(
        rows, test_size=test_size, random_state=seed, stratify=rows["target"]
    )
    return {"train": train, "test": test}


@step
def preprocess(parts):
    """Scale all features as the training rows say."""
    features = parts["train"].columns.drop("target")
    scaler = StandardScaler().fit(parts["train"][features])
    return {
        name: pd.DataFrame(
            scaler.transform(rows[features]), columns=features, index=rows.index
        ).assign(target=rows["target"])
        for name, rows in parts.items()
    }


@step
def train(parts, C=1.0):
    rows = parts["train"]
    return LogisticRegression(C=C, max_iter=1000).fit(rows.drop(columns="target"), rows["target"])


@step
def evaluate(model, parts):
    rows = parts["test"]
    features, truth = rows.drop(columns="target"), rows["target"]
    scores = {
        "test_accuracy": float(accuracy_score(truth, model.predict(features))),
        "test_auc": float(roc_auc_score(truth, model.predict_proba(features)[:, 1])),
    }
    fitprint.log_metrics(scores)
    return scores


@step
def check(scores, least_auc=0.95):
    if not scores["test_auc"] >= least_auc:
        raise ValueError(f"the AUC {scores['test_auc']:.4f} is below {least_auc}")
    return scores


@step
def register(model, scores, name="breast-cancer"):
    """Make the model that passed a version of a registered model."""
    fitprint.log_metrics(scores)
    fitprint.log_model(model, "model", register=name)
    return name


flow = Flow("life-cycle")
rows = flow.add(ingest)
parts = flow.add(split, rows)
scaled = flow.add(preprocess, parts)
model = flow.add(train, scaled, C=1.0)
scores = flow.add(evaluate, model, scaled)
passed = flow.add(check, scores)
flow.add(register, model, passed)

if __name__ == "__main__":
    flow.run()
'''

FILES = {"flow.py": _FLOW}
