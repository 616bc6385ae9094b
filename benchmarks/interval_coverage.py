"""How often the 95 % intervals of lenet.statistics hold the truth, by simulation.

    python benchmarks/interval_coverage.py [repetitions]

Prints the tables of docs/statistics.md. A population of digits has a heavy-tailed difficulty, a
seed shifts all of them by a little, and whether a seed errs on a digit is a logistic draw; error,
share of a seed's errors that another seed makes, too, and spread between seeds are set to what nets
on MNIST show. In the second table digits come from writers, as MNIST's test digits do, each of whom
shifts his own; so do students all of theirs. The truth is the mean over the whole population.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import expit
from scipy.stats import t

from lenet.statistics import Writers, beside, compare, effects, mean_error

DIGITS = 10_000  # of a test set
POPULATION = 200_000  # digits that test sets are drawn from
SHARED = 0.65  # of the errors of one seed, in another
SHARED_BY_METHODS = 0.8  # of the digits are as hard for another method; others by themselves
STUDENTS, EMPLOYEES = 249, 48  # who wrote half of MNIST's test digits each
WRITERS = {0.0095: (2.9, 1.4), 0.035: (2.3, 1.1)}
"""By the error: the standard deviation between writers, and by how much students' digits are harder
and employees' easier, in log odds. They make standard errors by writer 1.4 and 1.6 times as wide as
by digit, and students' errors 2.7 and 2.0 times those of employees, as they are of LeNet-5 and of a
net of one hidden layer."""

WHO = Writers(
    np.where(np.arange(DIGITS) % 2, -1 - np.arange(DIGITS) // 2 % EMPLOYEES,
             np.arange(DIGITS) // 2 % STUDENTS),
    np.arange(DIGITS) % 2 == 0,
)  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """The digits of a test set: how hard each is by itself, and what its writer adds."""

    number: NDArray[np.int64]  # (DIGITS,), in the population
    shift: NDArray[np.float32]  # (DIGITS,), in log odds


@dataclass(frozen=True)
class Method:
    """What all seeds of a method do on all digits."""

    odds: NDArray[np.float32]  # (POPULATION,) log odds of an error, but for writer and seed
    spread: float  # standard deviation between seeds, in log odds
    error: float  # the truth
    writers: tuple[float, float] | None  # of `WRITERS`, if digits come from writers

    @classmethod
    def of(cls, error: float, between: float, writers: bool = False) -> "Method":
        """A method of about this error, with this standard deviation of it between seeds."""
        of_writers = WRITERS[error] if writers else None
        difficulty = t(3).ppf((np.arange(POPULATION) + 0.5) / POPULATION)
        some = difficulty[10::20]  # enough to set it up by

        def misses(x: NDArray) -> list[float]:
            p, weights = _over_writers(np.exp(x[0]) * some - x[1], of_writers)
            mean = weights @ p.mean(1)
            return [np.log(mean / error), weights @ (p**2).mean(1) / mean - SHARED]

        scale, threshold = root(misses, [0.7, 9.0]).x
        odds = np.exp(scale) * difficulty - threshold
        p, weights = _over_writers(odds[10::20], of_writers)
        spread = between / float(weights @ (p * (1 - p)).mean(1))
        p, weights = _over_writers(odds, of_writers, spread)
        return cls(odds.astype("f4"), spread, float(weights @ p.mean(1)), of_writers)

    def draw(self, generator: np.random.Generator) -> Drawn:
        """A test set."""
        number = generator.integers(POPULATION, size=DIGITS)
        if self.writers is None:
            return Drawn(number, np.zeros(1, "f4"))
        deviation, half = self.writers
        _, writer = np.unique(WHO.number, return_inverse=True)
        own = deviation * generator.standard_normal(STUDENTS + EMPLOYEES)
        shift = own[writer] + np.where(WHO.student, half, -half)
        return Drawn(number, shift.astype("f4"))

    def wrong(self, digits: Drawn, seeds: int, generator: np.random.Generator) -> NDArray[np.bool_]:
        """The errors of some seeds on a test set: (seeds, N)."""
        shifts = self.spread * generator.standard_normal((seeds, 1), dtype="f4")
        return generator.random((seeds, DIGITS), dtype="f4") < expit(
            self.odds[digits.number] + digits.shift + shifts
        )

    @property
    def who(self) -> Writers | None:
        """The writers of a test set, if digits come from writers."""
        return WHO if self.writers else None


def _over_writers(
    odds: NDArray, writers: tuple[float, float] | None, spread: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probability of an error by K kinds of writers and seeds, (K, N), and their weights."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    deviation, half = writers or (0.0, 0.0)
    halves = (half, -half) if writers else (0.0,)
    shifts = np.concatenate([np.hypot(deviation, spread) * nodes + each for each in halves])
    return expit(odds + shifts[:, None]), np.tile(weights, len(halves)) / (
        len(halves) * weights.sum()
    )


def of_mean(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of a mean, by digit, holds the truth."""
    interval = mean_error(method.wrong(method.draw(generator), seeds, generator))
    return interval.low <= method.error <= interval.high


def of_writers(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of a mean, by writer, holds the truth."""
    interval = mean_error(method.wrong(method.draw(generator), seeds, generator), WHO)
    return interval.low <= method.error <= interval.high


def of_paper(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of the difference to the paper's holds 0 where that is the same method,
    one seed on the same digits."""
    wrong = method.wrong(method.draw(generator), seeds + 1, generator)
    found = beside(wrong[1:], wrong[0].mean(), DIGITS).interval()
    return found.low <= 0 <= found.high


def of_difference(method: Method, seeds: int, generator: np.random.Generator) -> bool:
    """Whether the interval of a difference holds 0 where two methods are equally good."""
    digits = method.draw(generator)
    others = np.where(
        generator.random(DIGITS) < SHARED_BY_METHODS,
        digits.number,
        generator.integers(POPULATION, size=DIGITS),
    )
    a = method.wrong(digits, seeds, generator)
    b = method.wrong(replace(digits, number=others), seeds, generator)
    found = compare(a, b, method.who)
    return found.low <= 0 <= found.high


def of_effects(method: Method, seeds: int, generator: np.random.Generator) -> float:
    """The share of the seven effects whose intervals hold 0 where no factor does anything."""
    wrong = method.wrong(method.draw(generator), 8 * seeds, generator)
    found = effects(wrong.reshape(2, 2, 2, seeds, DIGITS), ("a", "b", "c"), method.who)
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
    for writers in (False, True):
        columns = (of_mean, of_writers, of_paper, of_difference, of_effects)
        shown = [each for each in columns if writers or each is not of_writers]
        print("digits by writers" if writers else "digits by strangers", "(per cent that hold)")
        names = "  ".join(each.__name__.removeprefix("of_") for each in shown)
        print(f"error %  between seeds  seeds  {names}")
        for error in (0.0095, 0.035):
            for between in (0.0, 0.001, 0.002):
                method = Method.of(error, between, writers)
                for seeds in (1, 3, 5):
                    shares = [
                        coverage(
                            each, method, seeds, repetitions // (20 if each is of_effects else 1)
                        )
                        for each in shown
                    ]
                    print(
                        f"{100 * error:.2f}  {100 * between:.2f}  {seeds}  "
                        + "  ".join(f"{100 * share:.1f}" for share in shares),
                        flush=True,
                    )


if __name__ == "__main__":
    main()
