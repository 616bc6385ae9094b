"""One job: compose -> fit -> score -> evaluate -> track."""

import signal
import statistics
import sys
import traceback
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lenet import results, terminal
from lenet.errors import InputError, writing
from lenet.experiment import sweep
from lenet.experiment.config import check, of_own_class
from lenet.experiment.provenance import cores
from lenet.streams import make_lenient
from lenet.terminal import Failure, Outcome


def run(cfg: DictConfig) -> float | None:
    """One job from the command line; in a sweep, a failure is noted and the sweep goes on.

    Returns:
        The mean validation error of the job's seeds, which a sweeper may minimise; NaN where
        there is no validation split, None where the job failed.
    """
    make_lenient()  # in a worker, too, which does not come from train.py
    signal.signal(signal.SIGTERM, _terminate)
    job = None
    try:
        job = sweep.current_job()
        overrides = _overrides()
        cfg = of_own_class(cfg, overrides)
        check(cfg)
        if cfg.repeat is not None:
            cfg = _repeated(cfg, in_sweep=job is not None)
        if job:
            job.begin(cfg.name)
        with writing(cfg.output):
            outcomes = train(cfg, job.parent if job else None, in_sweep=job is not None)
            if job:
                job.done(outcomes, overrides)
    except (KeyboardInterrupt, SystemExit) as e:
        if job:
            job.killed()  # the sweep tells
        else:
            told = getattr(e, "__notes__", [f"{_name(cfg)} was interrupted before it began"])
            print(*told, sep="\n", file=sys.stderr)
        sys.exit(e.code if isinstance(e, SystemExit) else 128 + signal.SIGINT)
    except Exception as e:
        reason = str(e) if isinstance(e, InputError) else f"{type(e).__name__}: {e}"
        if not isinstance(e, InputError):
            traceback.print_exc()
        name = _name(cfg)
        print(f"{name} failed: {reason}", file=sys.stderr)
        if job is None:
            sys.exit(1)
        job.failed(Failure(name, reason))
        return None
    if job is None:
        terminal.table([outcomes])
    return statistics.mean(outcome.validation_error for outcome in outcomes)


def _name(cfg: DictConfig) -> str:
    """Of a configuration, which may be wrong in this, too."""
    try:
        return str(cfg.name)
    except OmegaConfBaseException:
        return "train.py"


def _repeated(cfg: DictConfig, in_sweep: bool) -> DictConfig:
    from lenet.experiment.repeat import configuration

    if in_sweep:
        raise InputError("repeat= repeats one run: leave -m out")
    return configuration(cfg, _overrides())


def _overrides() -> list[str]:
    """Of the command line, as they were typed."""
    typed = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    return [str(override) for override in typed or []]


def _terminate(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def train(cfg: DictConfig, parent: str | None = None, in_sweep: bool = False) -> list[Outcome]:
    """Trains, tests and tracks a configuration for each of its seeds.

    Args:
        cfg: as conf/config.yaml composes it.
        parent: the MLflow run of the sweep.
        in_sweep: whether this is a job of one, which skips what is finished and continues what is
            half done unless ``cfg.force`` says otherwise.

    Raises:
        InputError: whatever the user can mend.
    """
    check(cfg)
    # torch and others take seconds: what can be refused without them is refused before
    import torch

    from lenet.experiment.job import Job
    from lenet.experiment.training import raw_of
    from lenet.tracking import Tracker

    threads = cfg.trainer.threads or cores()
    torch.set_num_threads(threads)
    raw = raw_of(cfg.data)
    if raw.stand_in:
        terminal.banner()
    if raw.own:
        sizes = f"{len(raw.train_labels):,} to train, {len(raw.test_labels):,} to test"
        print(f"Your own digits, {raw.name}: {sizes}, {len(raw.classes)} classes.")
    own = raw.name if raw.own else ""
    files, measured = Path(cfg.root) / "mlruns", cfg.tracking.system_metrics
    tracker = Tracker(cfg.tracking.uri, files, raw.stand_in, own, measured).start()
    resume = (cfg.resume or in_sweep) and not cfg.force
    job = Job(cfg, raw, tracker, threads, resume)
    if job.cut:
        print(f"Epochs are cut short ({job.cut}): no figure of this run stands for the paper's.")
    seeds = [cfg.seed] if cfg.seeds is None else list(cfg.seeds)
    together = True
    if not all(job.is_finished(seed) for seed in seeds):
        _ = job.digits  # what is wrong with them is told before a run opens
        together = getattr(job.recipe, "together", False)
    if len(seeds) == 1:
        return job.train(seeds, parent)
    with job.run(cfg.name, parent, job.identity_of(seeds)) as run:
        job.describe(run)
        groups = [seeds] if together else [[seed] for seed in seeds]
        outcomes = [outcome for group in groups for outcome in job.train(group, run.id)]
        errors = [outcome.error for outcome in outcomes]
        mean = {"test/error": statistics.mean(errors), "test/error_std": statistics.stdev(errors)}
        run.metrics(mean | ({"paper/error": job.beside.test_error / 100} if job.beside else {}))
        if error := terminal.mean_of(outcomes):
            run.metrics({"test/error_low": error.low, "test/error_high": error.high})
            run.tags(results.words_of(error, job.beside))
    return outcomes
