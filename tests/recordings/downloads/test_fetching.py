"""Downloads over loopback: whole, cut off and resumed, wrong, from lists of checksums, from archives."""

import hashlib
import io
import multiprocessing
import os
import stat
import tarfile
import time
import zipfile

import numpy as np
import pytest

from eegdae.errors import EegdaeError
from eegdae.recordings import fetch
from eegdae.recordings.downloads.checksums import read_sums
from eegdae.recordings.downloads.fetching import downloaded

from ..mutations import mutants
from ..web import halves, visible

BLOCK = 1 << 16  # so much of what came last may be lost with the connection
CONTENT = np.random.default_rng(0).bytes(1_000_000)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("eegdae.recordings.downloads.transfer._WAIT", 0.0)


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def config(site):
    """One file of a megabyte in a folder, with a space and a plus in its name."""
    (site.folder / "sub dir").mkdir()
    (site.folder / "sub dir/a_16+.edf").write_bytes(CONTENT)
    files = {"sub dir/a_16+.edf": sha(CONTENT)}
    return {"name": "own", "resource": {"kind": "http", "url": site.address, "files": files}}


def check_whole(folder, cache):
    assert folder == cache / "own"
    assert visible(folder) == ["sub dir/a_16+.edf"]
    assert (folder / "sub dir/a_16+.edf").read_bytes() == CONTENT
    assert halves(folder) == []


def test_whole(cache, site, config, capsys):
    assert downloaded(config) is None
    check_whole(fetch(config), cache)
    assert site.sent == len(CONTENT)
    assert downloaded(config) == cache / "own"
    fetch(config)
    assert len(site.asked) == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"own, 1 of 1: {site.address}/sub%20dir/a_16%2B.edf, 1.0 MB\n")
    assert said.err == ""


@pytest.mark.parametrize("cuts", [[400_000], [400_000, 200_000, 300_000]])
def test_a_broken_connection_is_taken_up_again(cache, site, config, cuts):
    site.cut_after = list(cuts)
    check_whole(fetch(config), cache)
    assert len(CONTENT) <= site.sent <= len(CONTENT) + len(cuts) * BLOCK
    assert [had is None for _, had in site.asked] == [True, *(False for _ in cuts)]


def test_the_second_try_asks_for_the_rest(cache, site, config, one_line):
    """The first is given up, as by a user who presses Ctrl-C: the server is gone after the cut."""
    site.cut_after = [600_000, 0, 0, 0, 0]
    message = one_line(fetch, config)
    assert "cut off (" in message
    assert "0.6 MB are kept, the next try goes on there" in message
    assert visible(cache / "own") == []
    assert halves(cache / "own") == [".a_16+.edf.part"]
    assert downloaded(config) is None
    site.asked.clear()
    site.sent = 0
    check_whole(fetch(config), cache)
    ((path, had),) = site.asked
    assert path == "/sub%20dir/a_16%2B.edf"
    assert had == f"bytes={len(CONTENT) - site.sent}-"
    assert 400_000 <= site.sent <= 400_000 + BLOCK


def test_a_server_without_ranges_starts_again(cache, site, config, one_line):
    site.cut_after = [600_000, 0, 0, 0, 0]
    one_line(fetch, config)
    site.knows_ranges = False
    site.sent = 0
    check_whole(fetch(config), cache)
    assert site.sent == len(CONTENT)


def test_a_server_that_sends_another_range_starts_again(cache, site, config, one_line):
    site.cut_after = [600_000, 0, 0, 0, 0]
    one_line(fetch, config)
    site.tells_wrong_range = True
    check_whole(fetch(config), cache)
    assert site.asked[-1][1] is None


def part_of(cache):
    part = cache / "own/sub dir/.a_16+.edf.part"
    part.parent.mkdir(parents=True)
    return part


def test_a_part_that_is_whole_is_not_asked_for(cache, site, config):
    part_of(cache).write_bytes(CONTENT)
    check_whole(fetch(config), cache)
    assert site.asked == []


@pytest.mark.parametrize(
    "part", [b"of another version", CONTENT[::-1], CONTENT + b"more"], ids=["short", "", "long"]
)
def test_a_part_of_another_file_is_given_up(cache, site, config, part):
    part_of(cache).write_bytes(part)
    check_whole(fetch(config), cache)
    assert site.asked[-1][1] is None
    assert len(site.asked) == 2


