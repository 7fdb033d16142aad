"""The table of targets: what it lets through, and that nothing else is imported."""

from __future__ import annotations

import sys

import pytest

from eegdae.errors import EegdaeError
from eegdae.tasks.targets import TARGETS, check_targets, resolve


@pytest.mark.parametrize("name", TARGETS)
def test_every_name_of_the_table_is_what_it_says(name):
    found = resolve(name, where="x._target_")
    assert callable(found)
    assert found.__name__ == name.rpartition(".")[2]


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "torch.optim.swa_utils.torch.load",
        "torch.optim.lr_scheduler.LRScheduler",
        "eegdae.corruption.np.load",
        "eegdae.corruption.gaussian",
        "torch.optim.Adam ",
        "Torch.optim.Adam",
        "${x}",
        "",
        None,
        7,
        ["torch.optim.Adam"],
        {"_target_": "torch.optim.Adam"},
    ],
)
def test_anything_else_is_refused(name):
    with pytest.raises(EegdaeError, match=r"optimizer\._target_=.*table of targets"):
        check_targets({"optimizer": {"_target_": name}})
    with pytest.raises(EegdaeError, match=r"table of targets"):
        resolve(name, where="optimizer._target_")


def test_found_at_any_depth():
    with pytest.raises(EegdaeError, match=r"a\.b\[1\]\[0\]\.c\._target_='os\.system'"):
        check_targets({"a": {"b": [1, [{"c": {"_target_": "os.system"}}]]}})


def test_refused_before_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "eegdae_test_evil.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EegdaeError):
        resolve("eegdae_test_evil.f", where="x")
    with pytest.raises(EegdaeError):
        check_targets({"_target_": "eegdae_test_evil.f"})
    assert "eegdae_test_evil" not in sys.modules
    assert not (tmp_path / "touched").exists()


def test_hydras_own_parts_are_for_hydra_only():
    launcher = {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}
    check_targets({"hydra": {"launcher": launcher}})
    with pytest.raises(EegdaeError, match="refused"):
        check_targets({"optimizer": launcher})


@pytest.mark.parametrize(
    "logging",
    [
        {"handlers": {"console": {"class": "os.system"}}},
        {"formatters": {"simple": {"()": "os.system"}}},
        {"handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://os.system"}}},
    ],
)
def test_what_the_logging_module_would_import(logging):
    with pytest.raises(EegdaeError, match=r"not allowed|refused"):
        check_targets({"hydra": {"job_logging": logging}})


def test_nearest_name():
    with pytest.raises(EegdaeError, match=r"did you mean 'torch\.optim\.Adam'"):
        check_targets({"optimizer": {"_target_": "torch.optim.Adan"}})
