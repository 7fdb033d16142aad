import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_store import rec, same

from eegdae.cutting import Cutting
from eegdae.errors import EegdaeError
from eegdae.store import build, read
from eegdae.windows import make_windows
from eegdae.workers import Workers


def squares(number):
    return [number, number**2]


def slowly(item):
    """Load a recording, so slowly that there is time to kill who does."""
    number, notes = item
    Path(notes, f"{number}.{os.getpid()}").touch()
    time.sleep(0.5)
    return [rec(number, gaps=number == 3)]


@pytest.fixture(scope="module")
def cluster():
    """Address of a Dask scheduler with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as started:
        yield started


def test_results_come_in_order():
    assert list(map(list, Workers().map(squares, [3, 1, 2]))) == [[3, 9], [1, 1], [2, 4]]
    assert list(Workers(2).map(squares, [3, 1, 2])) == [[3, 9], [1, 1], [2, 4]]


def test_without_processes_one_result_is_there_at_a_time():
    asked = []

    def work(item):
        asked.append(item)
        yield item

    results = Workers().map(work, range(3))
    assert asked == []
    assert list(next(results)) == [0]
    assert asked == [0]


def test_a_dask_cluster_one_of_whose_workers_is_killed(cluster, tmp_path):
    items = [(number, str(tmp_path)) for number in range(8)]
    notes = {int(path.name.split(".")[1]) for path in tmp_path.iterdir()}
    assert not notes
    workers = Workers(-1, "dask", cluster.scheduler_address)
    killer = subprocess.Popen([sys.executable, "-c", KILLER, str(tmp_path), str(os.getpid())])
    cutting = Cutting(0.5, 0.1, max_missing=0.5)
    build(tmp_path / "store/a", items, slowly, cutting, workers=workers)
    assert killer.wait(timeout=60) == 0
    plain = make_windows([rec(k, gaps=k == 3) for k in range(8)], size=0.5, stride=0.1, max_missing=0.5)
    same(read(tmp_path / "store/a"), plain)
    assert os.listdir(tmp_path / "store") == ["a"]
    assert not list((tmp_path / "store/a").glob("piece-*"))
    done = [path.name for path in tmp_path.iterdir() if path.is_file()]
    assert len({name.split(".")[1] for name in done} - {str(os.getpid())}) >= 2


KILLER = """
import os, signal, sys, time
from pathlib import Path

# the worker that took the third item, while it has it
until = time.monotonic() + 60
while time.monotonic() < until:
    taken = sorted(Path(sys.argv[1]).glob("*.*"), key=lambda path: path.stat().st_mtime)
    if len(taken) >= 3:
        pid = int(taken[2].name.split(".")[1])
        assert pid != int(sys.argv[2])
        os.kill(pid, signal.SIGKILL)
        sys.exit(0)
    time.sleep(0.01)
sys.exit(1)
"""


@pytest.fixture
def ray_cluster(monkeypatch):
    """Address of a Ray cluster of this machine with two worker processes."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'eegdae[ray]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    started = ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20
    )
    yield started.address_info["address"]
    ray.shutdown()


def noted(item):
    """Load a recording, and leave a note of who did; the fifth is damaged."""
    number, notes = item
    Path(notes, f"{number}.{os.getpid()}").touch()
    if number == 5:
        raise EegdaeError("5.edf: was cut off")
    return [rec(number, gaps=number == 3)]


@pytest.mark.slow
def test_a_ray_cluster(ray_cluster, tmp_path):
    workers, cutting = Workers(-1, "ray", ray_cluster), Cutting(0.5, 0.1, max_missing=0.5)
    (tmp_path / "notes").mkdir()
    items = [(number, str(tmp_path / "notes")) for number in range(5)]
    build(tmp_path / "store/a", items, noted, cutting, workers=workers)
    plain = make_windows([rec(k, gaps=k == 3) for k in range(5)], size=0.5, stride=0.1, max_missing=0.5)
    same(read(tmp_path / "store/a"), plain)
    who = {path.name.split(".")[1] for path in (tmp_path / "notes").iterdir()}
    assert len(who) == 2
    assert str(os.getpid()) not in who
    with pytest.raises(EegdaeError, match=r"^5\.edf: was cut off$"):
        build(tmp_path / "store/b", [*items, (5, items[0][1])], noted, cutting, workers=workers)
    assert os.listdir(tmp_path / "store") == ["a"]


@pytest.mark.slow
def test_no_ray_cluster_at_an_address():
    pytest.importorskip("ray", reason="ray is not installed: pip install 'eegdae[ray]'")
    with pytest.raises(
        EegdaeError, match=r"prepare\.address=127\.0\.0\.1:1: no Ray cluster answers: .*refused"
    ):
        list(Workers(2, "ray", "127.0.0.1:1").map(squares, [1]))
    with pytest.raises(EegdaeError, match=r"backend=ray: no cluster; give prepare\.address=HOST:6379"):
        list(Workers(2, "ray").map(squares, [1]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_jobs": 0}, "prepare.n_jobs=0: must be a whole number, 1 or more, or -1"),
        ({"n_jobs": True}, "prepare.n_jobs=True"),
        ({"backend": "lokky"}, "prepare.backend='lokky': did you mean 'loky'"),
    ],
)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(EegdaeError, match="prepare") as caught:
        Workers(**options)
    assert words in str(caught.value)


def test_clusters_that_are_not_there(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with pytest.raises(EegdaeError, match=r"prepare\.backend=dask: no cluster; give"):
        list(Workers(2, "dask").map(squares, [1]))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EegdaeError, match=r"backend=ray: ray is not installed; pip install 'eegdae\[ray\]'"):
        list(Workers(2, "ray").map(squares, [1]))
