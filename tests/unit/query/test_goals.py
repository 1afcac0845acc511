"""Guessing whether less or more of a metric is better."""

from __future__ import annotations

import pytest

from fitprint.query.goals import goal_of


@pytest.mark.parametrize(
    "key",
    (
        "loss val_loss valLoss train/loss log_loss validation_0-logloss mse val_rmse "
        "training_root_mean_squared_error mean_absolute_error MAE mape deviance perplexity ppl "
        "eval/ppl fit_time mean_fit_time duration latency_ms inertia hinge_loss "
        "davies_bouldin_score kl_divergence wer error top5_error merror brier_score_loss"
    ).split(),
)
def test_less_is_better(key: str) -> None:
    """Losses, errors, distances and times are to be small."""
    assert goal_of(key) == "min"


@pytest.mark.parametrize(
    "key",
    (
        "accuracy val_acc auc training_score r2 f1 precision recall neg_mean_squared_error "
        "neg_log_loss explained_variance silhouette_score samples_per_second tokens/s map@k "
        "ndcg best_cv_score mAP50 lr epoch reward bleu timestamped_accuracy terms"
    ).split(),
)
def test_more_is_better(key: str) -> None:
    """Everything else is to be great, negated losses too."""
    assert goal_of(key) == "max"
