"""The runs of one configuration: train, test, and log all that a figure depends on."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_limits

from lenet import paper, terminal
from lenet.classifier import Classifier, Recipe
from lenet.data import Digits, Raw, split
from lenet.errors import InputError, writing
from lenet.evaluation import evaluate
from lenet.experiment import provenance
from lenet.experiment.config import build, flat
from lenet.terminal import Outcome
from lenet.tracking import VALIDATION_ERROR, Run, Tracker

# of the configuration, what figures do not depend on
PLACES = ("source", "folder")
MACHINE = ("accelerator", "devices", "threads")


class Job:
    """What all runs of one configuration share."""

    def __init__(
        self,
        cfg: DictConfig,
        raw: Raw,
        tracker: Tracker,
        threads: int,
        resume: bool,
    ) -> None:
        self.cfg = cfg
        self.raw = raw
        self.tracker = tracker
        self.threads = threads
        self.resume = resume
        self.code = provenance.code(Path(cfg.root))

    @cached_property
    def recipe(self) -> Recipe:
        """How to train; what it needs takes seconds to import, so it is made when it is needed.

        Raises:
            InputError: the recipe refuses its values.
        """
        return build(self.cfg.recipe)

    @cached_property
    def digits(self) -> Digits:
        """The digits in their view, split; made when something is to be trained on them.

        Raises:
            InputError: a view or sizes that do not exist.
        """
        of = self.cfg.data
        return split(
            self.raw,
            of.view,
            of.train_size,
            of.validation,
            of.distort,
            of.test_each_epoch,
            of.noise,
        )

    def train(self, seeds: Sequence[int], parent: str | None) -> list[Outcome]:
        """Trains and tests one classifier for each seed, together; each is a run of its own.

        Where the job resumes, seeds that are finished are skipped.
        """
        done = {seed: outcome for seed in seeds if (outcome := self.finished(seed))}
        missing = [seed for seed in seeds if seed not in done]
        if missing:
            with self.folder(missing) as folder:
                trained = self._train(missing, parent, folder)
            done |= dict(zip(missing, trained, strict=True))
        return [done[seed] for seed in seeds]

    def _train(self, seeds: Sequence[int], parent: str | None, folder: Path) -> list[Outcome]:
        with ExitStack() as stack:
            watches, models = [], []
            for seed in seeds:
                name = f"{self.cfg.name} seed {seed}"
                run = stack.enter_context(self.run(name, parent, self.fingerprint(seed)))
                self.describe(run, seed)
                watches.append(Watch(name, run, show=not sys.stderr.isatty()))  # else the bar
                torch.manual_seed(seed)
                models.append(build(self.cfg.model))
            options: Any = OmegaConf.to_container(self.cfg.trainer, resolve=True)
            del options["threads"]
            stack.enter_context(threadpool_limits(self.threads))  # of BLAS and scikit-learn, too
            continued = any(folder.iterdir())
            start, busy = time.perf_counter(), _processor_seconds()
            with writing(folder):
                classifiers = self.recipe.fit(models, seeds, self.digits, options, folder, watches)
            seconds = (time.perf_counter() - start) / len(seeds)
            busy = (_processor_seconds() - busy) / len(seeds)
            if not continued:  # else they are those of a part
                for watch in watches:
                    watch.run.metrics({"training_cpu_seconds": busy})
            outcomes = [
                self.test(classifier, seed, watch, seconds)
                for classifier, seed, watch in zip(classifiers, seeds, watches, strict=True)
            ]
            for checkpoint in folder.rglob("last.ckpt"):  # one for all seeds that trained together
                watches[0].run.file(checkpoint)
        return outcomes

    def run(self, name: str, parent: str | None, fingerprint: str) -> AbstractContextManager[Run]:
        """Opens a run; where the job resumes, the one of that fingerprint if there is one."""
        return self.tracker.run(name, parent, fingerprint, again=self.resume)

    @contextmanager
    def folder(self, seeds: Sequence[int]) -> Iterator[Path]:
        """Where the seeds' common training keeps its checkpoints until it is done.

        Raises:
            InputError: another process trains the same.
        """
        folder = Path(self.cfg.output) / self.fingerprint(*seeds)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"another process trains {self.cfg.name} with the same seeds just now: wait for it"
            ) from None
        try:
            if not self.resume:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(folder)
        finally:
            if folder.exists() and not any(folder.iterdir()):  # nothing to continue from
                folder.rmdir()
            Path(lock.lock_file).unlink()
            lock.release()

    @cached_property
    def _behind_figures(self) -> list[object]:
        """All but seeds that figures depend on: configuration, code, data."""
        values: Any = OmegaConf.to_container(self.cfg, resolve=True)
        values = {
            "model": values["model"],
            "recipe": values["recipe"],
            "data": {k: v for k, v in values["data"].items() if k not in PLACES},
            "trainer": {k: v for k, v in values["trainer"].items() if k not in MACHINE},
        }
        targets = [str(value) for key, value in flat(values).items() if key.endswith("_target_")]
        parts = {target.split(".")[1] for target in targets if target.startswith("lenet.")}
        code = provenance.digest_of_code(parts | {"data", "paper"})
        return [values, code, self.raw.digest]

    def fingerprint(self, *seeds: int) -> str:
        """Of all that the figures of some seeds depend on."""
        whole = json.dumps([*self._behind_figures, seeds], sort_keys=True, default=str)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def finished(self, seed: int) -> Outcome | None:
        """What came of a seed that was trained before, if the job resumes."""
        if not self.resume:
            return None
        kept = self.tracker.find(self.fingerprint(seed), finished=True)
        if kept is None:
            return None
        figures = kept.metrics
        return Outcome(
            self.cfg.name,
            seed,
            paper.ROWS[self.cfg.paper].name,
            self.raw.name,
            figures["test/error"],
            figures["test/error_low"],
            figures["test/error_high"],
            figures.get(VALIDATION_ERROR, float("nan")),
            figures["training_seconds"],
            kept.id,
            self.tracker.page,
            skipped=True,
        )

    def describe(self, run: Run, seed: int | None = None) -> None:
        """Logs all that a run's figures depend on."""
        values: Any = OmegaConf.to_container(self.cfg, resolve=True)
        if seed is not None:
            values |= {"seed": seed, "seeds": None}
        run.parameters(flat(values))
        run.text(OmegaConf.to_yaml(OmegaConf.create(values)), "config.yaml")
        if self.code.dirty:
            run.text(self.code.diff, "uncommitted.diff")
        run.dataset(self.raw.name, self.raw.digest, self.raw.origin)
        run.tags(
            {
                "mlflow.source.name": "train.py",
                "mlflow.source.git.commit": self.code.commit,
                "git.dirty": str(self.code.dirty).lower(),
                "data": self.raw.name,
                "data.digest": self.raw.digest,
                "threads": str(self.threads),
                "compile": str(self.cfg.trainer.compile).lower(),
            }
            | ({"dvc.stage": os.environ["DVC_STAGE"]} if "DVC_STAGE" in os.environ else {})
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
        # where a run was continued, its epochs took longer than this process
        seconds = max(seconds, sum(epoch["epoch_seconds"] for epoch in watch.epochs))
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
        if watch.epochs and "learning_rate_lowest" in watch.epochs[0]:  # the method of 1998
            for end, of_paper in zip(("lowest", "highest"), paper.RATES_OF_PASS_1, strict=True):
                ours = watch.epochs[0][f"learning_rate_{end}"]
                run.metrics({f"pass_1/rate_{end}": ours, f"paper/rate_{end}": of_paper})
        run.tags({"paper.row": row.name, "paper.section": row.section})
        with run.artifact("model.safetensors") as path:
            classifier.save(path)
        if run.id:
            from lenet.experiment import artifacts  # pandas and seaborn take 2 s, after training

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


def _processor_seconds() -> float:
    """What this process and those that it started and that ended (trainer=ddp) have used."""
    return sum(os.times()[:4])


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
