"""Time layer-wise pretraining against a hand-written PyTorch loop and against plain Lightning, in one run.

    python scripts/bench_training.py [--repeats 5] [--threads 2] [--quick] [--out benchmarks/training.json]

The stack 855-512-256-64 on 50 000 rows, greedy, Gaussian noise at level 1, Adam, batches of 128, one epoch
a layer, the same threads for all: whole, and layer by layer; then widths and batches, a convolutional stack,
and a GPU where there is one. Reported: medians of the ratios pair by pair, and
their range; and the share of the time that the matrix products of the steps alone take, measured here.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from eegdae.corruption import Gaussian
from eegdae.layout import Layout
from eegdae.models import Convolution, new_stack
from eegdae.training import FitSpec, Hardware, Optimizer, Schedule, fit_many

N_FEATURES, HIDDEN = 855, (512, 256, 64)
N_ROWS, BATCH_SIZE, LEVEL, LR = 50_000, 128, 1.0, 1e-3
WIDTHS, BATCHES = (64, 256, 1024), (32, 128, 512)
CONVOLUTIONAL = Convolution("1d", (32, 64), kernel_size=7)
Job = Callable[[Tensor, Sequence[int], int], None]


def ours(x: Tensor, hidden: Sequence[int], batch: int) -> None:
    """Train greedily by ``fit_many``."""
    fit_many([_spec(x, hidden, batch)])


def _spec(x: Tensor, hidden: Sequence[int], batch: int, **changes: Any) -> FitSpec:
    hardware = changes.pop("hardware", Hardware(accelerator="cpu"))
    schedule = Schedule("greedy", 1, 0, batch, Optimizer("Adam", {"lr": LR}), hardware=hardware)
    return FitSpec(x, torch.arange(len(x)), tuple(hidden), Gaussian(), LEVEL, schedule, **changes)


def autoencoder(n_in: int, n_out: int) -> nn.Sequential:
    """Build the same layer as ours, of plain torch parts."""
    return nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU(), nn.Linear(n_out, n_in))


def by_hand(x: Tensor, hidden: Sequence[int], batch: int) -> None:
    """Train the same stack by the loop that one writes by hand."""
    for width in hidden:
        model = autoencoder(x.shape[1], width)
        _eager_loop(model, x, batch)
        with torch.no_grad():
            x = model[1](model[0](x))


def _eager_loop(model: nn.Module, x: Tensor, batch: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    sd = LEVEL * x.var(0).mean().sqrt()
    for at in torch.split(torch.randperm(len(x)), batch):
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


def plain_lightning(x: Tensor, hidden: Sequence[int], batch: int) -> None:
    """Train the same stack by Lightning with a TensorDataset and the default DataLoader."""
    for width in hidden:
        module = _PlainModule(x, width)
        loader = DataLoader(TensorDataset(x), batch_size=batch, shuffle=True)
        pl.Trainer(max_epochs=1, accelerator="cpu", barebones=True).fit(module, loader)
        with torch.no_grad():
            x = module.model[1](module.model[0](x))


def products_seconds(n_in: int, n_out: int, batch: int) -> float:
    """Seconds of the five matrix products of one step: two forward, three backward."""
    x, z = torch.randn(batch, n_in), torch.randn(batch, n_out)
    w, v = torch.randn(n_in, n_out), torch.randn(n_out, n_in)
    found = []
    for _ in range(40):
        start = time.perf_counter()
        _ = x @ w, z @ v, z.T @ x, x @ v.T, x.T @ z
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def timed(job: Callable[[], object]) -> float:
    """Seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def ratio(a: list[float], b: list[float]) -> dict[str, float]:
    """Median and range of ``a / b``, pair by pair."""
    pairs = [x / y for x, y in zip(a, b, strict=True)]
    return {"median": statistics.median(pairs), "min": min(pairs), "max": max(pairs)}


