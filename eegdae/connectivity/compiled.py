"""Kernels in C++ for sums over pairs of channels and time, and how they come to be compiled.

They are compiled when first called, once for each type of signal, and kept in the user's cache folder
(``$XDG_CACHE_HOME``, else ``~/.cache``). Where that does not work (no C++ compiler, no place to write, the
environment variable ``EEGDAE_COMPILE=0``) nothing is raised: the callers compute the same with torch, only
slower. `status` says which. The kernels know no gradient.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd import forward_ad

_SOURCES = Path(__file__).parent / "kernels"
_COMPILERS = ("c++", "g++", "clang++")
# Not -ffast-math: it takes for granted that there is no NaN.
_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-ffp-contract=fast", "-std=c++17")
_SHARED = ("-shared", "-fPIC", "-pthread")
_TYPES = {torch.complex64: "float", torch.complex128: "double"}
_SECONDS = 120

_log = logging.getLogger(__name__)


def status() -> str:
    """Say whether the kernels are compiled, and if not, why; compiles them where that was not done yet.

    Returns
    -------
    str
        ``"compiled: "`` and the compiler, or ``"torch: "`` and the reason.
    """
    return _load("float")[1] if _wanted() else "torch: EEGDAE_COMPILE=0"


def available(z: Tensor) -> bool:
    """Say whether the kernels take these signals: on the CPU, complex, not empty, with no gradient to follow.

    Parameters
    ----------
    z : Tensor, any shape
        Complex signals.

    Returns
    -------
    bool
        False also where the kernels could not be compiled.
    """
    if z.device.type != "cpu" or z.layout != torch.strided or z.dtype not in _TYPES or z.numel() == 0:
        return False
    if torch.compiler.is_compiling() or (z.requires_grad and torch.is_grad_enabled()):
        return False
    if forward_ad.unpack_dual(z).tangent is not None:  # type: ignore[no-untyped-call]
        return False
    try:
        z.data_ptr()
    except RuntimeError:  # inside torch.func.vmap and its like a tensor has no memory of its own
        return False
    return _wanted() and _load(_TYPES[z.dtype])[0] is not None


def phase_lag(z: Tensor, names: Collection[str]) -> dict[str, Tensor]:
    """Compute the phase-lag measures of every two channels in one pass.

    Parameters
    ----------
    z : Tensor, shape (..., n_tapers, n_chans, n_times)
        Complex signals that are `available`.
    names : collection of str
        Which of ``"wpli"``, ``"pli"`` and ``"dpli"``; the last two double the time.

    Returns
    -------
    dict of str to Tensor, shape (..., n_chans, n_chans)
        What the functions of `eegdae.connectivity.phase_lag` give.
    """
    out = {name: _matrices(z, z.real.dtype) for name in names}
    if out:
        _call("phase_lag", z, *(_pointer(out.get(name)) for name in ("wpli", "pli", "dpli")))
    return out


def phase_locking(z: Tensor) -> Tensor:
    """Average s_xy / abs(s_xy) over time, s_xy(t) = sum_k z_kx(t) conj(z_ky(t)).

    Parameters
    ----------
    z : Tensor, shape (..., n_tapers, n_chans, n_times)
        Complex signals that are `available`.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Complex, exactly Hermitian, diagonal 1.
    """
    out = _matrices(z, z.dtype)
    _call("phase_locking", z, _pointer(out))
    return out


def orthogonal_envelopes(z: Tensor, *, absolute: bool) -> Tensor:
    """Correlate the envelope of x, made orthogonal to y sample by sample, with that of y, and the other way.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times)
        Complex signals that are `available`.
    absolute : bool
        Take the modulus of the two correlations of a pair before their mean.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        What `eegdae.connectivity.envelope.envelope_correlation` gives for ``orthogonalize="pairwise"``.
    """
    z = z.unsqueeze(-3)
    out = _matrices(z, z.real.dtype)
    _call("orthogonal_envelopes", z, int(absolute), _pointer(out))
    return out


def _matrices(z: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.empty((*z.shape[:-3], z.shape[-2], z.shape[-2]), dtype=dtype)


def _pointer(out: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if out is None else out.data_ptr())


def _call(name: str, z: Tensor, *arguments: ctypes.c_void_p | int) -> None:
    """Call a kernel on signals (..., n_tapers, n_chans, n_times)."""
    library, _ = _load(_TYPES[z.dtype])
    z = z.detach().resolve_conj().resolve_neg().reshape(-1, *z.shape[-3:])
    if z.stride(-1) != 1:
        z = z.contiguous()
    shape = (ctypes.c_int64 * 7)(*z.shape, *z.stride()[:3])
    if getattr(library, name)(_pointer(z), shape, torch.get_num_threads(), *arguments):
        raise MemoryError(f"no memory for the sums over {z.shape[-2]} channels")


def _wanted() -> bool:
    return os.environ.get("EEGDAE_COMPILE") != "0"


@cache
def _load(real: str) -> tuple[ctypes.CDLL | None, str]:
    """Library for signals of type `real` ("float" or "double"), or None, and what `status` says of it."""
    try:
        library, compiler = _library(real)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        why = said[0] if said else type(error).__name__
        _log.debug("kernels for %s not compiled, torch takes their place: %s", real, why)
        return None, f"torch: {why}"
    return library, f"compiled: {compiler}"


def _library(real: str) -> tuple[ctypes.CDLL, str]:
    """Load the library from the user's cache folder; compile it where it is not there yet."""
    compiler = _compiler()
    version = _run(*compiler, "--version").splitlines()[:1]
    command = [*compiler, *_FLAGS, *_SHARED, *_openmp(version), f"-DEEGDAE_TYPE={real}"]
    digest = hashlib.sha256("\0".join([*command, *version, _processor()]).encode())
    for source in sorted(_SOURCES.iterdir()):
        digest.update(source.read_bytes())
    name = f"{real}-{digest.hexdigest()[:24]}.so"
    label = version[0] if version else shlex.join(compiler)
    try:
        folder = _cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return ctypes.CDLL(str(folder / name)), label
        except OSError:  # not there, or not whole
            return _compile(command, folder, name), label
    except (OSError, RuntimeError):  # no home, or no right to write there or to run what lies there
        with tempfile.TemporaryDirectory(prefix="eegdae-") as temporary:
            return _compile(command, Path(temporary), name), label  # stays loaded when its file is gone


