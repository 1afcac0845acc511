"""What a model needs to be loaded: distributions with their versions, from installed metadata alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata

__all__ = ["installed_version", "requirements"]

# Where a module's name is not its distribution's. What is neither here nor of the same name is looked up in all metadata, once.
_DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "imblearn": "imbalanced-learn",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}


def requirements(modules: Iterable[str]) -> list[str]:
    """Return ``distribution==version`` of the modules' distributions, sorted. Modules of no distribution are left out."""
    found = {}
    for package in sorted({module.partition(".")[0] for module in modules}):
        name = _distribution(package)
        version = installed_version(name) if name is not None else None
        if version is not None:
            found[name] = version
    return [f"{name}=={version}" for name, version in sorted(found.items(), key=lambda item: str(item[0]).lower())]


@lru_cache(maxsize=1024)
def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed. Remembered for the process."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@lru_cache(maxsize=1024)
def _distribution(package: str) -> str | None:
    if package in sys.stdlib_module_names or package.startswith("__"):
        return None
    name = _DISTRIBUTIONS.get(package, package)
    if installed_version(name) is not None:
        return name
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    if "site-packages" not in file and "dist-packages" not in file:  # the user's own code
        return None
    return next(iter(_all_distributions().get(package, ())), None)


@lru_cache(maxsize=1)
def _all_distributions() -> dict[str, list[str]]:
    return {package: list(names) for package, names in metadata.packages_distributions().items()}
