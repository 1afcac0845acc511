"""Which direction of a metric is the better one, where nobody has said."""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["goal_of", "is_told"]

_OPPOSITES = re.compile("neg_|negative_|per_sec|/s|improvement|reduction")
_PARTS = re.compile(
    "loss|error|deviance|perplexity|inertia|entropy|brier|hinge|duration|latency|runtime|seconds|divergence|distance|regret|"
    "residual|davies_bouldin|quantile|pinball|violation|bits_per_byte|memory"
)
_LETTERS = re.compile("[a-z]+")
_WORDS = frozenset(
    (
        "mse rmse mae mape smape msle rmsle medae ppl wer cer eer fid aic bic nll rss sse err "
        "fpr fnr kl time ms cost costs price ece"
    ).split()
)
# What a name must have so that one may say that more of it is better.
_MORE = re.compile(
    "acc|auc|score|f1|fbeta|precision|recall|r2|ndcg|map|mrr|iou|dice|jaccard|bleu|rouge|reward|return|kappa|mcc|matthews|correlation|"
    "pearson|spearman|kendall|gini|gain|lift|sensitivity|specificity|hit|top|silhouette|variance_explained|explained_variance|likelihood|"
    "psnr|ssim|tpr|tnr|success|win|profit|revenue|coverage|similarity|throughput"
)


def is_told(key: str) -> bool:
    """Tell whether a name itself says which direction is better, so that nobody is misled by a
    guess.
    """
    small = key.lower()
    return (
        goal_of(key) == "min"
        or _OPPOSITES.search(small) is not None
        or _MORE.search(small) is not None
    )


def goal_of(key: str) -> Literal["min", "max"]:
    """Return "min" for keys that read like a loss, an error, a distance or a time, else "max".

    Names of the opposite, such as ``neg_mean_squared_error`` and ``batches_per_second``, give
    "max".
    """
    key = key.lower()
    if _OPPOSITES.search(key):
        return "max"
    if _PARTS.search(key):
        return "min"
    words = (
        _LETTERS.findall(key)
        if key.isascii()
        else "".join(letter if letter.isalpha() else " " for letter in key).split()
    )
    return "max" if _WORDS.isdisjoint(words) else "min"
