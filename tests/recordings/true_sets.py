"""Small sets in the layout and with the names of the published ones, written byte by byte."""

from __future__ import annotations

import struct

import numpy as np

from eegdae.recordings.har import SIGNALS

ACTIVITIES = ("WALKING", "WALKING_UPSTAIRS", "WALKING_DOWNSTAIRS", "SITTING", "STANDING", "LAYING")
# person, and of each stretch the activities of its windows
TRAIN = [(1, [5, 5, 5]), (1, [4]), (1, [1, 1]), (3, [1, 1, 1, 1]), (1, [2, 2])]
TEST = [(2, [6, 6]), (24, [3, 3, 3])]
ODD = [0, 0, 1, 1, 0, 0, 0, 1, 0, 0]
EPOCHS = {"EEG": 9, "EOG": 7, "EMG": 11}


def as_matlab_writes(values):
    """The file of npy-matlab's writeNPY: version 1, little endian, columns first, padded to 16 bytes."""
    about = f"{{'descr': '<f8', 'fortran_order': True, 'shape': ({', '.join(map(str, values.shape))}), }}"
    length = -(-(len(about) + 11) // 16) * 16 - 10
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", length) + about.ljust(length - 1).encode() + b"\n"
    return head + values.astype("<f8").tobytes(order="F")


def write_eegdenoisenet(folder):
    """EEGdenoiseNet, as its authors wrote it with npy-matlab; the files at 512 Hz are not read."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name, n_epochs in EPOCHS.items():
        values = rng.normal(size=(n_epochs, 512)) * 20
        (folder / f"{name}_all_epochs.npy").write_bytes(as_matlab_writes(values))
        (folder / f"{name}_all_epochs_512hz.npy").write_bytes(as_matlab_writes(np.zeros((n_epochs, 1024))))


def _write_part(folder, part, stretches, rng):
    """Signals cut into windows with an overlap of one half, as published; the signals of the stretches."""
    inertial = folder / part / "Inertial Signals"
    inertial.mkdir(parents=True)
    people = [person for person, codes in stretches for _ in codes]
    labels = [code for _, codes in stretches for code in codes]
    (folder / part / f"subject_{part}.txt").write_text("".join(f"{person}\n" for person in people))
    (folder / part / f"y_{part}.txt").write_text("".join(f"{code}\n" for code in labels))
    signals = [rng.normal(size=(9, 64 * (len(codes) + 1))) for _, codes in stretches]
    for k, name in enumerate(SIGNALS):
        lines = [
            "".join(f"{value:16.7e}" for value in signal[k, 64 * w : 64 * w + 128]) + "\n"
            for signal in signals
            for w in range(signal.shape[1] // 64 - 1)
        ]
        (inertial / f"{name}_{part}.txt").write_text("".join(lines))
    return signals


def write_har(folder):
    """UCI HAR in its true layout, with what is not read too; the signals of train and of test."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    named = [f"{k + 1} {name}\n" for k, name in enumerate(ACTIVITIES)]
    (folder / "activity_labels.txt").write_text("".join(named))
    (folder / "README.txt").write_text("Human Activity Recognition Using Smartphones Dataset\n")
    parts = {"train": TRAIN, "test": TEST}
    signals = {part: _write_part(folder, part, which, rng) for part, which in parts.items()}
    (folder / "train/X_train.txt").write_text("  2.8858451e-001\n")
    return signals


def rows(values):
    """As the authors of the Server Machine Dataset write them: six digits, commas, no header."""
    return "".join(",".join(f"{v:.6f}" for v in row) + "\n" for row in values)


def write_machine(folder, name, *, n_train=8, n_columns=38, odd=ODD):
    """A machine in the authors' layout; its training part and its test part as numbers."""
    rng = np.random.default_rng(len(name))
    for part in ("train", "test", "test_label", "interpretation_label"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    train, test = (rng.uniform(size=(n, n_columns)).round(6) for n in (n_train, len(odd)))
    (folder / f"train/{name}.txt").write_text(rows(train))
    (folder / f"test/{name}.txt").write_text(rows(test))
    (folder / f"test_label/{name}.txt").write_text("".join(f"{flag}\n" for flag in odd))
    (folder / f"interpretation_label/{name}.txt").write_text("2-4:1,9,10\n7-8:9,13\n")
    return train, test
