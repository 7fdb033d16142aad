"""Time connectivity against mne-connectivity in one run, the results compared; peak memory; a GPU's share.

    python scripts/bench_connectivity.py [--quick] [--out benchmarks/connectivity.json]

Wavelet measures: 32 channels, 512 samples, 41 frequencies in 4 bands, the same windows for both,
mne-connectivity at its better of ``n_jobs`` 1 and 2, each after a warm-up. All threads that torch takes
(`threads` in the file).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eegdae.connectivity import connectivity, phase_lag_measures, phase_locking
from eegdae.connectivity.convolution import plan_convolution
from eegdae.connectivity.wavelet_request import check_morlet
from eegdae.connectivity.wavelets import make_wavelets

SFREQ, N_CHANS, N_TIMES = 128.0, 32, 512
FREQS = np.arange(4.0, 45.0)
BANDS = {"theta": (4.0, 8.0), "alpha": (8.0, 13.0), "beta": (13.0, 30.0), "gamma": (30.0, 44.0)}
NAMES = {
    "coherence": "coh",
    "imaginary_coherence": "imcoh",
    "plv": "plv",
    "ciplv": "ciplv",
    "pli": "pli",
    "wpli": "wpli",
}
ASKED = {"coherence": 25, "imaginary_coherence": 25, "plv": 15, "ciplv": 15, "pli": 10, "wpli": 10}
ASKED_OF_ALL, ASKED_OF_ENVELOPES, ASKED_OF_HILBERT = 30, 8, 40


def signals(n_windows: int, n_chans: int = N_CHANS, seed: int = 0) -> NDArray[np.float64]:
    """Noise whose spectrum falls as that of EEG does, with a part that all channels share."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_windows, n_chans + 1, N_TIMES))
    x = np.cumsum(x, axis=-1) - 0.9 * np.pad(np.cumsum(x, axis=-1), ((0, 0), (0, 0), (1, 0)))[..., :-1]
    return 10 * (x[:, :-1] + 0.5 * x[:, -1:])


