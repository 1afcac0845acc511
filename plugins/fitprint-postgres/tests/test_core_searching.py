"""The core's own table of what each operator finds, with this store."""

from test_searching import *  # noqa: F403
