"""Training images a second: our ways, a bare loop, and the usual code, side by side.

    python benchmarks/throughput.py [--digits 60000] [--rounds 3] [--batch 128 256] [--threads 2 1]
                                    [--seeds 1 5 16] [--json FILE]

The ways take turns on the same net, batch size and digits, so that a slow spell of the machine
falls on all of them; medians over the rounds are compared. GFLOP/s are those of convolutions and
full layers: two for each connection forward, two for its weight's gradient and, but for C1, two for
what the layer below gets back. The peak beside them is the best of torch's products of two square
matrices, which take turns with the ways.

A second table is of several seeds trained together: whole commands, a sweep over seeds with as many
processes as cores, from the start to the last test. Each has the recipe's epochs, its batch size
and the default net.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import lenet.data.torchvision_ops  # noqa: F401  before torchvision is imported

import pytorch_lightning as pl  # isort: skip
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from lenet.classifier import Task
from lenet.data.digits import Digits, Split
from lenet.data.source import load_raw
from lenet.data.views import VIEWS
from lenet.experiment import cores
from lenet.experiment.job import EpochLog
from lenet.learning import Minibatch
from lenet.nets import LeNet5, layer_costs
from lenet.tracking import Tracker

ROOT = Path(__file__).resolve().parents[1]
EPOCHS_OF_A_RUN = 20  # the recipe's; start-up and compile time are spread over so many

adam = partial(torch.optim.AdamW, lr=2e-3, fused=True)
one_cycle = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=2e-3)


def ours(digits: Digits, batch: int, tracker: Tracker, lanes: bool) -> float:
    """`Trainer.fit` as train.py runs it: metrics, validation, checkpoint and MLflow on.

    Returns:
        The seconds of the second of two epochs, all of these included; what a run does once
        counts in ``run_of_20_epochs_seconds`` alone.
    """
    recipe = Minibatch(adam, one_cycle, batch, epochs=2, lanes=lanes)
    options = {"accelerator": "cpu", "devices": 1, "compile": False}
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder, tracker.run("benchmark") as run:
        watch = EpochLog("benchmark", run, show=False)

        def timed(epoch: int, metrics: dict[str, float]) -> None:
            watch(epoch, metrics)
            ends.append(time.perf_counter())

        recipe.fit(Task([LeNet5()], [0], digits, options, Path(folder), [timed]))
    return ends[1] - ends[0]


def bare(split: Split, batch: int, channels_last: bool) -> None:
    """An eager PyTorch loop over the tensor in memory, and nothing else."""
    net = LeNet5()
    if channels_last:
        net.to(memory_format=torch.channels_last)
    optimizer = adam(net.parameters())
    for rows in torch.randperm(len(split)).split(batch):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(split.images[rows]), split.labels[rows]).backward()
        optimizer.step()


class UsualModule(pl.LightningModule):
    """The LightningModule of the tutorials, which logs each step."""

    def __init__(self) -> None:
        super().__init__()
        self.net = LeNet5()

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        images, labels = batch
        loss = nn.functional.cross_entropy(self.net(images), labels)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=2e-3)


def usual_code(dataset: Dataset, batch: int) -> None:
    """torchvision's MNIST through ToTensor and Normalize, a DataLoader, the default Trainer."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(max_epochs=1, default_root_dir=folder, enable_model_summary=False)
        trainer.fit(UsualModule(), DataLoader(dataset, batch_size=batch, shuffle=True))


