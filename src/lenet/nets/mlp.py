"""Fully connected nets with one or two hidden layers (III.C.5 and III.C.6)."""

from collections import OrderedDict

from torch import nn

from lenet.nets.layers import ACTIVATIONS, check, output_layers


class MLP(nn.Sequential):
    """Scores of digits, larger is better: N x 1 x side x side -> N x 10.

    Every unit has a bias, and so the parameters, each in one connection, are the paper's figures:
    28x28-1000-10 795,010, 28x28-300-100-10 266,610, 28x28-500-150-10 469,160, 20x20-300-10
    123,310. (The text says 1000-150 where the figures say 500-150; 469 thousand is 500-150.)

    Args:
        hidden: units of each hidden layer, from the first.
        side: of the images, in pixels.
        activation: "scaled_tanh" as in the paper, "tanh" or "relu".
        output: "softmax" (logits) or "squashed" (the paper's f, for targets +-1).

    Raises:
        ValueError: an activation or output that is none of these, or a layer without units.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (300,),
        side: int = 28,
        activation: str = "scaled_tanh",
        output: str = "softmax",
    ) -> None:
        check("activation", activation, tuple(ACTIVATIONS))
        if min(hidden, default=0) < 1:
            raise ValueError(f"hidden={tuple(hidden)} is not one number of units or more, all > 0")
        layers: OrderedDict[str, nn.Module] = OrderedDict(flat=nn.Flatten())
        units = side**2
        for n, wider in enumerate(hidden, start=1):
            layers[f"F{n}"] = nn.Linear(units, wider)
            layers[f"F{n}_f"] = ACTIVATIONS[activation]()
            units = wider
        layers.update(output_layers(units, output))
        super().__init__(layers)
