"""Arrays in the memory of a GPU."""

from __future__ import annotations

from typing import Any

from fitprint.recording.digests import family

__all__ = ["is_on_device", "on_host"]


def is_on_device(data: Any) -> bool:
    """Tell whether data are an array of CuPy's, or a tensor of torch's on another device than the CPU."""
    kind = family(data)
    return kind == "cupy" or (kind == "torch" and bool(data.device.type != "cpu"))


def on_host(data: Any, limit: int | None = None) -> Any:
    """Return data that are on a device as a numpy array, all other data as they are.

    This waits for the device to finish what it has been given on the current stream.

    Args:
        data: anything.
        limit: bytes up to which an array is copied; a larger one is returned as it is.
    """
    if not is_on_device(data):
        return data
    if hasattr(data, "detach"):
        if limit is not None and data.numel() * data.element_size() > limit:
            return data
        return data.detach().cpu().numpy()
    return data if limit is not None and data.nbytes > limit else data.get()
