"""The code of every tracked model: MLflow keeps a copy of this file with it, and runs that where
the model is loaded. The project has to be installed there."""

import os
from pathlib import Path

import torch

from lenet.data import normalise, pictures
from lenet.experiment import load_classifier, own_names
from lenet.tracking import serve


def load(configuration: Path, weights: Path):  # type: ignore[no-untyped-def]
    """What scores digits; of classes of one's own, those that the project's conf/ names may do."""
    conf = Path(os.environ.get("LENET_ROOT", Path.cwd())) / "conf"
    reader = load_classifier(configuration, weights, own_names(conf))
    return lambda digits: reader.scores(torch.from_numpy(digits))


serve(load, lambda png: normalise(pictures.grey(png)))
