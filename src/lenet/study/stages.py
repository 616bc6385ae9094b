"""The stages of the study, as dvc.yaml calls them: python -m lenet.study --help

`params.yaml` says how large the study is, `conf/experiment/` what each experiment is, `results/`
keeps what came of it, and `reports/` is made from that alone.
"""

import argparse
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from lenet import results
from lenet.errors import InputError

CONF, RESULTS, REPORTS = Path("conf"), Path("results"), Path("reports")
PARAMS, README = Path("params.yaml"), Path("README.md")
SIZE = ("seeds", "epochs", "train_size", "changed_digits", "ahead")  # what a profile says
DATA = RESULTS / "data.json"
AHEAD = Path("outputs") / "ahead"  # results of experiments whose stages are yet to come
KEPT = ("lenet5", "lenet5_dist", "lenet5_noise")  # experiments whose first seed's weights stay
PICTURED = (*KEPT, "lenet5_modern", "mlp_300", "knn", "svm_poly4", "tangent_distance")

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one stage, in the project's folder."""
    parser = argparse.ArgumentParser(prog="python -m lenet.study", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True)
    stages.add_parser("data", help="find the digits and write down what they are")
    train = stages.add_parser("train", help="train an experiment and keep its results")
    train.add_argument("experiment", help="a file of conf/experiment/")
    stages.add_parser("pictures", help="change digits until nets misread them, for the report")
    stages.add_parser("report", help="make reports/ from results/")
    stages.add_parser("restore", help="bring results/ into an MLflow that does not have them")
    short = stages.add_parser("short", help="sha256 of what short trainings come to, a line each")
    short.add_argument("experiments", nargs="*", help="files of conf/experiment/; none is all")
    given = parser.parse_args(arguments)
    os.environ.setdefault("LENET_ROOT", str(Path.cwd()))
    logging.basicConfig(format="%(message)s")
    logging.getLogger("lenet").setLevel(logging.INFO)  # how far a long step is
    try:
        if not PARAMS.is_file():
            raise InputError(f"no {PARAMS} in {Path.cwd()}: run this in the project's folder")
        if given.stage == "data":
            describe_data(parameters())
        elif given.stage == "train":
            train_experiment(given.experiment, parameters())
        elif given.stage == "pictures":
            draw_pictures(parameters())
        elif given.stage == "short":
            from lenet.study.short import digests

            every = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
            for experiment in given.experiments or every:
                print(json.dumps(digests(experiment, parameters())), flush=True)
        elif given.stage == "restore":
            from lenet.tracking import local_store

            project = Path(os.environ["LENET_ROOT"])
            kept = results.load_all(RESULTS)
            count = results.restore(kept, local_store(project), project / "mlruns")
            print(f"{count} runs of {RESULTS}/ are now in MLflow, too")
        else:
            from lenet.report import build

            build(RESULTS, REPORTS, README if README.is_file() else None)
    except InputError as e:
        sys.exit(f"{given.stage}: {e}")
    except KeyboardInterrupt:
        sys.exit(130)


def parameters() -> dict[str, Any]:
    """`params.yaml` with the values of its chosen profile.

    Raises:
        InputError: a profile that it does not have, or one that lacks something.
    """
    values: Any = OmegaConf.to_container(OmegaConf.load(PARAMS))
    name = values["profile"]
    if name not in values["profiles"]:
        raise InputError(
            f"profile={name} in {PARAMS} is not one of {', '.join(values['profiles'])}"
        )
    size = values["profiles"][name]
    if missing := [key for key in SIZE if key not in size]:
        raise InputError(f"the profile {name} in {PARAMS} lacks {', '.join(missing)}")
    return values | size


def describe_data(params: dict[str, Any]) -> None:
    """Writes down which digits the study is about: all that other stages depend on."""
    from lenet.data import load_raw

    raw = load_raw(params["data"], Path("data"))
    about = {
        "name": raw.name,
        "sha256": raw.digest,
        "training_digits": len(raw.train_labels),
        "test_digits": len(raw.test_labels),
    }
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_text(json.dumps(about, indent=1) + "\n")


