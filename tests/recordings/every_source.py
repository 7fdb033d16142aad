"""A small valid file of every kind that is read: two channels, 2 s at 100 Hz, by the format's library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import true_formats
from .mat.test_source import save_v4, save_v5, save_v7_3
from .xdf_writer import file as xdf_file
from .xdf_writer import stream

SFREQ = 100
N_TIMES = 2 * SFREQ
NAMES = ("Fz", "Cz")


def signal(seed=0, n_chans=2):
    """Whole microvolts, which every format holds, in volt-sized noise; shape (n_chans, n_times)."""
    return np.random.default_rng(seed).integers(-90, 90, size=(n_chans, N_TIMES)).astype(np.float64)


def edf(path, data, names, sfreq=SFREQ, units=("uV", "uV"), events=()):
    import edfio

    rates = sfreq if isinstance(sfreq, tuple) else (sfreq,) * len(data)
    kind, signal_kind = (
        (edfio.Bdf, edfio.BdfSignal) if path.suffix == ".bdf" else (edfio.Edf, edfio.EdfSignal)
    )
    signals = [
        signal_kind(
            one[: 2 * rate], rate, label=name, physical_dimension=unit, physical_range=(-3276.8, 3276.7)
        )
        for one, name, unit, rate in zip(data, names, units, rates, strict=False)
    ]
    marks = [edfio.EdfAnnotation(start / SFREQ, length / SFREQ, label) for start, length, label in events]
    kind(signals, annotations=marks).write(path)


def brainvision(path, data, names, sfreq=SFREQ, events=()):
    import pybv

    marks = [
        {"onset": start, "duration": length, "type": "Comment", "description": label, "channels": "all"}
        for start, length, label in events
    ]
    pybv.write_brainvision(
        data=data * 1e-6, sfreq=sfreq, ch_names=list(names), fname_base=path.stem, folder_out=path.parent,
        events=marks or None, unit="µV", resolution=0.1, fmt="binary_float32", overwrite=True,
    )  # fmt: skip


def eeglab(path, data, names, sfreq=SFREQ, events=()):
    from eeglabio.raw import export_set

    starts, lengths, labels = zip(*events, strict=True) if events else ((), (), ())
    marks = [list(labels), np.array(starts) / sfreq, np.array(lengths) / sfreq]
    export_set(str(path), data * 1e-6, sfreq, list(names), annotations=marks if events else None)


def fif(path, data, names, sfreq=SFREQ, events=()):
    import mne

    raw = mne.io.RawArray(data * 1e-6, mne.create_info(list(names), sfreq, "eeg"), verbose="error")
    if events:
        starts, lengths, labels = zip(*events, strict=True)
        raw.set_annotations(mne.Annotations(np.array(starts) / sfreq, np.array(lengths) / sfreq, labels))
    raw.save(path, fmt="double", overwrite=True, verbose="error")


def by_bytes(make):
    def write(path, data, names, sfreq=SFREQ, events=((10, 20, "769"),)):
        marks = [(start, int(label), length) for start, length, label in events]
        steps = (data / true_formats.STEP).astype(np.int16)
        path.write_bytes(make(steps, sfreq=sfreq, names=names, events=marks))

    return write


def npz(path, data, names, sfreq=SFREQ):
    np.savez(path, data=data.T, offsets=[0, data.shape[1]], sfreq=sfreq, ch_names=list(names), label=["x"])


def npy(path, data, names=(), sfreq=SFREQ):
    np.save(path, data)


def telemanom(path, data, names=(), sfreq=SFREQ):
    np.savez(path, train=data.T, test=data.T, test_label=np.arange(data.shape[1]) < 50)


def mat(save):
    def write(path, data, names, sfreq=SFREQ):
        save(path, {"data": data, "srate": float(sfreq), "names": "\n".join(names)})

    return write


def arff(path, data, names, sfreq=SFREQ):
    rows = "".join(",".join(map(str, row)) + ",x\n" for row in data.T)
    head = "".join(f"@attribute '{name}' numeric\n" for name in names)
    path.write_text(f"@relation own\n{head}@attribute state {{x, y}}\n@data\n{rows}")


def ts(path, data, names=(), sfreq=SFREQ):
    case = ":".join(",".join(map(str, one)) for one in data)
    head = f"@problemName own\n@timeStamps false\n@dimensions {len(data)}\n@seriesLength {data.shape[1]}\n"
    path.write_text(f"{head}@classLabel true x y\n@data\n{case}:x\n{case}:y\n")


def table(path, data, names, sfreq=SFREQ, times=None):
    import pandas as pd

    times = np.arange(data.shape[1]) / sfreq if times is None else times
    frame = pd.DataFrame(np.c_[times, data.T])
    frame.columns = ["time", *names]
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix in (".arrow", ".feather"):
        frame.to_feather(path)
    else:
        frame.to_csv(
            path, index=False, sep="\t" if ".tsv" in path.name else ",", na_rep="", float_format="%.6g"
        )


def sound(path, data, names=(), sfreq=SFREQ):
    import soundfile

    subtype = "FLOAT" if path.suffix == ".wav" else "PCM_16"
    soundfile.write(path, (data / 128).T, sfreq, subtype=subtype)


def xdf(path, data, names, sfreq=SFREQ, times=None):
    times = 1000 + np.arange(data.shape[1]) / sfreq if times is None else times
    channels = [(name, "microvolts") for name in names]
    path.write_bytes(xdf_file(stream(1, times, data.T, sfreq=sfreq, channels=channels)))


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    ``write(path, data, names, **what it can hold besides)`` in microvolt; ``options`` read it; ``files`` are
    the endings of all that belongs to it, the one that is named first; ``has_names``, ``has_floats``: whether
    it holds names of channels, and numbers that may be NaN; ``cut``: whether what is left of a file that was
    cut off can be seen to be less, wherever it was cut.
    """

    ending: str
    write: Callable[..., None]
    options: dict[str, object] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    has_names: bool = True
    has_floats: bool = True
    cut: bool = True


