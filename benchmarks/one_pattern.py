"""One pattern per update: the lanes against the plain PyTorch loop that people would write.

All train a net of 1998 with the same loss and one rate per parameter, on images of random
pixels (none is faster on digits). The ways take turns, and each way's figure is its best
turn, so that a busy machine slows all alike. Compiling is shown apart.

A second table is of the fully connected nets, whose weights are moved again and again. Beside what
the lanes move a second stands what the machine does when it only moves: the sweep w += c r over
arrays beyond the caches, and over as many weights as the net has.

    python benchmarks/one_pattern.py [--updates 300] [--turns 3] [--json FILE]
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from lenet.learning.lanes import Lanes
from lenet.learning.lanes.fully_connected import BLOCK
from lenet.learning.losses import loss_of
from lenet.nets import MLP, LeNet5

PASS = 60_000  # patterns of one pass through the training set
NETS: dict[str, Callable[[], nn.Sequential]] = {
    "LeNet-5": lambda: LeNet5("subsampling", "scaled_tanh", "rbf", "table1"),
    "28x28-300-10": lambda: MLP((300,), output="squashed"),
    "28x28-500-150-10": lambda: MLP((500, 150), output="squashed"),
    "28x28-1000-10": lambda: MLP((1000,), output="squashed"),
    "28x28-1000-150-10": lambda: MLP((1000, 150), output="squashed"),
}
RATE = 1e-4
NUMBER = 4  # bytes
BEYOND_CACHES = 2**26  # weights, 256 MB
SWEPT = 2**25  # weights in a turn of the sweeps, at least


@dataclass
class Way:
    """One way to train, and what it costs."""

    net: str
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
    count = max(1_000, options.updates)
    images, labels = torch.rand(count, 1, 28, 28), torch.randint(10, (count,))

    ways = [Way(net, "PyTorch, batch 1", 1, 1) for net in NETS]
    ways += [Way("LeNet-5", "lanes", nets, 1) for nets in (5, 8, 16)]
    ways += [Way(net, "lanes", 1, 1) for net in NETS if net != "LeNet-5"]  # more take turns
    if (os.cpu_count() or 1) > 1:
        ways += [Way("LeNet-5", "lanes", 16, 2)]
        ways += [Way(net, "lanes", 2, 2) for net in NETS if net != "LeNet-5"]
    ways.sort(key=lambda way: [*NETS].index(way.net))
    runs = [(way, _prepare(way, images, labels)) for way in ways]
    moving = [way for way in ways if way.name == "lanes" and way.net != "LeNet-5"]
    sizes = {way.net: sum(p.numel() for p in NETS[way.net]().parameters()) for way in moving}
    sweeps = {  # bytes a second
        (size, threads): 0.0
        for threads in sorted({way.threads for way in moving})
        for size in (BEYOND_CACHES, *sizes.values())
    }
    for way, run in runs:
        way.first_call = _seconds(lambda run=run: run(2))
    for _ in range(options.turns):
        for way, run in runs:
            spent = _seconds(lambda run=run: run(options.updates))
            way.seconds = min(way.seconds, spent / options.updates * PASS / way.nets)
        for sweep, speed in sweeps.items():
            sweeps[sweep] = max(speed, _sweep(*sweep))
    figures = [asdict(way) | {"times_faster": _ratio(ways, way)} for way in ways]
    for way, row in zip(ways, figures, strict=True):
        if way in moving:
            row["bytes_a_pattern"] = _moved(NETS[way.net]())
            row["bytes_a_second"] = row["bytes_a_pattern"] * PASS / way.seconds
            row["sweep_of_memory"] = sweeps[BEYOND_CACHES, way.threads]
            row["sweep_of_its_size"] = sweeps[sizes[way.net], way.threads]
    _print(ways)
    _print_moved([row for row in figures if "bytes_a_pattern" in row])
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=1)


def _prepare(way: Way, images: Tensor, labels: Tensor) -> Callable[[int], object]:
    """A function that does some updates of every net of this way."""
    nets = [NETS[way.net]() for _ in range(way.nets)]
    if way.name != "lanes":
        return lambda updates: _plain_loop(nets[0], images, labels, updates)
    lanes = Lanes(nets, [loss_of(net) for net in nets], threads=way.threads)
    order = torch.stack([torch.randperm(len(images)) for _ in nets])
    rates = torch.full_like(lanes.weights, RATE)
    return lambda updates: lanes.update(images, labels, order[:, :updates], rates)


def _plain_loop(net: nn.Module, images: Tensor, labels: Tensor, updates: int) -> None:
    loss = loss_of(net)
    rates = [torch.full_like(parameter, RATE) for parameter in net.parameters()]
    for n in range(updates):
        net.zero_grad()
        loss(net(images[n : n + 1]), labels[n : n + 1]).backward()
        with torch.no_grad():
            for parameter, rate in zip(net.parameters(), rates, strict=True):
                parameter -= rate * parameter.grad


def _moved(net: nn.Sequential) -> float:
    """Bytes for a pattern: of the first layer, each weight read and written and its rate read, once
    a block; of the others, each weight read forward, and backward all three again."""
    layers = [list(layer.parameters()) for layer in net]
    first, *others = (sum(p.numel() for p in layer) for layer in layers if layer)
    return NUMBER * (3 * first / BLOCK + 4 * sum(others))


def _sweep(weights: int, threads: int) -> float:
    """Bytes a second of w += c r in all threads together, each with arrays of its own: two numbers
    read for each weight, one written."""
    times = -(-SWEPT // weights)

    def work(arrays: Tensor) -> None:
        for _ in range(times):
            arrays[0].add_(arrays[1], alpha=RATE)

    arrays = [torch.ones(2, weights) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        spent = _seconds(lambda: list(pool.map(work, arrays)))
    return threads * times * 3 * NUMBER * weights / spent


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ratio(ways: list[Way], way: Way) -> float:
    plain = next(other for other in ways if other.net == way.net)
    return plain.seconds / way.seconds


def _print(ways: list[Way]) -> None:
    print(f"{'net':<19}{'way':<18}{'nets':>5}{'threads':>9}", end="")
    print(f"{'first call':>12}{'s/pass/net':>12}{'faster':>9}")
    for way in ways:
        print(
            f"{way.net:<19}{way.name:<18}{way.nets:>5}{way.threads:>9}{way.first_call:>10.1f} s"
            f"{way.seconds:>12.2f}{_ratio(ways, way):>8.1f}x"
        )


def _print_moved(rows: list[dict]) -> None:
    print(
        f"\n{'lanes':<19}{'threads':>9}{'MB/pattern':>12}{'GB/s':>7}{'memory':>8}{'share':>7}",
        end="",
    )
    print(f"{'its size':>10}{'share':>7}")
    for row in rows:
        speed = row["bytes_a_second"]
        memory, alike = row["sweep_of_memory"], row["sweep_of_its_size"]
        print(
            f"{row['net']:<19}{row['threads']:>9}{row['bytes_a_pattern'] / 1e6:>12.2f}"
            f"{speed / 1e9:>7.1f}{memory / 1e9:>8.1f}{speed / memory:>7.0%}"
            f"{alike / 1e9:>10.1f}{speed / alike:>7.0%}"
        )


if __name__ == "__main__":
    main()
