"""Sets whose originals lie on servers: what would come from there is what is read here."""

import gzip
import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eegdae.recordings import load_recordings
from eegdae.recordings.downloads.checksums import Checksum

from .true_sets import write_eegdenoisenet, write_har, write_machine
from .web import halves, visible

# set -> its folder here, how the names there differ
REAL = {
    "skab": ("skab", lambda name: name),
    "muse_p300": ("muse-erp", lambda name: f"{name}.gz"),
    "muse_n170": ("muse-erp", lambda name: f"{name}.gz"),
    "emg_openbci": ("emg-openbci", lambda name: f"{name.split('/')[1]}.gz"),
}


@pytest.fixture
def original(data_config):
    """Of a set: its configuration, name there -> content as it is there."""

    def read(name, *, some=slice(None)):
        folder, called = REAL[name]
        data = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))
        if not (data / folder).is_dir():
            pytest.skip(f"EEGDAE_DATA_DIR has no {folder}")
        config = data_config(name, data_dir=data)
        files = {}
        for file in list(config["resource"]["files"])[some]:
            content = (data / folder / called(file)).read_bytes()
            files[file] = gzip.decompress(content) if called(file).endswith(".gz") else content
        return config, files

    return read


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", REAL)
def test_checksums_are_those_of_the_files(original, name):
    config, files = original(name)
    assert {file: sha(content) for file, content in files.items()} == config["resource"]["files"]


@pytest.mark.parametrize("name", ["skab", "muse_n170", "emg_openbci"])
def test_what_is_downloaded_is_read_as_what_is_here(original, name, site, cache, data_config):
    config, files = original(name, some=slice(None, None, 9 if name == "skab" else 5))
    for file, content in files.items():
        (site.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (site.folder / file).write_bytes(content)
    config["prepare"] = None
    here = {(r.subject, r.session, r.run): r for r in load_recordings(config)}
    sums = {file: config["resource"]["files"][file] for file in files}
    resource = config["resource"] | {"url": site.address, "files": sums}
    got = load_recordings(data_config(name) | {"resource": resource, "prepare": None})
    assert len(got) == len(files) >= 3
    for rec in got:
        other = here[rec.subject, rec.session, rec.run]
        assert Path(rec.source).is_relative_to(cache / name)
        assert np.array_equal(rec.data, other.data)
        assert [(a.start, a.stop, a.label) for a in rec.annotations] == [
            (a.start, a.stop, a.label) for a in other.annotations
        ]


def served(name, site, tmp_path, data_config):
    """A small set in its true layout on a server: its configuration, and how many recordings it has."""
    config = data_config(name, data_dir=tmp_path / "nowhere")
    resource = config["resource"] | {"url": site.address}
    if name == "eegdenoisenet":
        write_eegdenoisenet(site.folder / "data")
        resource["url"] += "/data"
        sums = {file: hashlib.md5((site.folder / "data" / file).read_bytes()) for file in resource["files"]}
        resource["files"] = {file: f"md5:{digest.hexdigest()}" for file, digest in sums.items()}
        n_recordings = 27
    elif name == "smap_msl":
        rng = np.random.default_rng(0)
        for file in resource["files"]:
            (site.folder / file).parent.mkdir(exist_ok=True)
            if file.endswith(".npy"):
                np.save(site.folder / file, rng.normal(size=(9, 25)))
        names = {Path(file).stem for file in resource["files"]} - {"labeled_anomalies"}
        table = "".join(f'{name},SMAP,"[[2, 3]]",[point],9\n' for name in sorted(names))
        (site.folder / "labeled_anomalies.csv").write_text(f"{HEAD}\n{table}")
        resource["files"] = {file: sha((site.folder / file).read_bytes()) for file in resource["files"]}
        n_recordings = 24
    elif name == "server_machines":
        for machine in ("machine-1-1", "machine-3-10"):
            write_machine(site.folder, machine)
        files = [f"{part}/{machine}.txt" for machine in ("machine-1-1", "machine-3-10") for part in PARTS]
        assert set(files) <= set(resource["files"])
        resource["files"] = {file: sha((site.folder / file).read_bytes()) for file in files}
        n_recordings = 4
    else:
        folder = tmp_path / "original"
        write_har(folder / "UCI HAR Dataset")
        (folder / "__MACOSX/UCI HAR Dataset").mkdir(parents=True)
        (folder / "__MACOSX/UCI HAR Dataset/._activity_labels.txt").write_text("left over")
        with zipfile.ZipFile(tmp_path / "UCI HAR Dataset.zip", "w", zipfile.ZIP_DEFLATED) as inner:
            for file in [*visible(folder), "__MACOSX/UCI HAR Dataset/._activity_labels.txt"]:
                inner.write(folder / file, file)
        file = site.folder / Path(config["resource"]["url"]).name
        with zipfile.ZipFile(file, "w") as outer:
            outer.write(tmp_path / "UCI HAR Dataset.zip", "UCI HAR Dataset.zip")
            outer.writestr("UCI HAR Dataset.names", "Human Activity Recognition Using Smartphones Dataset\n")
        resource |= {"url": f"{site.address}/{file.name}", "checksum": sha(file.read_bytes())}
        n_recordings = 7
    return config | {"resource": resource}, n_recordings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"inner": "UCI HAR.zip"},
            "'UCI HAR.zip' is not in human+activity+recognition",
        ),
        ({"inner": "UCI HAR Dataset.names"}, "smartphones.zip: UCI HAR Dataset.names: cannot be unpacked"),
        ({"inner": None, "files": ["UCI HAR Dataset/*.txt"]}, "nothing of human+activity"),
        ({"files": ["UCI HAR Dataset/*.csv"]}, "UCI HAR Dataset.zip is called 'UCI HAR Dataset/*.csv'"),
    ],
)
def test_an_archive_in_an_archive(site, cache, tmp_path, data_config, changes, said, one_line):
    config, _ = served("uci_har", site, tmp_path, data_config)
    config["resource"] |= changes
    assert said in one_line(load_recordings, config)
    assert visible(cache / "uci_har") == []