RATE = {"sfreq": SFREQ}
MAT = {"variable": "data", "layout": "channels_times", "sfreq": "srate"}
KINDS = {
    "edf": Kind(".edf", edf, has_floats=False),
    "bdf": Kind(".bdf", edf, has_floats=False),
    "gdf1": Kind(".gdf", by_bytes(true_formats.gdf1), has_floats=False),
    "gdf2": Kind(".gdf", by_bytes(true_formats.gdf2), has_floats=False),
    "cnt": Kind(".cnt", by_bytes(true_formats.cnt), has_floats=False),
    "brainvision": Kind(".vhdr", brainvision, files=(".vhdr", ".vmrk", ".eeg")),
    "eeglab": Kind(".set", eeglab),
    "fif": Kind("_raw.fif", fif),
    "npz": Kind(".npz", npz),
    "npy": Kind(".npy", npy, RATE | {"layout": "channels_times"}, has_names=False),
    "telemanom": Kind(".npz", telemanom, {"source": "telemanom"}, has_names=False),
    "mat4": Kind(".mat", mat(save_v4), MAT, has_names=False),
    "mat5": Kind(".mat", mat(save_v5), MAT, has_names=False),
    "mat7.3": Kind(".mat", mat(save_v7_3), MAT, has_names=False),
    "arff": Kind(".arff", arff, RATE, cut=False),
    "ts": Kind(".ts", ts, RATE, has_names=False),
    "csv": Kind(".csv", table, {"time": "time"}, cut=False),
    "csv.gz": Kind(".csv.gz", table, {"time": "time"}),
    "tsv": Kind(".tsv", table, {"time": "time"}, cut=False),
    "parquet": Kind(".parquet", table, {"time": "time"}),
    "feather": Kind(".feather", table, {"time": "time"}),
    "wav": Kind(".wav", sound, has_names=False),
    "flac": Kind(".flac", sound, has_names=False, has_floats=False),
    "xdf": Kind(".xdf", xdf, cut=False),
}


def written(folder: Path, kind: str, stem: str = "own", data=None, names=NAMES, **what) -> Path:
    """Write a file of a kind into a folder; give its path."""
    one = KINDS[kind]
    path = folder / f"{stem}{one.ending}"
    one.write(path, signal() if data is None else data, names, **what)
    return path
