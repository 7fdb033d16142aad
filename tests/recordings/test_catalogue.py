import hashlib
import zipfile

import numpy as np
import pytest

from eegdae.recordings import cache_dir, data_dir, describe, fetch, get, here, load_recordings

from .web import halves, visible


@pytest.fixture
def config(site, tmp_path):
    folder, sums = site.folder, {}
    for k in range(2):
        own = {"data": np.eye(4, 2) + k, "offsets": [0, 4], "sfreq": 5.0, "ch_names": ["a", "b"]}
        np.savez(folder / f"S{k}.npz", **{key: np.array(value) for key, value in own.items()})
        sums[f"S{k}.npz"] = hashlib.sha256((folder / f"S{k}.npz").read_bytes()).hexdigest()
    resource = {"kind": "http", "url": site.address + "/", "files": sums}
    return {"name": "own", "source": "npz", "path": str(tmp_path / "data/own/S*.npz"), "resource": resource}


def test_data_dir_follows_the_environment(cache, monkeypatch, tmp_path):
    monkeypatch.delenv("EEGDAE_DATA_DIR", raising=False)
    assert data_dir() == cache_dir() == cache
    monkeypatch.setenv("EEGDAE_DATA_DIR", str(tmp_path))
    assert data_dir() == tmp_path


def test_fetched_once_at_first_use(cache, site, config, tmp_path):
    assert len(load_recordings(config)) == 2
    assert visible(cache / "own") == ["S0.npz", "S1.npz"]
    assert (cache / "own/S1.npz").read_bytes() == (site.folder / "S1.npz").read_bytes()
    assert not (tmp_path / "data").exists()
    site.asked.clear()
    assert len(load_recordings(config)) == 2
    assert get(config) == cache / "own"
    assert site.asked == []


def test_the_data_folder_comes_first(cache, site, config, tmp_path):
    (tmp_path / "data/own").mkdir(parents=True)
    (tmp_path / "data/own/S0.npz").write_bytes((site.folder / "S0.npz").read_bytes())
    assert len(load_recordings(config)) == 1
    assert get(config) == tmp_path / "data/own/S0.npz"
    assert site.asked == []
    assert not cache.exists()


def test_an_interrupted_download_is_completed(cache, site, config, tmp_path):
    """Also where the data folder is the cache folder, as it is without EEGDAE_DATA_DIR."""
    (cache / "own").mkdir(parents=True)
    (cache / "own/S0.npz").write_bytes((site.folder / "S0.npz").read_bytes())
    config["path"] = str(cache / "own/S*.npz")
    assert len(load_recordings(config)) == 2
    assert site.asked == [("/S1.npz", None)]


def test_a_wrong_checksum_leaves_nothing(cache, site, config, one_line):
    (site.folder / "S1.npz").write_bytes(b"changed on the way")
    message = one_line(load_recordings, config)
    assert "S1.npz does not have SHA-256 " + config["resource"]["files"]["S1.npz"] in message
    assert visible(cache / "own") == ["S0.npz"]
    assert halves(cache / "own") == []


def test_a_file_that_the_site_lacks_or_no_site(cache, site, config, one_line):
    (site.folder / "S0.npz").unlink()
    message = one_line(load_recordings, config)
    assert "data set 'own': cannot download" in message
    assert "eegdae data get own" in message
    assert "EEGDAE_DATA_DIR" in message
    config["resource"]["url"] = "http://127.0.0.1:1"
    assert "cannot download http://127.0.0.1:1/S0.npz" in one_line(fetch, config)
    assert visible(cache / "own") == []


@pytest.mark.parametrize(
    "path", ["own/{a,b}/*.npz", "data/own/[ab]/S?.npz", "{tmp}/data/other name/[ab]/*.npz"]
)
def test_the_folders_of_a_download_count(cache, site, tmp_path, path):
    """Whatever the folder is called that the set has elsewhere; a * does not reach over a folder."""
    sums = {}
    for name in ("a/S0.npz", "b/S1.npz", "S2.npz", "c/S3.npz", "a/x/S4.npz"):
        file = site.folder / name
        file.parent.mkdir(exist_ok=True)
        np.savez(file, data=np.eye(4, 2), offsets=[0, 4], sfreq=5.0, ch_names=["a", "b"], subject=[name[-5]])
        sums[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    paths = [path.replace("{a,b}", k).format(tmp=tmp_path) for k in "ab"] if "{a,b}" in path else path
    paths = path.format(tmp=tmp_path) if isinstance(paths, str) else paths
    config = {"name": "own", "source": "npz", "path": paths}
    config["resource"] = {"kind": "http", "url": site.address, "files": sums}
    assert here(config) is None
    assert [rec.subject for rec in load_recordings(config)] == ["0", "1"]
    assert visible(cache / "own") == sorted(sums)
    assert get(config) == here(config) == cache / "own"


def test_a_cache_folder_with_brackets(tmp_path, site, config, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache [1]"))
    assert len(load_recordings(config)) == 2


def test_half_of_a_download_is_not_here(cache, site, config):
    config["path"] = str(cache / "own/S*.npz")
    fetch(config)
    assert here(config) == cache / "own"
    (cache / "own/S1.npz").unlink()
    assert here(config) is None


def test_what_is_got_by_hand_says_how(cache, one_line):
    config = {"name": "own", "source": "npz", "path": "nowhere/*.npz", "get": "ask\n  for it"}
    said = one_line(load_recordings, config)
    assert said.startswith(
        "data.path=nowhere/*.npz: no such file; to get own: ask for it; or set EEGDAE_DATA_DIR"
    )
    assert one_line(get, config) == said
    assert "to get it: ask" in describe(config)
    assert here(config) is None


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
    assert visible(cache / "own") == ["own.ts"]
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
    assert visible(cache / "own") == []


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
