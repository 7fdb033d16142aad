"""What is said of images: numbers, copies, two labels for one image, blanks, values, sizes."""

import weakref

import numpy as np

from eegdae.inspection import check_recordings
from eegdae.inspection.images import MOST_OF_A_CLASS, ImageInspection, check_images
from eegdae.recordings import Annotation, as_recording


def rec(images, labels=(), **changes):
    """A recording of images, shape (n, height, width)."""
    images = np.asarray(images, dtype=np.float64)
    n, height, width = images.shape
    labels = labels or [""] * n
    step = height * width
    options = {
        "sfreq": 1.0,
        "ch_names": ["grey"],
        "source": "mine/x.npy",
        "annotations": [Annotation(k * step, (k + 1) * step, labels[k]) for k in range(n)],
        "image_shape": (height, width),
    }
    return as_recording(images.reshape(1, -1), **{**options, **changes})


def some(n, seed=0):
    return np.random.default_rng(seed).random((n, 4, 4))


def told(recordings):
    found = check_recordings(recordings)
    assert isinstance(found, ImageInspection)
    return found, [f"{f.severity}: {f.what} [{f.where}]" for f in found.findings]


def test_nothing_to_say_of_sound_images():
    found, lines = told([rec(some(6), list("aabbab"), subject="1")])
    assert lines == []
    facts = dict(found.facts)
    assert facts["images"] == "6"
    assert facts["kind"] == "images of 4 x 4 pixels (grey)"
    assert facts["classes"] == "2: a (3), b (3)"
    assert found.classes == {"1": {"a": 3, "b": 3}}


def test_copies_and_labels_that_contradict_each_other():
    images = some(4)
    images[2] = images[0]
    images[3] = images[1]
    _, lines = told([rec(images, list("abbb"), subject="1")])
    assert lines[0].startswith("error: 1 times: the same image stands under two labels")
    assert lines[0].endswith("[mine/x.npy image 2 (b) is mine/x.npy image 0 (a)]")
    assert lines[1].startswith("warning: 2 times: images are copies of others")


def test_copies_are_found_across_recordings():
    images = some(3)
    other = rec(images[1:2], ["a"], source="mine/y.png", subject="2")
    _, lines = told([rec(images, list("aab"), subject="1"), other])
    assert "[mine/y.png is mine/x.npy image 1]" in lines[0]


def test_blanks_values_and_sizes():
    images = some(3) * 255
    images[1] = 7
    found, lines = told([rec(images, list("abb"), subject="1"), rec(np.ones((1, 2, 3)), ["a"], subject="1")])
    assert any("recordings differ: 2 kinds; most are images of 4 x 4 pixels (grey)" in line for line in lines)
    assert any("values go from" in line for line in lines)
    assert any("2 times: images are of one value, or were never observed" in line for line in lines)
    assert [f.severity for f in found.findings] == sorted(
        [f.severity for f in found.findings], key=["error", "warning", "note"].index
    )


def test_classes_people_and_preparation():
    _, lines = told([rec(some(5), list("aaaab"))])
    assert any("classes are uneven: a has 4 images, b 1" in line for line in lines)
    assert any("nobody knows whose images these are" in line for line in lines)
    assert any("note: no labels" in line for line in told([rec(some(5))])[1])
    found = check_images([(rec(some(2), list("ab")), {"sfreq": 10.0})])
    assert "cannot be prepared: data.prepare.sfreq=10.0" in found.findings[0].what


def test_the_sheet_shows_a_few_of_each_class():
    found, _ = told([rec(some(9), list("aaaaaabbb"))])
    assert found.sheet.labels == tuple("a" * MOST_OF_A_CLASS + "bbb")
    np.testing.assert_allclose(found.sheet.images[4, 0], some(9)[6], rtol=1e-6)
    gap = some(1)
    gap[0, 1, 2] = np.nan
    sheet = told([rec(gap)])[0].sheet
    assert np.isnan(sheet.images[0, 0, 1, 2])
    assert np.isfinite(sheet.images).sum() == 15


def test_recordings_are_let_go_one_by_one():
    alive = []

    def one_at_a_time():
        for k in range(4):
            one = rec(some(2, seed=k), list("ab"))
            alive.append(weakref.ref(one.data))
            yield one
            del one
            assert not any(ref() is not None for ref in alive[:-1])

    assert dict(check_recordings(one_at_a_time()).facts)["recordings"] == "4"


def test_nothing_there():
    assert check_images([]) is None
    assert check_recordings([]) is None
