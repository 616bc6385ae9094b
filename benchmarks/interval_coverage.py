"""How often the 95 % intervals of lenet.statistics hold the truth, by simulation.

    python benchmarks/interval_coverage.py [repetitions]

Prints the table of docs/statistics.md. A population of digits has a heavy-tailed difficulty, a
seed shifts all of them by a little, and whether a seed errs on a digit is a logistic draw; error,
share of a seed's errors that another seed makes, too, and spread between seeds are set to what nets
on MNIST show. The truth is the mean over the whole population of digits and seeds.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import expit
from scipy.stats import t

from lenet.statistics import effects, mean_error, paired_bootstrap, verdict

DIGITS = 10_000  # of a test set
POPULATION = 200_000  # digits that test sets are drawn from
SHARED = 0.65  # of the errors of one seed, in another
SHARED_BY_METHODS = 0.8  # of the digits are as hard for another method; others by themselves
RESAMPLES = 1_000
TOLERANCE = 0.001  # of verdicts


@dataclass(frozen=True)
class Method:
    """What all seeds of a method do on all digits."""

    odds: NDArray[np.float32]  # (POPULATION,) log odds of an error
    spread: float  # standard deviation between seeds, in log odds
    error: float  # the truth

    @classmethod
    def of(cls, error: float, between: float) -> "Method":
        """A method of about this error, with this standard deviation of it between seeds."""
        difficulty = t(3).ppf((np.arange(POPULATION) + 0.5) / POPULATION)

        def misses(x: NDArray) -> list[float]:
            p = expit(np.exp(x[0]) * difficulty - x[1])
            return [np.log(p.mean() / error), (p**2).mean() / p.mean() - SHARED]

        scale, threshold = root(misses, [0.7, 9.0]).x
        odds = np.exp(scale) * difficulty - threshold
        p = expit(odds)
        spread = between / (p * (1 - p)).mean()
        nodes, weights = np.polynomial.hermite_e.hermegauss(15)
        errors = np.array([expit(odds + spread * node).mean() for node in nodes])
        return cls(odds.astype("f4"), spread, float(errors @ weights / weights.sum()))

    def wrong(
        self, digits: NDArray[np.int64], seeds: int, generator: np.random.Generator
    ) -> NDArray[np.bool_]:
        """The errors of some seeds on some digits of the population: (seeds, N)."""
        shifts = self.spread * generator.standard_normal((seeds, 1), dtype="f4")
        return generator.random((seeds, len(digits)), dtype="f4") < expit(
            self.odds[digits] + shifts
        )


def of_mean(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of a mean holds the truth."""
    digits = generator.integers(POPULATION, size=DIGITS)
    interval = mean_error(method.wrong(digits, seeds, generator))
    return interval.low <= method.error <= interval.high


def of_verdict(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of a verdict holds 0 where the paper's is the same method, one seed
    on the same digits."""
    digits = generator.integers(POPULATION, size=DIGITS)
    wrong = method.wrong(digits, seeds + 1, generator)
    found = verdict(wrong[1:], wrong[0].mean(), DIGITS, TOLERANCE)
    return found.low <= 0 <= found.high


def of_difference(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of a difference holds 0 where two methods are equally good."""
    digits = generator.integers(POPULATION, size=DIGITS)
    others = np.where(
        generator.random(DIGITS) < SHARED_BY_METHODS,
        digits,
        generator.integers(POPULATION, size=DIGITS),
    )
    a, b = method.wrong(digits, seeds, generator), method.wrong(others, seeds, generator)
    found = paired_bootstrap(a, b, generator, RESAMPLES)
    return found.low <= 0 <= found.high


def of_effects(method: Method, seeds: int, generator: np.random.Generator) -> float:
    """The share of the seven effects whose intervals hold 0 where no factor does anything."""
    digits = generator.integers(POPULATION, size=DIGITS)
    wrong = method.wrong(digits, 8 * seeds, generator).reshape(2, 2, 2, seeds, DIGITS)
    found = effects(wrong, ("a", "b", "c"), generator, RESAMPLES)
    return float(((found.low <= 0) & (found.high >= 0)).mean())


def coverage(
    once: Callable[[Method, int, np.random.Generator], float],
    method: Method,
    seeds: int,
    repetitions: int,
) -> float:
    """The share of repetitions, each with new digits and seeds, whose interval holds the truth."""
    generator = np.random.default_rng(seeds)
    return float(np.mean([once(method, seeds, generator) for _ in range(repetitions)]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "repetitions", type=int, nargs="?", default=1_000, help="20 or more (1,000)"
    )
    repetitions = parser.parse_args().repetitions
    if repetitions < 20:
        parser.error("repetitions must be 20 or more, as effects have a twentieth of them")
    print("error %  between seeds  seeds  mean  verdict  difference  effects (per cent that hold)")
    for error in (0.0095, 0.035):
        for between in (0.0, 0.001, 0.002):
            method = Method.of(error, between)
            for seeds in (1, 3, 5):
                shares = [
                    coverage(of_mean, method, seeds, repetitions),
                    coverage(of_verdict, method, seeds, repetitions),
                    coverage(of_difference, method, seeds, repetitions // 2),
                    coverage(of_effects, method, seeds, repetitions // 20),  # seven each
                ]
                print(
                    f"{100 * error:.2f}  {100 * between:.2f}  {seeds}  "
                    + "  ".join(f"{100 * share:.1f}" for share in shares),
                    flush=True,
                )


if __name__ == "__main__":
    main()