PARTS = ("train", "test", "test_label")
HEAD = "chan_id,spacecraft,anomaly_sequences,class,num_values"
SMALL = ("eegdenoisenet", "server_machines", "smap_msl", "uci_har")


@pytest.mark.parametrize("name", SMALL)
def test_a_download_in_the_true_layout(name, site, cache, tmp_path, data_config):
    config, n_recordings = served(name, site, tmp_path, data_config)
    assert len(load_recordings(config)) == n_recordings
    n_asked = len(site.asked)
    assert len(load_recordings(config)) == n_recordings
    assert len(site.asked) == n_asked
    assert not any("512hz" in file or "X_train" in file for file in visible(cache / name))
    assert halves(cache / name) == []


@pytest.mark.parametrize("name", SMALL)
def test_a_download_that_is_cut_off_goes_on(name, site, cache, tmp_path, data_config, one_line):
    config, n_recordings = served(name, site, tmp_path, data_config)
    site.cut_after = [100]
    assert "cannot download" in one_line(load_recordings, config)
    assert len(load_recordings(config)) == n_recordings


@pytest.mark.parametrize("name", SMALL)
def test_a_wrong_checksum_leaves_nothing(name, site, cache, tmp_path, data_config, one_line):
    config, _ = served(name, site, tmp_path, data_config)
    for file in site.folder.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert "does not have" in one_line(load_recordings, config)
    assert visible(cache / name) == []


@pytest.mark.parametrize("name", SMALL)
def test_every_checksum_is_one(name, data_config):
    resource = data_config(name)["resource"]
    sums = resource["files"].values() if isinstance(resource["files"], dict) else [resource["checksum"]]
    assert len({str(Checksum.read(text, where=name)) for text in sums}) == len(sums)
    assert len(sums) == {"server_machines": 3 * 28, "smap_msl": 2 * 12 + 1}.get(name, len(sums))
