"""An image that serves one model: the folder of which it is built."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fitprint.arguments import shown
from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.errors import DeployError
from fitprint_deploy.options import DIGESTED, names_of
from fitprint_deploy.packages import bill_of_materials, constraints, required, time_of

__all__ = ["PORT", "ImageTarget"]

PORT = 8080  # that SageMaker, and others, ask
_USER = 10001
_MODEL = "/opt/ml/model"  # where SageMaker has it, too
_EPOCH = 315532800  # 1980, before which zip files have no times; the same for each model, so that
# the layer of packages is built again only if they changed

# Nobody runs the tests of the large libraries there. A file that cannot be compiled is a template
# of some package.
_DOCKERFILE = """\
# {uri}
FROM {base} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 SOURCE_DATE_EPOCH={epoch}
COPY requirements.txt /build/
{copy}RUN python3 -m venv /build/pip \\
 && python3 -m venv --without-pip /app/venv \\
 && /build/pip/bin/python -m pip --python /app/venv/bin/python install --no-compile \\
    {install} -r /build/requirements.txt \\
 && for each in numpy pandas scipy sklearn; do \\
        find /app/venv/lib/*/site-packages/$each -type d -name tests -prune -exec rm -rf {{}} + \\
            2>/dev/null || true; \\
    done \\
 && (/app/venv/bin/python3 -m compileall -q --invalidation-mode unchecked-hash \\
        /app/venv/lib || true)

FROM {base}
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 HOME=/tmp FITPRINT_HOME=/tmp/fitprint PORT={port}
COPY --from=build /app/venv /app/venv
COPY serve.py health.py /app/
COPY sbom.cdx.json /app/
COPY model {model}
USER {user}:{user}
EXPOSE {port}
HEALTHCHECK --interval=30s --timeout=3s --start-period=60s \\
    CMD ["/app/venv/bin/python3", "/app/health.py"]
LABEL {labels}
ENTRYPOINT ["/app/venv/bin/python3", "/app/serve.py"]
"""

_SERVE = '''\
"""Serve the model. SageMaker starts each container with the word "serve", and lets nobody ask who
may not; what else is said are options of `fitprint serve`.
"""

import os
import sys

given = sys.argv[1:]
if given[:1] == ["serve"]:
    given[:1] = ["--insecure"]
port = os.environ.get("AIP_HTTP_PORT") or os.environ["PORT"]
command = ["-m", "fitprint", "serve", {model!r}, "--host", "0.0.0.0", "--port", port]
os.execv(sys.executable, [sys.executable, *command, *{trust!r}, *given])
'''

_HEALTH = '''\
"""Ask the server of this container whether it answers."""

import os
import urllib.request

port = os.environ.get("AIP_HTTP_PORT") or os.environ["PORT"]
urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
'''


class ImageTarget(Target):
    """The folder of an image. ``fitprint image build`` makes the image, and other targets let it
    serve.
    """

    name = "image"
    options = {  # noqa: RUF012 - never changed
        "base": "an image with Python, as NAME@sha256:DIGEST; by a tag, or python:VERSION-slim by "
        "default, where a tool can tell the digest",
        "wheels": "a folder of wheels: packages come from it alone, and by their hashes",
        "trust": "names of code that the model may run, with commas",
        "tag": "a name for the image; that of the deployment by default",
        "push": "yes: bring it to the registry that the tag names",
    }

    def render(self, release: Release) -> Rendering:
        base = release.options.get("base", "")
        if not DIGESTED.fullmatch(base):
            given = f"not {shown(base)}" if base else "and it is missing"
            raise DeployError(
                f"the option base is NAME@sha256:DIGEST, {given}: a tag may mean another image "
                "tomorrow; `skopeo inspect --format '{{.Digest}}' docker://NAME` says the digest"
            )
        folder = release.options.get("wheels")
        packages, wheels = required(release, Path(folder) if folder else None)
        trust = [word for name in names_of(release) for word in ("--trust", name)]
        limits = "" if wheels else constraints(release, packages)
        copy, install = "", ""
        if wheels:
            copy, install = "COPY wheels /build/wheels\n", _BY_HASH
        elif limits:
            copy, install = "COPY constraints.txt /build/\n", "-c /build/constraints.txt"
        files: dict[str, str | Path] = {
            "Dockerfile": _DOCKERFILE.format(
                uri=release.uri,
                base=base,
                epoch=_EPOCH,
                copy=copy,
                install=install,
                model=_MODEL,
                user=_USER,
                port=PORT,
                labels=" \\\n      ".join(
                    f"{key}={_quoted(value)}" for key, value in labels(release).items()
                ),
            ),
            "requirements.txt": "".join(each.line() for each in packages),
            "sbom.cdx.json": bill_of_materials(release, packages),
            "serve.py": _SERVE.format(model=_MODEL, trust=trust),
            "health.py": _HEALTH,
            **({"constraints.txt": limits} if limits else {}),
            **{f"wheels/{file.name}": file for file in wheels},
        }
        return Rendering(release, files, "model", tuple(_notes(release, pinned=bool(wheels))))

    def validate(self, rendering: Rendering) -> Sequence[str]:
        wanted = ("Dockerfile", "requirements.txt", "sbom.cdx.json", "serve.py", "health.py")
        return [f"{name} is missing" for name in wanted if name not in rendering.files]

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:  # noqa: ARG002
        raise DeployError(
            "an image serves nowhere by itself: `fitprint image build` makes it, and the targets "
            "compose, kubernetes and kserve let it serve"
        )

    def status(self, release: Release) -> str:  # noqa: ARG002
        raise DeployError("an image serves nowhere by itself, so it has no status")

    def delete(self, release: Release) -> None:  # noqa: ARG002
        raise DeployError("an image serves nowhere by itself; the tool that built it removes it")


_BY_HASH = "--require-hashes --no-index --find-links /build/wheels"


def labels(release: Release) -> dict[str, str]:
    """Return what an image says of itself."""
    found = {
        "org.opencontainers.image.title": release.name,
        "org.opencontainers.image.version": str(release.version) if release.version else "",
        "org.opencontainers.image.created": time_of(release),
        "org.opencontainers.image.source": release.uri,
        "fitprint.model": release.model,
        "fitprint.model.digest": release.digest,
        "fitprint.run": release.run,
        "com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true",
    }
    return {key: value for key, value in found.items() if value}


def _notes(release: Release, *, pinned: bool) -> list[str]:
    notes = []
    if not pinned:
        notes.append(
            "the record has no hashes of packages, so the build takes what the index gives for "
            "these versions; --option wheels=FOLDER takes them from a folder, by their hashes"
        )
    base = release.options["base"].partition("@")[0]
    found = re.search(r"python:(\d+\.\d+)", base)
    if found and release.python and not release.python.startswith(f"{found[1]}."):
        notes.append(f"the model was recorded with Python {release.python}, and the base is {base}")
    return notes


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("$", "\\$")