def seconds(job: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of some calls, after one that does not count."""
    job()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return times


def lower(c: NDArray[Any]) -> NDArray[Any]:
    """Lower triangle, the half that mne fills."""
    rows, columns = np.tril_indices(c.shape[-1], k=-1)
    return np.asarray(c[..., rows, columns])


def wavelet_bounds(x: torch.Tensor, repeats: int) -> dict[str, float]:
    """Milliseconds a window of the steps that nothing here can do without, alone: what the limit is."""
    request = check_morlet(FREQS, sfreq=SFREQ, n_cycles=7.0)
    size = 32
    runs = plan_convolution(
        make_wavelets(request, n_times=N_TIMES), n_times=N_TIMES, dtype=x.dtype, device=x.device
    )
    products = [
        torch.randn(size, N_CHANS, run.transfer.shape[-1], dtype=torch.complex64)
        for run in runs
        for _ in range(len(run.transfer))
    ]
    z = torch.randn(size, 1, N_CHANS, N_TIMES, dtype=torch.complex64)

    def transforms() -> None:
        for product in products:
            torch.fft.ifft(product)

    def lockings() -> None:
        for _ in FREQS:
            phase_locking(z)

    def lags() -> None:
        for _ in FREQS:
            phase_lag_measures(z, ["wpli", "pli"])

    n_bins, n_pairs = 346, N_CHANS * (N_CHANS + 1) // 2
    weights, spectra = torch.randn(len(FREQS), n_bins), torch.randn(size, n_bins, 2 * n_pairs)

    def matrix_product() -> None:
        weights @ spectra

    return {
        name: 1e3 * statistics.median(seconds(job, repeats)) / size
        for name, job in {
            "fourier_transforms": transforms,
            "phase_locking_kernel": lockings,
            "phase_lag_kernel": lags,
            "cross_spectra_as_one_matrix_product": matrix_product,
        }.items()
    }


def bench_wavelets(n_windows: int, repeats: int) -> dict[str, Any]:
    """Six measures of Morlet wavelets, one by one and all at once."""
    from mne_connectivity import spectral_connectivity_time

    x = signals(n_windows)
    single = x.astype(np.float32)

    def theirs(windows: NDArray[Any], name: str, n_jobs: int) -> NDArray[Any]:
        con = spectral_connectivity_time(
            windows,
            FREQS,
            method=NAMES[name],
            sfreq=SFREQ,
            mode="cwt_morlet",
            n_cycles=7.0,
            n_jobs=n_jobs,
            verbose="error",
        )
        each = lower(np.moveaxis(con.get_data("dense"), -1, 1))  # (n_windows, n_freqs, n_pairs)
        return np.stack(
            [each[:, (lo <= FREQS) & (hi >= FREQS)].mean(axis=1) for lo, hi in BANDS.values()], axis=1
        )

    def ours(names: tuple[str, ...]) -> NDArray[np.float32]:
        return connectivity(single, sfreq=SFREQ, bands=BANDS, freqs=FREQS, estimator="morlet", measures=names)

    result: dict[str, Any] = {"bounds_ms": wavelet_bounds(torch.from_numpy(single), repeats), "measures": {}}
    total = 0.0
    for name in NAMES:
        theirs(x[:2], name, 1)  # warm-up
        start = time.perf_counter()
        expected = theirs(x, name, 1)
        alone = (time.perf_counter() - start) / n_windows
        few = 4
        theirs(x[:few], name, 2)  # the pool starts here, and is kept
        start = time.perf_counter()
        theirs(x[:few], name, 2)
        pooled = (time.perf_counter() - start) / few
        if pooled < 1.5 * alone:  # near enough that all windows must decide
            start = time.perf_counter()
            theirs(x, name, 2)
            pooled = (time.perf_counter() - start) / n_windows
        best = min(alone, pooled)
        total += best
        found = lower(ours((name,))[:, 0])
        mine = [t / n_windows for t in seconds(partial(ours, (name,)), repeats)]
        result["measures"][name] = {
            "mne_ms": 1e3 * best,
            "mne_n_jobs": 1 if alone <= pooled else 2,
            "mne_n_jobs_2_ms": 1e3 * pooled,
            "eegdae_ms": 1e3 * statistics.median(mine),
            "ratio": best / statistics.median(mine),
            "ratios": [best / max(mine), best / min(mine)],
            "asked": ASKED[name],
            "largest_difference": float(np.abs(found - expected).max()),
        }
        print(f"{name:20s} {result['measures'][name]}", flush=True)
    every = [t / n_windows for t in seconds(lambda: ours(tuple(NAMES)), repeats)]
    result["all_six"] = {
        "mne_sum_ms": 1e3 * total,
        "eegdae_ms": 1e3 * statistics.median(every),
        "ratio": total / statistics.median(every),
        "ratios": [total / max(every), total / min(every)],
        "asked": ASKED_OF_ALL,
    }
    result["windows"] = n_windows
    print("all six", result["all_six"], flush=True)
    return result


def bench_envelopes(n_windows: int, repeats: int) -> dict[str, Any]:
    """Envelope correlation of analytic signals, with and without orthogonalisation."""
    from mne_connectivity import envelope_correlation as mne_envelope_correlation

    from eegdae.connectivity import analytic_signal, envelope_correlation

    z = analytic_signal(torch.from_numpy(signals(n_windows)), SFREQ, band=(8.0, 13.0))
    array, single = z.numpy(), z.to(torch.complex64)
    result = {}
    for label, orthogonalize in (("pairwise", "pairwise"), ("plain", False)):

        def theirs(n_jobs: int = 1, orthogonalize: Any = orthogonalize) -> NDArray[Any]:
            con = mne_envelope_correlation(array, orthogonalize=orthogonalize, verbose="error")
            return np.asarray(con.get_data("dense")[..., 0])

        def ours(orthogonalize: Any = orthogonalize) -> NDArray[Any]:
            return envelope_correlation(single, orthogonalize=orthogonalize).numpy()

        best = statistics.median(seconds(theirs, min(3, repeats)))
        mine = seconds(ours, repeats)
        result[label] = {
            "mne_ms": 1e3 * best / n_windows,
            "eegdae_ms": 1e3 * statistics.median(mine) / n_windows,
            "ratio": best / statistics.median(mine),
            "ratios": [best / max(mine), best / min(mine)],
            "asked": ASKED_OF_ENVELOPES,
            "largest_difference": float(np.abs(lower(ours()) - lower(theirs())).max()),
        }
        print("envelopes", label, result[label], flush=True)
    return result


def bench_hilbert(n_windows: int, repeats: int) -> dict[str, Any]:
    """PLV of one band inside the window: against mne's of five frequencies, and against what bounds it."""
    from mne_connectivity import spectral_connectivity_time

    from eegdae.connectivity.bands import band_bins

    band = (8.0, 13.0)
    bins = band_bins(band, sfreq=SFREQ, n_times=N_TIMES)
    result: dict[str, Any] = {"channels": {}}
    for n_chans in (19, 32, 64, 128):
        x = signals(n_windows, n_chans).astype(np.float32)

        def ours(x: NDArray[Any] = x) -> NDArray[Any]:
            return connectivity(x, sfreq=SFREQ, bands={"alpha": band}, measures=("plv",))

        tensor = torch.from_numpy(x)
        spectrum = torch.fft.rfft(tensor)
        full = torch.zeros((n_windows, n_chans, N_TIMES), dtype=torch.complex64)
        full[..., bins.start : bins.stop] = spectrum[..., bins.start : bins.stop]
        size = max(1, 4 * 2**20 // (n_chans * N_TIMES * 8))

        def limit(tensor: torch.Tensor = tensor, full: torch.Tensor = full, size: int = size) -> None:
            """Only the two Fourier transforms and the matrix product, block by block."""
            for start in range(0, len(tensor), size):
                torch.fft.rfft(tensor[start : start + size])
                z = torch.fft.ifft(full[start : start + size])
                z @ z.mH

        mine = statistics.median(seconds(ours, repeats))
        bound = statistics.median(seconds(limit, repeats))
        result["channels"][str(n_chans)] = {
            "windows_per_second": n_windows / mine,
            "share_of_fft_and_matrix_product": bound / mine,
        }
        print("hilbert", n_chans, result["channels"][str(n_chans)], flush=True)
    few = 16
    few_windows = signals(few, 64)
    freqs = np.linspace(8.0, 13.0, 5)

    def theirs(n_jobs: int) -> object:
        return spectral_connectivity_time(
            few_windows,
            freqs,
            method="plv",
            sfreq=SFREQ,
            mode="cwt_morlet",
            n_cycles=7.0,
            fmin=8.0,
            fmax=13.0,
            n_jobs=n_jobs,
            verbose="error",
        )

    alone, pooled = (statistics.median(seconds(partial(theirs, n), 1)) / few for n in (1, 2))
    mine = 1 / result["channels"]["64"]["windows_per_second"]
    result["against_mne"] = {
        "mne_ms": 1e3 * min(alone, pooled),
        "eegdae_ms": 1e3 * mine,
        "ratio": min(alone, pooled) / mine,
        "asked": ASKED_OF_HILBERT,
    }
    print("hilbert against mne", result["against_mne"], flush=True)
    return result


def bench_limits(repeats: int) -> dict[str, float]:
    """What this machine reaches by itself: matrix products and copies of memory."""
    a = torch.randn(1024, 1024)
    product = statistics.median(seconds(lambda: a @ a, 10 * repeats))
    source, target = torch.randn(2**26), torch.empty(2**26)
    copy = statistics.median(seconds(lambda: target.copy_(source), repeats))
    return {
        "matrix_product_gflop_per_second": 2 * 1024**3 / product / 1e9,
        "memory_gb_per_second": 2 * 4 * 2**26 / copy / 1e9,
    }


_MEMORY = """
import sys
import numpy as np, torch
from numpy.lib.stride_tricks import sliding_window_view
from eegdae.connectivity import connectivity

def peak():  # of this program alone: what getrusage says holds that of its parent too
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

folder, n_windows, n_chans, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
stored = np.load(folder + "/recording.npy", mmap_mode="r")[:n_chans]
windows = sliding_window_view(stored, 512, axis=1)[:, ::4][:, :n_windows].swapaxes(0, 1)
assert windows.shape == (n_windows, n_chans, 512)
connectivity(np.ones((1, 2, 512)), sfreq=128, bands={"alpha": (8, 13)})
before = peak()
names = ("plv", "coherence") if out else ("plv",)
connectivity(windows, sfreq=128.0, bands={"alpha": (8, 13)}, measures=names, out=out or None)
print(peak() - before)
"""


def bench_memory(n_windows: int) -> dict[str, Any]:
    """Memory at its peak, beyond the imports: windows of a stored recording to a file, and to memory."""
    with tempfile.TemporaryDirectory() as folder:
        n_samples = 4 * n_windows + N_TIMES
        x = np.lib.format.open_memmap(
            Path(folder) / "recording.npy", mode="w+", dtype=np.float32, shape=(128, n_samples)
        )
        rng = np.random.default_rng(0)
        for channel in range(128):
            x[channel] = rng.normal(size=n_samples)
        x.flush()
        del x

        def measured(n: int, n_chans: int, out: str) -> float:
            words = [sys.executable, "-c", _MEMORY, folder, str(n), str(n_chans), out]
            return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1])

        start = time.perf_counter()
        result: dict[str, Any] = {
            "to_file_peak_mib": {
                str(n): measured(n, N_CHANS, f"{folder}/c.npy") for n in (n_windows // 20, n_windows)
            },
            "asked_mib": 1024,
            "seconds": time.perf_counter() - start,
            "hilbert_plv_1000_windows_peak_mib": {
                str(n_chans): measured(min(1000, n_windows), n_chans, "") for n_chans in (19, 32, 64, 128)
            },
        }
    print("memory", result, flush=True)
    return result


def bench_gpu(repeats: int) -> dict[str, Any] | None:
    """Windows a second on a GPU, and the share of its memory bandwidth that the signals alone need."""
    if not torch.cuda.is_available():
        return None
    n_windows, n_chans = 16384, 64
    x = torch.from_numpy(signals(1024, n_chans).astype(np.float32)).cuda().repeat(n_windows // 1024, 1, 1)

    def ours() -> None:
        connectivity(x, sfreq=SFREQ, bands={"alpha": (8.0, 13.0)}, measures=("plv",))
        torch.cuda.synchronize()

    source = torch.empty(2**30, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize()

    bandwidth = 2 * 2**30 / statistics.median(seconds(copy, 10 * repeats))
    mine = statistics.median(seconds(ours, repeats))
    # Read the window, write and read its spectrum, write and read its complex signal twice (phase, product).
    moved = n_windows * n_chans * N_TIMES * (4 + 2 * 4 + 4 * 8)
    return {
        "device": torch.cuda.get_device_name(),
        "windows_per_second": n_windows / mine,
        "memory_gb_per_second": bandwidth / 1e9,
        "share_of_memory_bandwidth": moved / mine / bandwidth,
    }


def bench_without_compiler(n_windows: int) -> dict[str, float]:
    """Milliseconds a window of the signs and weighted signs where no C++ compiler is found."""
    program = (
        "import json, statistics, sys; sys.path.insert(0, sys.argv[1])\n"
        "import bench_connectivity as b, numpy as np\n"
        f"x = b.signals({n_windows}).astype(np.float32)\n"
        "print(json.dumps({n: 1e3 * statistics.median(b.seconds(lambda n=n: b.connectivity(x, sfreq=b.SFREQ,"
        f" bands=b.BANDS, freqs=b.FREQS, estimator='morlet', measures=(n,)), 3)) / {n_windows}"
        " for n in ('pli', 'wpli')}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"EEGDAE_COMPILE": "0"},
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def bench_first_call() -> dict[str, Any]:
    """Seconds of the first call of a user: compiling into an empty cache, and finding it compiled."""
    program = (
        "import time, torch\nfrom eegdae.connectivity import wpli, compiled\n"
        "z = torch.randn(1, 2, 64, dtype=torch.complex64)\nstart = time.perf_counter()\nwpli(z)\n"
        "print(time.perf_counter() - start)\nprint(compiled.status())"
    )
    with tempfile.TemporaryDirectory() as folder:
        found = [
            subprocess.run(
                [sys.executable, "-c", program],
                capture_output=True,
                text=True,
                check=True,
                env=os.environ | {"XDG_CACHE_HOME": folder},
            ).stdout.splitlines()
            for _ in range(2)
        ]
    return {
        "compiling_seconds": float(found[0][0]),
        "compiled_seconds": float(found[1][0]),
        "status": found[0][1].split(":")[0],
    }


def main() -> None:
    """Run everything and write one file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "benchmarks" / "connectivity.json"
    )
    parser.add_argument("--quick", action="store_true", help="few windows: to try the script, not to report")
    arguments = parser.parse_args()
    n_windows, repeats = (4, 2) if arguments.quick else (64, 9)
    result = {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "case": {
            "channels": N_CHANS,
            "samples": N_TIMES,
            "sfreq": SFREQ,
            "frequencies": len(FREQS),
            "bands": BANDS,
            "dtype": "float32",
        },
        "first_call": bench_first_call(),
        "limits": bench_limits(repeats),
        "morlet": bench_wavelets(n_windows, repeats),
        "morlet_without_compiler_ms": bench_without_compiler(n_windows),
        "envelope_correlation": bench_envelopes(n_windows, repeats),
        "hilbert_plv": bench_hilbert(max(256, n_windows) if not arguments.quick else 16, repeats),
        "memory": bench_memory(2000 if arguments.quick else 200_000),
        "gpu": bench_gpu(repeats),
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
