"""Training images a second: our path, a bare loop, and the usual idiom, side by side.

    python benchmarks/throughput.py [--digits 20000] [--rounds 5] [--batch 128 256] [--json FILE]

The ways take turns on the same net, batch size and digits, so that a slow spell of the machine
falls on all of them; medians over the rounds are compared.
"""

import argparse
import json
import statistics
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
from lenet.experiment.job import EpochLog
from lenet.learning import Minibatch
from lenet.nets import LeNet5
from lenet.tracking import Tracker

ROOT = Path(__file__).resolve().parents[1]
EPOCHS_OF_A_RUN = 20  # start-up and compile time are spread over so many epochs

adam = partial(torch.optim.AdamW, lr=2e-3, fused=True)
one_cycle = partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=2e-3)


def ours(digits: Digits, batch: int, tracker: Tracker, compiled: bool) -> float:
    """`Trainer.fit` as train.py runs it: metrics, validation, checkpoint and MLflow on.

    Returns:
        The seconds of the second of two epochs, all of these included; what a run does once
        counts in ``run_of_20_epochs_seconds`` alone.
    """
    recipe = Minibatch(adam, one_cycle, batch, epochs=2)
    options = {"accelerator": "cpu", "devices": 1, "compile": compiled}
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


class Idiom(pl.LightningModule):
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


def idiom(dataset: Dataset, batch: int) -> None:
    """torchvision's MNIST through ToTensor and Normalize, a DataLoader, the default Trainer."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(max_epochs=1, default_root_dir=folder, enable_model_summary=False)
        trainer.fit(Idiom(), DataLoader(dataset, batch_size=batch, shuffle=True))


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
    parser.add_argument("--digits", type=int, default=20_000, help="in an epoch (20,000)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way (5)")
    parser.add_argument(
        "--batch", type=int, nargs="+", default=[128, 256], help="sizes to measure (128 256)"
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
        for batch in given.batch:
            ways = {
                "ours, eager": partial(ours, digits, batch, tracker, False),
                "ours, compiled": partial(ours, digits, batch, tracker, True),
                "bare loop": partial(bare, train, batch, False),
                "bare loop, channels last": partial(bare, train, batch, True),
                "usual idiom": partial(idiom, dataset, batch),
            }
            first = {name: seconds(way) for name, way in ways.items()}  # warms up, compiles
            times: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(given.rounds):
                for name, way in ways.items():
                    times[name].append(seconds(way)[0])
            median = {name: statistics.median(t) for name, t in times.items()}
            for name in ways:
                once = max(0.0, first[name][1])
                run = EPOCHS_OF_A_RUN * median[name] * len(raw.train_labels) / given.digits + once
                results.append(
                    {
                        "batch": batch,
                        "way": name,
                        "images_per_second": given.digits / median[name],
                        "first_call_extra_seconds": once,
                        "run_of_20_epochs_seconds": run,
                        "speed_to_bare_loop": median["bare loop"] / median[name],
                        "speed_to_bare_channels_last": median["bare loop, channels last"]
                        / median[name],
                        "speed_to_idiom": median["usual idiom"] / median[name],
                    }
                )
    report(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


def report(results: list[dict]) -> None:
    """Prints the table, one line a batch size and way."""
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}")
    print(
        f"{'batch':>5}  {'way':<25} {'images/s':>9} {'x bare':>7} {'x bare c.l.':>12} "
        f"{'x idiom':>8} {'once s':>7} {'20 epochs s':>12}"
    )
    for r in results:
        print(
            f"{r['batch']:>5}  {r['way']:<25} {r['images_per_second']:>9,.0f} "
            f"{r['speed_to_bare_loop']:>7.2f} {r['speed_to_bare_channels_last']:>12.2f} "
            f"{r['speed_to_idiom']:>8.2f} {r['first_call_extra_seconds']:>7.1f} "
            f"{r['run_of_20_epochs_seconds']:>12.0f}"
        )


if __name__ == "__main__":
    main()
