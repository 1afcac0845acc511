"""One host, by systemd: a unit that serves from an environment, without containers."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from fitprint.arguments import shown
from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.errors import DeployError
from fitprint_deploy.options import names_of, port_of
from fitprint_deploy.packages import bill_of_materials, constraints, required
from fitprint_deploy.programs import called, first_of

__all__ = ["SystemdTarget"]

_PLAIN = re.compile(r"/[A-Za-z0-9][A-Za-z0-9._/-]*")
_BUILDING = 1200  # seconds
_KEY = 12  # digits of a digest
_OWN = re.compile(rf"[0-9a-f]{{{_KEY}}}(\.new)?")

_UNIT = """\
[Unit]
Description={title}
After=network.target

[Service]
Type=exec
ExecStart={place}/venv/bin/python -m fitprint serve {place}/files/model \
--host 127.0.0.1 --port {port}{trust}
Environment=PYTHONUNBUFFERED=1 FITPRINT_HOME=/tmp/fitprint
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only
LockPersonality=yes
RestrictSUIDSGID=yes
UMask=0077

[Install]
WantedBy=default.target
"""


class SystemdTarget(Target):
    """A unit of the user's own (``systemctl --user``), an environment that uv builds, and the
    model's files. It listens on this machine alone: a web server stands before it.
    """

    name = "systemd"
    options = {  # noqa: RUF012 - never changed
        "place": "the folder of deployments on the host, such as /srv/models",
        "port": "8080 by default",
        "python": "of the host, such as python3.12; by default the version of the record",
        "wheels": "a folder of wheels: packages come from it alone, and by their hashes",
        "trust": "names of code that the model may run, with commas",
    }

    def render(self, release: Release) -> Rendering:
        folder = release.options.get("wheels")
        packages, wheels = required(release, Path(folder) if folder else None)
        limits = "" if wheels else constraints(release, packages)
        files: dict[str, str | Path] = {
            "requirements.txt": "".join(each.line() for each in packages),
            "constraints.txt": limits,
            "sbom.cdx.json": bill_of_materials(release, packages),
            **{f"wheels/{file.name}": file for file in wheels},
        }
        # what serves has a folder of its own by its content, beside that which served before
        key = Rendering(release, files, "model").digest.partition(":")[2][:_KEY]
        files[_unit(release)] = _UNIT.format(
            title=f"{release.uri} ({release.digest[:19]})".replace("%", "%%"),
            place=f"{_place(release)}/{release.name}/{key}",
            port=port_of(release, 8080),
            trust="".join(f" --trust {each}" for each in names_of(release)),
        )
        return Rendering(release, files, "model")

    def validate(self, rendering: Rendering) -> Sequence[str]:
        unit = str(rendering.files.get(f"{rendering.release.name}.service", ""))
        sections = ("[Unit]", "[Service]", "[Install]", "ExecStart=/")
        return [f"the unit has no {each}" for each in sections if f"\n{each}" not in f"\n{unit}"]

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:
        release = rendering.release
        systemctl = _systemctl()
        uv = first_of(["uv"], "install it: pip install uv")
        text = str(rendering.files[_unit(release)])
        home = Path(text.partition("ExecStart=")[2].partition("/venv/")[0])
        unit = _units() / _unit(release)
        try:
            if not home.is_dir():
                _build(uv, release, folder, home)
            before = unit.read_text(encoding="utf-8") if unit.is_file() else ""
            unit.parent.mkdir(parents=True, exist_ok=True)
            unit.write_text(text, encoding="utf-8")
            for other in _own_folders(home.parent):
                if other != home and f"{other}/" not in before:
                    shutil.rmtree(other, ignore_errors=True)
        except OSError as error:
            raise DeployError(f"{home} cannot be written: {error.strerror or error}") from None
        for words in (["daemon-reload"], ["enable", _unit(release)], ["restart", _unit(release)]):
            called([*systemctl, *words])
        return {"unit": _unit(release)}

    def status(self, release: Release) -> str:
        words = ["show", _unit(release), "--property=ActiveState,SubState,ActiveEnterTimestamp"]
        return ", ".join(called([*_systemctl(), *words]).split("\n")).strip(", ")

    def delete(self, release: Release) -> None:
        systemctl = _systemctl()
        unit = _units() / _unit(release)
        if unit.exists():
            called([*systemctl, "disable", "--now", unit.name])
            unit.unlink()
            called([*systemctl, "daemon-reload"])
        parent = Path(_place(release)) / release.name
        for own in _own_folders(parent):
            shutil.rmtree(own, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else has files there
            parent.rmdir()


def _own_folders(parent: Path) -> list[Path]:
    """Return the folders of deployments in one that may hold other things."""
    if not parent.is_dir():
        return []
    return [each for each in parent.iterdir() if _OWN.fullmatch(each.name) and each.is_dir()]


def _build(uv: str, release: Release, folder: Path, home: Path) -> None:
    """Make the folder of what serves: whole, or not at all."""
    fresh = home.with_name(f"{home.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(folder, fresh / "files")
    python = release.options.get("python") or ".".join(release.python.split(".")[:2])
    chosen = ["--python", python] if python else []
    remedy = "--option python=PATH names a Python that is here"
    command = [uv, "venv", "--quiet", "--relocatable", *chosen, str(fresh / "venv")]
    called(command, remedy=remedy)
    if (fresh / "files/wheels").is_dir():
        words = ["--require-hashes", "--no-index", "--find-links", str(fresh / "files/wheels")]
    else:
        words = ["--constraint", str(fresh / "files/constraints.txt")]
    wanted = ["--requirement", str(fresh / "files/requirements.txt")]
    inside = ["--python", str(fresh / "venv")]
    called([uv, "pip", "install", "--quiet", *inside, *words, *wanted], seconds=_BUILDING)
    fresh.rename(home)


def _units() -> Path:
    """Return where the user's own units lie."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"


def _place(release: Release) -> str:
    place = release.options.get("place", "")
    if not _PLAIN.fullmatch(place) or ".." in place.split("/"):
        raise DeployError(
            "the option place is the folder of deployments on the host, such as /srv/models: "
            f"letters, digits, '.', '_', '-' and '/', not {shown(place)}"
        )
    return place.rstrip("/")


def _unit(release: Release) -> str:
    return f"{release.name}.service"


def _systemctl() -> list[str]:
    remedy = "render the files, and copy them to a host that has systemd"
    return [first_of(["systemctl"], remedy), "--user"]
