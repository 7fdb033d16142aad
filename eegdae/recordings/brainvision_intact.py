"""Is a BrainVision recording whole? Its header names a file of data and one of markers."""

from __future__ import annotations

import re
from pathlib import Path

from eegdae.errors import EegdaeError

_BEGIN = re.compile(r"\ufeff?Brain ?Vision ")
_BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


def check_brainvision(path: Path) -> None:
    """Refuse a BrainVision header whose files are missing, empty, cut off, or not what they should be.

    The data hold whole samples, as many as the header says where it does, and no marker lies behind them. The
    file of markers begins as one, and its last marker is whole: MNE passes over what it cannot read there.

    Parameters
    ----------
    path : Path
        The ``.vhdr`` file.

    Raises
    ------
    EegdaeError
        Names the file.
    """
    text = path.read_text("utf-8", errors="replace")
    if not _BEGIN.match(text):
        raise EegdaeError(f"{path}: is no BrainVision header: it begins with {text[:12]!r}")
    last = text.splitlines()[-1]
    # Ch1=name,reference,resolution,unit: what is missing at its end MNE takes for 1 microvolt
    if re.match(r"Ch\d+=", last) and not re.search(r",[\d.]+,[^,]*V\s*$", last) and text[-1] not in "\r\n":
        raise EegdaeError(f"{path}: was cut off in its last line, {last[:40]!r}; get it anew")
    fields = dict(re.findall(r"^(\w+)=(.*?)\s*$", text, flags=re.MULTILINE))
    beside: dict[str, Path] = {}
    for key in ("DataFile", "MarkerFile"):
        if key in fields:
            beside[key] = path.parent / fields[key]
            if not beside[key].is_file():
                raise EegdaeError(f"{path}: its {key}={fields[key]} is missing; put it into the same folder")
            if not beside[key].stat().st_size:
                raise EegdaeError(f"{beside[key]}: the file is empty")
    markers = _markers(beside["MarkerFile"]) if "MarkerFile" in beside else []
    width = _BYTES.get(fields.get("BinaryFormat", ""))
    if width is None or "DataFile" not in beside or not fields.get("NumberOfChannels", "").isdecimal():
        return  # text data, or a header that MNE refuses with a word of its own
    found, sample = beside["DataFile"].stat().st_size, width * int(fields["NumberOfChannels"])
    told = int(fields["DataPoints"]) if fields.get("DataPoints", "").isdecimal() else 0
    if sample and (found % sample or max([*markers, told]) > found // sample):
        raise EegdaeError(
            f"{beside['DataFile']}: was cut off: {found} bytes, {found / sample:g} samples"
            + (f", of {told} that the header says" if told else "")
            + (f", and a marker at sample {max(markers)}" if markers else "")
            + "; get it anew"
        )


def _markers(file: Path) -> list[int]:
    """Give the samples that markers stand at, counted from 1."""
    text = file.read_text("utf-8", errors="replace")
    if not _BEGIN.match(text):
        raise EegdaeError(f"{file}: is no file of BrainVision markers: it begins with {text[:12]!r}")
    if "[marker infos]" not in text.lower():
        raise EegdaeError(f"{file}: was cut off: it has no [Marker Infos]; get it anew")
    last = text.splitlines()[-1]
    # Mk1=type,description,sample,length,channel, and perhaps a date
    if re.match(r"Mk\d", last) and not re.match(r"Mk\d+=[^,]*,[^,]*,\d+,\d+,\d+", last):
        raise EegdaeError(f"{file}: was cut off in its last line, {last[:40]!r}; get it anew")
    return [int(n) for n in re.findall(r"^Mk\d+=[^,]*,[^,]*,(\d+)", text, flags=re.MULTILINE)]
