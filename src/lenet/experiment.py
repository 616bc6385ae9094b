"""One job: compose -> fit -> score -> evaluate -> track."""

import os
import shutil
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from lenet import paper, provenance, sweep, terminal
from lenet.config import check, flat
from lenet.data.digits import Digits, split
from lenet.data.source import load
from lenet.errors import InputError
from lenet.evaluation import evaluate
from lenet.learning.network import Network
from lenet.terminal import Failure, Outcome
from lenet.tracking import Run, Tracker


def run(cfg: DictConfig) -> float | None:
    """One job from the command line; in a sweep, a failure is noted and the sweep goes on.

    Returns:
        The mean validation error of the job's seeds, which a sweeper may minimise; NaN where
        there is no validation split, None where the job failed.
    """
    signal.signal(signal.SIGTERM, _terminate)
    job = sweep.current_job()
    try:
        outcomes = train(cfg, job.parent if job else None)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as e:
        reason = str(e) if isinstance(e, InputError) else f"{type(e).__name__}: {e}"
        if not isinstance(e, InputError):
            traceback.print_exc()
        print(f"{cfg.name} failed: {reason}", file=sys.stderr)
        if job is None:
            sys.exit(1)
        job.failed(Failure(cfg.name, reason))
        return None
    if job:
        job.done(outcomes)
    else:
        terminal.table(outcomes)
    return statistics.mean(outcome.validation_error for outcome in outcomes)