def together(seeds: int, digits: int) -> dict:
    """The figures of one command that trains so many seeds side by side, on all cores."""
    threads = max(1, cores() // seeds)
    command = [sys.executable, "train.py", "-m", f"seed=range({seeds})", "hydra/launcher=joblib"]
    command += [f"trainer.threads={threads}", f"recipe.epochs={EPOCHS_OF_A_RUN}", "tracking=off"]
    command += ["data.validation=0", f"data.train_size={digits}"]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [*command, f"output={folder}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
        )
        spent = time.perf_counter() - start
    speed = seeds * EPOCHS_OF_A_RUN * digits / spent
    return {"seeds": seeds, "threads_each": threads, "seconds": spent, "images_per_second": speed}


def flops_of_a_digit() -> int:
    """What a training step computes for it in the layers with weights."""
    costs = layer_costs(LeNet5(), torch.zeros(1, 28, 28))
    macs = {name: cost.connections for name, cost in costs.items() if cost.parameters}
    return 2 * (3 * sum(macs.values()) - macs["C1"])


def product(side: int = 2048, times: int = 4) -> float:
    """The GFLOP/s of a matrix product."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    start = time.perf_counter()
    for _ in range(times):
        a @ b
    return times * 2 * side**3 / (time.perf_counter() - start) / 1e9


def seconds(way: Callable[[], float | None]) -> tuple[float, float]:
    """Of one epoch, and of all else that the call did."""
    start = time.perf_counter()
    epoch = way()
    whole = time.perf_counter() - start
    return (whole, 0.0) if epoch is None else (epoch, whole - 2 * epoch)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--digits", type=int, default=60_000, help="in an epoch (60,000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way (3)")
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[128, 256], help="sizes to measure (128 256)"
    )
    parser.add_argument(
        "--threads", type=int, nargs="+", help="numbers of them to measure (one per core, and 1)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 5, 16], help="trained together (1 5 16)"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")

    raw = load_raw("mnist", ROOT / "data")
    see = VIEWS["regular"]
    train = Split(see(raw.train_images[: given.digits]), raw.train_labels[: given.digits])
    few = Split(see(raw.test_images[:1_000]), raw.test_labels[:1_000])
    digits = Digits("mnist", "", train, few, few)
    transform = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    files = MNIST(raw.root, transform=transform)
    dataset = Subset(files, range(given.digits))

    results = []
    with tempfile.TemporaryDirectory() as folder:
        tracker = Tracker(f"sqlite:///{folder}/mlflow.db", Path(folder) / "mlruns", False).start()
        for threads in given.threads or sorted({torch.get_num_threads(), 1}, reverse=True):
            torch.set_num_threads(threads)
            for batch in given.batch:
                ways = {
                    "train.py": partial(ours, digits, batch, tracker, True),
                    "train.py, torch's gradients": partial(ours, digits, batch, tracker, False),
                    "bare loop": partial(bare, train, batch, False),
                    "bare loop, channels last": partial(bare, train, batch, True),
                    "usual code": partial(usual_code, dataset, batch),
                }
                for row in measured(ways, given.rounds, given.digits, len(raw.train_labels)):
                    results.append({"threads": threads, "batch": batch} | row)
    report(results)
    of_seeds = [together(seeds, given.digits) for seeds in given.seeds]
    report_seeds(of_seeds)
    if given.json:
        figures = {"ways": results, "seeds": of_seeds}
        given.json.write_text(json.dumps(figures, indent=2) + "\n")


def measured(
    ways: dict[str, Callable[[], float | None]], rounds: int, digits: int, whole: int
) -> list[dict]:
    """The figures of each way, whose epoch has so many digits, and a whole one so many."""
    first = {name: seconds(way) for name, way in ways.items()}  # warms up, compiles
    times: dict[str, list[float]] = {name: [] for name in ways}
    peaks = [product()]
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way)[0])
        peaks.append(product())
    median = {name: statistics.median(t) for name, t in times.items()}
    rows = []
    for name in ways:
        once = max(0.0, first[name][1])
        gflops = flops_of_a_digit() * digits / median[name] / 1e9
        rows.append(
            {
                "way": name,
                "images_per_second": digits / median[name],
                "gflops": gflops,
                "share_of_peak": gflops / max(peaks),
                "speed_to_bare_loop": median["bare loop"] / median[name],
                "speed_to_bare_channels_last": median["bare loop, channels last"] / median[name],
                "speed_to_usual_code": median["usual code"] / median[name],
                "first_call_extra_seconds": once,
                "run_of_20_epochs_seconds": EPOCHS_OF_A_RUN * median[name] * whole / digits + once,
            }
        )
    return rows


def report(results: list[dict]) -> None:
    """Prints the table, one line a number of threads, batch size and way."""
    print(f"torch {torch.__version__}")
    print(
        f"{'threads':>7} {'batch':>5}  {'way':<27} {'images/s':>9} {'GFLOP/s':>8} {'of peak':>8} "
        f"{'x bare':>7} {'x bare c.l.':>12} {'x usual':>8} {'once s':>7} {'20 epochs s':>12}"
    )
    for r in results:
        print(
            f"{r['threads']:>7} {r['batch']:>5}  {r['way']:<27} {r['images_per_second']:>9,.0f} "
            f"{r['gflops']:>8.1f} {r['share_of_peak']:>8.0%} "
            f"{r['speed_to_bare_loop']:>7.2f} {r['speed_to_bare_channels_last']:>12.2f} "
            f"{r['speed_to_usual_code']:>8.2f} {r['first_call_extra_seconds']:>7.1f} "
            f"{r['run_of_20_epochs_seconds']:>12.0f}"
        )


def report_seeds(rows: list[dict]) -> None:
    """Prints the second table, one line a number of seeds."""
    print(f"\n{'seeds':>7} {'threads each':>13} {'whole s':>8} {'s a seed':>9} {'images/s':>9}")
    for r in rows:
        print(
            f"{r['seeds']:>7} {r['threads_each']:>13} {r['seconds']:>8.1f} "
            f"{r['seconds'] / r['seeds']:>9.1f} {r['images_per_second']:>9,.0f}"
        )


if __name__ == "__main__":
    main()
