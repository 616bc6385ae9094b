"""A trained net as a classifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from safetensors.torch import save as packed
from torch import Tensor, nn

from lenet.classifier import Costs
from lenet.nets.costs import net_costs

EVALUATION_BATCH = 500  # digits; fastest on two cores


class TrainedNet:
    """Scores of a net, its costs and its file.

    Attributes:
        net: trained, N x 1 x H x W -> N x 10 scores.
    """

    file: ClassVar[str] = "model.safetensors"

    def __init__(self, net: nn.Sequential) -> None:
        self.net = net.eval()

    @classmethod
    def load(cls, net: nn.Sequential, path: Path) -> Self:
        """Reads the weights that `save` wrote into a net, in its own memory format; raises as
        `load_weights`."""
        load_weights(net, load_file(path))
        return cls(net)

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        device = next(self.net.parameters()).device
        with torch.inference_mode():
            scores = [self.net(some.to(device)) for some in images.split(EVALUATION_BATCH)]
        return torch.cat(scores).cpu().numpy()

    def costs(self, images: Tensor) -> Costs:
        """For one digit of N x 1 x H x W; all cost the same."""
        return net_costs(self.net, images[0])

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors."""
        save_tensors(weights_of(self.net), path)


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """All that a net's scores depend on, by name, in the layout that files keep."""
    return {name: value.contiguous() for name, value in net.state_dict().items()}


def load_weights(net: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts weights that come from a file into a net.

    Raises:
        ValueError: other names, shapes or types than the net's, or a value that is not finite.
    """
    own = net.state_dict()
    if odd := sorted(own.keys() ^ weights.keys()):
        raise ValueError(f"{odd[0]} is not in both the file and a {type(net).__name__}")
    for name, value in weights.items():
        if (value.shape, value.dtype) != (own[name].shape, own[name].dtype):
            raise ValueError(
                f"{name} is {tuple(value.shape)} {value.dtype}, and in a {type(net).__name__} "
                f"{tuple(own[name].shape)} {own[name].dtype}"
            )
    require_finite(weights)
    net.load_state_dict(weights)


def require_finite(weights: Mapping[str, Tensor]) -> None:
    """Raises ValueError where a value is NaN or infinite."""
    for name, value in weights.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} has values that are not finite")


def save_tensors(weights: Mapping[str, Tensor], path: Path) -> None:
    """Writes a safetensors file. Its own `save_file` lets nobody but the user read it."""
    path.write_bytes(packed(dict(weights)))
