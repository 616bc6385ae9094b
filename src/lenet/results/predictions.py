"""What a run answered to each test digit, from its ``predictions.parquet``."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lenet.errors import InputError
from lenet.evaluation import margins

MOST_DIGITS = 1_000_000  # a few bytes can stand for any number of them
MOST_CLASSES = 256
CLASSES = 10  # of those whose scores are not kept


class Predictions(NamedTuple):
    """Of N test digits, in their order."""

    label: NDArray[np.uint8]  # (N,)
    prediction: NDArray[np.uint8]  # (N,)
    scores: NDArray[np.floating]  # N x classes, larger is better; N x 0 where they are not kept
    margin: NDArray[np.float16]  # (N,), the difference of the two best


def read_predictions(path: Path) -> Predictions:
    """Reads the columns that are needed, if they are plain numbers and not too many.

    Raises:
        InputError: the file is missing or damaged, or is not a run's predictions.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            classes = sum(name.startswith("score_") for name in file.schema_arrow.names)
            scores = [f"score_{i}" for i in range(classes)] or ["margin"]
            if classes == 1 or classes > MOST_CLASSES:
                raise ValueError(f"{classes} columns of scores")
            if file.metadata.num_rows > MOST_DIGITS:
                raise ValueError(f"{file.metadata.num_rows} rows are too many")
            for name in ("label", "prediction", *scores):
                kind = file.schema_arrow.field(name).type
                number = pa.types.is_floating if name in scores else pa.types.is_integer
                if not number(kind):
                    raise ValueError(f"{name} holds {kind}")
            table = file.read(["label", "prediction", *scores], use_threads=False)
        arrays = {name: table.column(name).to_numpy() for name in table.column_names}
    except (OSError, ValueError, KeyError, MemoryError, pa.ArrowException) as e:
        reason = " ".join(str(e).split())
        raise InputError(f"{path.name} is damaged, or no predictions ({reason})") from e
    most = (classes or CLASSES) - 1
    for name in ("label", "prediction"):
        if len(arrays[name]) == 0 or not np.isin(arrays[name], range(most + 1)).all():
            raise InputError(f"{path.name} is damaged: {name} has to be from 0 to {most}")
    values = np.stack([arrays[name] for name in scores], axis=1)
    if not np.isfinite(values).all():
        raise InputError(f"{path.name} is damaged: a score is not a finite number")
    return Predictions(
        arrays["label"].astype(np.uint8),
        arrays["prediction"].astype(np.uint8),
        values[:, :classes],
        margins(values) if classes else values[:, 0].astype(np.float16),
    )


def write_answers(
    label: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    margin: NDArray[np.float16],
    path: Path,
) -> None:
    """Writes what results keep of N predictions, which is not their scores: (N,) each."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {"index": np.arange(len(label)), "label": label, "prediction": prediction}
    parquet.write_table(pa.table(columns | {"margin": margin.astype(np.float32)}), path)