def _terminate(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def train(cfg: DictConfig, parent: str | None = None) -> list[Outcome]:
    """Trains, tests and tracks a configuration for each of its seeds.

    Args:
        cfg: as conf/config.yaml composes it.
        parent: the MLflow run of the sweep.

    Raises:
        InputError: whatever the user can mend.
    """
    check(cfg)
    threads = cfg.trainer.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    raw = load(cfg.data.source, Path(cfg.data.folder))
    digits = split(raw, cfg.data.view, cfg.data.train_size, cfg.data.validation)
    if digits.stand_in:
        terminal.banner()
    recipe = build(cfg.recipe)
    tracker = Tracker(cfg.tracking.uri, Path(cfg.root) / "mlruns", digits.stand_in)
    job = Job(cfg, digits, recipe, tracker, threads)
    seeds = [cfg.seed] if cfg.seeds is None else list(cfg.seeds)
    if len(seeds) == 1:
        return job.train(seeds, parent)
    with tracker.run(cfg.name, parent) as together:
        job.describe(together)
        groups = [seeds] if recipe.together else [[seed] for seed in seeds]
        outcomes = [outcome for group in groups for outcome in job.train(group, together.id)]
        errors = [outcome.error for outcome in outcomes]
        together.metrics(
            {"test/error": statistics.mean(errors), "test/error_std": statistics.stdev(errors)}
        )
    return outcomes


class Job:
    """What all runs of one configuration share."""

    def __init__(
        self, cfg: DictConfig, digits: Digits, recipe: Any, tracker: Tracker, threads: int
    ) -> None:
        self.cfg = cfg
        self.digits = digits
        self.recipe = recipe
        self.tracker = tracker
        self.threads = threads
        self.code = provenance.code(Path(cfg.root))

    def train(self, seeds: Sequence[int], parent: str | None) -> list[Outcome]:
        """Trains nets of these seeds together and tests them; each is a run of its own."""
        with ExitStack() as stack:
            watches, nets = [], []
            for seed in seeds:
                name = f"{self.cfg.name} seed {seed}"
                run = stack.enter_context(self.tracker.run(name, parent))
                self.describe(run, seed)
                watches.append(Watch(name, run, show=not sys.stderr.isatty()))  # else the bar
                torch.manual_seed(seed)
                nets.append(build(self.cfg.model))
            options: Any = OmegaConf.to_container(self.cfg.trainer, resolve=True)
            del options["threads"]
            folder = Path(self.cfg.output) / (watches[0].run.id or f"untracked-{os.getpid()}")
            start = time.perf_counter()
            self.recipe.fit(nets, seeds, self.digits, options, folder, watches)
            seconds = (time.perf_counter() - start) / len(seeds)
            outcomes = [
                self.test(Network(net), seed, watch, seconds)
                for net, seed, watch in zip(nets, seeds, watches, strict=True)
            ]
            for checkpoint in folder.glob("*.ckpt"):
                watches[0].run.file(checkpoint)
        shutil.rmtree(folder)
        return outcomes

    def describe(self, run: Run, seed: int | None = None) -> None:
        """Logs all that a run's figures depend on."""
        values: Any = OmegaConf.to_container(self.cfg, resolve=True)
        if seed is not None:
            values |= {"seed": seed, "seeds": None}
        run.parameters(flat(values))
        run.text(OmegaConf.to_yaml(OmegaConf.create(values)), "config.yaml")
        if self.code.dirty:
            run.text(self.code.diff, "uncommitted.diff")
        run.dataset(self.digits.name, self.digits.digest, str(self.cfg.data.folder))
        run.tags(
            {
                "mlflow.source.name": "train.py",
                "mlflow.source.git.commit": self.code.commit,
                "git.dirty": str(self.code.dirty).lower(),
                "data": self.digits.name,
                "data.digest": self.digits.digest,
                "threads": str(self.threads),
                "compile": str(self.cfg.trainer.compile).lower(),
            }
            | {f"version.{name}": number for name, number in provenance.versions().items()}
        )

    def test(self, network: Network, seed: int, watch: "Watch", seconds: float) -> Outcome:
        """Tests a trained net; its figures, predictions and pictures go to its run."""
        run, test = watch.run, self.digits.test
        labels = test.labels.numpy()
        scores = network.scores(test.images)
        result = evaluate(scores, labels)
        row = paper.ROWS[self.cfg.paper]
        trained = len(watch.epochs) * len(self.digits.train)
        run.metrics(
            {
                "test/error": result.error,
                "test/error_low": result.low,
                "test/error_high": result.high,
                "test/errors": result.errors,
                "test/reject": result.reject,
                "paper/error": row.test_error / 100,
                "parameters": network.parameters,
                "training_seconds": seconds,
                "images_per_second": trained / seconds,
            }
        )
        run.tags({"paper.row": row.name, "paper.section": row.section})
        with run.artifact("model.safetensors") as path:
            network.save(path)
        log_pictures(run, test.images[:, 0].numpy(), labels, scores, watch.epochs)
        return Outcome(
            self.cfg.name,
            seed,
            row.name,
            self.digits.name,
            result.error,
            result.low,
            result.high,
            watch.epochs[-1].get("validation/error", float("nan")),
            seconds,
            self.tracker.where(run.id),
        )


class Watch:
    """Keeps, tracks and shows what each epoch of a run brings."""

    def __init__(self, name: str, run: Run, show: bool) -> None:
        self.name = name
        self.run = run
        self.show = show
        self.epochs: list[dict[str, float]] = []

    def __call__(self, epoch: int, metrics: dict[str, float]) -> None:
        self.epochs.append(metrics)
        self.run.metrics(metrics, epoch)
        if self.show:
            terminal.epoch(self.name, epoch, metrics)


def log_pictures(
    run: Run, images: NDArray, labels: NDArray, scores: NDArray, epochs: list[dict[str, float]]
) -> None:
    """Predictions as a table, and the figures a visitor looks at first."""
    if run.id is None:
        return
    import pandas as pd

    from lenet.report import figures

    predictions = scores.argmax(1)
    table = pd.DataFrame(scores, columns=[f"score_{i}" for i in range(10)])
    table.insert(0, "label", labels)
    table.insert(1, "prediction", predictions)
    with run.artifact("predictions.parquet") as path:
        table.rename_axis("index").reset_index().to_parquet(path, index=False)
    for name, figure in {
        "confusion.png": figures.confusion(labels, predictions),
        "misclassified.png": figures.misclassified(images, labels, predictions),
        "learning_curve.png": figures.learning_curve(epochs),
    }.items():
        with run.artifact(name) as path:
            figure.savefig(path, dpi=120)


def build(config: DictConfig) -> Any:
    """Makes what a configuration's ``_target_`` names.

    Raises:
        InputError: the target refuses its arguments.
    """
    try:
        return instantiate(config)
    except InstantiationException as e:
        raise InputError(str(e.__cause__ or e).splitlines()[0]) from e
