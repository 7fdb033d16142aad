"""Images as recordings: folders of classes, files, arrays; each image is one trial."""

import hashlib
import os

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from eegdae.recordings import Reader, as_config, get, load_recordings, read_recordings
from eegdae.recordings.fingerprint import Fingerprints, companions
from eegdae.recordings.images import source
from eegdae.windows import make_windows

from ..mutations import survives
from .test_idx import idx

RNG = np.random.default_rng(0)


def pixels(*shape, dtype=np.uint8):
    return RNG.integers(0, 256, shape).astype(dtype)


def folders(root, *, names="ab", n=3, shape=(5, 4, 3)):
    """Write a folder of PNG files for each class; what they hold, by class."""
    made = {}
    for name in names:
        (root / name).mkdir(parents=True)
        made[name] = pixels(n, *shape)
        for k, image in enumerate(made[name]):
            Image.fromarray(image).save(root / name / f"{k}.png")
    return made


def images_of(recording):
    """Undo the layout: (n, height, width, n_colours)."""
    height, width = recording.image_shape
    return recording.data.reshape(len(recording.ch_names), -1, height, width).transpose(1, 2, 3, 0)


def test_a_folder_a_class(tmp_path):
    made = folders(tmp_path / "mine")
    got = read_recordings(tmp_path / "mine")
    assert [(r.session, r.run, r.n_images) for r in got] == [("mine", "a", 3), ("mine", "b", 3)]
    for rec, (name, images) in zip(got, made.items(), strict=True):
        np.testing.assert_allclose(images_of(rec), images / 255, rtol=1e-6)
        assert (rec.ch_names, rec.unit, rec.sfreq) == (("red", "green", "blue"), "a.u.", 1.0)
        assert [(a.start, a.stop, a.label) for a in rec.annotations] == [
            (20 * k, 20 * k + 20, name) for k in range(3)
        ]
    windows = make_windows(got)
    assert windows.x.shape == (6, 3, 20)
    assert windows.image_shape == (5, 4)
    np.testing.assert_allclose(
        windows.x[4].reshape(3, 5, 4), made["b"][1].transpose(2, 0, 1) / 255, rtol=1e-6
    )
    assert windows.metadata["label"].tolist() == list("aaabbb")


def test_a_pattern_asks_for_every_file(tmp_path):
    folders(tmp_path / "mine", n=2)
    got = read_recordings(tmp_path / "mine", pattern="{subject}.png")
    assert [(r.subject, r.run, r.annotations[0].label) for r in got] == [
        (str(k), f"{name}/{k}.png", name) for name in "ab" for k in range(2)
    ]


def test_files_in_one_folder_are_labelled_by_their_names(tmp_path):
    made = pixels(2, 6, 6)
    for name, image in zip(("7_cat.png", "8_dog.png"), made, strict=True):
        Image.fromarray(image).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("none of them")
    bare = read_recordings(tmp_path)
    assert [(r.run, r.annotations[0].label, r.ch_names) for r in bare] == [
        ("7_cat.png", "", ("grey",)),
        ("8_dog.png", "", ("grey",)),
    ]
    got = read_recordings(tmp_path, pattern="{subject}_{run}.png", labels={"from": "run"})
    assert [(r.subject, r.annotations[0].label) for r in got] == [("7", "cat"), ("8", "dog")]
    np.testing.assert_allclose(images_of(got[1])[0, ..., 0], made[1] / 255, rtol=1e-6)


def test_labels_from_a_name_are_given_to_each_image(tmp_path):
    np.savez(tmp_path / "s1.npz", x=pixels(3, 4, 4))
    (rec,) = read_recordings(
        tmp_path / "s1.npz", source="images", pattern="{session}.npz", labels={"from": "session"}
    )
    assert [(a.start, a.stop, a.label) for a in rec.annotations] == [
        (0, 16, "s1"),
        (16, 32, "s1"),
        (32, 48, "s1"),
    ]


def test_large_folders_and_arrays_come_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK", 130)
    made = folders(tmp_path / "mine", names="a", n=5)
    got = read_recordings(tmp_path / "mine")
    assert [(r.run, r.n_images) for r in got] == [("a", 3), ("a [1]", 2)]
    np.testing.assert_allclose(np.concatenate([images_of(r) for r in got]), made["a"] / 255, rtol=1e-6)
    np.save(tmp_path / "five-images.npy", made["a"])
    np.save(tmp_path / "five-labels.npy", np.arange(5))
    got = read_recordings(tmp_path / "five-images.npy")
    assert [a.label for r in got for a in r.annotations] == list("01234")
    np.testing.assert_allclose(np.concatenate([images_of(r) for r in got]), made["a"] / 255, rtol=1e-6)
    assert len(make_windows(got).metadata.groupby(["session", "run", "trial"])) == 5


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "float32", "float64"])
def test_white_is_told_by_the_type(tmp_path, dtype):
    values = np.array([[[0, 1], [1, 0]]]).astype(dtype)
    if dtype.startswith("uint"):
        values *= np.iinfo(dtype).max
    np.save(tmp_path / "x.npy", values)
    (rec,) = read_recordings(tmp_path / "x.npy")
    assert rec.data.tolist() == [[0, 1, 1, 0]]