def test_a_wrong_checksum_after_a_resume_leaves_nothing(cache, site, config, one_line):
    part_of(cache).write_bytes(CONTENT[:1000])
    (site.folder / "sub dir/a_16+.edf").write_bytes(CONTENT[::-1])
    assert f"does not have SHA-256 {sha(CONTENT)}; it was not kept: try again" in one_line(fetch, config)
    assert visible(cache / "own") == halves(cache / "own") == []


def test_a_file_that_was_changed_or_put_there_is_checked(cache, site, config):
    fetch(config)
    file = cache / "own/sub dir/a_16+.edf"
    file.write_bytes(CONTENT[:-1] + b"x")
    os.utime(file, ns=(0, 0))
    check_whole(fetch(config), cache)
    assert len(site.asked) == 2
    (cache / "own/.checked.json").write_text("{")  # killed while it was written
    check_whole(fetch(config), cache)
    assert len(site.asked) == 2


def test_a_server_that_is_busy_for_a_moment_is_asked_again(cache, site, config, one_line, capsys):
    """Once it gave something; a server that never did may be none."""
    own = with_sums(site, config, "a/*")
    answer, n_asked = site.answer, 0

    def busy(request):
        nonlocal n_asked
        n_asked += 1
        site.status = 503 if n_asked in (2, 3, 5) else 200
        answer(request)

    site.answer = busy
    assert visible(fetch(own)) == ["SHA256SUMS.txt", "a/1.edf", "a/2.edf"]
    said = capsys.readouterr().out.splitlines()
    assert said.count("own, 1 of 2: the server says 503 Service Unavailable; asks again") == 2
    assert said.count("own, 2 of 2: the server says 503 Service Unavailable; asks again") == 1
    n_asked = 1
    assert "the server says 503" in one_line(fetch, config)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_what_the_server_says(cache, site, config, one_line, status):
    site.status = status
    if status == 404:
        site.status = 200
        (site.folder / "sub dir/a_16+.edf").unlink()
    assert f"/a_16%2B.edf: the server says {status} " in one_line(fetch, config)
    assert len(site.asked) == 1
    assert visible(cache / "own") == halves(cache / "own") == []


def test_a_disk_that_is_full(cache, site, config, one_line, monkeypatch):
    (cache / "own").mkdir(parents=True)
    os.symlink("/dev/full", cache / "own/.b.part")
    config["resource"]["files"] = {"b": sha(CONTENT)}
    (site.folder / "b").write_bytes(CONTENT)
    assert "cannot write to" in (said := one_line(fetch, config))
    assert "No space left on device" in said
    assert visible(cache / "own") == []


def test_md5(cache, site, config, one_line):
    files = config["resource"]["files"]
    files["sub dir/a_16+.edf"] = "md5:" + hashlib.md5(CONTENT).hexdigest().upper()
    check_whole(fetch(config), cache)
    files["sub dir/a_16+.edf"] = "md5:" + "0" * 32
    assert f"does not have MD5 {'0' * 32}" in one_line(fetch, config)


@pytest.mark.parametrize(
    "text",
    ["", "0" * 63, "0" * 32, "md5:" + "0" * 64, "sha1:" + "0" * 40, "g" * 64, "0" * 64 + "\n", None, 5],
)
def test_a_checksum_that_is_none(cache, config, one_line, text):
    config["resource"]["files"] = {"a": text}
    assert "data.resource.files.a=" in (said := one_line(fetch, config))
    assert "must be 64 hexadecimal digits (SHA-256), or md5: and 32" in said


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/a", "..", "", "a\\..\\b", "a\nb", "."])
@pytest.mark.parametrize("where", ["files", "sums", "name"])
def test_no_name_leads_out_of_the_folder(cache, site, config, one_line, name, where):
    resource = config["resource"]
    if where == "name":
        config["name"] = name
    elif where == "files":
        resource["files"] = {name: sha(CONTENT)}
    else:
        resource["sums"], resource["files"] = name or "../x", ["*"]
    assert "is no name of a file inside the folder of a set; refused" in one_line(fetch, config)
    assert site.asked == []


