"""Which direction of a metric is the better one, where nobody has said."""

from __future__ import annotations

from typing import Literal

__all__ = ["goal_of"]

_OPPOSITES = ("neg_", "negative_", "per_sec", "/s", "improvement", "reduction")
_PARTS = (
    "loss error deviance perplexity inertia entropy brier hinge duration latency runtime seconds divergence distance regret "
    "residual davies_bouldin quantile pinball violation bits_per_byte"
).split()
_WORDS = frozenset("mse rmse mae mape smape msle rmsle medae ppl wer cer eer fid aic bic nll rss sse err fpr fnr kl time ms".split())


def goal_of(key: str) -> Literal["min", "max"]:
    """Return "min" for keys that read like a loss, an error, a distance or a time, else "max".

    Names of the opposite, such as ``neg_mean_squared_error`` and ``batches_per_second``, give "max".
    """
    key = key.lower()
    if any(part in key for part in _OPPOSITES):
        return "max"
    words = "".join(letter if letter.isalpha() else " " for letter in key).split()
    return "min" if any(part in key for part in _PARTS) or not _WORDS.isdisjoint(words) else "max"