def test_other_numbers_need_to_be_told(tmp_path, one_line):
    np.save(tmp_path / "x.npy", np.array([[[0, 20], [10, 0]]]))
    assert "set data.white=255, or" in one_line(read_recordings, tmp_path / "x.npy")
    (rec,) = read_recordings(tmp_path / "x.npy", white=20)
    assert rec.data.tolist() == [[0, 1, 0.5, 0]]


def test_what_is_nan_was_not_observed(tmp_path):
    values = np.array([[[0.25, np.nan], [1, 0]]])
    np.save(tmp_path / "x.npy", values)
    (rec,) = read_recordings(tmp_path / "x.npy")
    assert rec.mask.tolist() == [[True, False, True, True]]


@pytest.mark.parametrize("order", ["last", "first"])
def test_colours_last_or_first(tmp_path, order):
    made = pixels(2, 5, 4, 3)
    np.save(tmp_path / "x.npy", made if order == "last" else made.transpose(0, 3, 1, 2))
    (rec,) = read_recordings(tmp_path / "x.npy")
    np.testing.assert_allclose(images_of(rec), made / 255, rtol=1e-6)


def test_npz_by_shape_or_by_name(tmp_path, one_line):
    made = pixels(4, 3, 3)
    np.savez(tmp_path / "x.npz", a=made, b=np.array(["p", "q", "p", ""]), c=np.eye(3))
    (rec,) = read_recordings(tmp_path / "x.npz", source="images")
    assert [a.label for a in rec.annotations] == ["p", "q", "p", ""]
    np.savez(tmp_path / "y.npz", x_train=made, y_train=np.arange(4), x_test=made[:2], y_test=[[1], [0]])
    message = one_line(read_recordings, tmp_path / "y.npz", source="images")
    assert "x_train (4, 3, 3)" in message
    assert "data.arrays={images: x, label: y}" in message
    (rec,) = read_recordings(
        tmp_path / "y.npz", source="images", arrays={"images": "x_test", "label": "y_test"}
    )
    assert [a.label for a in rec.annotations] == ["1", "0"]
    np.testing.assert_allclose(images_of(rec)[..., 0], made[:2] / 255, rtol=1e-6)


