"""A module that draws when it is imported."""

import random

DRAWN = random.random()
