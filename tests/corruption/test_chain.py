import pytest
import torch

from eegdae.corruption import Chain, Gaussian, LineNoise, Masking, Part, TimeBlock
from eegdae.errors import EegdaeError
from eegdae.randomness import Keys
from tests.corruption.cases import PLV, ROWS, SIGNALS, Case, keys

NOISE, LOST = Part("noise", Gaussian(), 0.5), Part("lost", Masking(), 0.4)


def corrupt(*parts, level=1.0, layout=ROWS):
    case = Case(Chain(parts=parts), layout)
    return case.fitted().corrupt(case.rows(), level=level, keys=keys())


def test_parts_come_one_after_the_other_each_with_a_draw_of_its_own():
    x = Case(Masking()).rows()

    def of(name):
        return Keys(keys().stream.child(name), keys().rows)

    noisy, _ = Gaussian().fitted(x).corrupt(x, level=0.25, keys=of("noise"))
    expected, lost = Masking().fitted(x).corrupt(noisy, level=0.2, keys=of("lost"))
    found, touched = corrupt(NOISE, LOST, level=0.5)
    assert torch.equal(found, expected)
    assert touched.all()
    alone, touched = corrupt(LOST, level=0.5)
    assert torch.equal(touched, lost)
    assert torch.equal(alone, x.masked_fill(lost, 0.0))
    other, _ = corrupt(LOST, NOISE, level=0.5)
    assert (other[lost] != 0).all()
    assert torch.equal(other[~lost], found[~lost])


def test_a_part_at_level_0_does_nothing():
    assert torch.equal(corrupt(NOISE, Part("lost", Masking(), 0.0))[0], corrupt(NOISE)[0])
    nothing, touched = corrupt(Part("lost", Masking(), 0.0))
    assert touched.shape == nothing.shape
    assert not touched.any()


def test_a_share_beyond_one_is_refused_and_named():
    chain = Chain(parts=(NOISE, LOST))
    chain.check_level(2.4)
    with pytest.raises(
        EegdaeError, match=r"^corruption\.level=2\.5: part 'lost' would have level=1\.0: .*nothing"
    ):
        chain.check_level(2.5)
    with pytest.raises(EegdaeError, match="must be a number, 0 or more"):
        chain.check_level(-1)


def test_each_part_fits_the_layout_for_itself():
    chain = Chain(parts=(Part("hum", LineNoise(freq=20.0), 1.0), LOST, Part("gap", TimeBlock(), 0.2)))
    assert chain.unusable(SIGNALS) == ""
    assert chain.unusable(PLV) == "are no raw windows"
    names = [part.corruption.name for part in chain.for_layout(PLV).parts]
    assert (
        names
        == [part.corruption.name for part in chain.for_codes().parts]
        == ["gaussian", "masking", "masking"]
    )
    assert [part.corruption.name for part in chain.for_layout(SIGNALS).parts] == [
        "line_noise",
        "masking",
        "time_block",
    ]


def test_it_says_what_it_does():
    said = Chain(parts=(NOISE, LOST)).describe(0.5)
    assert said == "Chain, level 0.5: Gaussian, level 0.25 (SNR 12.0 dB); Masking, level 0.2"


@pytest.mark.parametrize("parts", [(), (NOISE, NOISE)])
def test_chains_that_make_no_sense(parts):
    with pytest.raises(EegdaeError, match=r"corruption\.parts=.*one or more corruptions of different names"):
        Chain(parts=parts)


def test_what_is_known_of_rows_is_told_apart_from_options():
    rows = Case(Masking()).rows()
    assert Gaussian().is_bare
    assert not Gaussian().fitted(rows).is_bare
    chain = Chain(parts=(NOISE, LOST))
    assert chain.is_bare
    assert not chain.fitted(rows).is_bare
    assert not Chain(parts=(NOISE, Part("lost", Masking().fitted(rows), 0.4))).is_bare
