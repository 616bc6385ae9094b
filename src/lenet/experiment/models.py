"""A run's classifier as a model that MLflow loads and serves, and its registration."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from lenet import results
from lenet.classifier import Classifier
from lenet.evaluation import REJECTION_TARGET, threshold
from lenet.experiment.config import compose_experiment
from lenet.tracking import ARRAYS, PNG, Source, Tracker

OWN = "lenet5"  # the experiment whose weights are part of the project
CODE = Path(__file__).with_name("served.py")  # a copy is kept with each model
OF_PICTURES = "-png"  # how the name of the registered model ends that takes PNG files


@contextmanager
def source(
    values: Mapping[str, Any], classifier: Classifier | Path, rejected: float, classes: int = 10
) -> Iterator[Source]:
    """What a model is made from, for a block.

    Args:
        values: the configuration of the run, plain values.
        classifier: of the run, or its file.
        rejected: margins below it are.
        classes: that it tells apart.
    """
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "config.yaml"
        configuration.write_text(yaml.safe_dump(dict(values), sort_keys=False))
        if not isinstance(classifier, Path):
            weights = Path(folder) / classifier.file
            classifier.save(weights)
            classifier = weights
        yield Source(CODE, configuration, classifier, rejected, classes)


def register(tracker: Tracker, name: str, run: str, model: str, of: Source, project: Path) -> None:
    """Registers a run's classifier, for arrays under a name and for PNG files under ``<name>-png``,
    and gives the alias "champion" to the best version; to the project's own LeNet-5, which is
    registered, too, where no version's run can be compared.

    Args:
        tracker: of the run.
        name: of the registered model.
        run: its id.
        model: the id of its model for arrays.
        of: what that was made from.
        project: its folder.
    """
    pictures = tracker.log_model(run, PNG, of)
    for each, version in ((name, model), (f"{name}{OF_PICTURES}", pictures)):
        tracker.register(each, version, run)
        if tracker.champion(each) is None:
            kind = ARRAYS if each == name else PNG
            _register_own(tracker, each, kind, project)


def _register_own(tracker: Tracker, name: str, kind: str, project: Path) -> None:
    folder = project / results.FOLDER / OWN
    if not (folder / results.MODEL).is_file():
        return
    kept = results.load(folder)
    values: Any = OmegaConf.to_container(compose_experiment(OWN, project / "conf"), resolve=True)
    known = tracker.find(kept.runs[0].get("identity") or "", finished=True)
    run = known.id if known else results.restore_run(tracker, kept, 0, values, {})
    rejected = threshold(kept.margin[0], kept.wrong[0], REJECTION_TARGET)
    with source(values, folder / results.MODEL, rejected) as of:
        own = tracker.log_model(run, kind, of)
        tracker.name_champion(name, tracker.register(name, own, run))
