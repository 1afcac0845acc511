"""Wheels that tests make, so that environments are built without a network."""

from __future__ import annotations

import zipfile
from importlib import metadata
from pathlib import Path

import pytest


class Wheels:
    """A folder of wheels, and the variables by which uv knows them alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.variables = {
            "UV_OFFLINE": "1",
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(folder),
            "UV_NO_CONFIG": "1",
        }

    def make(self, name: str, version: str, script: str = "") -> None:
        """Make a wheel of one module that knows its version."""
        about = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"version = {version!r}\ndef main():\n    print(version)\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}/RECORD": "",
        }
        if script:
            files[f"{about}/entry_points.txt"] = f"[console_scripts]\n{script} = {name}:main\n"
        with zipfile.ZipFile(self.folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)

    def repack(self, name: str) -> str:
        """Make a wheel of a package that is installed here; return its requirement."""
        found = metadata.distribution(name)
        lines = (found.read_text("WHEEL") or "").splitlines()
        tag = next(line[5:] for line in lines if line.startswith("Tag: "))
        path = self.folder / f"{name}-{found.version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for file in found.files or ():
                if "__pycache__" not in file.parts and ".." not in file.parts:
                    archive.write(file.locate(), file.as_posix())
        return f"{name}=={found.version}"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheels:
    """Let uv know two wheels of the test alone, `bean` 1.0 and 2.0."""
    found = Wheels(tmp_path / "wheels")
    found.make("bean", "1.0", script="sow")
    found.make("bean", "2.0")
    for name, value in found.variables.items():
        monkeypatch.setenv(name, value)
    return found
