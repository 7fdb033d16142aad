import mne
import pytest

from eegdae.recordings.channels import canonical_name, electrodes, find_channels, shared_channels

OLD = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}


def test_every_electrode_of_mnes_montage_in_any_spelling():
    standard = mne.channels.make_standard_montage("colin27_1005").ch_names
    assert len(standard) > 300
    for name in standard:
        today = OLD.get(name, name)
        for spelling in (name, name.upper(), name.lower(), f"EEG {name}", f"EEG {name.upper()}-REF"):
            assert canonical_name(spelling) == today, spelling


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("FP1", "Fp1"),
        ("FZ", "Fz"),
        ("EEG Fp1-Ref", "Fp1"),
        ("EEG FP1-LE", "Fp1"),
        ("EEG T3-AR", "T7"),
        ("  Cz ", "Cz"),
        ("Fc5.", "FC5"),
        ("Cz..", "Cz"),
        ("O1_AVG", "O1"),
        ("AFPZ", "AFpz"),
    ],
)
def test_what_files_carry_is_taken_off(name, canonical):
    assert canonical_name(name) == canonical
    assert canonical_name(canonical) == canonical


@pytest.mark.parametrize(
    "name",
    [
        *(
            "A2-A1",
            "EEG A2-A1",
            "Fp1-F3",
            "C4-A1",
            "ECG ECG",
            "EEG 001",
            "E12",
            "C3f",
            "acc_x",
            "C0",
            "T1",
            "",
        ),
        *("Ref", "EEG", "Czh", "F11", "AR", "-LE", "Fp1-"),
    ],
)
def test_an_unknown_name_stays_as_it_is(name):
    assert canonical_name(name) == name


def test_electrodes_are_numbered_in_their_order(one_line):
    assert electrodes(["EEG O1", "T3", "foot"]) == {"O1": 0, "T7": 1, "foot": 2}
    message = one_line(electrodes, ["Cz", "T3", "O1", "T7"], where="a.edf")
    assert message == "a.edf: T3 and T7 are two names of one electrode; leave one of them out"


def test_shared_channels_in_the_order_of_the_first():
    caps = [["O1", "EEG T3-Ref", "Fp1", "Cz"], ["FP1", "T7", "C3", "o1"], ["T7", "O1", "Fp1", "x"]]
    assert shared_channels(caps) == ("O1", "T7", "Fp1")
    assert shared_channels(caps[:1]) == ("O1", "T7", "Fp1", "Cz")
    assert shared_channels([["O1"], ["O2"]]) == ()
    assert shared_channels([]) == ()


def test_channels_are_found_by_any_name(one_line):
    assert find_channels(["P7", "fz"], ["Fz", "Cz", "T5"], where="reference") == [2, 0]
    message = one_line(find_channels, ["Fp9"], ["Fp1", "Fp2", "Oz"], where="reference")
    assert message.startswith("reference: 'Fp9' is not a channel; did you mean 'Fp2' or 'Fp1'")
    assert "'T7' is the electrode T7, which is named already" in one_line(
        find_channels, ["T3", "T7"], ["T7"], where="reference"
    )
    both = ["T3", "Cz", "T7"]
    assert find_channels(["T7", "T3"], both, where="reference") == [2, 0]
    message = one_line(find_channels, ["EEG T7"], both, where="reference")
    assert "'EEG T7' may be T3 or T7; name it so" in message
