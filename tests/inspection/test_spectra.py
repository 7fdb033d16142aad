from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from eegdae.inspection.findings import Sign
from eegdae.inspection.spectra import join_strengths, line_noise, spectrum

from .conftest import noise, recording


def test_it_is_scipys_welch():
    rec = recording(noise(3, 10000))
    freqs, power = spectrum(rec)
    f, p = welch(rec.data.astype(float), 250, nperseg=1000, average="median")
    np.testing.assert_allclose(freqs, f)
    # SciPy divides by the bias of the median
    bias = np.median((power / p)[:, 1:-1])
    np.testing.assert_allclose(power[:, 1:-1], bias * p[:, 1:-1], rtol=1e-5)


def test_segments_with_gaps_are_left_out():
    data = noise(3, 10000)
    clean = spectrum(recording(data))[1]
    data[0, 5000:] = np.nan
    data[2] = np.nan
    power = spectrum(recording(data))[1]
    assert np.isnan(power[2]).all()
    np.testing.assert_array_equal(power[1], clean[1])
    np.testing.assert_allclose(power[0], spectrum(recording(noise(3, 10000)[:1, :5000]))[1][0])


@pytest.mark.parametrize("mains", [50.0, 60.0])
@pytest.mark.parametrize(("amplitude", "strength"), [(20.0, "strong"), (2.0, "weak")])
def test_hum(mains, amplitude, strength):
    data = noise()
    data[1] += amplitude * np.sin(2 * np.pi * mains * np.arange(5000) / 250)
    (sign,) = line_noise(*spectrum(recording(data)), recording(data).ch_names)
    assert sign.kind == f"{mains:g} Hz, {strength}"
    assert sign.channels == ("c1",)


@pytest.mark.parametrize("sfreq", [250.0, 100.0, 1.0])
def test_no_hum(sfreq):
    rec = recording(sfreq=sfreq)
    assert line_noise(*spectrum(rec), rec.ch_names) == []


def test_a_flat_channel_has_no_hum():
    rec = recording(np.ones((2, 5000)))
    assert line_noise(*spectrum(rec), rec.ch_names) == []


def test_weak_and_strong_hum_is_one_finding():
    weak, strong, other = (Sign(kind, 1.0, "") for kind in ("50 Hz, weak", "50 Hz, strong", "60 Hz, weak"))
    kinds = [[sign.kind for sign in of_one] for of_one in join_strengths([[weak, other], [strong], []])]
    assert kinds == [["50 Hz, strong", "60 Hz, weak"], ["50 Hz, strong"], []]
    assert join_strengths([[weak]]) == [[weak]]
