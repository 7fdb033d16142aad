import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne_connectivity import envelope_correlation as mne_envelope_correlation

from eegdae.connectivity import analytic_signal
from eegdae.connectivity.envelope import envelope_correlation
from eegdae.errors import EegdaeError

OPTIONS = [
    {"orthogonalize": orthogonalize, "log": log, "absolute": absolute}
    for orthogonalize in (False, "pairwise")
    for log in (False, True)
    for absolute in (False, True)
]


def alpha(seed, shape=(4, 5, 256)):
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return analytic_signal(x, 128, band=(8, 13))


def theirs(z, **options):
    """What mne-connectivity gives for complex signals, which it does not transform again."""
    return mne_envelope_correlation(z.numpy(), verbose="error", **options).get_data("dense")[..., 0]


@pytest.fixture
def real_alpha(eegmat):
    """Alpha in the windows of one person's recording, (8, 19, 1000), microvolt."""
    return analytic_signal(torch.from_numpy(eegmat), 500, band=(8, 13))


@pytest.mark.parametrize("options", OPTIONS)
def test_agrees_with_mne(options):
    z = alpha(0)
    np.testing.assert_allclose(envelope_correlation(z, **options), theirs(z, **options), atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS)
def test_agrees_with_mne_on_a_real_recording(real_alpha, options):
    expected = theirs(real_alpha, **options)
    np.testing.assert_allclose(envelope_correlation(real_alpha, **options), expected, atol=1e-9)
    single = envelope_correlation(real_alpha.to(torch.complex64), **options)
    assert single.dtype == torch.float32
    # Where what is left crosses 0 its logarithm magnifies the rounding of the input: 3e-5 in complex128 too.
    rounded = 1e-4 if options["log"] and options["orthogonalize"] else 1e-5
    np.testing.assert_allclose(single, expected, atol=rounded)


def test_defaults_are_those_of_mne():
    z = alpha(1)
    np.testing.assert_allclose(envelope_correlation(z), theirs(z), atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-12, 1e12),
    channel=st.integers(0, 3),
    options=st.sampled_from(OPTIONS),
)
def test_properties(seed, gain, channel, options):
    z = alpha(seed, (3, 4, 100))
    r = envelope_correlation(z, **options)
    pairwise = options["orthogonalize"] == "pairwise"
    assert torch.equal(r, r.mT)
    assert r.abs().max() <= 1
    assert r.min() >= 0 or not (pairwise and options["absolute"])
    diagonal = torch.full((3, 4), 0.0 if pairwise else 1.0, dtype=r.dtype)
    assert torch.equal(r.diagonal(dim1=-2, dim2=-1), diagonal)
    changed = z.clone()
    changed[:, channel] *= -gain
    torch.testing.assert_close(envelope_correlation(changed, **options), r, atol=1e-9, rtol=0)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(envelope_correlation(z[:, order], **options), r[:, order][:, :, order])


def test_envelopes_that_wax_and_wane_together_at_any_phase():
    t = torch.arange(2048, dtype=torch.float64) / 128
    together, other = (1.5 + torch.sin(2 * torch.pi * f * t) for f in (0.5, 0.3125))
    phases = [2 * torch.pi * f * t for f in (9.0, 10.0, 11.0)]
    z = torch.stack([torch.polar(a, p) for a, p in zip((together, together, other), phases, strict=True)])
    r = envelope_correlation(z, orthogonalize=False)
    torch.testing.assert_close(r[0, 1], r.new_ones(()))
    assert r[0, 2].abs() < 0.1
    r = envelope_correlation(z, absolute=False)
    assert r[0, 1] > 0.3
    assert r[0, 2].abs() < 0.1