def compared(
    x: Tensor, hidden: Sequence[int], batch: int, repeats: int, jobs: Mapping[str, Job]
) -> dict[str, Any]:
    """Time jobs in turn on the same rows; the first row of a job warms it up."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job(x[: 8 * batch], hidden, batch)
    for _ in range(repeats):
        for name, job in jobs.items():
            seconds[name].append(timed(lambda job=job: job(x, hidden, batch)))  # type: ignore[misc]
    steps = -(-len(x) // batch)
    limit = sum(products_seconds(a, b, batch) for a, b in pairwise([x.shape[1], *hidden])) * steps
    mine = statistics.median(seconds["eegdae"])
    return {
        "stack": "-".join(map(str, [x.shape[1], *hidden])),
        "batch_size": batch,
        "seconds": {name: statistics.median(values) for name, values in seconds.items()},
        "rows_a_second": len(x) * len(hidden) / mine,
        "share_of_products": limit / mine,
        **{
            f"eegdae_over_{name}": ratio(seconds["eegdae"], values)
            for name, values in seconds.items()
            if name != "eegdae"
        },
    }


def convolutional(n_rows: int, repeats: int) -> dict[str, Any]:
    """Time a convolutional stack on raw windows against the eager loop over its own layers."""
    layout = Layout("signals", (19, 256))
    x = torch.randn(n_rows, layout.n_features, generator=torch.Generator().manual_seed(0))
    stack = new_stack(layout, hidden=(64,), convolution=CONVOLUTIONAL)

    def mine(rows: Tensor, hidden: Sequence[int], batch: int) -> None:
        fit_many([_spec(rows, hidden, batch, network={"convolution": CONVOLUTIONAL}, layout=layout)])

    def hand(rows: Tensor, hidden: Sequence[int], batch: int) -> None:
        model = copy.deepcopy(stack)
        for parameter in model.parameters():
            nn.init.uniform_(parameter, -0.05, 0.05)
        clean = rows
        for k, layer in enumerate(model.layers):
            _eager_loop(layer, clean, batch)
            with torch.no_grad():
                clean = model.encode(rows, n_layers=k + 1)

    found = compared(x, (64,), BATCH_SIZE, repeats, {"eegdae": mine, "hand": hand})
    # its products are convolutions; the limit above is of a dense layer
    found.pop("share_of_products")
    return {**found, "stack": "19 x 256 samples, channels 32 and 64, kernel 7, 64 codes"}


def on_gpu(x: Tensor, repeats: int) -> dict[str, Any]:
    """Rows a second of the stack on a GPU, against a loop whose step is captured as a CUDA graph."""
    if not torch.cuda.is_available():
        return {"left_out": "no CUDA device"}
    gpu = Hardware(accelerator="gpu")

    def captured(rows: Tensor, hidden: Sequence[int], batch: int) -> None:
        clean = rows.cuda()
        for width in hidden:
            model = autoencoder(clean.shape[1], width).cuda()
            _graph_loop(model, clean, batch)
            with torch.no_grad():
                clean = model[1](model[0](clean))
        torch.cuda.synchronize()

    def mine(rows: Tensor, hidden: Sequence[int], batch: int) -> None:
        fit_many([_spec(rows, hidden, batch, hardware=gpu)])
        torch.cuda.synchronize()

    found = compared(x, HIDDEN, BATCH_SIZE, repeats, {"eegdae": mine, "graph": captured})
    found.pop("share_of_products")
    return {**found, "device": torch.cuda.get_device_name()}


def _graph_loop(model: nn.Module, x: Tensor, batch: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, capturable=True, fused=True)
    sd = LEVEL * x.var(0).mean().sqrt()
    at = torch.arange(batch, device=x.device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        clean = x[at]
        loss = nn.functional.mse_loss(model(clean + sd * torch.randn_like(clean)), clean)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    order = torch.randperm(len(x), device=x.device)
    for part in torch.split(order, batch):
        if len(part) == batch:
            at.copy_(part)
            graph.replay()


def told(found: Mapping[str, Any]) -> str:
    """Give the line of one comparison."""
    if "left_out" in found:
        return f"left out: {found['left_out']}"
    ratios = ", ".join(
        f"{key.removeprefix('eegdae_over_')} {value['median']:.2f}"
        for key, value in found.items()
        if key.startswith("eegdae_over_")
    )
    share = f", {found['share_of_products']:.0%} products" if "share_of_products" in found else ""
    return (
        f"{found['stack']:<24} batch {found['batch_size']:<4} {found['rows_a_second']:>9.0f} rows/s; over "
        f"{ratios}{share}"
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the rows, one repeat, nothing written"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/training.json"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    n_rows, repeats = (N_ROWS // 10, 1) if args.quick else (N_ROWS, args.repeats)
    x = torch.randn(n_rows, N_FEATURES, generator=torch.Generator().manual_seed(0))
    jobs: dict[str, Job] = {"eegdae": ours, "hand": by_hand, "lightning": plain_lightning}
    result: dict[str, Any] = {
        "what": "greedy pretraining: seconds, and ratios pair by pair",
        "command": f"python scripts/bench_training.py --repeats {repeats} --threads {args.threads}",
        "rows": n_rows,
        "batch_size": BATCH_SIZE,
        "optimizer": f"Adam, lr {LR}",
        "corruption": f"Gaussian, level {LEVEL}",
        "threads": args.threads,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    result["stack"] = compared(x, HIDDEN, BATCH_SIZE, repeats, jobs)
    print(told(result["stack"]), flush=True)
    result["layers"] = []
    for n_in, n_out in pairwise([N_FEATURES, *HIDDEN]):
        rows = torch.randn(n_rows, n_in, generator=torch.Generator().manual_seed(1))
        result["layers"].append(compared(rows, (n_out,), BATCH_SIZE, repeats, jobs))
        print(told(result["layers"][-1]), flush=True)
    result["table"] = []
    few = {name: jobs[name] for name in ("eegdae", "hand")}
    for width in WIDTHS:
        for batch in BATCHES:
            found = compared(x[: n_rows // 5], (width,), batch, min(repeats, 3), few)
            result["table"].append(found)
            print(told(found), flush=True)
    result["convolutional"] = convolutional(n_rows // 25, min(repeats, 3))
    print(told(result["convolutional"]))
    result["gpu"] = on_gpu(x, repeats)
    print(told(result["gpu"]))
    if not args.quick:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {args.out}")


if __name__ == "__main__":
    main()
