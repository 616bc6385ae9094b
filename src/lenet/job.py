"""The runs of one configuration: train, test, and log all that a figure depends on."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from lenet import paper, provenance, terminal
from lenet.classifier import Classifier, Recipe
from lenet.config import build, flat
from lenet.data.digits import Digits
from lenet.evaluation import evaluate
from lenet.terminal import Outcome
from lenet.tracking import VALIDATION_ERROR, Run, Tracker


class Job:
    """What all runs of one configuration share."""

    def __init__(
        self, cfg: DictConfig, digits: Digits, recipe: Recipe, tracker: Tracker, threads: int
    ) -> None:
        self.cfg = cfg
        self.digits = digits
        self.recipe = recipe
        self.tracker = tracker
        self.threads = threads
        self.code = provenance.code(Path(cfg.root))

    def train(self, seeds: Sequence[int], parent: str | None) -> list[Outcome]:
        """Trains and tests one classifier for each seed, together; each is a run of its own."""
        with ExitStack() as stack:
            watches, models = [], []
            for seed in seeds:
                name = f"{self.cfg.name} seed {seed}"
                run = stack.enter_context(self.tracker.run(name, parent))
                self.describe(run, seed)
                watches.append(Watch(name, run, show=not sys.stderr.isatty()))  # else the bar
                torch.manual_seed(seed)
                models.append(build(self.cfg.model))
            options: Any = OmegaConf.to_container(self.cfg.trainer, resolve=True)
            del options["threads"]
            folder = Path(self.cfg.output) / (watches[0].run.id or f"untracked-{os.getpid()}")
            start = time.perf_counter()
            classifiers = self.recipe.fit(models, seeds, self.digits, options, folder, watches)
            seconds = (time.perf_counter() - start) / len(seeds)
            outcomes = [
                self.test(classifier, seed, watch, seconds)
                for classifier, seed, watch in zip(classifiers, seeds, watches, strict=True)
            ]
            for checkpoint in folder.glob("*.ckpt"):  # one for all seeds that trained together
                watches[0].run.file(checkpoint)
        shutil.rmtree(folder, ignore_errors=True)  # there is none where nothing trains by epochs
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
        run.dataset(self.digits.name, self.digits.digest, self.digits.origin)
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

    def test(self, classifier: Classifier, seed: int, watch: "Watch", seconds: float) -> Outcome:
        """Tests a trained classifier; its figures, predictions and pictures go to its run."""
        run, test = watch.run, self.digits.test
        labels = test.labels.numpy()
        scores = classifier.scores(test.images)
        result = evaluate(scores, labels)
        row = paper.ROWS[self.cfg.paper]
        validation = float("nan")
        if len(self.digits.validation):
            held_out = self.digits.validation
            opinion = classifier.scores(held_out.images).argmax(1)
            validation = float((opinion != held_out.labels.numpy()).mean())
            run.metrics({VALIDATION_ERROR: validation})
        costs = classifier.costs(test.images)
        shown = max(1, len(watch.epochs)) * len(self.digits.train)
        run.metrics(
            {
                "test/error": result.error,
                "test/error_low": result.low,
                "test/error_high": result.high,
                "test/errors": result.errors,
                "test/reject": result.reject,
                "paper/error": row.test_error / 100,
                "macs": costs.macs,
                "variables": costs.variables,
                "training_seconds": seconds,
                "images_per_second": shown / seconds,
            }
        )
        run.tags({"paper.row": row.name, "paper.section": row.section})
        with run.artifact("model.safetensors") as path:
            classifier.save(path)
        if run.id:
            from lenet import artifacts  # pandas and seaborn take 2 s, after training

            artifacts.log(run, self.digits, scores, watch.epochs)
        return Outcome(
            self.cfg.name,
            seed,
            row.name,
            self.digits.name,
            result.error,
            result.low,
            result.high,
            validation,
            seconds,
            run.id or "",
            self.tracker.page,
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
