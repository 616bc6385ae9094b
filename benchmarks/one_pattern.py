"""One pattern per update: the lanes against the plain PyTorch loop that people would write.

Both train LeNet-5 of 1998 with the same loss and one rate per parameter, on images of random
pixels (neither is faster on digits). The ways take turns, and each way's figure is its best
turn, so that a busy machine slows all alike. Compiling is shown apart.

    python benchmarks/one_pattern.py [--updates 300] [--turns 3] [--json FILE]
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from lenet.learning.lanes import Lanes
from lenet.learning.losses import MAP
from lenet.nets import LeNet5

PASS = 60_000  # patterns of one pass through the training set
LOSS = MAP(10.0)
RATE = 1e-4


@dataclass
class Way:
    """One way to train, and what it costs."""

    name: str
    nets: int
    threads: int
    first_call: float = 0.0  # seconds until the first two updates are done, compiling included
    seconds: float = float("inf")  # per pass of 60,000 patterns and net


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=300, help="patterns per turn (300)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each way (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file as well")
    options = parser.parse_args()
    torch.set_num_threads(1)  # more only slow a single pattern down
    torch.manual_seed(0)
    images, labels = torch.rand(1_000, 1, 28, 28), torch.randint(10, (1_000,))

    ways = [
        Way("PyTorch, batch 1", 1, 1),
        Way("lanes", 5, 1),
        Way("lanes", 8, 1),
        Way("lanes", 16, 1),
    ]
    if (os.cpu_count() or 1) > 1:
        ways.append(Way("lanes", 16, 2))
    runs = [(way, _prepare(way, images, labels)) for way in ways]
    for way, run in runs:
        way.first_call = _seconds(lambda run=run: run(2))
    for _ in range(options.turns):
        for way, run in runs:
            spent = _seconds(lambda run=run: run(options.updates))
            way.seconds = min(way.seconds, spent / options.updates * PASS / way.nets)
    _print(ways)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(
                [asdict(way) | {"times_faster": _ratio(ways, way)} for way in ways], file, indent=1
            )


def _prepare(way: Way, images: Tensor, labels: Tensor) -> Callable[[int], object]:
    """A function that does some updates of every net of this way."""
    nets = [LeNet5("subsampling", "scaled_tanh", "rbf", "table1") for _ in range(way.nets)]
    if way.name != "lanes":
        return lambda updates: _plain_loop(nets[0], images, labels, updates)
    lanes = Lanes(nets, [LOSS] * way.nets, threads=way.threads)
    order = torch.stack([torch.randperm(len(images)) for _ in nets])
    rates = torch.full_like(lanes.weights, RATE)
    return lambda updates: lanes.update(images, labels, order[:, :updates], rates)


def _plain_loop(net: nn.Module, images: Tensor, labels: Tensor, updates: int) -> None:
    rates = [torch.full_like(parameter, RATE) for parameter in net.parameters()]
    for n in range(updates):
        net.zero_grad()
        LOSS(net(images[n : n + 1]), labels[n : n + 1]).backward()
        with torch.no_grad():
            for parameter, rate in zip(net.parameters(), rates, strict=True):
                parameter -= rate * parameter.grad


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ratio(ways: list[Way], way: Way) -> float:
    return ways[0].seconds / way.seconds


def _print(ways: list[Way]) -> None:
    print(f"{'way':<18}{'nets':>5}{'threads':>9}{'first call':>12}{'s/pass/net':>12}{'faster':>9}")
    for way in ways:
        print(
            f"{way.name:<18}{way.nets:>5}{way.threads:>9}{way.first_call:>10.1f} s"
            f"{way.seconds:>12.2f}{_ratio(ways, way):>8.1f}x"
        )


if __name__ == "__main__":
    main()
