import logging
import shutil
import subprocess
import sys

import pytest
import torch
from torch.autograd import forward_ad

from eegdae.connectivity import analytic_signal, compiled
from eegdae.connectivity.envelope import envelope_correlation
from eegdae.connectivity.phase_lag import dpli, phase_lag_measures, phase_locking, pli, wpli
from eegdae.errors import EegdaeError

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no C++ compiler"
)

DTYPES = [torch.complex64, torch.complex128]


def with_tapers(measure):
    def value(z):
        return measure(z, tapers=True)

    value.__name__ = f"{measure.__name__} with tapers"
    return value


def signed_envelope_correlation(z):
    return envelope_correlation(z, absolute=False)


PHASE_LAG = [pli, dpli, wpli, *(with_tapers(measure) for measure in (pli, dpli, wpli))]
COMPILED = [
    *PHASE_LAG,
    phase_locking,
    with_tapers(phase_locking),
    envelope_correlation,
    signed_envelope_correlation,
]


@pytest.fixture
def by_torch(monkeypatch):
    """Call a function without the kernels."""

    def call(function, *args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setenv("EEGDAE_COMPILE", "0")
            return function(*args, **kwargs)

    return call


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Environment of a process that has not compiled yet, with an empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiled._load.cache_clear()
    yield monkeypatch
    compiled._load.cache_clear()


def complex_noise(seed, shape, dtype=torch.complex128):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(shape, dtype=torch.complex128, generator=generator)
    z = z + 0.7 * torch.roll(z, 1, dims=-2)  # neighbours share a part
    return z.to(dtype)


def check_same(by_torch, measure, z, tolerance=None):
    assert compiled.available(z)
    found, expected = measure(z), by_torch(measure, z)
    assert found.dtype == expected.dtype
    tolerance = tolerance or (1e-6 if z.dtype == torch.complex64 else 1e-12)
    torch.testing.assert_close(
        found, expected, atol=tolerance, rtol=0, equal_nan=True, msg=lambda m: f"{measure.__name__}: {m}"
    )
    return found


def test_status_says_that_the_kernels_are_there(by_torch):
    assert compiled.status().startswith("compiled: ")
    assert by_torch(compiled.status) == "torch: EEGDAE_COMPILE=0"
    assert not by_torch(compiled.available, complex_noise(0, (2, 3, 8)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n_chans", "n_times"), [(2, 1), (2, 2), (3, 17), (5, 255), (4, 513), (1, 40), (33, 64)]
)
@pytest.mark.parametrize("measure", COMPILED)
def test_same_as_torch_at_odd_sizes(by_torch, measure, n_chans, n_times, dtype):
    check_same(by_torch, measure, complex_noise(1, (2, 3, n_chans, n_times), dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("measure", COMPILED)
def test_same_as_torch_on_a_real_recording(by_torch, measure, dtype, eegmat):
    z = analytic_signal(torch.from_numpy(eegmat), 500, band=(8, 13)).to(dtype)
    check_same(by_torch, measure, z)


@pytest.mark.parametrize("names", [["wpli", "pli"], ["dpli"], ["dpli", "wpli", "pli"], []])
def test_several_measures_in_one_pass(by_torch, names):
    z = complex_noise(2, (2, 3, 4, 50))
    for tapers in (False, True):
        one_by_one = {"pli": pli, "dpli": dpli, "wpli": wpli}
        found = phase_lag_measures(z, names, tapers=tapers)
        assert list(found) == names
        for name, value in found.items():
            assert torch.equal(value, one_by_one[name](z, tapers=tapers))
        torch.testing.assert_close(
            found, by_torch(phase_lag_measures, z, names, tapers=tapers), atol=1e-12, rtol=0
        )


def test_names_of_other_measures_are_refused():
    with pytest.raises(EegdaeError, match=r"names: unknown measure 'plv'; did you mean 'pli'"):
        phase_lag_measures(complex_noise(2, (3, 50)), ["wpli", "plv"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("measure", COMPILED)
def test_same_as_torch_without_signal_and_for_copies(by_torch, measure, dtype):
    z = complex_noise(3, (4, 2, 6, 100), dtype)
    z[..., 1, :] = 0
    z[..., 2, :] = 3.0 - 1.0j  # constant
    z[..., 3, :] = z[..., 0, :]
    z[..., 4, :] = -3.3 * z[..., 0, :]
    if measure.__name__.startswith("phase_locking"):
        z[..., 4, :] = z[..., 5, :]  # the phase of what is only rounding differs
    found = check_same(by_torch, measure, z)
    assert (found[..., 0, 1] == (0.5 if measure.__name__.startswith("dpli") else 0)).all()


@pytest.mark.parametrize("bad", [complex("nan"), complex(0, float("nan")), complex("inf")])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("measure", COMPILED)
def test_missing_values_stay_missing(by_torch, measure, dtype, bad):
    z = complex_noise(4, (2, 2, 4, 70), dtype)
    whole = measure(z)
    z[..., 0, 2, 33] = bad
    found = check_same(by_torch, measure, z)
    kept = [0, 1, 3]
    assert (found if found.ndim == 3 else found[:, 0])[:, 2, kept].isnan().all()
    assert torch.equal(found[..., kept, :][..., kept], whole[..., kept, :][..., kept])


@pytest.mark.parametrize("measure", COMPILED)
def test_same_as_torch_in_any_layout(by_torch, measure):
    z = complex_noise(5, (6, 4, 5, 64))
    for view in (
        z[::2, :, ::2],
        z[..., ::3],
        z.movedim(-1, 0).contiguous().movedim(0, -1),
        z.transpose(0, 1),
        z[:1].expand(3, 4, 5, 64),
        z.conj(),
        z[2],
        z.reshape(2, 3, 4, 5, 64),
    ):
        check_same(by_torch, measure, view)
    assert measure(z[:0]).shape == (0, *measure(z).shape[1:])
    assert not compiled.available(z[..., :0])


@pytest.mark.parametrize("scale", [1e-40, 1e-25, 1e25, 1e38])
@pytest.mark.parametrize("measure", COMPILED)
def test_any_unit(measure, scale):
    z = complex_noise(6, (2, 2, 3, 100)) / 8
    single = measure((z * scale).to(torch.complex64))
    atol = 1e-3 if scale == 1e-40 else 1e-6  # so small a number has five digits only
    expected = measure(z)
    torch.testing.assert_close(single.to(expected.dtype), expected, atol=atol, rtol=0)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("measure", COMPILED)
def test_threads_change_nothing(measure, n_threads):
    z = complex_noise(7, (4, 2, 3, 100))
    expected = measure(z)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(n_threads)
        assert torch.equal(measure(z), expected)
    finally:
        torch.set_num_threads(before)


def test_rounding_is_judged_by_the_amplitudes_of_the_same_item():
    z = complex_noise(7, (6, 2, 30000), torch.complex64)
    z[:, 1] = -3.3 * z[:, 0]
    z[:5, :, 5] *= 1e6  # one sample carries nearly all
    for measure in (wpli, pli):
        assert torch.count_nonzero(measure(z)[5]) == 0


def test_a_spike_in_the_envelope_does_not_cost_precision(by_torch):
    z = complex_noise(8, (2, 4, 600))
    for at in (0, 37, 599):
        spiked = z.clone()
        spiked[..., at] *= 1e3
        single = envelope_correlation(spiked.to(torch.complex64)).double()
        torch.testing.assert_close(single, by_torch(envelope_correlation, spiked), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_hardly_varies_does_not_cancel(by_torch, dtype):
    """Envelopes that change by a thousandth, at phases that change by as little."""
    small = 1 + 1e-3 * complex_noise(9, (2, 4, 600))
    z = small * torch.polar(torch.ones(()), torch.tensor([0.0, 0.5, 1.0, 2.0]))[:, None]
    expected = by_torch(envelope_correlation, z)
    assert expected.max() > 0.2
    found = envelope_correlation(z.to(dtype)).double()
    torch.testing.assert_close(found, expected, atol=2e-5 if dtype == torch.complex64 else 1e-11, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_does_not_vary_has_no_correlation(dtype):
    z = torch.full((3, 100), 3.0 - 1.0j, dtype=dtype)
    z[1] = torch.rand(100, generator=torch.Generator().manual_seed(10)) + 0.5  # the phase stays
    assert torch.count_nonzero(envelope_correlation(z)) == 0


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_gradients_go_through_torch():
    z = complex_noise(9, (2, 3, 20)).requires_grad_()
    assert not compiled.available(z)
    for measure in (wpli, envelope_correlation, with_tapers(phase_locking)):
        measure(z).abs().sum().backward()
        assert z.grad.abs().sum() > 0
        z.grad = None
    assert not pli(z).requires_grad
    with torch.no_grad():
        assert compiled.available(z)
        assert torch.equal(wpli(z), wpli(z.detach()))
    with forward_ad.dual_level():
        assert not compiled.available(forward_ad.make_dual(z.detach(), z.detach()))
    torch.testing.assert_close(torch.func.vmap(wpli)(z.detach()), wpli(z.detach()))


def check_falls_back(caplog, reason):
    z = complex_noise(10, (2, 3, 50))
    with caplog.at_level(logging.DEBUG, "eegdae.connectivity.compiled"):
        found = wpli(z.to(torch.complex64))
    assert compiled.status().startswith("torch: ")
    assert reason in compiled.status()
    assert sum("torch takes their place" in line for line in caplog.messages) == 1
    torch.testing.assert_close(found.double(), wpli(z), atol=1e-6, rtol=0)


def test_without_a_compiler(fresh, tmp_path, caplog):
    fresh.setenv("PATH", str(tmp_path))
    fresh.delenv("CXX", raising=False)
    check_falls_back(caplog, "no C++ compiler (c++, g++, clang++)")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("false", "'false'"), ("no-such-compiler -O2", "no C++ compiler (no-such-compiler)")],
)
def test_a_broken_compiler(fresh, caplog, broken, reason):
    fresh.setenv("CXX", broken)
    check_falls_back(caplog, reason)


def test_a_compiler_that_does_not_know_an_option(fresh, tmp_path, caplog):
    fresh.setenv("CXX", "c++ -fno-such-option")
    check_falls_back(caplog, "no-such-option")
    assert list((tmp_path / "cache").rglob("*.so")) == []


def test_no_place_to_write(fresh, tmp_path):
    (tmp_path / "file").touch()
    fresh.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "temporary").mkdir()
    fresh.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert compiled.status().startswith("compiled: ")
    assert list((tmp_path / "temporary").iterdir()) == []
    z = complex_noise(11, (2, 3, 50), torch.complex64)
    assert compiled.available(z)
    assert wpli(z).isfinite().all()


def test_the_cache_is_used(fresh, tmp_path):
    assert compiled.status().startswith("compiled: ")
    (library,) = (tmp_path / "cache").rglob("*.so")
    made = library.stat().st_mtime_ns
    compiled._load.cache_clear()
    assert compiled.status().startswith("compiled: ")
    assert library.stat().st_mtime_ns == made


def test_two_processes_at_once_and_half_a_library(fresh, tmp_path):
    script = "from eegdae.connectivity import compiled; print(compiled.status())"
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert all(line.startswith("compiled: ") for line in said)
    (library,) = (tmp_path / "cache").rglob("*.so")
    library.write_bytes(b"half a library")
    assert compiled.status() == said[0].strip()
    assert list((tmp_path / "cache").rglob("*.so")) == [library]
    assert library.stat().st_size > 1000
