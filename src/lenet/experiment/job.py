"""One job: the runs of one configuration, a run a seed. Fit, score, evaluate, track."""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_limits

from lenet import paper, results, terminal
from lenet.classifier import Classifier, Recipe
from lenet.data import Digits, Raw
from lenet.errors import writing
from lenet.evaluation import Evaluation, evaluate
from lenet.experiment import identity, provenance
from lenet.experiment.config import build, flat
from lenet.experiment.memory import PeakMemory
from lenet.experiment.training import digits_of, fit
from lenet.terminal import Outcome
from lenet.tracking import EVALUATION, VALIDATION_ERROR, Run, RunRecord, Tracker


class Job:
    """What all runs of one configuration share.

    Args:
        cfg: as conf/config.yaml composes it.
        raw: the digits that it names.
        tracker: of its store.
        threads: that its training uses.
        resume: whether finished runs are skipped and interrupted ones continued.
    """

    def __init__(
        self, cfg: DictConfig, raw: Raw, tracker: Tracker, threads: int, resume: bool
    ) -> None:
        self.cfg = cfg
        self.raw = raw
        self.tracker = tracker
        self.threads = threads
        self.resume = resume

    @cached_property
    def recipe(self) -> Recipe:
        """How to train; made when it is needed, as what it imports takes seconds.

        Raises:
            InputError: the recipe refuses its values.
        """
        recipe: Recipe = build(self.cfg.recipe)
        return recipe

    @cached_property
    def digits(self) -> Digits:
        """The digits in their view, split; made when something is to be trained on them.

        Raises:
            InputError: a view or sizes that do not exist.
        """
        return digits_of(self.cfg, self.raw)

    @cached_property
    def code(self) -> provenance.Code:
        """The state of the checkout."""
        return provenance.code(Path(self.cfg.root))

    @cached_property
    def cut(self) -> str:
        """What leaves a part of the digits out of its epochs, such as trainer=debug."""
        from lenet.experiment import schema

        return schema.cut(OmegaConf.to_container(self.cfg.trainer, resolve=True))  # type: ignore[arg-type]

    @cached_property
    def _row(self) -> dict[str, Any]:
        return identity.row(self.cfg, self.threads)

    def identity(self, seed: int) -> str:
        """Of the run of a seed."""
        return identity.training(self._row, self.raw.digest, seed)

    def identity_of(self, seeds: Sequence[int]) -> str:
        """Of several runs together."""
        own = [self.identity(seed) for seed in seeds]
        return own[0] if len(own) == 1 else hashlib.sha256(" ".join(own).encode()).hexdigest()[:16]

    def train(self, seeds: Sequence[int], parent: str | None) -> list[Outcome]:
        """Trains and tests one classifier for each seed, together; each is a run of its own.

        Where the job resumes, seeds that are finished are skipped.
        """
        done = self._finished(seeds, parent)
        missing = [seed for seed in seeds if seed not in done]
        if missing:
            with self._folder(missing) as folder:
                done |= self._finished(missing, parent)  # another process may have trained them
                missing = [seed for seed in missing if seed not in done]
                if missing:
                    done |= dict(zip(missing, self._train(missing, parent, folder), strict=True))
        if self.resume:
            self._clear(seeds)
        return [done[seed] for seed in seeds]

    def _train(self, seeds: Sequence[int], parent: str | None, folder: Path) -> list[Outcome]:
        with ExitStack() as stack:
            logs = []
            for seed in seeds:
                name = f"{self.cfg.name} seed {seed}"
                run = stack.enter_context(self.run(name, parent, self.identity(seed)))
                self.describe(run, seed)
                logs.append(EpochLog(name, run, show=not sys.stderr.isatty()))  # else the bar
            stack.enter_context(threadpool_limits(self.threads))  # of BLAS and scikit-learn, too
            continued = any(folder.iterdir())
            start, busy = time.perf_counter(), _processor_seconds()
            with writing(folder), PeakMemory() as memory:
                trained = fit(self.cfg, self.recipe, seeds, self.digits, folder, logs)
            seconds = (time.perf_counter() - start) / len(seeds)
            busy = (_processor_seconds() - busy) / len(seeds)
            outcomes = []
            for classifier, seed, log in zip(trained, seeds, logs, strict=True):
                log.run.metrics({"peak_memory_gb": memory.gigabytes})
                if not continued:  # else they are those of a part
                    log.run.metrics({"training_cpu_seconds": busy})
                outcomes.append(self._test(classifier, seed, log, seconds))
            for checkpoint in folder.rglob("last.ckpt"):  # one for all seeds that trained together
                logs[0].run.file(checkpoint)
        return outcomes

    def run(self, name: str, parent: str | None, own: str) -> AbstractContextManager[Run]:
        """Opens a run; where the job resumes, the one of that identity if there is one."""
        return self.tracker.run(name, parent, own, again=self.resume)

    @contextmanager
    def _folder(self, seeds: Sequence[int]) -> Iterator[Path]:
        """Where the seeds' common training keeps its checkpoints until it is done. A process that
        trains the same is waited for."""
        folder = self._place(seeds)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"Another process trains {self.cfg.name} just now: waiting for it.", flush=True)
            lock.acquire()
        try:
            if not self.resume:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(folder)
        finally:
            if folder.exists() and not any(folder.iterdir()):  # nothing to continue from
                folder.rmdir()
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()

    def _clear(self, seeds: Sequence[int]) -> None:
        """Removes what a kill left of a training whose runs had ended; not what is in use."""
        folder = self._place(seeds)
        if any(folder.parent.glob(f"{folder.name}*")):
            with suppress(Timeout), FileLock(folder.with_suffix(".lock"), timeout=0) as lock:
                shutil.rmtree(folder, ignore_errors=True)
                Path(lock.lock_file).unlink(missing_ok=True)

    def _place(self, seeds: Sequence[int]) -> Path:
        return Path(self.cfg.output) / self.identity_of(seeds)

    def _finished(self, seeds: Sequence[int], parent: str | None) -> dict[int, Outcome]:
        """What came of those seeds that were trained before, if the job resumes."""
        if not self.resume or self.tracker.runs is None:
            return {}
        found = {seed: self._find(seed, parent) for seed in seeds}
        return {seed: self._outcome_of(run, seed) for seed, run in found.items() if run}

    def is_finished(self, seed: int) -> bool:
        """Whether nothing is to be trained for a seed."""
        if not self.resume or self.tracker.runs is None:
            return False
        own = self.identity(seed)
        return bool(self.tracker.find(own, finished=True) or results.find(self._results, own))

    @property
    def _beside_the_paper(self) -> bool:
        """Whether figures may stand beside the paper's: whole epochs on all of MNIST."""
        return not (self.raw.stand_in or self.cfg.data.train_size or self.cut)

    def figures(self, evaluation: Evaluation) -> dict[str, float]:
        """As MLflow keeps them, with the paper's where they may stand beside it."""
        row = paper.ROWS[self.cfg.paper] if self._beside_the_paper else None
        return results.metrics_of(evaluation, row)

    @property
    def _results(self) -> Path:
        return Path(self.cfg.root) / results.FOLDER

    def _find(self, seed: int, parent: str | None) -> RunRecord | None:
        """The finished run of a seed; one that only `results/` has comes into the store."""
        own = self.identity(seed)
        run = self.tracker.find(own, finished=True)
        if run is None and (found := results.find(self._results, own)):
            tags = {EVALUATION: identity.evaluation()}
            results.restore_run(self.tracker, *found, tags, parent)
            return self.tracker.find(own, finished=True)
        return run

    def _outcome_of(self, run: RunRecord, seed: int) -> Outcome:
        """What came of a run that was trained before, by the figures of today's evaluation."""
        figures = run.metrics
        if run.tags.get(EVALUATION) != identity.evaluation():
            figures = figures | self._evaluate_again(run, seed)
        return Outcome(
            self.cfg.name,
            seed,
            paper.ROWS[self.cfg.paper].name,
            self.raw.name,
            self._beside_the_paper,
            figures["test/error"],
            figures["test/error_low"],
            figures["test/error_high"],
            figures.get(VALIDATION_ERROR, float("nan")),
            figures["training_seconds"],
            run.id,
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
            | ({"cut": self.cut} if self.cut else {})
            | ({"dvc.stage": os.environ["DVC_STAGE"]} if "DVC_STAGE" in os.environ else {})
            | {f"version.{name}": number for name, number in provenance.versions().items()}
        )

    def _test(self, classifier: Classifier, seed: int, log: "EpochLog", seconds: float) -> Outcome:
        """Tests a trained classifier; its figures, predictions and pictures go to its run."""
        run, test = log.run, self.digits.test
        scores = classifier.scores(test.images)
        result = evaluate(scores, test.labels.numpy())
        row = paper.ROWS[self.cfg.paper]
        validation = float("nan")
        if len(self.digits.validation):
            held_out = self.digits.validation
            given = classifier.scores(held_out.images).argmax(1)
            validation = float((given != held_out.labels.numpy()).mean())
            run.metrics({VALIDATION_ERROR: validation})
        if (further := self.digits.further) is not None:
            found = evaluate(classifier.scores(further.images), further.labels.numpy())
            names = ("error", "low", "high", "errors", "reject")
            run.metrics({f"qmnist/{name}": getattr(found, name) for name in names})
            print(
                f"{log.name}: {100 * found.error:.2f} % of QMNIST's other {found.count:,} test "
                f"digits ({100 * found.low:.2f} to {100 * found.high:.2f})",
                flush=True,
            )
        costs = classifier.costs(test.images)
        # where a run was continued, its epochs took longer than this process
        seconds = max(seconds, sum(epoch["epoch_seconds"] for epoch in log.epochs))
        seen = max(1, len(log.epochs)) * len(self.digits.train)
        run.metrics(
            self.figures(result)
            | {
                "macs": costs.macs,
                "variables": costs.variables,
                "training_seconds": seconds,
                "images_per_second": seen / seconds,
            }
        )
        if log.epochs and "learning_rate_lowest" in log.epochs[0]:  # the method of 1998
            for end, of_paper in zip(("lowest", "highest"), paper.RATES_OF_PASS_1, strict=True):
                ours = log.epochs[0][f"learning_rate_{end}"]
                run.metrics({f"pass_1/rate_{end}": ours})
                if self._beside_the_paper:
                    run.metrics({f"paper/rate_{end}": of_paper})
        run.tags(
            {
                "paper.row": row.name,
                "paper.section": row.section,
                EVALUATION: identity.evaluation(),
            }
        )
        with run.artifact(classifier.file) as path:
            classifier.save(path)
        if run.id:
            from lenet.experiment import artifacts  # pandas and seaborn take 2 s, after training

            artifacts.log(run, self.digits, scores, log.epochs)
        return Outcome(
            self.cfg.name,
            seed,
            row.name,
            self.digits.name,
            self._beside_the_paper,
            result.error,
            result.low,
            result.high,
            validation,
            seconds,
            run.id or "",
            self.tracker.page,
        )

    def _evaluate_again(self, finished: RunRecord, seed: int) -> dict[str, float]:
        """The figures that the present code makes of a run's predictions; they go to the run."""
        from lenet.experiment import artifacts

        assert self.tracker.runs is not None
        if found := results.find(self._results, self.identity(seed)):
            result, number = found
            evaluation = result.evaluate(number)
        else:
            evaluation = evaluate(*artifacts.read_predictions(self.tracker.runs, finished.id))
        figures = self.figures(evaluation)
        run = Run(self.tracker.write, finished.id)
        run.metrics(figures)
        run.tags({EVALUATION: identity.evaluation()})
        return figures


def _processor_seconds() -> float:
    """What this process and those that it started and that ended (trainer=ddp) have used."""
    return sum(os.times()[:4])


class EpochLog:
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