def test_size_and_grey_as_pillow_makes_them(tmp_path):
    made = folders(tmp_path / "mine", names="a", n=2, shape=(8, 6, 3))
    (rec,) = read_recordings(tmp_path / "mine", size=[4, 3], grey=True)
    assert (rec.image_shape, rec.ch_names) == ((4, 3), ("grey",))
    for got, image in zip(images_of(rec), made["a"], strict=True):
        expected = Image.fromarray(image).convert("L").resize((3, 4), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(got[..., 0], np.asarray(expected) / 255, rtol=1e-6)
    np.save(tmp_path / "x.npy", made["a"])
    (rec,) = read_recordings(tmp_path / "x.npy", size=[4, 3], grey=True)
    for got, image in zip(images_of(rec), made["a"], strict=True):  # not rounded to 8 bits in between
        expected = Image.fromarray(image).convert("L").resize((3, 4), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(got[..., 0], np.asarray(expected) / 255, atol=1.1 / 255)
    (rec,) = read_recordings(tmp_path / "x.npy", grey=False)
    assert rec.ch_names == ("red", "green", "blue")


def test_the_digits_of_scikit_learn(data_config):
    (rec,) = load_recordings(data_config("digits"))
    bunch = load_digits()
    assert (rec.n_images, rec.image_shape) == (1797, (8, 8))
    assert np.array_equal(images_of(rec)[..., 0] * 16, bunch.images)
    assert [a.label for a in rec.annotations] == [str(t) for t in bunch.target]
    assert get(data_config("digits")).name == "digits.csv.gz"
    assert make_windows([rec], classes=data_config("digits")["classes"]).metadata["target"].tolist() == list(
        bunch.target
    )


def mnist_files(folder):
    """Write small files of the true format under the true names; their pixels and labels."""
    made = {}
    for part, n in (("train", 5), ("t10k", 3)):
        made[part] = pixels(n, 28, 28), RNG.integers(0, 10, n).astype(np.uint8)
        for name, content in zip(("images-idx3", "labels-idx1"), made[part], strict=True):
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(idx(content, compressed=True))
    return made


def check_mnist(recordings, made):
    assert [r.session for r in recordings] == ["train", "t10k"]
    for rec in recordings:
        images, labels = made[rec.session]
        np.testing.assert_allclose(images_of(rec)[..., 0], images / 255, rtol=1e-6)
        assert [a.label for a in rec.annotations] == [str(n) for n in labels]


def test_mnist_in_the_data_folder(tmp_path, data_config):
    (tmp_path / "mnist").mkdir()
    made = mnist_files(tmp_path / "mnist")
    check_mnist(load_recordings(data_config("mnist", data_dir=tmp_path)), made)


def test_mnist_is_downloaded(tmp_path, cache, site, data_config, one_line):
    folder = site.folder
    made = mnist_files(folder)
    config = data_config("mnist")
    names = sorted(config["resource"]["files"])
    assert names == sorted(os.listdir(folder))
    sums = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in names}
    config["resource"] |= {"url": site.address, "files": {name: f"md5:{sums[name]}" for name in names}}
    check_mnist(load_recordings(config), made)
    assert sorted(path for path, _ in site.asked) == [f"/{name}" for name in names]
    (cache / "mnist" / names[0]).unlink()
    (folder / names[0]).write_bytes(b"another")
    assert f"does not have MD5 {sums[names[0]]}" in one_line(load_recordings, config)


def test_labels_of_an_idx_file_must_be_there(tmp_path, one_line):
    (tmp_path / "my-images-idx3-ubyte").write_bytes(idx(pixels(2, 3, 3)))
    message = one_line(read_recordings, tmp_path / "my-images-idx3-ubyte")
    assert "my-labels-idx1-ubyte, is missing" in message
    assert "data.label_file=null" in message
    (rec,) = read_recordings(tmp_path / "my-images-idx3-ubyte", label_file=None)
    assert [a.label for a in rec.annotations] == ["", ""]
    (tmp_path / "own").write_bytes(idx(np.array([3, 1], np.uint8)))
    (rec,) = read_recordings(tmp_path / "my-images-idx3-ubyte", label_file=str(tmp_path / "own"))
    assert [a.label for a in rec.annotations] == ["3", "1"]
    (tmp_path / "own").write_bytes(idx(np.array([3], np.uint8)))
    message = one_line(read_recordings, tmp_path / "my-images-idx3-ubyte", label_file=str(tmp_path / "own"))
    assert "2 images and labels of shape (1,)" in message


def test_files_of_labels_count_for_the_store(tmp_path):
    np.save(tmp_path / "my-images.npy", pixels(2, 3, 3))
    np.save(tmp_path / "my-labels.npy", np.arange(2))
    reader = Reader({"source": "images", "path": str(tmp_path / "my-images.npy")})
    assert reader.beside(reader.files()) == [tmp_path / "my-labels.npy"]
    packaged = Reader({"source": "images", "path": "sklearn:digits"})
    assert packaged.beside(packaged.files()) == []


def test_many_files_of_a_folder_are_fingerprinted_once(tmp_path):
    for k in range(12):
        (tmp_path / f"{k}.png").write_bytes(bytes([k]))
    files = sorted(tmp_path.glob("*.png"))
    found = Fingerprints(tmp_path / "index.json").of(files)
    assert sorted(path for path, _ in found) == [str(file) for file in files]
    assert [f.name for f in companions(tmp_path / "1.png")] == ["1.png", "10.png", "11.png"]


def test_what_is_a_folder_of_images(tmp_path):
    folders(tmp_path / "mine")
    assert as_config(tmp_path / "mine")["source"] == "images"
    (tmp_path / "mine/a/about.csv").write_text("file,label\n")
    assert as_config(tmp_path / "mine")["source"] == "images"
    (tmp_path / "eeg").mkdir()
    (tmp_path / "eeg/map.png").write_bytes(b"")
    (tmp_path / "eeg/S1.edf").write_bytes(b"")
    with pytest.raises(ValueError, match="several kinds"):
        as_config(tmp_path / "eeg")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 8}, "data.size=8: must be height and width"),
        ({"size": [8, 0]}, "data.size=[8, 0]"),
        ({"size": "8x8"}, "data.size='8x8'"),
        ({"size": [True, 8]}, "data.size=[True, 8]"),
        ({"grey": "yes"}, "data.grey='yes': must be true"),
        ({"white": 0}, "data.white=0: must be"),
        ({"white": "255"}, "data.white='255'"),
        ({"colour": True}, "data.colour: unknown key"),
        ({"prepare": {"h_freq": 40}}, "data.prepare.h_freq=40: is done to signals in time"),
        ({"prepare": {"montage": "standard_1005"}}, "data.prepare.montage='standard_1005'"),
        ({"prepare": {"pick": ["grey"]}}, "grey"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, said, one_line):
    folders(tmp_path / "mine")
    assert said in one_line(read_recordings, tmp_path / "mine", **{"source": "images", **options})


