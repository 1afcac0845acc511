"""Archives: a zip is unpacked into a folder, and nowhere else."""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from fitprint_projects.errors import ProjectError

__all__ = ["MOST_BYTES", "unpack"]

MOST_BYTES = 4 << 30
_MOST_FILES = 100_000
_PIECE = 1 << 20
_DAMAGED: tuple[type[Exception], ...] = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError),
    *([zipfile.lzma.LZMAError] if zipfile.lzma else []),  # type: ignore[attr-defined]
)


def unpack(archive: Path, folder: Path) -> str:
    """Unpack a zip into an empty folder, and return the archive's digest.

    Raises:
        ProjectError: it is none, is damaged, is too large, or a member would lie elsewhere.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            size = sum(each.file_size for each in members)
            if len(members) > _MOST_FILES or size > MOST_BYTES:
                raise ProjectError(
                    f"{archive.name} holds {len(members)} files and {size} bytes; a project has at "
                    f"most {_MOST_FILES} files and {MOST_BYTES} bytes: unpack it yourself, and "
                    "run the folder"
                )
            places = [_place(folder, each) for each in members]
            room = MOST_BYTES
            for member, place in zip(members, places, strict=True):
                if member.is_dir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, place.open("xb") as target:
                    while piece := source.read(_PIECE):
                        room -= len(piece)
                        if room < 0:
                            raise ProjectError(f"{archive.name} holds more than it says")
                        target.write(piece)
                if member.external_attr >> 16 & stat.S_IXUSR:
                    place.chmod(0o755)
    except _DAMAGED as error:
        raise ProjectError(f"{archive} is no zip that can be read: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ProjectError(
            f"{archive.name} holds two files of one name, {Path(error.filename or '').name!r}"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise ProjectError(f"{archive.name} cannot be unpacked into {folder}: {reason}") from None
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def _place(folder: Path, member: zipfile.ZipInfo) -> Path:
    name = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if (
        name.is_absolute()
        or ".." in name.parts
        or "\\" in member.filename
        or (name.parts and ":" in name.parts[0])
        or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
    ):
        raise ProjectError(
            f"the archive has the member {member.filename!r:.200}, which is no file inside of it; "
            "nothing was unpacked"
        )
    return folder / name
