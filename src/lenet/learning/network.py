"""A trained net as a classifier."""

from pathlib import Path

import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

EVALUATION_BATCH = 500  # fastest on two cores


class Network:
    """Scores of a net, and its file."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def scores(self, images: Tensor) -> NDArray:
        """N x 1 x H x W -> N x 10, larger is better."""
        self.net.eval()
        with torch.inference_mode():
            batches = [self.net(batch) for batch in images.split(EVALUATION_BATCH)]
        return torch.cat(batches).numpy()

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors."""
        state = {name: value.contiguous() for name, value in self.net.state_dict().items()}
        save_file(state, path)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return sum(p.numel() for p in self.net.parameters() if p.requires_grad)
