"""The stages of the study, as dvc.yaml calls them: python -m lenet.study --help

`params.yaml` says how large the study is, `conf/experiment/` what each experiment is, `results/`
keeps what came of it, and `reports/` is made from that alone.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from lenet.errors import InputError
from lenet.terminal import Outcome

CONF, RESULTS, REPORTS, PARAMS = Path("conf"), Path("results"), Path("reports"), Path("params.yaml")
DATA = RESULTS / "data.json"
WEIGHTS = "model.safetensors"
KEPT = ("lenet5", "lenet5_dist", "lenet5_noise")  # experiments whose first seed's weights stay


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one stage, in the project's folder."""
    parser = argparse.ArgumentParser(prog="python -m lenet.study", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True)
    stages.add_parser("data", help="find the digits and write down what they are")
    train = stages.add_parser("train", help="train an experiment and keep its results")
    train.add_argument("experiment", help="a file of conf/experiment/")
    stages.add_parser("report", help="make reports/ from results/")
    stages.add_parser("restore", help="bring results/ into an MLflow that does not have them")
    given = parser.parse_args(arguments)
    os.environ.setdefault("LENET_ROOT", str(Path.cwd()))
    try:
        if not PARAMS.is_file():
            raise InputError(f"no {PARAMS} in {Path.cwd()}: run this in the project's folder")
        if given.stage == "data":
            describe_data(parameters())
        elif given.stage == "train":
            train_experiment(given.experiment, parameters())
        elif given.stage == "restore":
            from lenet import restore, results

            root = Path(os.environ["LENET_ROOT"])
            kept = results.load_all(RESULTS)
            count = restore.restore(kept, f"sqlite:///{root}/mlflow.db", root / "mlruns")
            print(f"{count} runs of {RESULTS}/ are now in MLflow, too")
        else:
            from lenet.report import build

            build(RESULTS, REPORTS)
    except InputError as e:
        sys.exit(f"{given.stage}: {e}")
    except KeyboardInterrupt:
        sys.exit(130)


def parameters() -> dict[str, Any]:
    """`params.yaml` with the values of its chosen profile.

    Raises:
        InputError: a profile that it does not have.
    """
    values: Any = OmegaConf.to_container(OmegaConf.load(PARAMS))
    if values["profile"] not in values["profiles"]:
        known = ", ".join(values["profiles"])
        raise InputError(f"profile={values['profile']} in {PARAMS} is not one of {known}")
    return values | values["profiles"][values["profile"]]


def describe_data(params: dict[str, Any]) -> None:
    """Writes down which digits the study is about: all that other stages depend on."""
    from lenet.data.source import load

    raw = load(params["data"], Path("data"))
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
    from hydra import compose, initialize_config_dir

    if not (CONF / "experiment" / f"{experiment}.yaml").is_file():
        raise InputError(f"{experiment} is not an experiment of {CONF / 'experiment'}")
    with initialize_config_dir(str(CONF.resolve()), version_base="1.3"):
        cfg = compose("config", [f"experiment={experiment}", f"data.source={params['data']}"])
    cfg.resume = True
    cfg.trainer.threads = params["threads"]
    if cfg.seeds is not None:
        cfg.seeds = cfg.seeds[: params["seeds"]]
    if params["train_size"]:
        cfg.data.train_size = min(params["train_size"], cfg.data.train_size or sys.maxsize)
    if params["epochs"]:
        for recipe in (cfg.recipe, cfg.recipe.get("base", {})):
            if "epochs" in recipe:
                recipe.epochs = params["epochs"]
    return cfg


def train_experiment(experiment: str, params: dict[str, Any]) -> None:
    """Trains what is not finished of an experiment, and keeps its results."""
    from lenet.experiment import train
    from lenet.terminal import table

    cfg = configuration(experiment, params)
    outcomes = train(cfg)
    table(outcomes)
    collect(cfg, experiment, outcomes)


def collect(cfg: DictConfig, experiment: str, outcomes: Sequence[Outcome]) -> None:
    """Brings the runs of an experiment from MLflow into `results/`."""
    import shutil
    import tempfile

    import numpy as np
    import pandas as pd

    from lenet.evaluation import margins
    from lenet.results import Result, save
    from lenet.tracking import Tracker

    stand_in = outcomes[0].data != "mnist"
    archive = Tracker(cfg.tracking.uri, Path(cfg.root) / "mlruns", stand_in).archive
    if archive is None:
        raise InputError("the study keeps what MLflow has: tracking has to be on")
    runs, predictions, sure = [], [], []
    folder = RESULTS / experiment
    with tempfile.TemporaryDirectory() as name:
        for outcome in outcomes:
            kept = archive.run(outcome.run)
            path = archive.artifact(kept.id, "predictions.parquet", Path(name))
            answers = pd.read_parquet(path)
            scores = answers.filter(like="score_").to_numpy()
            predictions.append(answers.prediction.to_numpy(np.uint8))
            sure.append(margins(scores).astype(np.float16))
            runs.append(
                {
                    "seed": outcome.seed,
                    "run": kept.id,
                    "commit": kept.tags["mlflow.source.git.commit"],
                    "dirty": kept.tags["git.dirty"] == "true",
                    "threads": int(kept.tags["threads"]),
                    "versions": {
                        tag.removeprefix("version."): value
                        for tag, value in sorted(kept.tags.items())
                        if tag.startswith("version.")
                    },
                    "metrics": dict(sorted(kept.metrics.items())),
                    "curves": archive.curves(kept.id),
                }
            )
        if experiment in KEPT:
            weights = archive.artifact(outcomes[0].run, WEIGHTS, Path(name))
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(weights, folder / WEIGHTS)
    result = Result(
        experiment,
        outcomes[0].row,
        outcomes[0].data,
        kept.tags["data.digest"],
        tuple(runs),
        answers.label.to_numpy(np.uint8),
        np.stack(predictions),
        np.stack(sure),
    )
    save(result, folder)


if __name__ == "__main__":
    main()
