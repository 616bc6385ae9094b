"""A trained net as ONNX, for programs that have no torch, checked by onnxruntime."""

import copy
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lenet import paper
from lenet.data import VIEWS, stand_in
from lenet.errors import InputError
from lenet.experiment import LoadedClassifier
from lenet.nets import Subsampling, TrainedNet

CHECKED, TOLERANCE = 1_000, 1e-5  # digits; of scores, relative to the largest
INPUT, OUTPUT = "digits", "scores"


class _Subsampling(nn.Module):
    """As `Subsampling`, to the bit; the exporter leaves out that its pooling adds, not averages."""

    def __init__(self, layer: Subsampling) -> None:
        super().__init__()
        self.copies, self.weight, self.bias = layer.copies, layer.weight, layer.bias

    def forward(self, x: Tensor) -> Tensor:
        total = 4 * F.avg_pool2d(x, 2)
        if self.copies > 1:
            total = total.repeat_interleave(self.copies, 1)
        return total * self.weight[:, None, None] + self.bias[:, None, None]


class _Nets(nn.Module):
    """The scores of nets, added: of digits as they see them, or in the regular view of N x 28 x 28
    greys from 0, paper, to 255, ink."""

    def __init__(self, nets: Iterable[nn.Module], from_greys: bool) -> None:
        super().__init__()
        self.nets = nn.ModuleList(map(copy.deepcopy, nets))
        self.from_greys = from_greys
        for name, layer in list(self.named_modules()):
            if isinstance(layer, Subsampling):
                self.set_submodule(name, _Subsampling(layer))

    def forward(self, digits: Tensor) -> Tensor:
        if self.from_greys:
            ink = digits[:, None] / 255
            digits = ink * (paper.FOREGROUND - paper.BACKGROUND) + paper.BACKGROUND
        first, *others = (net(digits) for net in self.nets)
        return sum(others, start=first)


def export(reader: LoadedClassifier, path: Path) -> float:
    """Writes a net, and compares what onnxruntime makes of it with torch; by how much the scores of
    1,000 digits differ at most.

    Its input is N x 28 x 28 float32, greys from 0 to 255. A net that sees digits otherwise than
    they are (deslanted, 16x16) takes them as it sees them, N x 1 x H x W.

    Args:
        reader: whose classifier is a net.
        path: where the file goes.

    Raises:
        InputError: it is no net, onnxruntime is not installed, the scores differ.
    """
    try:
        import onnx  # noqa: F401  # torch's exporter needs it
        import onnxruntime
    except ImportError as e:
        raise InputError(f"{e.name} is not installed: pip install -e '.[onnx]'") from e
    nets = getattr(reader.classifier, "nets", [reader.classifier])  # of a boosted one, three
    if not all(isinstance(net, TrainedNet) for net in nets):
        raise InputError(f"{reader.name} is made of more than nets, and ONNX is for nets alone")
    digits, from_greys = stand_in().train_images[:CHECKED], reader.view == "regular"
    seen = digits.float() if from_greys else VIEWS[reader.view](digits)
    net = _Nets((each.net for each in nets), from_greys)
    net = net.cpu().to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter that needs fewer packages is the older one
        torch.onnx.export(
            net,
            (seen[:2],),
            str(path),
            dynamo=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "N"}, OUTPUT: {0: "N"}},
        )
    expected = reader.classifier.scores(VIEWS[reader.view](digits))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [scores] = session.run([OUTPUT], {INPUT: seen.numpy()})
    differ = float(np.abs(scores - expected).max() / max(1.0, np.abs(expected).max()))
    if not differ <= TOLERANCE:
        path.unlink()
        raise InputError(f"{reader.name}: its ONNX file gives other scores ({differ:.1e})")
    return differ
