"""A made-up framework: boosted constants."""

from toyboost.estimators import Booster, Model
from toyboost.training import train

__all__ = ["Booster", "Model", "train"]
