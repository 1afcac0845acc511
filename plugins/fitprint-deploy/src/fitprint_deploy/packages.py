"""What is installed in an image: requirements, by hashes where they are known, and the list of all
of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from fitprint.arguments import shown
from fitprint.hooks.targets import Release
from fitprint.versions import name_and_range, normal
from fitprint_deploy.errors import DeployError

__all__ = ["Package", "bill_of_materials", "constraints", "required", "time_of", "wheels_in"]

_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9._]+)-(?P<version>[A-Za-z0-9.!+_]+)(?:-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl"
)
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)")
_SPACE = uuid.UUID("5b8f8f0e-6d2a-5c55-9d64-0b0c3f2f6a11")  # of our serial numbers


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution in one version, and the SHA-256 of the files that may be installed."""

    name: str
    version: str
    hashes: tuple[str, ...] = field(default=())

    def line(self) -> str:
        """Return it as pip reads it."""
        hashes = "".join(f" \\\n    --hash=sha256:{each}" for each in self.hashes)
        return f"{self.name}=={self.version}{hashes}\n"


def required(release: Release, wheels: Path | None) -> tuple[list[Package], list[Path]]:
    """Return what is to be installed, and the wheels from which: without a folder of wheels the
    requirements alone, with one everything in it.

    Raises:
        DeployError: a requirement has no version, or the folder lacks it.
    """
    wanted = [_pinned(line) for line in dict.fromkeys([*release.runtime, *release.requirements])]
    if wheels is None:
        return sorted(wanted, key=lambda each: normal(each.name)), []
    found, files = wheels_in(wheels)
    for each in wanted:
        have = found.get(normal(each.name))
        if have is None or not _same(have.version, each.version):
            there = f"has {have.version}" if have else "has none"
            raise DeployError(
                f"the model needs {each.name}=={each.version}, and {wheels} {there}: pip download "
                f"--only-binary :all: --dest {wheels} {each.name}=={each.version}"
            )
    return [found[name] for name in sorted(found)], files


def wheels_in(folder: Path) -> tuple[dict[str, Package], list[Path]]:
    """Return the packages of a folder of wheels, with their hashes, and the files.

    Raises:
        DeployError: there is none, or there are two versions of one.
    """
    files = sorted(folder.glob("*.whl"))
    if not files:
        raise DeployError(
            f"{folder} has no wheels; `pip download --only-binary :all: --dest FOLDER "
            "REQUIREMENT...` brings them"
        )
    found: dict[str, Package] = {}
    for file in files:
        match = _WHEEL.fullmatch(file.name)
        if match is None:
            raise DeployError(f"{shown(file.name)} is not the name of a wheel; remove the file")
        name, version = normal(match["name"]), match["version"].replace("_", "-")
        before = found.get(name)
        if before is not None and before.version != version:
            raise DeployError(
                f"{folder} has {name} in two versions, {before.version} and {version}; remove one"
            )
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        hashes = (*before.hashes, digest) if before is not None else (digest,)
        found[name] = Package(name, version, tuple(sorted(hashes)))
    return found, files


def constraints(release: Release, chosen: list[Package]) -> str:
    """Return the versions of all that was installed when the model was recorded, for pip to take
    where it has the choice.
    """
    names = {normal(each.name) for each in chosen}
    lines = sorted(
        f"{name}=={version}\n"
        for name, version in release.packages.items()
        if normal(name) not in names
    )
    return "".join(lines)


def bill_of_materials(release: Release, packages: list[Package]) -> str:
    """Return what an image is made of as CycloneDX 1.5 has it."""
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": release.model or release.name,
        "version": str(release.version) if release.version else release.digest,
        "hashes": _hashes([release.digest.partition(":")[2]]),
        "properties": [{"name": "fitprint:uri", "value": release.uri}],
    }
    components = [_component(each) for each in packages]
    serial = uuid.uuid5(_SPACE, f"{release.digest}\n{json.dumps(components, sort_keys=True)}")
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"timestamp": time_of(release), "component": model},
        "components": components,
        "dependencies": [
            {"ref": "model", "dependsOn": [each["bom-ref"] for each in components]},
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def time_of(release: Release) -> str:
    """Return when the model was recorded, as ISO 8601."""
    moment = datetime.fromtimestamp(release.created, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _component(package: Package) -> dict[str, Any]:
    address = f"pkg:pypi/{normal(package.name)}@{package.version.replace('+', '%2B')}"
    found = {
        "type": "library",
        "bom-ref": address,
        "name": package.name,
        "version": package.version,
        "purl": address,
    }
    return {**found, "hashes": _hashes(package.hashes)} if package.hashes else found


def _hashes(found: Any) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": each} for each in found]


def _pinned(line: str) -> Package:
    match = _PINNED.fullmatch(line.strip())
    if match is None:
        name = name_and_range(line)[0] or line
        raise DeployError(
            f"the requirement {shown(line)} names no version, so no image can be made of it again: "
            f"record the model where {name} is installed"
        )
    return Package(match["name"], match["version"])


def _same(one: str, other: str) -> bool:
    return one.replace("-", "_").lower() == other.replace("-", "_").lower()
