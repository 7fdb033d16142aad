"""Files out of a .zip or .tar archive, none of which can land outside the folder that they are for."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.recordings.downloads.checksums import matching
from eegdae.recordings.downloads.folders import below


def unpack(
    archive: Path,
    folder: Path,
    wanted: Mapping[str, object] | Iterable[object],
    *,
    root: str = "",
    called: str,
) -> list[str]:
    """Take files out of an archive.

    Parameters
    ----------
    archive : Path
        A .zip, or a .tar, packed or not.
    folder : Path
        Where they go.
    wanted : mapping or iterable of str
        Name of a file to name of its member; or globs of members, which keep their names and folders.
    root : str
        Folder inside the archive that names are counted from.
    called : str
        What an error calls the archive.

    Returns
    -------
    list of str
        The names of the files.

    Raises
    ------
    EegdaeError
        If it is no archive, a member is missing, is no plain file, or would land outside the folder.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                infos = {info.filename: info for info in packed.infolist() if not info.is_dir()}
                return _take(infos, packed.open, _is_plain_zip, folder, wanted, root, called)
        with tarfile.open(archive) as tar:
            members = {m.name.removeprefix("./"): m for m in tar.getmembers() if not m.isdir()}
            return _take(members, tar.extractfile, tarfile.TarInfo.isfile, folder, wanted, root, called)
    # zipfile raises the last two: of a compression that it has not, and of a password
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        raise EegdaeError(f"{called}: cannot be unpacked: {one_line(error)}") from error


def _take(
    members: Mapping[str, Any],
    opened: Any,
    is_plain: Any,
    folder: Path,
    wanted: Mapping[str, object] | Iterable[object],
    root: str,
    called: str,
) -> list[str]:
    prefix = f"{root.strip('/')}/" if root else ""
    there = {name.removeprefix(prefix): m for name, m in members.items() if name.startswith(prefix)}
    if isinstance(wanted, Mapping):
        chosen = {str(name): str(member) for name, member in wanted.items()}
    else:
        fitting = matching(there, wanted, where="data.resource.files", there=called)
        chosen = {name: name for name in fitting}
    places = {}
    for name, member in chosen.items():
        if member not in there:
            raise EegdaeError(
                f"data.resource.files: {member!r} is not in {called}; {did_you_mean(member, there)}"
            )
        if not is_plain(there[member]):
            raise EegdaeError(f"{called}: {member!r} is a link or no plain file; refused")
        places[name] = below(folder, name, where=called)
    for name, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        source: IO[bytes]
        with opened(there[chosen[name]]) as source, part.open("wb") as file:
            shutil.copyfileobj(source, file)
        os.replace(part, place)
    return list(places)


def _is_plain_zip(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)
    return kind in (0, stat.S_IFREG) and not info.flag_bits & 1  # the last bit: it needs a password
