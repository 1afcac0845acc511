"""The engine of Ray: steps are its tasks."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from multiprocessing import spawn
from typing import Any

from fitprint_flow.executors import pickled
from fitprint_flow.steps import FlowError

__all__ = ["OnRay", "open_ray"]


class OnRay:
    """Runs each step as a task of Ray, in the workers of a cluster.

    Args:
        ray: the library, connected.
        is_ours: whether the connection ends with this engine.
    """

    def __init__(self, ray: Any, *, is_ours: bool) -> None:
        self._ray = ray
        self._is_ours = is_ours
        self._program = spawn.get_preparation_data("fitprint-flow")
        self._program.pop("authkey", None)  # a secret of this process

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        resources: Mapping[str, float] | None = None,
    ) -> Any:
        """Return the future of a call.

        Args:
            resources: ``CPU``, ``GPU``, and others by the names that the cluster gives them.

        Raises:
            FlowError: the call cannot be pickled.
        """
        wishes = dict(resources or {})
        options: dict[str, Any] = {
            name: wishes.pop(key)
            for name, key in (("num_cpus", "CPU"), ("num_gpus", "GPU"))
            if key in wishes
        }
        task = self._ray.remote(_work).options(max_retries=0, resources=wishes, **options)
        return task.remote(self._program, pickled(function, args)).future()

    def close(self) -> None:
        """End the connection, and with it what runs."""
        if self._is_ours:
            self._ray.shutdown()


def _work(program: dict[str, Any], payload: bytes) -> Any:
    """In a worker: make the call, where modules are found as in the program that asked for it."""
    known = dict(program)
    for key in ("dir", "orig_dir", "init_main_from_path"):
        if not os.path.exists(known.get(key) or ""):  # noqa: PTH110 - on another machine
            known.pop(key, None)
    spawn.prepare(known)
    function, args = pickle.loads(payload)  # noqa: S301 - from the program that asked
    return function(*args)


def open_ray(address: str, jobs: int) -> OnRay:
    """Return an engine of Ray: of the cluster at an address such as ``host:10001`` (or ``auto``:
    that of this machine), else of one with ``jobs`` CPUs on this machine, which ends with it. If
    the program is connected to Ray already, that connection is used.

    Raises:
        FlowError: Ray is not installed, or the cluster gives no answer.
    """
    try:
        import ray
    except ImportError:
        raise FlowError(
            'Ray is not installed: pip install "fitprint-flow[ray]", or use --executor processes'
        ) from None
    if ray.is_initialized():
        return OnRay(ray, is_ours=False)
    try:
        if address:
            ray.init(address=address if address == "auto" else f"ray://{address}")
        else:
            ray.init(address="local", num_cpus=jobs, include_dashboard=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise FlowError(
            f"Ray at {address or 'this machine'} gives no answer: {error}; see `ray status` there"
        ) from error
    return OnRay(ray, is_ours=True)
