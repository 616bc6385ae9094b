"""A trained net as a classifier."""

from pathlib import Path
from typing import ClassVar, Self

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
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
        """Reads the weights that `save` wrote into a net, in its own memory format."""
        net.load_state_dict(load_file(path))
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
        save_file(weights_of(self.net), path)


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """All that a net's scores depend on, by name, in the layout that files keep."""
    return {name: value.contiguous() for name, value in net.state_dict().items()}