def configuration(experiment: str, params: dict[str, Any]) -> DictConfig:
    """An experiment as it is in `conf/experiment/`, cut to the size of the study.

    Raises:
        InputError: there is none of that name.
    """
    from lenet.experiment import loaded

    cfg = loaded.compose_experiment(experiment, CONF)
    cfg.resume = True
    cfg.data.source = params["data"]
    cfg.trainer.threads = params["threads"]
    if cfg.seeds is not None:
        cfg.seeds = cfg.seeds[: params["seeds"]]
    if params["train_size"]:
        cfg.data.train_size = min(params["train_size"], cfg.data.train_size or sys.maxsize)
        if "size" in cfg.recipe:  # of the sets that boosting mines
            cfg.recipe.size = min(params["train_size"], cfg.recipe.size)
    if params["epochs"]:
        for recipe in (cfg.recipe, cfg.recipe.get("base", {})):
            if "epochs" in recipe:
                recipe.epochs = params["epochs"]
    return cfg


def train_experiment(experiment: str, params: dict[str, Any]) -> None:
    """Trains what is not finished of an experiment, and keeps its results in `results/`.

    A small training takes less time than the start of its process. So in a study that trains
    ahead the first stage trains the others' experiments, too, on all cores, and these only take
    their results.
    """
    if not params["ahead"]:
        _train(experiment, params, RESULTS)
        return
    made = AHEAD / _digest_of_study()
    made.mkdir(parents=True, exist_ok=True)
    with FileLock(AHEAD / ".lock"):
        if not (made / experiment / results.RUNS).exists():
            _train(experiment, params, made)
            _train_others(params, made)
    shutil.copytree(made / experiment, RESULTS / experiment, dirs_exist_ok=True)


def _train(experiment: str, params: dict[str, Any], into: Path) -> None:
    from lenet.experiment import train
    from lenet.results import collect
    from lenet.terminal import table

    cfg = configuration(experiment, params)
    outcomes = train(cfg)
    table(outcomes)
    store, weights = cfg.tracking.uri, experiment in KEPT
    collect(outcomes, store, params["profile"], into / experiment, weights)


def _train_others(params: dict[str, Any], made: Path) -> None:
    """Trains ahead what is not made yet, as many at a time as cores allow."""
    from joblib import Parallel, delayed

    from lenet.experiment import cores

    for old in set(AHEAD.glob("*/")) - {made}:  # by other files
        shutil.rmtree(old)
    families = {key: value for key, value in params.items() if isinstance(value, list)}
    stages = {name: f"{family}@{name}" for family in families for name in families[family]}
    at_once = max(1, cores() // params["threads"])
    # the last first, as support vectors take longest
    Parallel(at_once)(
        delayed(_try_ahead)(name, stage, params, made) for name, stage in reversed(stages.items())
    )
    # cut small, some are the same training: where two of these met, one gave way
    for name, stage in stages.items():
        if reason := _try_ahead(name, stage, params, made):
            log.warning("%s failed ahead of its stage: %s", name, reason)


def _try_ahead(experiment: str, stage: str, params: dict[str, Any], made: Path) -> str | None:
    """Trains what is not made yet; why it failed, if it did, as its own stage will tell again."""
    if (made / experiment / results.RUNS).exists():
        return None
    os.environ["DVC_STAGE"] = stage  # which its runs tell
    try:
        _train(experiment, params, made)
    except Exception as e:
        return str(e)
    return None


def _digest_of_study() -> str:
    """Of all files that results depend on, and more: after a change of any, results are made ahead
    anew, for which runs that the change does not concern are found in MLflow."""
    code = sorted([PARAMS, DATA, *CONF.rglob("*.yaml"), *Path(__file__).parent.rglob("*.py")])
    digest = hashlib.sha256()
    for path in code:
        digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def draw_pictures(params: dict[str, Any]) -> None:
    """Tests how far digits can be changed, and keeps what the report's pictures show (III.E)."""
    import torch
    from threadpoolctl import threadpool_limits

    from lenet.data import load_raw
    from lenet.experiment import loaded
    from lenet.results import model
    from lenet.study import gallery

    torch.set_num_threads(params["threads"])
    readers = {}
    for name in PICTURED:
        if (RESULTS / name).exists():
            cfg = configuration(name, params)
            with tempfile.TemporaryDirectory() as folder:
                weights = model(RESULTS / name, cfg.tracking.uri, Path(folder))
                readers[name] = loaded.load_classifier(cfg, weights)
    digits = load_raw(params["data"], Path("data"))
    with threadpool_limits(params["threads"]):
        gallery.make(readers, digits, params["changed_digits"], RESULTS)
