"""One job: the runs of one configuration, a run a seed. Fit, score, evaluate, track."""

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from threadpoolctl import threadpool_limits

from lenet import paper, results, terminal
from lenet.classifier import Classifier, Recipe
from lenet.data import Digits, Raw
from lenet.errors import InputError, writing
from lenet.evaluation import (
    REJECTION_TARGET,
    Evaluation,
    evaluate,
    evaluate_answers,
    margins,
    threshold,
)
from lenet.experiment import identity, provenance
from lenet.experiment.config import build
from lenet.experiment.memory import PeakMemory
from lenet.experiment.training import digits_of, fit
from lenet.statistics import Interval
from lenet.terminal import Outcome
from lenet.tracking import (
    ARRAYS,
    EVALUATION,
    VALIDATION_ERROR,
    Run,
    RunRecord,
    Tracker,
)


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
            InputError: the recipe refuses its values, or what is made is no recipe.
        """
        recipe: Recipe = build(self.cfg.recipe)
        if not (callable(getattr(recipe, "fit", None)) and callable(getattr(recipe, "load", None))):
            raise InputError(f"recipe._target_={self.cfg.recipe._target_} has no fit and load")
        return recipe

    @cached_property
    def row(self) -> paper.Row | None:
        """Of Figure 9, which the runs stand beside, if any."""
        return None if self.cfg.paper is None else paper.ROWS[self.cfg.paper]

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
        logs: list[EpochLog] = []
        with ExitStack() as stack, self._telling_what_is_kept(logs, folder):
            for seed in seeds:
                name = f"{self.cfg.name} seed {seed}"
                run = stack.enter_context(self.run(name, parent, self.identity(seed)))
                self.describe(run, seed)
                logs.append(EpochLog(name, run, show=not sys.stderr.isatty()))  # else the bar
            stack.enter_context(threadpool_limits(self.threads))  # of BLAS and scikit-learn, too
            continued = any(folder.iterdir())
            start, busy = time.perf_counter(), _processor_seconds()
            with writing(folder), _of_lightning(), PeakMemory() as memory:
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

    @contextmanager
    def _telling_what_is_kept(self, logs: Sequence["EpochLog"], folder: Path) -> Iterator[None]:
        """Notes with what ends a training from outside how far it was."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit) as e:
            what = "nothing of it is kept: the same command starts anew"
            if any(folder.rglob("last.ckpt")):
                epochs = max(len(log.epochs) for log in logs)  # 0 where processes share the work
                first = f"its first {epochs} epochs" if epochs else "its whole epochs"
                again = "the same command" + ("" if self.resume else " with resume=true")
                what = f"{first} are kept; {again} goes on"
            e.add_note(f"{self.cfg.name} was interrupted: {what}")
            raise

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
        return self.raw.name == "mnist" and not (self.cfg.data.train_size or self.cut)

    def figures(self, evaluation: Evaluation) -> dict[str, float]:
        """As MLflow keeps them, with the paper's where they may stand beside it."""
        return results.metrics_of(evaluation, self.beside)

    @property
    def beside(self) -> paper.Row | None:
        """The row whose figures the runs may be compared with: none is on less than MNIST."""
        return self.row if self._beside_the_paper else None

    @property
    def _results(self) -> Path:
        return Path(self.cfg.root) / results.FOLDER

    def _find(self, seed: int, parent: str | None) -> RunRecord | None:
        """The finished run of a seed; one that only `results/` has comes into the store."""
        own = self.identity(seed)
        run = self.tracker.find(own, finished=True)
        if run is None and (found := results.find(self._results, own)):
            tags = {EVALUATION: identity.evaluation()}
            results.restore_run(self.tracker, *found, self._values(None), tags, parent)
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
            self.row.name if self.row else None,
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
            **self._told_of(run, seed),
        )

    def _told_of(self, run: RunRecord, seed: int) -> dict[str, Any]:
        """Which digits a run that was trained before errs on, where seeds are to have a mean."""
        try:
            return self._packed(self._answers(run, seed)[0]) if self._several else {}
        except InputError:  # the mean is told without its interval
            return {}

    def _answers(self, run: RunRecord, seed: int) -> tuple[NDArray, NDArray]:
        """Which test digits a finished run errs on, and by what margins: from `results/`, or from
        the store."""
        from lenet.experiment import artifacts

        assert self.tracker.runs is not None
        if found := results.find(self._results, self.identity(seed)):
            result, number = found
            return result.wrong[number], result.margin[number]
        return artifacts.read_answers(self.tracker.runs, run.id)

    def describe(self, run: Run, seed: int | None = None) -> None:
        """Logs all that a run's figures depend on."""
        values = self._values(seed)
        run.parameters(values)
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
            | ({"data.classes": ", ".join(self.raw.classes)} if self.raw.own else {})
            | ({"dvc.stage": os.environ["DVC_STAGE"]} if "DVC_STAGE" in os.environ else {})
            | {f"version.{name}": number for name, number in provenance.versions().items()}
        )

    def _test(self, classifier: Classifier, seed: int, log: "EpochLog", seconds: float) -> Outcome:
        """Tests a trained classifier; its file, figures, predictions and pictures go to its run.
        What a figure does not depend on may fail, and costs no result."""
        run, test = log.run, self.digits.test
        if engine := getattr(classifier, "engine", ""):
            run.tags({"engine": engine})
        with run.optional("classifier"), run.artifact(classifier.file) as path:
            classifier.save(path)
        scores = np.asarray(classifier.scores(test.images))
        labels = test.labels.numpy()
        result, wrong = evaluate(scores, labels), scores.argmax(1) != labels
        validation = float("nan")
        if len(self.digits.validation):
            held_out = self.digits.validation
            given = np.asarray(classifier.scores(held_out.images)).argmax(1)
            validation = float((given != held_out.labels.numpy()).mean())
            run.metrics({VALIDATION_ERROR: validation})
        if (further := self.digits.further) is not None:
            scored = np.asarray(classifier.scores(further.images))
            found = evaluate(scored, further.labels.numpy())
            names = ("error", "low", "high", "errors", "reject")
            run.metrics({f"qmnist/{name}": getattr(found, name) for name in names})
            print(
                f"{log.name}: {100 * found.error:.2f} % of QMNIST's other {found.count:,} test "
                f"digits ({100 * found.low:.2f} to {100 * found.high:.2f})",
                flush=True,
            )
        # where a run was continued, its epochs took longer than this process
        seconds = max(seconds, sum(epoch["epoch_seconds"] for epoch in log.epochs))
        seconds = max(0.001, round(seconds, 3))
        seen = max(1, len(log.epochs)) * len(self.digits.train)
        run.metrics(
            self.figures(result)
            | {"training_seconds": seconds, "images_per_second": seen / seconds}
        )
        with run.optional("costs"):
            costs = classifier.costs(test.images)._asdict()
            run.metrics({name: count for name, count in costs.items() if count is not None})
        if self.beside and log.epochs and "learning_rate_lowest" in log.epochs[0]:  # as in 1998
            for end, of_paper in zip(("lowest", "highest"), paper.RATES_OF_PASS_1, strict=True):
                ours = log.epochs[0][f"learning_rate_{end}"]
                run.metrics({f"pass_1/rate_{end}": ours, f"paper/rate_{end}": of_paper})
        words = results.words_of(Interval(result.error, result.low, result.high), self.beside)
        run.tags(words | {EVALUATION: identity.evaluation()})
        if run.id and self.cfg.tracking.models:
            with run.optional("model"), writing(tempfile.gettempdir()):
                self._log_model(classifier, run.id, seed, scores, wrong)
        if run.id:
            from lenet.experiment import artifacts  # pandas and seaborn take 2 s, after training

            artifacts.log(run, self.digits, scores, log.epochs)
        return Outcome(
            self.cfg.name,
            seed,
            self.row.name if self.row else None,
            self.digits.name,
            self._beside_the_paper,
            result.error,
            result.low,
            result.high,
            validation,
            seconds,
            run.id or "",
            self.tracker.page,
            **self._packed(wrong),
        )

    def _log_model(
        self, classifier: Classifier, run: str, seed: int, scores: NDArray, wrong: NDArray
    ) -> None:
        """Makes a run's classifier a model of MLflow, registered if that is asked for."""
        from lenet.experiment import models

        rejected = threshold(margins(scores), wrong, REJECTION_TARGET)
        with models.source(self._values(seed), classifier, rejected, scores.shape[1]) as source:
            model = self.tracker.log_model(run, ARRAYS, source)
            if self.cfg.register:
                root = Path(self.cfg.root)
                models.register(self.tracker, self.cfg.register, run, model, source, root)

    @property
    def _several(self) -> bool:
        return self.cfg.seeds is not None and len(self.cfg.seeds) > 1

    def _packed(self, wrong: NDArray) -> dict[str, Any]:
        """As an `Outcome` keeps it for the mean of several."""
        if not self._several:
            return {}
        return {"wrong": np.packbits(wrong).tobytes().hex(), "digits": len(wrong)}

    def _values(self, seed: int | None) -> dict[str, Any]:
        """The configuration of the run of a seed, or of all."""
        values: Any = OmegaConf.to_container(self.cfg, resolve=True)
        return dict(values) if seed is None else values | {"seed": seed, "seeds": None}

    def _evaluate_again(self, finished: RunRecord, seed: int) -> dict[str, float]:
        """The figures that the present code makes of a run's predictions; they go to the run."""
        evaluation = evaluate_answers(*self._answers(finished, seed))
        figures = self.figures(evaluation)
        run = Run(self.tracker.write, finished.id)
        run.metrics(figures)
        error = Interval(evaluation.error, evaluation.low, evaluation.high)
        words = results.words_of(error, self.beside)
        run.tags(words | {EVALUATION: identity.evaluation()})
        return figures


@contextmanager
def _of_lightning() -> Iterator[None]:
    """For a training: a value that Lightning finds wrong when it begins, such as a share of batches
    that is less than one of them, is an InputError."""
    try:
        yield
    except Exception as e:
        if type(e).__name__ != "MisconfigurationException":  # not imported for what needs none
            raise
        raise InputError(f"trainer: {' '.join(str(e).split())}") from e


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
