"""The other stages of the study; each imports what it needs."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lenet import results
from lenet.study.profile import CONF, REPORTS, RESULTS, Parameters, configuration

if TYPE_CHECKING:
    from lenet.experiment import LoadedClassifier

DATA = RESULTS / "data.json"
README = Path("README.md")
PICTURED = (
    *("lenet5", "lenet5_dist", "lenet5_noise", "lenet5_modern"),
    *("mlp_300", "knn", "svm_poly4", "tangent_distance"),
)
"""The rows whose classifiers the pictures show."""


def describe_data(params: Parameters) -> None:
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


def draw_pictures(params: Parameters) -> None:
    """Tests how far digits can be changed, and keeps what the report's pictures show (III.E)."""
    import torch
    from threadpoolctl import threadpool_limits

    from lenet.data import load_raw
    from lenet.experiment import cores
    from lenet.study import gallery

    torch.set_num_threads(params["threads"])
    classifiers = {name: _trained(name, params) for name in PICTURED if (RESULTS / name).exists()}
    digits = load_raw(params["data"], Path("data"))
    at_once = max(1, cores() // params["threads"])
    with threadpool_limits(params["threads"]):
        gallery.make(classifiers, digits, params["changed_digits"], RESULTS, at_once)


def compare_features(params: Parameters) -> None:
    """Measures how alike C3's maps are, of nets in which they see some of S2 and of others in which
    they see all of it."""
    import torch

    from lenet.data import load_raw
    from lenet.study import features

    torch.set_num_threads(params["threads"])
    digits = load_raw(params["data"], Path("data"))
    found = {}
    for row in features.ROWS:
        if (RESULTS / row).exists():
            runs = range(len(results.load(RESULTS / row).runs))
            found[row] = [
                features.of(_trained(row, params, run), digits.test_images) for run in runs
            ]
    about = {"data": digits.name, "correlations": found}
    (RESULTS / features.FEATURES).write_text(json.dumps(about, indent=1) + "\n")


def _trained(row: str, params: Parameters, run: int = 0) -> "LoadedClassifier":
    """The classifier of one of a row's runs."""
    from lenet.experiment import load_classifier, own_names
    from lenet.study.weights import weights

    with tempfile.TemporaryDirectory() as folder:
        file = weights(row, params, Path(folder), run)
        return load_classifier(configuration(row, params), file, own_names(CONF))


def evaluate() -> None:
    """Writes all figures that follow from the predictions, and from who wrote the test digits.

    Raises:
        Unreachable: those of the full study, whose digits nobody knows the writers of here.
    """
    from lenet.report import load_pictures
    from lenet.study import evaluation, features

    found = results.load_all(RESULTS)
    _, robustness = load_pictures(RESULTS)
    writers = evaluation.known_writers(found, Path("data"))
    figures = evaluation.evaluate(found, writers, robustness, features.load(RESULTS))
    results.save_figures(figures, REPORTS / results.FIGURES)


def report() -> None:
    """Makes `reports/` from `results/` and the figures of `evaluate`."""
    from lenet.report import build

    build(RESULTS, REPORTS, README if README.is_file() else None)