def _openmp(version: list[str]) -> list[str]:
    """Flag to share torch's threads, where those are of the OpenMP that this compiler's programs would load.

    A runtime of its own would have threads of its own, each in the way of the other's; then std::thread is
    better.
    """
    try:
        loaded = {line.split("/")[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    except OSError:
        return []
    of_gcc = bool(version) and "clang" not in version[0]
    return ["-fopenmp"] if of_gcc and "libgomp.so.1" in loaded else []


def _compile(command: list[str], folder: Path, name: str) -> ctypes.CDLL:
    """Compile under a temporary name and rename: another process may do the same at the same time."""
    handle, temporary = tempfile.mkstemp(suffix=".so", dir=folder)
    os.close(handle)
    try:
        _run(*command, str(_SOURCES / "kernels.cpp"), "-o", temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # to load a file of which a part was lost would end the process
        os.replace(temporary, folder / name)
    except BaseException:
        os.unlink(temporary)
        raise
    return ctypes.CDLL(str(folder / name))


def _compiler() -> list[str]:
    """``$CXX``, which may hold options, or the first compiler that is found."""
    named = shlex.split(os.environ.get("CXX", ""))
    for command in [named] if named else [[name] for name in _COMPILERS]:
        if shutil.which(command[0]):
            return command
    raise FileNotFoundError(f"no C++ compiler ({', '.join(named[:1] or _COMPILERS)})")


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "eegdae" / "kernels"


def _processor() -> str:
    """What -march=native depends on: a cache folder may be shared by unlike machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    names = (
        "vendor_id",
        "cpu family",
        "model",
        "stepping",
        "flags",
        "features",
        "cpu implementer",
        "cpu part",
    )
    return "\n".join(line for line in lines if line.split(":")[0].strip().lower() in names)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=True, timeout=_SECONDS
    )
    return done.stdout
