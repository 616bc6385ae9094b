"""The lanes as the rest of the project sees them: torch nets in, torch tensors out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lenet.learning.lanes import passes
from lenet.learning.lanes.architecture import Architecture, walk
from lenet.learning.lanes.fully_connected import FullyConnected
from lenet.learning.lanes.vector import WIDTHS, LaneCount, buffer
from lenet.learning.losses import MAP, MLE, Loss, SquaredError
from lenet.nets import EuclideanRBF, ScaledTanh

_KINDS = {MAP: passes.MAP, MLE: passes.MLE, SquaredError: passes.SQUARED_ERROR}
_OUTPUTS: dict[type, type[nn.Module]] = {
    MAP: EuclideanRBF,
    MLE: EuclideanRBF,
    SquaredError: ScaledTanh,
}


class Lanes:
    """K copies of one net, each with its own weights, order of patterns, rates and loss.

    A lane computes the same bits whatever the other lanes do and however many there are.
    Lanes are computed in groups of 8 or 16, at little more than the price of one net; groups run
    on threads of their own, and the GIL is free meanwhile. Fully connected nets are a group each:
    their units lie in the lanes.

    Args:
        nets: the copies; their weights are taken over, the modules stay as they are until
            ``write_back``.
        losses: one for each net: MAP or MLE where nets end in EuclideanRBF, SquaredError where
            they end in ScaledTanh, torch's cross entropy where they end in Linear.
        size: side of the square images in pixels, before the net's own padding.
        threads: how many threads may compute at once.

    Raises:
        ValueError: a layer that the lanes do not know, nets of different architectures, a
            loss that does not fit the output, or arguments of wrong shapes or ranges.
    """

    def __init__(
        self,
        nets: Sequence[nn.Sequential],
        losses: Sequence[Loss],
        size: int = 28,
        threads: int = 1,
    ) -> None:
        if not nets or len(nets) != len(losses):
            raise ValueError(f"{len(nets)} nets with {len(losses)} losses; give one loss per net")
        self.architecture = Architecture.of(nets[0], size)
        if any(Architecture.of(net, size) != self.architecture for net in nets[1:]):
            raise ValueError("the nets differ in more than their weights; train them apart")
        for loss in losses:
            check_output(nets[0], loss)
        self.threads, self.nets = threads, len(nets)
        fully_connected = FullyConnected.fits(self.architecture)
        many = threads == 1 and len(nets) > WIDTHS[0]
        width = 1 if fully_connected else WIDTHS[1] if many else WIDTHS[0]
        self._slices = [slice(i, i + width) for i in range(0, len(nets), width)]
        self._groups = [
            FullyConnected(self.architecture, coded(losses[part]))
            if fully_connected
            else _Group(self.architecture, width, losses[part])
            for part in self._slices
        ]
        self.weights = torch.stack(
            [nn.utils.parameters_to_vector(net.parameters()).detach() for net in nets]
        )

    @property
    def weights(self) -> Tensor:
        """(K, parameters) float32, a copy, in the order of ``net.parameters()``; assigning it
        restores it. It is all the state there is."""
        return torch.cat([group.weights for group in self._groups])

    @weights.setter
    def weights(self, weights: Tensor) -> None:
        self._check_rows("weights", weights, self.architecture.parameters)
        for group, part in zip(self._groups, self._slices, strict=True):
            group.weights = weights[part]

    def write_back(self, nets: Sequence[nn.Module]) -> None:
        """Copies each lane's weights into its torch net."""
        for net, weights in zip(nets, self.weights, strict=True):
            nn.utils.vector_to_parameters(weights, net.parameters())

    def update(
        self, images: Tensor, labels: Tensor, order: Tensor, rates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One update per pattern, w <- w - rate dE/dw, through each lane's patterns in turn.

        Args:
            images: (N, 1, size, size) or (N, size * size) float32.
            labels: (N,) int64.
            order: (K, M) int64, which images lane k sees, first to last.
            rates: (K, parameters) float32, the step of each parameter.

        Returns:
            (K,) float64 mean loss and (K,) int64 number of errors over the M patterns, each taken
            just before its update.
        """
        self._check_rows("rates", rates, self.architecture.parameters)
        pixels, rows, classes = self._pixels(images), self._rows(images, order), labels.numpy()
        if labels.shape != (len(images),) or not _within(labels, self.architecture.shape[0]):
            raise ValueError(f"labels must be {len(images)} int64 numbers of classes")
        results = self._on_threads(
            lambda group, part: group.update(pixels, classes, rows[part], rates[part])
        )
        losses, errors = zip(*results, strict=True)
        return torch.cat(losses), torch.cat(errors)

    def curvature(self, images: Tensor, order: Tensor) -> Tensor:
        """h: (K, parameters), appendix C's estimate of the second derivatives of the loss by each
        parameter, averaged over each lane's patterns (K, M). The labels do not enter."""
        pixels, rows = self._pixels(images), self._rows(images, order)
        return torch.cat(self._on_threads(lambda group, part: group.curvature(pixels, rows[part])))

    def scores(self, images: Tensor) -> Tensor:
        """(K, N, classes) float32, the scores of every net for every image."""
        pixels = self._pixels(images)
        return torch.cat(self._on_threads(lambda group, _: group.scores(pixels)))

    def _on_threads(self, work: Callable[[Any, slice], Any]) -> list[Any]:
        if len(self._groups) == 1:
            return [work(self._groups[0], self._slices[0])]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(work, self._groups, self._slices))

    def _rows(self, images: Tensor, order: Tensor) -> NDArray[np.int64]:
        if order.ndim != 2 or not order.numel() or not _within(order, len(images)):
            raise ValueError(
                f"order must hold int64 numbers of the {len(images)} images, some a net"
            )
        self._check_rows("order", order, order.shape[1])
        return np.asarray(order.numpy())

    def _pixels(self, images: Tensor) -> NDArray[np.float32]:
        size = self.architecture.size
        if images.dtype != torch.float32 or images[:1].numel() != size * size:
            raise ValueError(
                f"images of {tuple(images.shape[1:])} {images.dtype}, "
                f"expected {size}x{size} torch.float32"
            )
        return images.reshape(-1, size, size).contiguous().numpy()

    def _check_rows(self, name: str, rows: Tensor, columns: int) -> None:
        if rows.shape != (self.nets, columns):
            raise ValueError(
                f"{name} of shape {tuple(rows.shape)}, expected ({self.nets}, {columns})"
            )


