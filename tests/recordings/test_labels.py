import numpy as np
import pytest

from eegdae.recordings.labels import annotate, label_text, runs_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((1, "1"), (np.int8(1), "1"), (1.0, "1"), (np.float32(1), "1"), (1.5, "1.5"), (-3.0, "-3")),
        *((None, ""), (float("nan"), ""), (" up ", "up"), (b"up", "up"), (float("inf"), "inf"), ("", "")),
    ],
)
def test_label_text(value, text):
    assert label_text(value) == text


@pytest.mark.parametrize("labels", [["a", "a", "b"], ["", "a", "", "a", "a"], [""], [], ["x"]])
def test_runs_cover_each_labelled_sample_once(labels):
    back = [""] * len(labels)
    for run in runs_of(labels):
        assert set(back[run.start : run.stop]) == {""}
        back[run.start : run.stop] = [run.label] * (run.stop - run.start)
    assert back == labels


def test_one_a_recording_or_one_a_sample(one_line):
    (first,), (second,), third = annotate(["x", 2, None], [5, 3, 4], where="y")
    assert (first.start, first.stop, first.label) == (0, 5, "x")
    assert (second.stop, second.label, third) == (3, "2", ())
    first, second = annotate([1, 1, 0, 0, 0], [3, 2], where="y")
    assert [(a.start, a.stop, a.label) for a in first] == [(0, 2, "1"), (2, 3, "0")]
    assert [(a.start, a.stop, a.label) for a in second] == [(0, 2, "0")]
    message = one_line(annotate, [1, 2, 3], [3, 2], where="file.mat: y")
    assert (
        message
        == "file.mat: y holds 3 labels; one for each of 2 recordings, or for each of 5 samples, is needed"
    )
