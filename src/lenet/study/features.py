"""How alike the features are that C3's maps learn: the stage `features` (II.B, Table I).

``features.json`` holds the correlations of two rows that differ in nothing but what C3 sees of S2,
one for each of their seeds, in the order of their runs.
"""

from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from torch import Tensor, nn
from typing_extensions import TypedDict

from lenet.data import VIEWS
from lenet.experiment import LoadedClassifier
from lenet.files import Share, Text, read_json

FEATURES = "features.json"
ROWS = ("step2_softmax", "step3_full_c3")  # by Table I, and all of S2
AGAIN = "dvc repro -s -f features"


@with_config(ConfigDict(strict=True, extra="forbid"))
class Features(TypedDict):
    """What features.json holds; the correlations by row."""

    data: Text
    correlations: dict[Text, Annotated[list[Share], Field(min_length=1)]]


KIND = TypeAdapter(Features)


def correlation(net: nn.Module, images: Tensor) -> float:
    """How alike C3's maps are: of each two of them the correlation between their outputs at the
    same places of the same digits, without its sign, as a map and its negative are one feature;
    in the mean over all pairs.

    Args:
        net: one of the family, whose maps are squashed by C3_f.
        images: N x 1 x H x W.
    """
    x = images
    with torch.inference_mode():
        for name, layer in net.named_children():
            x = layer(x)
            if name == "C3_f":
                break
    outputs = x.transpose(0, 1).flatten(1).double()  # a row for each map
    pairs = torch.triu_indices(len(outputs), len(outputs), 1)
    return float(torch.corrcoef(outputs)[tuple(pairs)].abs().mean())


def of(reader: LoadedClassifier, raw: Tensor) -> float:
    """`correlation` of a trained net, on N x 28 x 28 uint8."""
    net: Any = reader.classifier
    return correlation(net.net, VIEWS[reader.view](raw))


def load(folder: Path) -> dict[str, list[float]]:
    """The correlations by row; none where the stage has not run.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return read_json(folder / FEATURES, KIND, AGAIN)["correlations"]
    except FileNotFoundError:
        return {}
