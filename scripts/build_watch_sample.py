"""Rebuild eegdae/samples/watch.npz, the packaged set, from the wheel that the recordings come from.

    python scripts/build_watch_sample.py [--wheel PATH] [--out PATH]

Without --wheel, pip downloads it. The archive is stored, not compressed, so that its bytes depend on nothing
but the data. Values are kept as 16-bit integers, one scale a channel; the largest loss is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

REQUIREMENT = "seglearn==1.2.5"
SHA256 = "ec6b952c85c9627050102854b372d85951563d3b990df677d7c55547e87413dd"
MEMBER = "seglearn/data/watch_dataset.npy"
OUT = Path(__file__).parents[1] / "eegdae" / "samples" / "watch.npz"
UNITS = {"ax": "g", "ay": "g", "az": "g", "wx": "rad/s", "wy": "rad/s", "wz": "rad/s"}


class NumpyOnly(pickle.Unpickler):
    """Unpickle arrays and plain values; any other name in the pickle is refused."""

    ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Look up a name that the pickle asks for.

        Raises
        ------
        pickle.UnpicklingError
            If it is not one of those that arrays need.
        """
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in {MEMBER}")
        # NumPy 2 moved the module; the old name still works but warns.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def download(folder: Path) -> Path:
    """Have pip download the wheel.

    Parameters
    ----------
    folder : Path
        Where to.

    Returns
    -------
    Path
        The wheel.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*command, "--dest", str(folder), REQUIREMENT], check=True)
    return next(folder.glob("*.whl"))


def read_original(wheel: Path) -> dict[str, Any]:
    """Take the recordings out of the wheel, after checking that it is the one we know.

    Parameters
    ----------
    wheel : Path
        The wheel of seglearn 1.2.5.

    Returns
    -------
    dict
        ``X`` list of float64 (n_times, 6); ``y``, ``subject``, ``side`` (n_recordings,); names of both axes.

    Raises
    ------
    SystemExit
        If the wheel has another SHA-256.
    """
    content = wheel.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{wheel}: SHA-256 is {digest}, expected {SHA256}")
    stream = io.BytesIO(zipfile.ZipFile(io.BytesIO(content)).read(MEMBER))
    version = np.lib.format.read_magic(stream)
    assert version == (1, 0)
    np.lib.format.read_array_header_1_0(stream)
    original: dict[str, Any] = NumpyOnly(stream, encoding="latin1").load().item()
    return original


def pack(original: dict[str, Any]) -> dict[str, np.ndarray]:
    """Lay the recordings out as `eegdae.recordings.npz` documents.

    Parameters
    ----------
    original : dict
        What `read_original` returns.

    Returns
    -------
    dict of str to ndarray
        ``data`` is int16; ``data * scale`` differs from the original by at most ``scale / 2``.
    """
    signals = np.concatenate(original["X"])  # (n_times_total, 6)
    scale = np.abs(signals).max(axis=0) / 32767
    numbers = range(len(original["X"]))
    return {
        "data": np.rint(signals / scale).astype("<i2"),
        "scale": scale.astype("<f8"),
        "offsets": np.cumsum([0, *map(len, original["X"])]).astype("<i8"),
        "sfreq": np.array(50.0),
        "ch_names": np.array(original["X_labels"]),
        "units": np.array([UNITS[name] for name in original["X_labels"]]),
        "label": np.array([original["y_labels"][k] for k in original["y"]]),
        "subject": np.array([f"{int(s):02d}" for s in original["subject"]]),
        "session": np.array([("left", "right")[int(s)] for s in original["side"]]),
        "run": np.array([f"{k:03d}" for k in numbers]),
    }


def write(arrays: dict[str, np.ndarray], out: Path) -> None:
    """Write the archive; the same arrays give the same bytes, since NumPy dates every member 1980-01-01.

    Parameters
    ----------
    arrays : dict of str to ndarray
        What `pack` returns.
    out : Path
        The ``.npz`` file.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(out, **arrays)  # type: ignore[arg-type]


def losses(original: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """Measure what 16 bits cost.

    Parameters
    ----------
    original, arrays : dict
        What `read_original` and `pack` return.

    Returns
    -------
    dict of str to float
        Largest absolute difference a channel, in its unit.
    """
    difference = np.abs(arrays["data"] * arrays["scale"] - np.concatenate(original["X"])).max(axis=0)
    return dict(zip(original["X_labels"], difference.tolist(), strict=True))


def main() -> None:
    """Build the archive and say what it cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is here already")
    parser.add_argument("--out", type=Path, default=OUT, help="the .npz file to write")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        original = read_original(options.wheel or download(Path(folder)))
    arrays = pack(original)
    write(arrays, options.out)
    print(f"{options.out}: {len(original['X'])} recordings, {options.out.stat().st_size / 1e6:.2f} MB")
    for name, loss in losses(original, arrays).items():
        print(f"  largest loss {name}: {loss:.2e} {UNITS[name]}")


if __name__ == "__main__":
    main()
