import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.training import Hardware
from eegdae.training.hardware import rank

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


def test_one_process_is_one_device():
    assert Hardware().trainer_options() == {"accelerator": "auto", "precision": "32", "devices": 1}
    assert Hardware(strategy="ddp").n_processes == 1


def test_several_processes_are_lightning_s_ddp(monkeypatch):
    two = Hardware(accelerator="cpu", devices=2, num_nodes=3)
    with pytest.raises(EegdaeError, match=r"^trainer\.devices=2, .*only the command eegdae train starts"):
        two.trainer_options()
    monkeypatch.setenv("LOCAL_RANK", "1")
    told = {"devices": 2, "num_nodes": 3, "strategy": "ddp"}
    assert two.trainer_options() == {"accelerator": "cpu", "precision": "32", **told}
    assert rank(two) == 1
    monkeypatch.setenv("RANK", "3")
    assert rank(two) == 3
    # a variable left by something else does not make one process the second of several
    assert rank(Hardware()) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"accelerator": "gpus"}, r"^trainer\.accelerator='gpus': not known; did you mean 'gpu'"),
        ({"strategy": "fsdp"}, r"^trainer\.strategy='fsdp': not known.*ddp"),
        ({"precision": "16"}, r"^trainer\.precision='16': not known"),
        ({"devices": 0}, r"^trainer\.devices=0"),
        ({"num_nodes": True}, r"^trainer\.num_nodes=True"),
        ({"memory_gb": -1.0}, r"^trainer\.memory_gb=-1\.0"),
        ({"memory_gb": float("nan")}, r"^trainer\.memory_gb=nan"),
    ],
)
def test_options_are_checked_at_once(options, says):
    with pytest.raises(EegdaeError, match=says):
        Hardware(**options)


@without_gpu
def test_what_needs_a_gpu_says_so():
    with pytest.raises(EegdaeError, match=r"^trainer\.accelerator=gpu: torch finds no GPU .*accelerator=cpu"):
        Hardware(accelerator="gpu")
    with pytest.raises(EegdaeError, match=r"^trainer\.precision=16-mixed: float16 is for GPUs.*=32 or bf16"):
        Hardware(precision="16-mixed")