def with_sums(site, config, *globs):
    for name in ("a/1.edf", "a/2.edf", "b/1.edf", "b/c/1.edf", "RECORDS"):
        (site.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (site.folder / name).write_text(name)
    lines = [
        f"{sha(n.encode())}  {n}" for n in ("RECORDS", "a/1.edf", "a/2.edf", "b/1.edf", "b/c/1.edf", "b/gone")
    ]
    (site.folder / "SHA256SUMS.txt").write_text("\n".join(lines) + "\n")
    resource = {"kind": "http", "url": site.address, "sums": "SHA256SUMS.txt", "files": list(globs)}
    return config | {"resource": resource}


@pytest.mark.parametrize(
    ("globs", "got"),
    [
        (["a/*.edf"], ["a/1.edf", "a/2.edf"]),
        (["?/1.edf", "RECORDS", "a/*"], ["RECORDS", "a/1.edf", "a/2.edf", "b/1.edf"]),
        (["*"], ["RECORDS"]),
        (["b/c/[1-3].edf"], ["b/c/1.edf"]),
    ],
)
def test_files_of_a_published_list(cache, site, config, globs, got):
    own = with_sums(site, config, *globs)
    assert downloaded(own) is None
    assert visible(fetch(own)) == sorted(["SHA256SUMS.txt", *got])
    assert [path for path, _ in site.asked] == ["/SHA256SUMS.txt", *(f"/{name}" for name in got)]
    assert downloaded(own) == cache / "own"
    fetch(own)
    assert len(site.asked) == 1 + len(got)
    assert downloaded(with_sums(site, config, *globs, "b/gone")) is None


def test_a_published_list_names_a_file_that_the_server_lacks(cache, site, config, one_line):
    assert "/b/gone: the server says 404" in one_line(fetch, with_sums(site, config, "b/*"))
    assert visible(cache / "own") == ["SHA256SUMS.txt", "b/1.edf"]


def test_a_glob_that_fits_nothing(cache, site, config, one_line):
    message = one_line(fetch, with_sums(site, config, "a/*.edf", "a/*.edff"))
    assert message.startswith(
        "data.resource.files: nothing of SHA256SUMS.txt is called 'a/*.edff'; did you mean 'a/"
    )


def test_a_file_that_is_not_as_listed_gets_list_and_file_anew(cache, site, config, one_line):
    own = with_sums(site, config, "a/*")
    (site.folder / "a/2.edf").write_text("a new version")
    assert "/a/2.edf does not have SHA-256" in one_line(fetch, own)
    assert visible(cache / "own") == ["a/1.edf"]
    new = (site.folder / "SHA256SUMS.txt").read_text().replace(sha(b"a/2.edf"), sha(b"a new version"))
    (site.folder / "SHA256SUMS.txt").write_text(new)
    assert visible(fetch(own)) == ["SHA256SUMS.txt", "a/1.edf", "a/2.edf"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        (b"<html><body>Sign in</body></html>", "line 1 is no checksum with a name: '<html>"),
        (b"\xff\xfe" * 40, "is no list of checksums"),
        (b"0" * 64 + b"  ../../up.edf\n", "'../../up.edf' is no name of a file inside"),
        (b"0" * 64 + b"  /etc/up.edf\n", "'/etc/up.edf' is no name of a file inside"),
        (b"0" * 63 + b"  up.edf\n", "line 1 is no checksum"),
    ],
)
def test_a_list_that_is_none(cache, site, config, one_line, text, said):
    own = with_sums(site, config, "*up.edf", "*/*/up.edf")
    (site.folder / "SHA256SUMS.txt").write_bytes(text)
    if b"up.edf" in text and b"/" in text:
        own["resource"]["files"] = ["*/*/up.edf"] if text.count(b"/") == 2 else ["/etc/up.edf"]
    message = one_line(fetch, own)
    assert said in message
    assert ".new" not in message
    assert not list(cache.rglob("*.new"))
    assert "up.edf" not in str(sorted(cache.parent.rglob("*")))


def test_random_damage_of_a_list(tmp_path, site, config):
    with_sums(site, config, "*")
    content = (site.folder / "SHA256SUMS.txt").read_bytes()
    read, said = 0, []
    for damaged in mutants(content, n=200):
        (tmp_path / "sums").write_bytes(damaged)
        try:
            found = read_sums(tmp_path / "sums")
        except EegdaeError as error:
            said.append(str(error))
            continue
        assert all(len(checksum.digits) in (32, 64) for checksum in found.values())
        read += 1
    assert read
    assert said
    assert all(message.startswith(f"{tmp_path}/sums: ") and "\n" not in message for message in said)


def zipped(members, links=()):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for name in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return packed.getvalue()


