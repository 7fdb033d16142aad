"""One file from a web server: checked before it gets its name, resumed where an earlier try was cut off."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from urllib.parse import unquote

from tqdm import tqdm

from eegdae.errors import EegdaeError
from eegdae.recordings.downloads.checksums import Checksum

_TRIES = 5
_WAIT = 1.0  # seconds, doubled with each try
_BUSY = (429, 500, 502, 503, 504)  # what a server says that may do it later
_SECONDS = (20.0, 60.0)  # to connect, and to wait for more
_BLOCK = 1 << 16


class WrongChecksum(EegdaeError):
    """What came is not what should."""


def transfer(
    url: str, target: Path, checksum: Checksum | None, *, name: str, place: str = "", is_patient: bool = False
) -> None:
    """Download a file.

    What has come stands in ``.NAME.part`` beside the target; a later call asks only for the rest, where the
    server can do that, else for the whole. Once something came, a connection that breaks is taken up again,
    and a server that is silent or too busy is asked a few times more.

    Parameters
    ----------
    url : str
        Where it is.
    target : Path
        Where it goes; its folder is made.
    checksum : Checksum or None
        What it must hold; None = nobody knows.
    name : str
        Of the data set, for errors and progress.
    place : str
        Of the file among those of the set, such as ``"2 of 32"``, for progress.
    is_patient : bool
        Whether something came from there just now, so that asking again may help.

    Raises
    ------
    WrongChecksum
        If it does not hold what it must; nothing of it is left.
    EegdaeError
        If it cannot be had.
    """
    part = target.with_name(f".{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    is_resumed = _size(part) > 0
    if not (is_resumed and checksum is not None and checksum.fits(part)):
        _append(url, part, name, place, is_patient)
    while checksum is not None and not checksum.fits(part):
        part.unlink()
        if not is_resumed:
            raise WrongChecksum(
                f"data set {name!r}: {url} does not have {checksum}; it was not kept: try again, or set "
                "EEGDAE_DATA_DIR to a folder that holds the set"
            )
        is_resumed = False  # what had come before was of another file, or damaged: once more from its begin
        _append(url, part, name, place, is_patient)
    os.replace(part, target)


def unreachable(name: str, address: str, reason: str) -> EegdaeError:
    """Make the error for what cannot be downloaded.

    Parameters
    ----------
    name : str
        Of the data set.
    address : str
        What was asked for.
    reason : str
        What came instead.

    Returns
    -------
    EegdaeError
    """
    return EegdaeError(
        f"data set {name!r}: cannot download {address}: {reason}; "
        f"run 'eegdae data get {name}' with a network, or set EEGDAE_DATA_DIR to a folder that holds the set"
    )


def _append(url: str, part: Path, name: str, place: str, is_patient: bool) -> None:
    """Ask for what is missing until it is there."""
    import requests

    told = f"{name}{place and ', '}{place}"
    for tries in range(1, _TRIES + 1):
        before = _size(part)
        try:
            return _ask(url, part, told)
        except requests.RequestException as error:
            has_come = _size(part) > before
            is_patient = is_patient or has_come
            reason, may_pass = type(error).__name__, True
            if isinstance(error, requests.HTTPError) and error.response is not None:
                reason = f"the server says {error.response.status_code} {error.response.reason}"
                may_pass = error.response.status_code in _BUSY
            elif _size(part):
                reason = f"cut off ({reason}); {_size_text(_size(part))} are kept, the next try goes on there"
            if tries == _TRIES or not (is_patient and may_pass):
                raise unreachable(name, url, reason) from error
            if not has_come:
                print(f"{told}: {reason}; asks again", flush=True)
                time.sleep(_WAIT * 2**tries)
    return None


def _ask(url: str, part: Path, told: str) -> None:
    import requests

    have = _size(part)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_SECONDS) as answer:
        is_rest = answer.status_code == 206 and _first_byte(answer.headers.get("Content-Range")) == have
        if have and not is_rest and answer.status_code in (206, 416):  # nothing follows what is here
            part.unlink()
            return _ask(url, part, told)
        answer.raise_for_status()
        have = have if is_rest else 0
        length = _length(answer.headers)
        _tell(told, url, have, length)
        with (
            part.open("ab" if is_rest else "wb") as file,
            tqdm(
                total=None if length is None else have + length,
                initial=have,
                desc=unquote(url.rsplit("/", 1)[-1]),
                unit="B",
                unit_scale=True,
                leave=False,
                file=sys.stdout,
                disable=not sys.stdout.isatty(),
                dynamic_ncols=True,
            ) as bar,
        ):
            for block in answer.iter_content(_BLOCK):
                file.write(block)
                file.flush()
                bar.update(len(block))
    if length is not None and _size(part) < have + length:
        raise requests.ConnectionError(f"{_size(part)} of {have + length} bytes came")
    return None


def _tell(told: str, url: str, have: int, length: int | None) -> None:
    size = "" if length is None else f", {_size_text(have + length)}"
    print(f"{told}: {url}{size}{f', {_size_text(have)} of it are here' if have else ''}", flush=True)


def _size_text(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.1f} kB"


def _length(headers: object) -> int | None:
    """Tell how many bytes will come; None where they come packed, or nobody says."""
    from requests.structures import CaseInsensitiveDict

    assert isinstance(headers, CaseInsensitiveDict)
    length = str(headers.get("Content-Length", ""))
    is_plain = headers.get("Content-Encoding", "identity") == "identity"
    return int(length) if is_plain and length.isdecimal() else None


def _first_byte(content_range: str | None) -> int | None:
    match = re.match(r"bytes (\d+)-", content_range or "")
    return int(match.group(1)) if match else None


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