def test_mixing_at_zero_lag_shows_only_without_orthogonalisation():
    """Alpha of 2 s, two channels that share a source: the figures published are .58 and -.04."""
    x = torch.randn(1000, 3, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    x = torch.stack([x[:, 0] + 0.5 * x[:, 1], x[:, 0] + 0.5 * x[:, 2]], dim=1)  # r = .8
    z = analytic_signal(x, 128, band=(8, 13))
    assert envelope_correlation(z, orthogonalize=False)[:, 0, 1].mean() == pytest.approx(0.58, abs=0.05)
    assert envelope_correlation(z, absolute=False)[:, 0, 1].mean() == pytest.approx(-0.04, abs=0.05)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("log", [False, True])
def test_copies_have_nothing_left_after_orthogonalisation(dtype, log):
    z = alpha(3, (50, 3, 256)).to(dtype)
    both = torch.cat([z, -3.3 * z], dim=1)
    r = envelope_correlation(both, log=log)
    assert torch.count_nonzero(r[:, [0, 1, 2], [3, 4, 5]]) == 0
    torch.testing.assert_close(r[:, :3, :3], envelope_correlation(z, log=log))
    r = envelope_correlation(both, log=log, orthogonalize=False)
    torch.testing.assert_close(r[:, 0, 3], torch.ones_like(r[:, 0, 3]))


@pytest.mark.parametrize("options", OPTIONS)
def test_a_channel_without_signal_has_no_correlation(options):
    z = alpha(4)
    expected = envelope_correlation(z[:, [0, 2, 3, 4]], **options)
    z[:, 1] = 0
    r = envelope_correlation(z, **options)
    assert torch.count_nonzero(r[:, 1, [0, 2, 3, 4]]) == 0
    torch.testing.assert_close(r[:, [0, 2, 3, 4]][:, :, [0, 2, 3, 4]], expected)


@pytest.mark.parametrize("options", OPTIONS)
def test_missing_values_stay_missing(options):
    z = alpha(10)
    whole = envelope_correlation(z, **options)
    z[:, 1, 7] = torch.nan
    r = envelope_correlation(z, **options)
    assert r[:, 1, [0, 2, 3, 4]].isnan().all()
    assert torch.equal(r.diagonal(dim1=-2, dim2=-1), whole.diagonal(dim1=-2, dim2=-1))
    torch.testing.assert_close(
        r[:, [0, 2, 3, 4]][:, :, [0, 2, 3, 4]], whole[:, [0, 2, 3, 4]][:, :, [0, 2, 3, 4]]
    )


@pytest.mark.parametrize("options", OPTIONS)
def test_one_channel_and_any_leading_batch(options):
    z = alpha(5, (6, 3, 64))
    r = envelope_correlation(z, **options)
    assert torch.equal(envelope_correlation(z[:, :1], **options), r[:, :1, :1])
    torch.testing.assert_close(envelope_correlation(z.reshape(2, 3, 3, 64), **options), r.reshape(2, 3, 3, 3))
    torch.testing.assert_close(envelope_correlation(z[0], **options), r[0])


@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("options", OPTIONS)
def test_float32_holds_in_any_unit(scale, options):
    z = alpha(6)
    single = envelope_correlation((z * scale).to(torch.complex64), **options)
    torch.testing.assert_close(single.double(), envelope_correlation(z, **options), atol=1e-5, rtol=0)


@pytest.mark.parametrize("options", OPTIONS)
def test_gradient(options):
    x = torch.randn(2, 3, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    assert torch.autograd.gradcheck(
        lambda v: envelope_correlation(analytic_signal(v, 24.0, band=(2, 9)), **options), x.requires_grad_()
    )


@pytest.mark.parametrize("options", OPTIONS)
def test_gradient_of_a_channel_without_signal_or_a_copy_is_finite(options):
    x = torch.randn(1, 4, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    x[:, 0] = 2.0
    x[:, 3] = x[:, 2]
    x.requires_grad_()
    envelope_correlation(analytic_signal(x, 24.0, band=(2, 9)), **options).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("orthogonalize", [True, "sym", None])
def test_unknown_orthogonalisation(orthogonalize):
    with pytest.raises(EegdaeError, match=r"orthogonalize: .*; allowed: False, 'pairwise'"):
        envelope_correlation(alpha(9), orthogonalize=orthogonalize)


def test_real_signals_are_refused():
    with pytest.raises(
        EegdaeError, match=r"z: values of type torch.float64; allowed: complex analytic signals"
    ):
        envelope_correlation(alpha(9).real)
