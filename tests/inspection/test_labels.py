from __future__ import annotations

import numpy as np
import pytest

from eegdae.inspection.labels import Trial, cramers_v, label_findings


def trials(*rows, seconds=4.0):
    """Rows of (label, recording, subject) or (label, recording, subject, run, start)."""
    made = []
    for label, recording, subject, *more in rows:
        run, start = more or ("", 0)
        made.append(Trial(label, recording, subject, "", run, start, start + 100, seconds))
    return made


def found(rows, n_recordings=None):
    """What was found, in one string a finding, with its severity before."""
    made = rows if rows and isinstance(rows[0], Trial) else trials(*rows)
    n = n_recordings or 1 + max((trial.recording for trial in made), default=0)
    return [f"{f.severity}: {f.what} | {f.where}" for f in label_findings(made, [f"r{k}" for k in range(n)])]


def mixed(n_subjects=6, n_trials=8, *, order=None):
    """Each subject has one recording in which x and y take turns in random order."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(n_subjects):
        labels = rng.permutation(["x", "y"] * (n_trials // 2)) if order is None else order
        rows += [(label, k, str(k), "", 100 * i) for i, label in enumerate(labels)]
    return rows


def test_a_sound_design():
    assert found(mixed()) == []


def test_no_labels():
    (text,) = found([], n_recordings=2)
    assert text == "note: no labels | all 2 recordings"
    (text,) = found([("x", 0, "1"), ("x", 1, "2")])
    assert "one class only, x" in text


def test_uneven_classes():
    rows = trials(*mixed())
    rows = [Trial(**{**vars(t), "seconds": 12.0}) if t.label == "y" else t for t in rows]
    (text,) = found(rows)
    assert text == "note: classes are uneven: y lasts 3 times as long as x | " + text.partition(" | ")[2]
    assert "x 96 s" in text


def test_a_class_that_subjects_lack():
    rows = [row for row in mixed() if row[:1] != ("x",) or row[2] != "3"]
    assert any("1 of 6 subjects lack x | subjects 3" in text for text in found(rows))


def test_a_class_in_one_recording_only():
    rows = [*mixed(), ("z", 2, "2", "", 900)]
    texts = found(rows)
    assert any(t.startswith("error: class in one recording only: z") and "z in r2" in t for t in texts)


def test_a_class_of_one_subject_only():
    rows = [*mixed(), ("z", 2, "2", "", 900), ("z", 6, "2", "", 0), ("x", 6, "2", "", 100)]
    texts = found(rows)
    assert any(t.startswith("warning: class of one subject only: z") and "z: subject 2" in t for t in texts)
    assert not any("one recording only" in text for text in texts)


def test_one_recording():
    texts = found([row for row in mixed(1)])
    assert any(t.startswith("warning: one recording holds everything") for t in texts)
    assert not any("one recording only" in text for text in texts)


def test_a_class_that_is_a_function_of_the_subject():
    rows = [("xy"[k % 2], k, str(k)) for k in range(8)]
    assert any(text.startswith("warning: every subject has one class") for text in found(rows))


def test_classes_that_go_with_the_subject():
    rows = [("x" if (k < 4) != (i == 0) else "y", k, str(k), "", 100 * i) for k in range(8) for i in range(8)]
    texts = found(rows)
    assert any("classes go with the subject: Cramér's V 0.68" in text for text in texts)


@pytest.mark.parametrize(("each", "severity"), [(1, "warning"), (3, "note")])
def test_a_class_that_is_a_function_of_the_recording(each, severity):
    rows = [
        (label, 2 * each * k + 2 * i + (label == "y"), str(k))
        for k in range(6)
        for i in range(each)
        for label in "xy"
    ]
    texts = found(rows)
    assert any(text.startswith(f"{severity}: every recording has one class") for text in texts)


def test_a_class_that_is_a_function_of_the_session():
    rows = [
        Trial(label, 4 * k + 2 * s + i, str(k), str(s), "", 0, 100, 4.0)
        for k in range(4)
        for s, label in enumerate("xy")
        for i in range(2)
    ]
    assert any("every session has one class" in text for text in found(rows))


def test_a_class_that_comes_early_in_its_recording():
    texts = found(mixed(order=list("xxxxyyyy")))
    assert any("classes go with time within recordings" in text for text in texts)
    assert found(mixed(order=list("xyyxxyyx"))) == []


def test_a_class_that_comes_in_the_later_runs():
    rows = [(label, 2 * k + r, str(k), str(r), 0) for k in range(8) for r, label in enumerate("xy")]
    assert any("in the runs of a subject: y comes late" in t or "x comes early" in t for t in found(rows))
    rows = [
        (label, 2 * k + r, str(k), str(r), 0) for k in range(8) for r, label in enumerate(("xy", "yx")[k % 2])
    ]
    assert not any("go with time" in text for text in found(rows))
    rows = [
        (label, 12 * k + r, str(k), str(r), 0) for k in range(4) for r, label in enumerate("xxxxxxxxxyyy")
    ]
    assert any("go with time" in text for text in found(rows))  # run 10 comes after run 9


def test_cramers_v():
    assert cramers_v(np.array([[10, 0], [0, 10]])) == pytest.approx(1, abs=0.03)
    assert cramers_v(np.array([[10, 10], [10, 10]])) == 0
    assert cramers_v(np.array([[5, 5]])) == 0
    rng = np.random.default_rng(0)
    chance = [cramers_v(rng.multinomial(4, [0.5, 0.5], size=10)) for _ in range(200)]
    assert np.mean(np.array(chance) ** 2) < 0.05  # uncorrected, it would be 0.25