def test_colours_can_be_chosen(tmp_path):
    made = folders(tmp_path / "mine", names="a")
    (rec,) = read_recordings(tmp_path / "mine", prepare={"pick": ["green"]})
    assert rec.ch_names == ("green",)
    np.testing.assert_allclose(images_of(rec)[..., 0], made["a"][..., 1] / 255, rtol=1e-6)


def test_sizes_that_differ_are_named(tmp_path, one_line):
    folders(tmp_path / "mine")
    Image.fromarray(pixels(7, 4, 3)).save(tmp_path / "mine/b/1.png")
    message = one_line(read_recordings, tmp_path / "mine")
    assert "b/0.png has 5 x 4 pixels and" in message
    assert "b/1.png 7 x 4" in message
    assert "data.size=[5, 4]" in message
    assert {r.image_shape for r in read_recordings(tmp_path / "mine", size=[5, 4])} == {(5, 4)}
    Image.fromarray(pixels(7, 4, 3)).save(tmp_path / "mine/b/0.png")
    assert "a/0.png has 5 x 4 pixels" in one_line(read_recordings, tmp_path / "mine")


def test_grey_among_colours_is_named(tmp_path, one_line):
    folders(tmp_path / "mine")
    Image.fromarray(pixels(5, 4)).save(tmp_path / "mine/a/2.png")
    message = one_line(read_recordings, tmp_path / "mine")
    assert "a/0.png is in colour and" in message
    assert "a/2.png grey; set data.grey=true, or false" in message
    assert len(read_recordings(tmp_path / "mine", grey=True)) == 2


def test_folders_that_hold_nothing(tmp_path, one_line):
    (tmp_path / "empty").mkdir()
    assert "no images in this folder" in one_line(read_recordings, tmp_path / "empty", source="images")
    folders(tmp_path / "mine")
    (tmp_path / "mine/c").mkdir()
    message = one_line(read_recordings, tmp_path / "mine")
    assert "mine/c: the folder of this class holds no images" in message
    (tmp_path / "mine/c").rmdir()
    Image.fromarray(pixels(5, 4)).save(tmp_path / "mine/loose.png")
    assert "holds folders (a, ...) and images (loose.png, ...)" in one_line(
        read_recordings, tmp_path / "mine"
    )
    assert "no such file" in one_line(read_recordings, tmp_path / "none.png")


def test_names_with_spaces_and_other_letters(tmp_path):
    folders(tmp_path / "meine Bilder", names=["Äpfel 1", "ねこ"])
    got = read_recordings(tmp_path / "meine Bilder")
    assert [r.annotations[0].label for r in got] == ["Äpfel 1", "ねこ"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("x.npy", np.zeros((4, 4)), "has shape (4, 4); images have (n, height, width)"),
        ("x.npy", np.zeros((2, 4, 4, 5)), "has shape (2, 4, 4, 5)"),
        ("x.npy", np.zeros((0, 4, 4)), "there is no image in it"),
        ("x.npy", np.full((1, 2, 2), "a"), "pixels must be real numbers"),
        ("x.npy", np.full((1, 2, 2), np.inf), "channel grey is infinite"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, name, values, said, one_line):
    np.save(tmp_path / name, values)
    message = one_line(read_recordings, tmp_path / name)
    assert said in message
    assert name in message


def test_damaged_arrays(tmp_path, one_line):
    np.save(tmp_path / "x.npy", pixels(2, 4, 4))
    content = (tmp_path / "x.npy").read_bytes()
    for changed in (content[:-3], content + b"more", b"not an array", content[:50]):
        (tmp_path / "x.npy").write_bytes(changed)
        assert "x.npy" in one_line(read_recordings, tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.array([None, 1], dtype=object), allow_pickle=True)
    assert "x.npy: cannot be read" in one_line(read_recordings, tmp_path / "x.npy")
    (tmp_path / "x.npz").write_bytes(b"no archive")
    assert "is not an .npz archive" in one_line(read_recordings, tmp_path / "x.npz", source="images")


@pytest.mark.parametrize("n", [100, pytest.param(5000, marks=pytest.mark.slow)])
def test_random_damage_to_arrays(tmp_path, n):
    np.save(tmp_path / "x.npy", pixels(2, 4, 4))
    read, refused = survives(tmp_path / "x.npy", (tmp_path / "x.npy").read_bytes(), n=n)
    assert refused > n // 2
    assert read
