"""The gradient of a mini-batch as autograd gives it, sooner: 16 digits of the batch in the lanes.

A thread takes 16 digits through all layers and back before it takes the next, so that what lies
between two layers stays in its caches. What full layers take in and give back is kept digit by
digit, since their gradients are products of matrices over all digits of the thread. Each thread
has sums of its own, which are added in a fixed order: the same number of threads, the same bits.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lenet.learning.lanes import kernels
from lenet.learning.lanes.architecture import Architecture, walk
from lenet.learning.lanes.batch_kernels import (
    BLOCK,
    OUTPUTS,
    STEPS,
    UNITS,
    conv_backward_inputs,
    conv_backward_weights,
    conv_forward,
    full_backward_inputs,
    full_backward_weights,
    full_forward,
    keep_by_digit,
    pool_backward,
    pool_forward,
    squash_backward,
    squash_forward,
)
from lenet.learning.lanes.engine import check_output, coded
from lenet.learning.lanes.kernels import (
    AVERAGE,
    CONV,
    DOT,
    MAX,
    RBF,
    RELU,
    SCALED_TANH,
    SUBSAMPLING,
    TANH,
    compiled,
    rbf_backward,
    rbf_forward,
    scaled_tanh_backward,
    scaled_tanh_forward,
    subsampling_backward,
    subsampling_forward,
)
from lenet.learning.lanes.passes import derive, entry_point, show
from lenet.learning.lanes.vector import LaneCount, broadcast, buffer, load, store, total
from lenet.learning.losses import Loss
from lenet.nets import EuclideanRBF, Pad, ScaledTanh, SparseConv, Subsampling

WIDTH = 16
KEPT = np.dtype(
    [(field, np.int64) for field in ("inputs", "inputs_pitch", "deltas", "deltas_pitch")]
)
_KINDS = {
    nn.AvgPool2d: kernels.AVERAGE,
    nn.MaxPool2d: kernels.MAX,
    nn.Tanh: kernels.TANH,
    nn.ReLU: kernels.RELU,
}
_KNOWN = (
    *(Pad, nn.ConstantPad2d, nn.Conv2d, SparseConv, Subsampling, ScaledTanh, nn.Flatten),
    *(nn.Linear, EuclideanRBF, *_KINDS),
)


@entry_point
def share_of_gradient(lanes, net, losses, weights, images, labels, batch, room, gradient):
    """What some of a batch's digits add to the derivatives of its mean loss.

    Args:
        net: layers, centres, margin, and where each full layer's digits are kept.
        weights: of all layers, with room behind them for a tile.
        batch: digits in the whole batch.
        room: the buffers of the thread.
        gradient: gets the derivatives, in the order of ``weights``.

    Returns:
        the sum of the losses of these digits, and how many are wrong
    """
    layers, _, pad, kept = net
    states, deltas, sums, spread, _, by_digit, block = room
    width, last, part = len(losses[0]), layers[-1], np.float32(1 / batch)
    label, loss, wrong = np.zeros(width, np.int64), 0.0, 0
    _spread(lanes, layers, weights, spread)
    sums[:] = 0
    for first in range(0, len(images), width):
        used = min(width, len(images) - first)
        for lane in range(used):
            label[lane] = labels[first + lane]
            show(images, first + lane, pad, width, lane, states)
        _forward(lanes, net, weights, states, spread)
        losses_of, errors_of = np.zeros(width), np.zeros(width, np.int64)
        derive(last.y, last.maps, losses, label, states, deltas, losses_of, errors_of)
        loss += losses_of[:used].sum()
        wrong += errors_of[:used].sum()
        for i in range(last.y, last.y + last.maps):
            for lane in range(width):
                deltas[i * width + lane] *= part if lane < used else np.float32(0)
        _backward(lanes, width, net, weights, first, room)
    for n in range(len(layers)):
        layer = layers[n]
        if layer.kind == DOT:
            digits = -(-len(images) // width) * width
            full_backward_weights(
                lanes, width, layer, kept[n], digits, by_digit, block, gradient
            )
        elif layer.kind in (CONV, SUBSAMPLING):
            for i in range(layer.weights, layer.bias + layer.maps):
                gradient[i] = total(load(lanes, sums, i))
    return loss, wrong


@compiled
def _spread(lanes, layers, weights, spread):
    """Groups of the parameters that kernels.py wants as such."""
    for n in range(len(layers)):
        if layers[n].kind == SUBSAMPLING:
            for i in range(layers[n].weights, layers[n].bias + layers[n].maps):
                store(lanes, spread, i, broadcast(lanes, weights[i]))


@compiled
def _forward(lanes, net, weights, states, spread):
    layers, centres, _, _ = net
    for n in range(len(layers)):
        layer = layers[n]
        if layer.kind == CONV:
            conv_forward(lanes, layer, weights, states)
        elif layer.kind == DOT:
            full_forward(lanes, layer, weights, states)
        elif layer.kind == SUBSAMPLING:
            subsampling_forward(lanes, layer, spread, states)
        elif layer.kind in (AVERAGE, MAX):
            pool_forward(lanes, layer, states)
        elif layer.kind == SCALED_TANH:
            scaled_tanh_forward(lanes, layer, states)
        elif layer.kind in (TANH, RELU):
            squash_forward(lanes, layer, states)
        elif layer.kind == RBF:
            rbf_forward(lanes, layer, centres, states)


@compiled
def _backward(lanes, width, net, weights, first, room):
    """From the derivatives by the scores to all others, of the digits from ``first`` on."""
    layers, centres, _, kept = net
    states, deltas, sums, spread, minus_one, by_digit, _ = room
    for n in range(len(layers) - 1, -1, -1):
        layer = layers[n]
        if layer.kind == CONV:
            conv_backward_weights(lanes, layer, states, deltas, sums)
            if layer.x > 0:  # nobody asks for the derivative by the image
                conv_backward_inputs(lanes, layer, weights, deltas)
        elif layer.kind == DOT:
            at, pitch = kept[n].inputs, kept[n].inputs_pitch
            keep_by_digit(width, states, layer.x, layer.area, by_digit, at + first * pitch, pitch)
            at, pitch = kept[n].deltas, kept[n].deltas_pitch
            keep_by_digit(width, deltas, layer.y, layer.maps, by_digit, at + first * pitch, pitch)
            full_backward_inputs(lanes, layer, weights, deltas)
        elif layer.kind == SUBSAMPLING:
            subsampling_backward(lanes, layer, spread, sums, minus_one, states, deltas)
        elif layer.kind in (AVERAGE, MAX):
            pool_backward(lanes, layer, states, deltas)
        elif layer.kind == SCALED_TANH:
            scaled_tanh_backward(lanes, layer, states, deltas, False)
        elif layer.kind in (TANH, RELU):
            squash_backward(lanes, layer, states, deltas)
        elif layer.kind == RBF:
            rbf_backward(lanes, layer, centres, states, deltas, False)


class BatchLanes:
    """The loss of a net for a batch, differentiable: autograd gets its gradient from the lanes.

    Args:
        net: of layers that the lanes know, one after the other, a convolution among them.
        loss: as of `Lanes`.
        size: side of the square images, before the net's own padding.
        threads: that share a batch.

    Raises:
        ValueError: a net or a loss that the lanes do not know.
    """

    def __init__(self, net: nn.Module, loss: Loss, size: int, threads: int) -> None:
        self.layers = list(_layers(net))
        check_output(net, loss)
        self.architecture = _Shared.of(net, size)
        self.losses = coded([loss] * WIDTH)
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._rooms: dict[int, Any] = {}
        widest = max(layer["area"] for layer in self.architecture.layers)
        self._behind = torch.zeros(UNITS.rows * widest)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """N x 1 x size x size and N -> the mean loss, and with it, detached, the share of errors."""
        weights = [weight.reshape(-1) for layer in self.layers for weight in _weights(layer)]
        flat = torch.cat([*weights, self._behind])
        loss, kept = _Step.apply(flat, self, images, labels)
        return loss, kept

    def gradient(self, weights: Tensor, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The derivatives of the mean loss by the weights, one after the other; loss and share of
        errors."""
        pixels, classes, flat = images[:, 0].numpy(), labels.numpy(), weights.detach().numpy()
        batch = len(labels)
        chunks = -(-batch // WIDTH)
        ends = [min(batch, WIDTH * (chunks * t // self.threads)) for t in range(self.threads + 1)]
        ends[-1] = batch

        def of_share(thread: int) -> tuple[NDArray[np.float32], float, int]:
            share = slice(ends[thread], ends[thread + 1])
            net, room, gradient = self._room(thread, -(-(share.stop - share.start) // WIDTH))
            loss, wrong = share_of_gradient(
                *(LaneCount(WIDTH), net, self.losses, flat),
                *(pixels[share], classes[share], batch, room, gradient),
            )
            return gradient, loss, wrong

        others = [self._pool.submit(of_share, t) for t in range(1, self.threads)] if self._pool else []
        shares = [of_share(0), *(other.result() for other in others)]
        gradient = torch.from_numpy(sum(share[0] for share in shares))
        kept = [sum(share[n] for share in shares) / batch for n in (1, 2)]
        return gradient, torch.tensor(kept)

    def _room(self, thread: int, chunks: int) -> Any:
        """The net and the buffers of a thread for so many times 16 digits."""
        if (thread, chunks) not in self._rooms:
            self._rooms[thread, chunks] = self._make_room(chunks * WIDTH)
        return self._rooms[thread, chunks]

    def _make_room(self, digits: int) -> Any:
        layers, _, centres, pad = self.architecture.compiled_form()
        kept, size = np.zeros(len(layers), KEPT), 0
        for n, layer in enumerate(layers):
            if layer["kind"] == kernels.DOT:
                row = BLOCK.columns * WIDTH
                pitches = (_up(layer["area"], row), _up(layer["maps"], BLOCK.rows))
                kept[n] = (size, pitches[0], size + digits * pitches[0], pitches[1])
                size += digits * sum(pitches)
                size = _up(size, WIDTH)
        front = min(
            (layer["weights"] for layer in layers if layer["kind"] == kernels.DOT),
            default=self.architecture.parameters,
        )
        states, deltas = (
            buffer((self.architecture.states + UNITS.rows) * WIDTH) for _ in range(2)
        )
        states[:] = self.architecture.background
        sums, spread, minus_one = (buffer(front * WIDTH) for _ in range(3))
        minus_one[:] = -1
        block = buffer(BLOCK.rows * BLOCK.columns * WIDTH)
        room = states, deltas, sums, spread, minus_one, buffer(size), block
        gradient = np.zeros(self.architecture.parameters + len(self._behind), np.float32)
        return (layers, centres, pad, kept), room, gradient


class _Step(torch.autograd.Function):
    """Hands autograd what the lanes have found."""

    @staticmethod
    def forward(
        ctx: Any, weights: Tensor, lanes: BatchLanes, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.gradient, kept = lanes.gradient(weights, images, labels)
        ctx.mark_non_differentiable(kept)
        return kept[0].clone(), kept

    @staticmethod
    def backward(ctx: Any, by_loss: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        return ctx.gradient * by_loss, None, None, None


class _Shared(Architecture):
    """With the layers of today's nets; a sparse layer is a full one some of whose weights are 0."""

    def _append(self, layer: nn.Module) -> None:
        maps, height, width = self.shape
        if type(layer) in (nn.AvgPool2d, nn.MaxPool2d):
            assert isinstance(layer, nn.AvgPool2d | nn.MaxPool2d)
            plain = type(layer)(2)
            if repr(layer) != repr(plain) or height % 2 or width % 2:
                raise ValueError(f"{layer}")
            self._add(_KINDS[type(layer)], (maps, height // 2, width // 2))
        elif type(layer) in _KINDS:
            self._add(_KINDS[type(layer)], self.shape)
        elif isinstance(layer, SparseConv):
            full = (tuple(range(layer.in_maps)),) * len(layer.table)
            self._append_convolution(layer, full)
        else:
            super()._append(layer)
        if self.layers and self.layers[-1]["kind"] == kernels.CONV:
            last = self.layers[-1]


def _layers(net: nn.Module) -> Iterator[nn.Module]:
    for _, layer in walk(net):
        yield layer


def _weights(layer: nn.Module) -> list[Tensor]:
    """In the order of the lanes."""
    if isinstance(layer, SparseConv):
        return [layer.dense_weight(), layer.bias]
    return list(layer.parameters(recurse=False))


def _up(number: int, step: int) -> int:
    """The next multiple of a step."""
    return -(-number // step) * step
