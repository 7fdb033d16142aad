"""Time layer-wise pretraining against a hand-written PyTorch loop and against plain Lightning, in one run.

    python scripts/bench_training.py [--repeats 5] [--out benchmarks/training.json]

One greedy stage each of 855 -> 256 and smaller and larger layers, Gaussian noise at level 1, Adam, batches of
128, 20 000 rows, the same threads for all three. Reported: the median of the ratios pair by pair, and their
range.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from eegdae.corruption import Gaussian
from eegdae.training import FitSpec, Optimizer, Schedule, fit_many

LAYERS = ((855, 256), (256, 64), (64, 32), (1710, 512))
N_ROWS, BATCH_SIZE, EPOCHS, LEVEL, LR = 20_000, 128, 2, 1.0, 1e-3


def autoencoder(n_in: int, n_out: int) -> nn.Sequential:
    """Build the same layer as ours, of plain torch parts."""
    return nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU(), nn.Linear(n_out, n_in))


def ours(x: Tensor, n_out: int) -> None:
    """Train one stage by ``fit_many``."""
    schedule = Schedule("greedy", EPOCHS, 0, BATCH_SIZE, Optimizer("Adam", {"lr": LR}))
    fit_many([FitSpec(x, torch.arange(len(x)), (n_out,), Gaussian(), LEVEL, schedule)])


def by_hand(x: Tensor, n_out: int) -> None:
    """Train the same stage by the loop that one writes by hand."""
    model = autoencoder(x.shape[1], n_out)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    sd = LEVEL * x.var(0).mean().sqrt()
    for _ in range(EPOCHS):
        for at in torch.split(torch.randperm(len(x)), BATCH_SIZE):
            clean = x[at]
            loss = nn.functional.mse_loss(model(clean + sd * torch.randn_like(clean)), clean)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


class _PlainModule(pl.LightningModule):
    def __init__(self, x: Tensor, n_out: int) -> None:
        super().__init__()
        self.model = autoencoder(x.shape[1], n_out)
        self.sd = LEVEL * x.var(0).mean().sqrt()

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        (clean,) = batch
        return nn.functional.mse_loss(self.model(clean + self.sd * torch.randn_like(clean)), clean)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=LR)


def plain_lightning(x: Tensor, n_out: int) -> None:
    """Train the same stage by Lightning with a TensorDataset and the default DataLoader."""
    loader = DataLoader(TensorDataset(x), batch_size=BATCH_SIZE, shuffle=True)
    pl.Trainer(max_epochs=EPOCHS, accelerator="cpu", barebones=True).fit(_PlainModule(x, n_out), loader)


def timed(job: Callable[[Tensor, int], None], x: Tensor, n_out: int) -> float:
    """Seconds that a job takes."""
    start = time.perf_counter()
    job(x, n_out)
    return time.perf_counter() - start


def ratio(a: list[float], b: list[float]) -> dict[str, float]:
    """Median and range of ``a / b``, pair by pair."""
    pairs = [x / y for x, y in zip(a, b, strict=True)]
    return {"median": statistics.median(pairs), "min": min(pairs), "max": max(pairs)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/training.json"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    layers = []
    for n_in, n_out in LAYERS:
        x = torch.randn(N_ROWS, n_in, generator=torch.Generator().manual_seed(0))
        jobs = {"eegdae": ours, "hand": by_hand, "lightning": plain_lightning}
        for job in jobs.values():
            job(x[:2000], n_out)
        seconds: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(args.repeats):
            for name, job in jobs.items():
                seconds[name].append(timed(job, x, n_out))
        layer = {
            "layer": f"{n_in} -> {n_out}",
            "seconds": {name: statistics.median(values) for name, values in seconds.items()},
            "eegdae_over_hand": ratio(seconds["eegdae"], seconds["hand"]),
            "eegdae_over_lightning": ratio(seconds["eegdae"], seconds["lightning"]),
        }
        layers.append(layer)
        print(
            f"{layer['layer']:<14} eegdae / hand {layer['eegdae_over_hand']['median']:.2f} "  # type: ignore[index]
            f"eegdae / lightning {layer['eegdae_over_lightning']['median']:.2f}",  # type: ignore[index]
            flush=True,
        )
    result = {
        "what": "one greedy stage: seconds, and ratios pair by pair",
        "command": f"python scripts/bench_training.py --repeats {args.repeats} --threads {args.threads}",
        "rows": N_ROWS,
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "optimizer": f"Adam, lr {LR}",
        "corruption": f"Gaussian, level {LEVEL}",
        "threads": args.threads,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "layers": layers,
    }
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {args.out}")


if __name__ == "__main__":
    main()
