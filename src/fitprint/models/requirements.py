"""What a model needs to be loaded: distributions with their versions, from installed metadata
alone.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["installed_version", "requirements", "version_beside"]

# Where a module's name is not its distribution's. What is neither here nor of the same name is
# looked for in all metadata, once, by who has the time.
_DISTRIBUTIONS = {
    "cv2": "opencv-python",
    "imblearn": "imbalanced-learn",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}


def requirements(modules: Iterable[str], *, thorough: bool = True) -> list[str]:
    """Return ``distribution==version`` of the modules' distributions, sorted.

    Modules of no distribution are left out.

    Args:
        thorough: look through all that is installed for modules whose distribution has a name of
            its own; else, while somebody's training waits, only at the names of what lies beside
            the module.
    """
    found = {}
    for package in sorted({module.partition(".")[0] for module in modules}):
        if package in sys.stdlib_module_names or package.startswith("__"):
            continue
        told = _beside(package) or (_looked_up(package) if thorough else None)
        if told is not None:
            found[told[0]] = told[1]
    return [
        f"{name}=={version}"
        for name, version in sorted(found.items(), key=lambda item: str(item[0]).lower())
    ]


@lru_cache(maxsize=1024)
def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed.

    Remembered for the process.
    """
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def version_beside(package: str) -> str | None:
    """Return the version of an imported package as the folder beside it is named, or else as its
    metadata say.
    """
    found = _beside(package)
    return (
        found[1] if found is not None else installed_version(_DISTRIBUTIONS.get(package, package))
    )


@lru_cache(maxsize=1024)
def _beside(package: str) -> tuple[str, str] | None:
    """Return the distribution and version of an imported package from the names of folders beside
    it: ``NAME-VERSION.dist-info``.
    """
    file = getattr(sys.modules.get(package), "__file__", None)
    if not file:
        return None
    wanted = _normalized(_DISTRIBUTIONS.get(package, package))
    folder = os.path.dirname(file)  # noqa: PTH120 - a Path for each would cost more than the rest
    if os.path.basename(file).startswith("__init__."):  # noqa: PTH119
        folder = os.path.dirname(folder)  # noqa: PTH120
    installed = _installed_in(folder)
    if wanted in installed:
        name, version = installed[wanted]
        return (
            _DISTRIBUTIONS.get(package) or (package if _normalized(package) == wanted else name)
        ), version
    # such as tensorflow-cpu: believed only if it has the package among its files
    for name, version in installed.values():
        if _normalized(name).startswith(f"{wanted}-") and _has(folder, name, version, package):
            return _normalized(name), version
    return None


@lru_cache(maxsize=64)
def _installed_in(folder: str) -> dict[str, tuple[str, str]]:
    """Return names and versions of what is installed in a folder, by normalized name."""
    try:
        entries = os.listdir(folder)  # noqa: PTH208
    except OSError:
        return {}
    found = [
        entry.removesuffix(".dist-info").partition("-")
        for entry in entries
        if entry.endswith(".dist-info")
    ]
    return {_normalized(name): (name, version) for name, _, version in found if version}


def _has(folder: str, name: str, version: str, package: str) -> bool:
    try:
        with open(
            os.path.join(folder, (f"{name}-{version}.dist-info"), "RECORD"),  # noqa: PTH118
            encoding="utf-8",
        ) as record:
            return any(line.startswith(f"{package}/") for line in record)
    except OSError:
        return False


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@lru_cache(maxsize=1024)
def _looked_up(package: str) -> tuple[str, str] | None:
    """Return the distribution and version of a package that is not imported, or whose distribution
    has a name of its own.
    """
    name = _DISTRIBUTIONS.get(package, package)
    version = installed_version(name)
    if version is not None:
        return name, version
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    if "site-packages" not in file and "dist-packages" not in file:  # the user's own code
        return None
    name = next(iter(_all_distributions().get(package, ())), "")
    version = installed_version(name) if name else None
    return (name, version) if version is not None else None


@lru_cache(maxsize=1)
def _all_distributions() -> dict[str, list[str]]:
    from importlib import metadata

    return {package: list(names) for package, names in metadata.packages_distributions().items()}