def tarred(members, links=(), mode="w:gz"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return packed.getvalue()


def packed_config(site, content, files, **more):
    (site.folder / "set.zip").write_bytes(content)
    url = f"{site.address}/set.zip"
    resource = {"kind": "archive", "url": url, "checksum": sha(content), "files": files, **more}
    return {"name": "own", "resource": resource}


MEMBERS = {"top/a/1.csv": "one", "top/a/2.csv": "two", "top/README": "read", "top/b/c/3.csv": "three"}


@pytest.mark.parametrize(
    "packed", [zipped(MEMBERS), tarred(MEMBERS), tarred(MEMBERS, mode="w:xz")], ids=["zip", "gz", "xz"]
)
@pytest.mark.parametrize(
    ("files", "root", "got"),
    [
        (["a/*.csv"], "top", ["a/1.csv", "a/2.csv"]),
        (["top/*/*.csv", "top/README"], "", ["top/README", "top/a/1.csv", "top/a/2.csv"]),
        ({"x/one.csv": "a/1.csv"}, "top/", ["x/one.csv"]),
    ],
)
def test_an_archive(cache, site, packed, files, root, got):
    own = packed_config(site, packed, files, **({"root": root} if root else {}))
    assert visible(fetch(own)) == got
    assert (cache / "own" / got[-1]).read_text() in ("one", "two")
    assert downloaded(own) == cache / "own"
    fetch(own)
    assert len(site.asked) == 1
    assert sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) < 1000  # the archive is not kept
    (cache / "own" / got[0]).unlink()
    assert downloaded(own) is None
    assert visible(fetch(own)) == got


def test_an_archive_is_resumed(cache, site, one_line):
    packed = zipped({"a.bin": CONTENT})
    own = packed_config(site, packed, ["*.bin"])
    site.cut_after = [600_000, 0, 0, 0, 0]
    one_line(fetch, own)
    site.sent = 0
    assert (fetch(own) / "a.bin").read_bytes() == CONTENT
    assert 400_000 <= site.sent <= 400_200 + BLOCK


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    ("members", "links", "said"),
    [
        ({"ok.csv": "", "../up.csv": "out"}, (), "set.zip: '../up.csv' is no name of a file inside"),
        ({"ok.csv": "", "/tmp/up.csv": "out"}, (), "set.zip: '/tmp/up.csv' is no name of a file inside"),
        ({"ok.csv": "", "a/../../up.csv": "out"}, (), "'a/../../up.csv' is no name of a file inside"),
        ({"ok.csv": ""}, ("up.csv",), "set.zip: 'up.csv' is a link or no plain file; refused"),
    ],
)
def test_a_member_that_would_escape(cache, site, one_line, pack, members, links, said):
    own = packed_config(site, pack(members, links), ["*.csv", *([n for n in members if "/" in n])])
    assert said in one_line(fetch, own)
    assert visible(cache / "own") == []
    assert not list(cache.parent.parent.rglob("up.csv"))


@pytest.mark.parametrize(
    ("content", "files", "said"),
    [
        (b"no archive", ["*"], "set.zip: cannot be unpacked: "),
        (zipped(MEMBERS)[:-30], ["*"], "set.zip: cannot be unpacked: "),
        (zipped(MEMBERS), ["*.csv"], "nothing of set.zip is called '*.csv'"),
        (zipped(MEMBERS), {"a": "top/a/3.csv"}, "'top/a/3.csv' is not in set.zip; did you mean"),
        (zipped(MEMBERS), "top", "data.resource.files='top': must be a list of globs"),
    ],
)
def test_an_archive_that_does_not_fit(cache, site, one_line, content, files, said):
    assert said in one_line(fetch, packed_config(site, content, files))
    assert visible(cache / "own") == []


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"files": ["*"]}, "must be a mapping from the name of each file"),
        ({"files": {"a": "b"}, "sums": "x"}, "must be a list of globs"),
        (
            {"files": {}, "sum": "x"},
            "data.resource.sum: kind http takes exactly kind, url, files, and may have sums",
        ),
    ],
)
def test_keys_that_do_not_fit(cache, one_line, resource, said):
    assert said in one_line(fetch, {"name": "own", "resource": {"kind": "http", "url": "x"} | resource})


def test_two_processes_download_once(cache, site, config):
    """The second waits for the first, then finds everything there."""
    answer = site.answer

    def slowly(request):
        time.sleep(0.5)
        answer(request)

    site.answer = slowly
    context = multiprocessing.get_context("fork")
    threads = [context.Process(target=fetch, args=(config,)) for _ in range(2)]
    for process in threads:
        process.start()
    for process in threads:
        process.join(20)
    assert [process.exitcode for process in threads] == [0, 0]
    assert len(site.asked) == 1
    check_whole(cache / "own", cache)
