"""The choices that the nets share: squashing functions and output layers, by name."""

from collections import OrderedDict

from torch import nn

from lenet.nets.layers import ScaledTanh

ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU, "scaled_tanh": ScaledTanh}
ODD_ACTIVATIONS = ("scaled_tanh", "tanh")  # f(-a) = -f(a)
OUTPUTS = ("softmax", "squashed")


def check(option: str, value: str, known: tuple[str, ...]) -> None:
    """Raises ValueError, naming what exists, if a value is not known."""
    if value not in known:
        raise ValueError(f"{option}={value!r} is not one of {', '.join(known)}")


def output_layers(units: int, output: str) -> OrderedDict[str, nn.Module]:
    """The ten output units on top of a last layer: N x units -> N x 10.

    Args:
        units: of the last layer below.
        output: "softmax" (plain sums, as logits) or "squashed" (f of the sums, as the paper
            has it, for squared error with targets +-1).
    """
    check("output", output, OUTPUTS)
    layers: OrderedDict[str, nn.Module] = OrderedDict(output=nn.Linear(units, 10))
    if output == "squashed":
        layers["output_f"] = ScaledTanh()
    return layers
