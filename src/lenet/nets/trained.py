"""A trained net as a classifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from safetensors.torch import save as packed
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lenet.classifier import Costs
from lenet.nets.costs import net_costs

EVALUATION_BATCH = 500  # digits; fastest on two cores


class TrainedNet:
    """Scores of a net, its costs and its file.

    Attributes:
        net: trained, N x 1 x H x W -> N x classes.
        engine: what found its gradients, "torch" or "lanes"; "" is not known.
    """

    file: ClassVar[str] = "model.safetensors"

    def __init__(self, net: nn.Module, engine: str = "") -> None:
        self.net = net.eval()
        self.engine = engine

    @classmethod
    def load(cls, net: nn.Module, path: Path) -> Self:
        """Reads the weights that `save` wrote into a net, in its own memory format; raises as
        `load_weights`."""
        load_weights(net, load_file(path))
        return cls(net)

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x classes, larger is better."""
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


def in_fast_format(net: nn.Module) -> nn.Module:
    """The net in the memory format that is twice as fast, channels last, where all its layers are
    torch's or this project's; a forward of one's own may take views that only the usual one has."""
    homes = {type(layer).__module__.partition(".")[0] for layer in net.modules()}
    if homes <= {"torch", "lenet"}:
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """All that a net's scores depend on, by name, in the layout that files keep; what layers share
    is there once for each."""
    return {
        name: value.clone(memory_format=torch.contiguous_format)
        for name, value in net.state_dict().items()
    }


def load_weights(net: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts weights that come from a file into a net.

    Raises:
        ValueError: other names, shapes or types than the net's, or a value that is not finite.
    """
    own = net.state_dict()
    if odd := sorted(own.keys() ^ weights.keys()):
        raise ValueError(f"{odd[0]} is not in both the file and a {type(net).__name__}")
    for name, value in weights.items():
        if is_lazy(own[name]):  # it takes any shape
            continue
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
