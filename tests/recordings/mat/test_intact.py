import numpy as np
import pytest
import scipy.io
import scipy.sparse

from eegdae.recordings.intact import check_intact
from eegdae.recordings.mat.intact import check_mat5

WHOLE = {
    "numbers": np.arange(12.0).reshape(3, 4),
    "integers": np.arange(5, dtype=np.int16),
    "complex": np.array([1 + 2j, 3.0]),
    "empty": np.zeros((0, 3)),
    "logical": np.array([True, False]),
    "text": "Grüße",
    "texts": np.array(["abc", "d"], dtype=object),
    "nothing": "",
    "cell": np.array([[1, "two"], [np.zeros((0, 0)), {"three": 3}]], dtype=object),
    "struct": {"a": 1, "b": {"c": "d", "e": np.arange(3)}, "f": np.array([], dtype=object)},
    "sparse": scipy.sparse.csc_matrix(np.eye(4)),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", [*WHOLE, "all"])
def test_whole_files_pass(tmp_path, name, packed):
    content = WHOLE if name == "all" else {"v": WHOLE[name]}
    scipy.io.savemat(tmp_path / "a.mat", content, do_compression=packed)
    check_mat5(tmp_path / "a.mat")
    check_intact(tmp_path / "a.mat")


def test_other_levels_are_left_to_their_readers(tmp_path):
    scipy.io.savemat(tmp_path / "four.mat", {"v": np.eye(3)}, format="4")
    check_mat5(tmp_path / "four.mat")
    (tmp_path / "hdf.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    check_mat5(tmp_path / "hdf.mat")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
def test_cut_off(tmp_path, packed, keep, one_line):
    scipy.io.savemat(tmp_path / "a.mat", WHOLE, do_compression=packed)
    content = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(content[: int(len(content) * keep)])
    assert "a.mat: was cut off or is damaged: byte" in one_line(check_mat5, tmp_path / "a.mat")


def test_a_matrix_of_another_shape_than_its_numbers(tmp_path, one_line):
    scipy.io.savemat(tmp_path / "a.mat", {"v": np.zeros((3, 4))})
    content = bytearray((tmp_path / "a.mat").read_bytes())
    at = content.index(np.array([3, 4], "<i4").tobytes())
    content[at : at + 4] = np.array([300], "<i4").tobytes()
    (tmp_path / "a.mat").write_bytes(content)
    assert "in a matrix of shape (300, 4)" in one_line(check_mat5, tmp_path / "a.mat")
