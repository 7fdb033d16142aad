import functools
import hashlib
import http.server
import os
import threading
import zipfile

import numpy as np
import pytest

from eegdae.recordings import cache_dir, data_dir, describe, fetch, get, load_recordings


@pytest.fixture
def site(tmp_path):
    """A folder served over loopback: (address, folder, what was asked for)."""
    folder, asked = tmp_path / "site", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *args):
            asked.append(self.path)

        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder, asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def config(site, tmp_path):
    address, folder, _ = site
    sums = {}
    for k in range(2):
        own = {"data": np.eye(4, 2) + k, "offsets": [0, 4], "sfreq": 5.0, "ch_names": ["a", "b"]}
        np.savez(folder / f"S{k}.npz", **{key: np.array(value) for key, value in own.items()})
        sums[f"S{k}.npz"] = hashlib.sha256((folder / f"S{k}.npz").read_bytes()).hexdigest()
    resource = {"kind": "http", "url": address + "/", "files": sums}
    return {"name": "own", "source": "npz", "path": str(tmp_path / "data/own/S*.npz"), "resource": resource}


def test_data_dir_follows_the_environment(cache, monkeypatch, tmp_path):
    monkeypatch.delenv("EEGDAE_DATA_DIR", raising=False)
    assert data_dir() == cache_dir() == cache
    monkeypatch.setenv("EEGDAE_DATA_DIR", str(tmp_path))
    assert data_dir() == tmp_path


def test_fetched_once_at_first_use(cache, site, config, tmp_path):
    _, folder, asked = site
    assert len(load_recordings(config)) == 2
    assert sorted(os.listdir(cache / "own")) == ["S0.npz", "S1.npz"]
    assert (cache / "own/S1.npz").read_bytes() == (folder / "S1.npz").read_bytes()
    assert not (tmp_path / "data").exists()
    asked.clear()
    assert len(load_recordings(config)) == 2
    assert get(config) == cache / "own"
    assert asked == []


def test_the_data_folder_comes_first(cache, site, config, tmp_path):
    _, folder, asked = site
    (tmp_path / "data/own").mkdir(parents=True)
    (tmp_path / "data/own/S0.npz").write_bytes((folder / "S0.npz").read_bytes())
    assert len(load_recordings(config)) == 1
    assert get(config) == tmp_path / "data/own/S0.npz"
    assert asked == []
    assert not cache.exists()


def test_an_interrupted_download_is_completed(cache, site, config, tmp_path):
    """Also where the data folder is the cache folder, as it is without EEGDAE_DATA_DIR."""
    _, folder, asked = site
    (cache / "own").mkdir(parents=True)
    (cache / "own/S0.npz").write_bytes((folder / "S0.npz").read_bytes())
    config["path"] = str(cache / "own/S*.npz")
    assert len(load_recordings(config)) == 2
    assert asked == ["/S1.npz"]


def test_a_wrong_checksum_leaves_nothing(cache, site, config, one_line):
    _, folder, _ = site
    (folder / "S1.npz").write_bytes(b"changed on the way")
    message = one_line(load_recordings, config)
    assert "S1.npz does not have SHA-256 " + config["resource"]["files"]["S1.npz"] in message
    assert os.listdir(cache / "own") == ["S0.npz"]


def test_a_file_that_the_site_lacks_or_no_site(cache, site, config, one_line):
    _, folder, _ = site
    (folder / "S0.npz").unlink()
    message = one_line(load_recordings, config)
    assert "data set 'own': cannot download" in message
    assert "eegdae data get own" in message
    assert "EEGDAE_DATA_DIR" in message
    config["resource"]["url"] = "http://127.0.0.1:1"
    assert "cannot download http://127.0.0.1:1/S0.npz" in one_line(fetch, config)
    assert os.listdir(cache / "own") == []


def test_a_cache_that_cannot_be_written(cache, config, one_line):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert "cannot write to" in one_line(fetch, config)


def wheel_config(tmp_path, monkeypatch, **changes):
    """A wheel that pip finds in a folder of its own, no index asked."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "eegdae_test_set-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("eegdae_test_set/a.ts", "@data\n1,2,3\n")
        wheel.writestr(
            "eegdae_test_set-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: eegdae-test-set\nVersion: 1.0\n",
        )
        wheel.writestr("eegdae_test_set-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("eegdae_test_set-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    resource = {
        "kind": "wheel",
        "requirement": "eegdae-test-set==1.0",
        "sha256": hashlib.sha256(next(wheels.iterdir()).read_bytes()).hexdigest(),
        "files": {"own.ts": "eegdae_test_set/a.ts"},
    }
    return {
        "name": "own",
        "source": "ts",
        "sfreq": 5,
        "path": "nowhere/own.ts",
        "resource": resource | changes,
    }


def test_a_wheel_in_reach_of_pip_works_offline(cache, tmp_path, monkeypatch):
    config = wheel_config(tmp_path, monkeypatch)
    (got,) = load_recordings(config)
    assert got.data.tolist() == [[1, 2, 3]]
    assert os.listdir(cache / "own") == ["own.ts"]
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))  # not needed again
    assert len(load_recordings(config)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, "not " + "0" * 64),
        ({"requirement": "eegdae-test-set==2.0"}, "cannot download eegdae-test-set==2.0"),
        ({"files": {"own.ts": "eegdae_test_set/b.ts"}}, "'eegdae_test_set/b.ts' is not in"),
    ],
)
def test_a_wheel_that_does_not_fit_leaves_nothing(cache, tmp_path, monkeypatch, changes, said, one_line):
    config = wheel_config(tmp_path, monkeypatch, **changes)
    assert said in one_line(load_recordings, config)
    assert os.listdir(cache / "own") == []


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (None, "has no download"),
        ({"kind": "htp"}, "did you mean 'http'"),
        ({"kind": "http", "url": "x"}, "data.resource.files"),
        ({"kind": "http", "url": "x", "files": {}, "sha256": "y"}, "data.resource.sha256"),
    ],
)
def test_a_resource_that_does_not_fit_names_the_key(cache, resource, said, one_line):
    assert said in one_line(fetch, {"name": "own", "resource": resource})


def test_the_checksums_of_eegmat_are_those_of_the_files(eegmat, data_config):
    config = data_config("eegmat")
    assert len(config["resource"]["files"]) == 32
    for name in ("Subject00_1.edf", "Subject15_2.edf"):
        digest = hashlib.sha256((eegmat / name).read_bytes()).hexdigest()
        assert config["resource"]["files"][name] == digest


def test_describe_names_licence_and_source(data_config):
    said = describe(data_config("eegmat"))
    assert "name: eegmat" in said
    assert "physionet.org" in said
    assert "Open Data Commons" in said
