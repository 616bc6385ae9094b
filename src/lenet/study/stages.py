"""The other stages of the study; each imports what it needs."""

import json
import os
import tempfile
from pathlib import Path

from lenet import results
from lenet.study.profile import CONF, REPORTS, RESULTS, Parameters, configuration

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
    from lenet.experiment import load_classifier, own_names
    from lenet.study import gallery
    from lenet.study.weights import weights

    torch.set_num_threads(params["threads"])
    classifiers = {}
    for name in PICTURED:
        if (RESULTS / name).exists():
            with tempfile.TemporaryDirectory() as folder:
                file = weights(name, params, Path(folder))
                cfg = configuration(name, params)
                classifiers[name] = load_classifier(cfg, file, own_names(CONF))
    digits = load_raw(params["data"], Path("data"))
    with threadpool_limits(params["threads"]):
        gallery.make(classifiers, digits, params["changed_digits"], RESULTS)


def evaluate() -> None:
    """Writes all figures that follow from the predictions, and from who wrote the test digits.

    Raises:
        Unreachable: those of the full study, whose digits nobody knows the writers of here.
    """
    from lenet.report import load_pictures
    from lenet.study import evaluation

    found = results.load_all(RESULTS)
    _, robustness = load_pictures(RESULTS)
    writers = evaluation.known_writers(found, Path("data"))
    figures = evaluation.evaluate(found, writers, robustness)
    results.save_figures(figures, REPORTS / results.FIGURES)


def report() -> None:
    """Makes `reports/` from `results/` and the figures of `evaluate`."""
    from lenet.report import build

    build(RESULTS, REPORTS, README if README.is_file() else None)


def restore() -> int:
    """Brings `results/` into the project's MLflow; how many runs it did not have."""
    from lenet.experiment import identity
    from lenet.tracking import EVALUATION, local_store

    project = Path(os.environ["LENET_ROOT"])
    store, files = local_store(project), project / "mlruns"
    tags = {EVALUATION: identity.evaluation()}
    return results.restore(results.load_all(RESULTS), store, files, tags)
