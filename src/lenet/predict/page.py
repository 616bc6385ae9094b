"""What the report's pad needs to know of a net of one's own."""

from typing import TYPE_CHECKING, Any

from lenet.errors import InputError

if TYPE_CHECKING:
    from lenet.predict.chosen import Chosen


def net_of(chosen: "Chosen") -> dict[str, Any]:
    """What a pad needs to know of a classifier: the fields of `lenet.report.draw.Net`.

    Raises:
        InputError: it is no LeNet-5 that sees digits as they are.
    """
    from torch import nn

    from lenet.nets import ACTIVATIONS, LeNet5, weights_of

    net: Any = getattr(chosen.reader.classifier, "net", None)
    if not isinstance(net, LeNet5) or chosen.reader.view != "regular":
        raise InputError(f"{chosen.title} is no LeNet-5 of regular digits: name another run")
    poolings = {nn.AvgPool2d: "average", nn.MaxPool2d: "max", nn.Sequential: "subsampling"}
    activations = {kind: name for name, kind in ACTIVATIONS.items()}
    return {
        "name": chosen.reader.name,
        "title": chosen.title,
        "pooling": poolings[type(net.S2)],
        "activation": activations[type(net.C1_f)],
        "weights": {name: value.cpu().numpy() for name, value in weights_of(net).items()},
        "threshold": chosen.threshold,
    }
