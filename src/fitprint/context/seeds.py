"""Where the random generators stand when a training begins.

Nothing is drawn, and no generator is waited for.
"""

from __future__ import annotations

import hashlib
import os
import sys
from array import array
from typing import Any

__all__ = ["describe_seeds"]

_STATE = 624  # words of a Mersenne Twister
# the state of Python's generator at the last look, and its digest: most trainings draw from others
_last: tuple[Any, str] = (None, "")


def describe_seeds() -> dict[str, Any]:
    """Return seeds that can be seen, and digests of states whose seed cannot; some 50 microseconds.

    ``PYTHONHASHSEED`` and ``PL_GLOBAL_SEED`` as they were set; ``random``, the digest of Python's
    generator; ``numpy``, the seed of its global generator before the first draw, else the digest of
    its state; ``torch``, its seed. Equal digests mean that the same numbers follow.
    """
    seeds: dict[str, Any] = {
        name: os.environ[name]
        for name in ("PYTHONHASHSEED", "PL_GLOBAL_SEED")
        if name in os.environ
    }
    for name, ask in (("random", _python), ("numpy", _numpy), ("torch", _torch)):
        told = None
        try:
            told = ask()
        except Exception:  # noqa: BLE001, S110
            # a generator of another kind or version: the others are told
            pass
        if told is not None:
            seeds[name] = told
    return seeds


def _python() -> str | None:
    generator = sys.modules.get("random")
    if generator is None:
        return None
    global _last
    found, (known, digest) = generator.getstate(), _last
    if found != known:
        version, state, gauss = found
        digest = _digest(array("I", state[:_STATE]).tobytes(), state[_STATE:], gauss, version)
        _last = found, digest
    return digest


def _numpy() -> int | str | None:
    numpy = sys.modules.get("numpy.random")
    if numpy is None:
        return None
    lock = getattr(
        getattr(
            getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None), "_bit_generator", None
        ),
        "lock",
        None,
    )
    if lock is not None:
        if not lock.acquire(blocking=False):
            return None  # another thread is drawing, which may take long
        lock.release()
    told = numpy.get_state(legacy=False)
    keys = told["state"].get("key")
    if keys is None:
        return _digest(b"", told)
    if (
        told["bit_generator"] == "MT19937"
        and told["state"]["pos"] == _STATE
        and _follows(int(keys[0]), int(keys[1]))
    ):
        return int(keys[0])
    return _digest(
        keys.tobytes(),
        told["bit_generator"],
        told["state"]["pos"],
        told.get("has_gauss"),
        told.get("gauss"),
    )


def _follows(seed: int, word: int) -> bool:
    """Tell whether the word is the one that seeding puts behind a seed: neither a seed of several
    numbers nor draws leave it there.
    """
    return word == (1812433253 * (seed ^ (seed >> 30)) + 1) & 0xFFFFFFFF


def _torch() -> int | None:
    torch = sys.modules.get("torch")
    return (
        int(torch.initial_seed()) if torch is not None and hasattr(torch, "initial_seed") else None
    )


def _digest(state: bytes, *more: object) -> str:
    return f"sha256:{hashlib.sha256(state + repr(more).encode()).hexdigest()[:32]}"
