"""The gradient of a mini-batch as autograd gives it, sooner: 16 digits of the batch in the lanes.

A thread takes 16 digits through all layers and back before it takes the next, so that what lies
between two layers stays in its caches. What full layers take in and give back is kept digit by
digit, since their gradients are products of matrices over all digits of its share. Each share of
a batch, one a thread, has sums of its own, which are added in a fixed order: the same number of
threads, the same bits.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lenet.learning.lanes.architecture import Architecture, walk
from lenet.learning.lanes.batch_kernels import (
    BLOCK,
    INPUTS,
    OUTPUTS,
    STEPS,
    UNITS,
    centres_of,
    conv_backward_inputs,
    conv_backward_weights,
    conv_forward,
    full_backward_inputs,
    full_backward_weights,
    full_forward,
    keep_by_digit,
    learned_rbf_backward_weights,
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
    LEARNED_RBF,
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
    [(field, np.int64) for field in ("digits", "inputs", "inputs_pitch", "deltas", "deltas_pitch")]
)
KINDS: dict[type[nn.Module], int] = {
    nn.AvgPool2d: AVERAGE,
    nn.MaxPool2d: MAX,
    nn.Tanh: TANH,
    nn.ReLU: RELU,
}
KNOWN = (
    *(Pad, nn.ConstantPad2d, nn.Conv2d, SparseConv, Subsampling, ScaledTanh, nn.Flatten),
    *(nn.Linear, EuclideanRBF, *KINDS),
)


@entry_point
def share_of_gradient(lanes, net, losses, weights, images, labels, batch, room, gradient):
    """What some of a batch's digits add to the derivatives of its mean loss.

    Args:
        net: layers, centres, margin, and where each full layer's digits are kept.
        weights: of all layers, with room behind them for a tile.
        batch: digits in the whole batch.
        room: the buffers of the share.
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
            full_backward_weights(lanes, width, layer, kept[n], by_digit, block, gradient)
        elif layer.kind == LEARNED_RBF:
            learned_rbf_backward_weights(
                lanes, width, layer, weights, kept[n], by_digit, block, gradient
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
        elif layer.kind == LEARNED_RBF:
            rbf_forward(lanes, layer, centres_of(layer, weights), states)


@compiled
def _backward(lanes, width, net, weights, first, room):
    """From the derivatives by the scores to all others, of the digits from ``first`` on."""
    layers, centres, _, kept = net
    states, deltas, sums, spread, minus_one, by_digit, _ = room
    for n in range(len(layers) - 1, -1, -1):
        layer = layers[n]
        if layer.kind in (DOT, LEARNED_RBF):
            at, pitch = kept[n].inputs, kept[n].inputs_pitch
            keep_by_digit(width, states, layer.x, layer.area, by_digit, at + first * pitch, pitch)
            at, pitch = kept[n].deltas, kept[n].deltas_pitch
            keep_by_digit(width, deltas, layer.y, layer.maps, by_digit, at + first * pitch, pitch)
        if layer.kind == CONV:
            conv_backward_weights(lanes, layer, states, deltas, sums)
            if layer.x > 0:  # nobody asks for the derivative by the image
                conv_backward_inputs(lanes, layer, weights, deltas)
        elif layer.kind == DOT:
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
        elif layer.kind == LEARNED_RBF:
            rbf_backward(lanes, layer, centres_of(layer, weights), states, deltas, False)


class BatchLanes:
    """The loss of a net for a batch, for autograd, which gets the gradient from the lanes.

    Args:
        net: layers that the lanes know, one after the other, a convolution among them. It keeps its
            weights, which are read anew for each batch.
        loss: as of `Lanes`.
        size: side of the square images, before the net's own padding.
        threads: that share a batch.

    Raises:
        ValueError: a net or a loss that the lanes do not know.
    """

    def __init__(self, net: nn.Module, loss: Loss, size: int, threads: int) -> None:
        _check(net)
        check_output(net, loss)
        self.architecture = _Shared.of(net, size)
        if not any(layer["kind"] == CONV for layer in self.architecture.layers):
            raise ValueError("without a convolution torch is as fast")
        self._weights = [own for _, layer in walk(net) for own in _weights(layer)]
        self.losses = coded([loss] * WIDTH)
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads)
        self._rooms: dict[tuple[int, int], _Room] = {}
        widest = max(layer["area"] for layer in self.architecture.layers)
        self._behind = torch.zeros(UNITS.rows * widest)  # where a tile goes beyond the last layer

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """N x 1 x size x size and N -> the mean loss, and a tensor of it and the share of errors,
        which autograd does not see."""
        weights = [
            own.dense_weight() if isinstance(own, SparseConv) else own for own in self._weights
        ]
        loss, kept = _Step.apply(self, images, labels, *weights)
        return loss, kept

    def gradient(
        self, weights: Sequence[Tensor], images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The derivatives of the mean loss by all weights, one after the other, and (2,) the loss
        and the share of errors."""
        pixels, classes, batch = images[:, 0].contiguous().numpy(), labels.numpy(), len(labels)
        flat = torch.cat([*(weight.flatten() for weight in weights), self._behind]).numpy()
        chunks = _times(batch, WIDTH)

        def of_share(number: int) -> tuple[NDArray[np.float32], float, int]:
            first, end = (WIDTH * (chunks * n // self.threads) for n in (number, number + 1))
            room = self._room(number, (end - first) // WIDTH)
            loss, wrong = share_of_gradient(
                *(LaneCount(WIDTH), room.net, self.losses, flat),
                *(pixels[first:end], classes[first:end], batch, room.buffers, room.gradient),
            )
            return room.gradient, loss, wrong

        others = [self._pool.submit(of_share, number) for number in range(1, self.threads)]
        shares = [of_share(0)]
        for number, other in enumerate(others, start=1):  # what waits for a core is done here
            shares.append(of_share(number) if other.cancel() else other.result())
        gradients, losses, errors = zip(*shares, strict=True)
        return torch.from_numpy(sum(gradients)), torch.tensor([sum(losses), sum(errors)]) / batch

    def _room(self, share: int, chunks: int) -> "_Room":
        """Of a share of a batch, for so many times 16 digits."""
        if (share, chunks) not in self._rooms:
            self._rooms[share, chunks] = _Room(self.architecture, chunks * WIDTH)
        return self._rooms[share, chunks]


class _Room:
    """What the computation of a share of a batch needs.

    Attributes:
        net, buffers: as `share_of_gradient` takes them.
        gradient: what it fills.
    """

    def __init__(self, architecture: Architecture, digits: int) -> None:
        layers, _, centres, pad = architecture.compiled_form()
        kept, size, front = np.zeros(len(layers), KEPT), 0, architecture.parameters
        for n, layer in enumerate(layers):
            if layer["kind"] in (DOT, LEARNED_RBF):
                front = min(front, layer["weights"])
                row = BLOCK.columns * WIDTH * _times(layer["area"], BLOCK.columns * WIDTH)
                units = BLOCK.rows * _times(layer["maps"], BLOCK.rows)
                kept[n] = digits, size, row, size + digits * row, units
                size += digits * (row + units)  # a multiple of 16, as digits are
        states, deltas = (buffer((architecture.states + UNITS.rows) * WIDTH) for _ in range(2))
        states[:] = architecture.background  # the margin stays, all else is written over
        sums, spread, minus_one = (buffer(front * WIDTH) for _ in range(3))
        minus_one[:] = -1  # the "rates" of kernels that step
        block = buffer(BLOCK.rows * BLOCK.columns * WIDTH)
        self.net = layers, centres, pad, kept
        self.buffers = states, deltas, sums, spread, minus_one, buffer(size), block
        self.gradient = np.zeros(architecture.parameters, np.float32)


class _Step(torch.autograd.Function):
    """Hands autograd what the lanes have found."""

    @staticmethod
    def forward(
        ctx: Any, lanes: BatchLanes, images: Tensor, labels: Tensor, *weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.gradient, kept = lanes.gradient(weights, images, labels)
        ctx.shapes = [weight.shape for weight in weights]
        ctx.mark_non_differentiable(kept)
        return kept[0].clone(), kept

    @staticmethod
    def backward(ctx: Any, *by: Tensor) -> tuple[Tensor | None, ...]:
        parts = (ctx.gradient * by[0]).split([shape.numel() for shape in ctx.shapes])
        views = (part.view(shape) for part, shape in zip(parts, ctx.shapes, strict=True))
        return None, None, None, *views


class _Shared(Architecture):
    """With the layers of today's nets. A sparse layer is a full one, some of its weights 0."""

    def _append(self, layer: nn.Module) -> None:
        maps, height, width = self.shape
        if isinstance(layer, SparseConv):
            seen = tuple(range(layer.in_maps))
            self._append_convolution(layer, (seen,) * len(layer.table))
        elif isinstance(layer, nn.AvgPool2d | nn.MaxPool2d):
            plain = type(layer)(2)
            odd = any(getattr(layer, n) != getattr(plain, n) for n in plain.__constants__)
            if odd or height % 2 or width % 2:
                raise ValueError(f"{layer} on maps of {height}x{width}: only two by two, no margin")
            self._add(KINDS[type(layer)], (maps, height // 2, width // 2))
        elif type(layer) in KINDS:
            self._add(KINDS[type(layer)], self.shape)
        elif isinstance(layer, EuclideanRBF) and layer.centres.requires_grad:
            self._append_full(len(layer.centres))  # which has a weight where this has a centre
            self.layers[-1]["kind"] = LEARNED_RBF
        else:
            super()._append(layer)
        if self.layers and self.layers[-1]["kind"] == CONV:
            self._check_tiles(self.layers[-1])

    def _check_tiles(self, layer: dict[str, int]) -> None:
        fits = layer["maps"] % OUTPUTS.rows == 0 and layer["width"] % STEPS.columns == 0
        if layer["x"] > 0:  # the derivative by the inputs is asked for
            fits = fits and layer["maps_in"] % INPUTS.rows == 0
        if not fits or layer["width"] < OUTPUTS.columns:
            raise ValueError("its maps or columns do not come in pairs")


def _check(net: nn.Module) -> None:
    """Raises ValueError unless a net is layers one after the other, each just what it is called."""
    if type(net).forward is not nn.Sequential.forward:
        raise ValueError(f"{type(net).__name__} has a forward of its own")
    for layer in net.modules():
        if type(layer) not in KNOWN and type(layer).forward is not nn.Sequential.forward:
            raise ValueError(f"{type(layer).__name__} is no layer that the lanes know")
        if layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks:
            raise ValueError(f"{type(layer).__name__} has hooks, which the lanes would pass over")
    if any(weight.dtype != torch.float32 or not weight.is_cpu for weight in net.parameters()):
        raise ValueError("the lanes compute on the processor, in single precision")


def _weights(layer: nn.Module) -> list[Tensor | SparseConv]:
    """A layer's, in the order of the lanes; a sparse layer stands for its dense weights, and RBF
    units that learn have room where others have biases."""
    if isinstance(layer, SparseConv):
        return [layer, layer.bias]
    if isinstance(layer, EuclideanRBF) and layer.centres.requires_grad:
        return [layer.centres, torch.zeros(len(layer.centres))]
    return list(layer.parameters())


def _times(number: int, step: int) -> int:
    """How many steps reach a number."""
    return -(-number // step)