class _Group:
    """The nets that share the lanes of one register, and their buffers. Lanes left over repeat
    the first net."""

    def __init__(self, architecture: Architecture, width: int, losses: Sequence[Loss]) -> None:
        self.losses, self.width = losses, width
        self._lanes, self._net = LaneCount(width), architecture.compiled_form()
        self._loss = coded([*losses, *[losses[0]] * (width - len(losses))])
        self._parameters = buffer(architecture.parameters * width)
        states = buffer(architecture.states * width)
        states[:] = architecture.background  # the margin stays, all else is written over
        deltas, margins = (
            buffer(architecture.states * width),
            buffer(architecture.margins * width),
        )
        self._buffers = (states, deltas, margins)

    @property
    def weights(self) -> Tensor:
        return self._by_net(self._parameters)

    @weights.setter
    def weights(self, weights: Tensor) -> None:
        self._parameters[:] = self._by_lane(weights)

    def update(
        self,
        pixels: NDArray[np.float32],
        labels: NDArray[np.int64],
        order: NDArray[np.int64],
        rates: Tensor,
    ) -> tuple[Tensor, Tensor]:
        loss, errors = passes.update(
            *(self._lanes, self._net, self._parameters, self._by_lane(rates), self._loss),
            *(pixels, labels, self._all_lanes(order), self._buffers),
        )
        used = len(self.losses)
        return torch.from_numpy(loss[:used]), torch.from_numpy(errors[:used])

    def curvature(self, pixels: NDArray[np.float32], order: NDArray[np.int64]) -> Tensor:
        return self._by_net(
            passes.curvature(
                *(self._lanes, self._net, self._parameters),
                *(pixels, self._all_lanes(order), self._buffers),
            )
        )

    def scores(self, pixels: NDArray[np.float32]) -> Tensor:
        scores = passes.scores(
            self._lanes, self._net, self._parameters, pixels, self._buffers[0], self.width
        )
        return torch.from_numpy(scores[: len(self.losses)])

    def _all_lanes(self, rows: NDArray[Any]) -> NDArray[Any]:
        spare = np.repeat(rows[:1], self.width - len(rows), axis=0)
        return np.ascontiguousarray(np.concatenate([rows, spare]))

    def _by_lane(self, rows: Tensor) -> NDArray[np.float32]:
        """(nets, n) -> n groups of K numbers, flat."""
        flat = buffer(rows.shape[1] * self.width)
        flat.reshape(-1, self.width)[:] = self._all_lanes(rows.numpy()).T
        return flat

    def _by_net(self, flat: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(
            np.ascontiguousarray(flat.reshape(-1, self.width)[:, : len(self.losses)].T)
        )


def coded(losses: Sequence[Loss]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Each lane's kind of loss and penalty of the rubbish class, for ``passes.derive``."""
    rubbish = [loss.j if isinstance(loss, MAP) else np.inf for loss in losses]
    # cross entropy is MAP's without a class for rubbish
    kinds = [_KINDS.get(type(loss), passes.MAP) for loss in losses]
    return np.array(kinds), np.array(rubbish)


def _within(numbers: Tensor, end: int) -> bool:
    return numbers.dtype == torch.int64 and bool(((numbers >= 0) & (numbers < end)).all())


def check_output(net: nn.Module, loss: Loss) -> None:
    """Raises ValueError unless a loss is one of the lanes' and fits the net's last layer."""
    output = [layer for _, layer in walk(net)][-1]
    wanted = nn.Linear if loss is F.cross_entropy else _OUTPUTS.get(type(loss))
    if wanted is None:
        raise ValueError(f"{loss} is no loss of the lanes")
    if not isinstance(output, wanted):
        raise ValueError(
            f"{loss} needs a net that ends in {wanted.__name__}, not in {type(output).__name__}"
        )
