"""A run's classifier as a model of MLflow: what `mlflow.pyfunc` loads and `mlflow models` serves.

A model is kept as the run's own files and a file of code that reads them (models from code), so
nothing is pickled; whoever loads it runs the code that the store holds. One takes arrays, another
of the same classifier PNG files, as a signature of arrays lets no bytes through.
"""

import math
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lenet.tracking.runs import VALIDATION_ERROR, ExperimentRuns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Digits = NDArray[np.uint8]  # N x 28 x 28, 255 is ink

ARRAYS, PNG = "digits", "pictures"  # the two kinds of models, by name
CHAMPION = "champion"  # the alias of the best version of a registered model
LINKED = ("test/error_pct", "test/error_low_pct", "test/error_high_pct", "test/reject_pct")
CONFIGURATION, WEIGHTS, THRESHOLD, COLUMN = "configuration", "weights", "threshold", "png"


@dataclass(frozen=True)
class Source:
    """What a model is made from.

    Attributes:
        code: a file that ends with `serve`.
        configuration: of the run, its ``config.yaml``.
        weights: of its classifier.
        threshold: margins below it are rejected.
        classes: that it has scores for.
    """

    code: Path
    configuration: Path
    weights: Path
    threshold: float
    classes: int


def serve(
    load: Callable[[Path, Path], Callable[["Digits"], "NDArray"]],
    decode: Callable[[bytes], "Digits"],
) -> None:
    """Ends the code of a model: tells MLflow how to load it and what it answers.

    Args:
        load: makes of a configuration and weights what scores N x 28 x 28 digits.
        decode: makes a digit, 28 x 28, of a PNG file.
    """
    import numpy as np
    import pandas as pd

    with _pyfunc() as mlflow:

        class Reader(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
            """Digits in, a table out: label, margin, whether it is rejected, scores."""

            def load_context(self, context: Any) -> None:
                files = context.artifacts
                self.scores = load(Path(files[CONFIGURATION]), Path(files[WEIGHTS]))
                self.threshold = float(context.model_config[THRESHOLD])

            # a hint of arrays is the one that MLflow neither checks nor asks for another for
            def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> Any:
                if isinstance(model_input, pd.DataFrame):
                    digits = np.stack([decode(picture) for picture in model_input[COLUMN]])
                else:
                    digits = _greys(model_input)
                scores = self.scores(digits)
                second, best = np.partition(scores, -2, axis=1)[:, -2:].T
                margin = (best - second).astype(np.float16)
                answers = {
                    "label": scores.argmax(1),
                    "margin": margin.astype(float),
                    "rejected": margin < self.threshold,
                }
                of_classes = {f"score_{i}": scores[:, i] for i in range(scores.shape[1])}
                return pd.DataFrame(answers | of_classes)

        mlflow.models.set_model(Reader())


@contextmanager
def _pyfunc() -> Iterator[Any]:
    """MLflow with `mlflow.pyfunc`, which warns of its own type hints when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        warnings.simplefilter("ignore")  # the import sets filters of its own
        yield mlflow


def _greys(given: "NDArray") -> "Digits":
    import numpy as np

    if not ((given >= 0) & (given <= 255)).all():
        raise ValueError("digits are greys from 0, paper, to 255, ink")
    return np.round(given).astype(np.uint8)


def log(client: Any, experiment: str, run: str, kind: str, source: Source) -> str:
    """Keeps a model of a run, linked to the run, its data and its metrics; the model's id.

    Args:
        client: an MlflowClient.
        experiment: the id of the run's.
        run: its id.
        kind: `ARRAYS` or `PNG`.
        source: what it is made from.
    """
    from mlflow.entities import LoggedModelOutput, Metric
    from mlflow.models import Model

    kept = client.get_run(run)
    name = re.sub(r"[^\w -]", "_", f"{kept.info.run_name}, {kind}")
    model = client.create_logged_model(experiment, name, run, model_type="classifier")
    with tempfile.TemporaryDirectory() as folder, _pyfunc() as mlflow:
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(source.code),
            artifacts={CONFIGURATION: str(source.configuration), WEIGHTS: str(source.weights)},
            model_config={THRESHOLD: source.threshold},
            signature=_signature(kind, source.classes),
            input_example=_example(kind),
            pip_requirements=[f"{name}=={version(name)}" for name in ("lenet", "torch", "mlflow")],
            mlflow_model=Model(
                model.artifact_location, run, model_id=model.model_id, model_uuid=None
            ),
        )
        client.log_model_artifacts(model.model_id, folder)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, 0)])
    [data, *_] = [each.dataset for each in kept.inputs.dataset_inputs]
    points = [client.get_metric_history(run, name)[-1] for name in LINKED]
    client.log_batch(
        run,
        [
            Metric(p.key, p.value, p.timestamp, p.step, model.model_id, data.name, data.digest, run)
            for p in points
        ],
    )
    return str(model.model_id)


def _signature(kind: str, classes: int) -> Any:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    digits: list[Any] = [TensorSpec(np.dtype(np.float32), (-1, 28, 28))]
    answers = {"label": "long", "margin": "double", "rejected": "boolean"}
    answers |= {f"score_{i}": "double" for i in range(classes)}
    return ModelSignature(
        Schema(digits if kind == ARRAYS else [ColSpec("binary", COLUMN)]),
        Schema([ColSpec(of, name) for name, of in answers.items()]),
    )


def _example(kind: str) -> Any:
    """A bar, which may be a one."""
    import io

    import numpy as np
    import pandas as pd
    from PIL import Image

    digit = np.zeros((28, 28), np.float32)
    digit[4:24, 13:15] = 255
    if kind == ARRAYS:
        return digit[None]
    file = io.BytesIO()
    Image.fromarray(255 - digit.astype(np.uint8)).save(file, "PNG")
    return pd.DataFrame({COLUMN: [file.getvalue()]})


def register(client: Any, name: str, model: str, run: str) -> str:
    """Makes a model the next version of a registered one; the version's number."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    where = client.get_logged_model(model).artifact_location
    made = client.create_model_version(name, where, run, model_id=model)
    return str(made.version)


def champion(client: Any, name: str, runs: ExperimentRuns) -> str | None:
    """Gives the alias to the version whose run, on all of MNIST, has the least validation error.
    The version that has the alias then; None where none has, as no run can be compared."""
    errors = {}
    for each in client.search_model_versions(f"name = '{name}'"):
        run = runs.get(each.run_id)
        error = run.metrics.get(VALIDATION_ERROR, math.nan)
        if run.on_all_of_mnist and math.isfinite(error):
            errors[each.version] = error
    if not errors:
        return client.get_registered_model(name).aliases.get(CHAMPION)
    best = min(errors, key=lambda number: errors[number])
    client.set_registered_model_alias(name, CHAMPION, best)
    return str(best)
