"""Fully connected nets, one pattern per update, with the units of a layer in the lanes.

The first layer holds nearly all weights of such a net; to go through them for each pattern, forward
and backward, would take most of the time. So it is done once for a block of four patterns: each
weight takes the steps of the block before and enters the sums of the next. What these lack, as the
weights have not learned from the patterns before them in their block, is added unit by unit. With
the weights w_oi as the block begins, the rates r_oi, and d_o(s), the derivative of the loss by unit
o's sum for pattern s:

    a_o(t) = sum_i w_oi x_i(t) - sum_{s < t} d_o(s) p_o(s, t)
    p_o(s, t) = sum_i r_oi x_i(s) x_i(t)

This is one update per pattern, but for rounding.

A layer's units come in groups of K. A group's weights lie input by input, K numbers each, its
biases last, as weights of an input that is always 1. Lanes that the last group leaves over stay 0.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lenet.learning.lanes.architecture import Architecture
from lenet.learning.lanes.kernels import (
    DOT,
    SCALED_TANH,
    compiled,
    scaled_tanh_backward,
    scaled_tanh_forward,
)
from lenet.learning.lanes.passes import derive, entry_point
from lenet.learning.lanes.vector import WIDTHS, LaneCount, broadcast, buffer, fma, load, store

BLOCK = 4
K = WIDTHS[0]
LAYER = np.dtype(
    [
        (field, np.int64)
        for field in (
            "inputs",  # the 1 of the biases included
            "units",
            *("maps", "height", "width"),  # groups, 1, 1: as the kernels of f read them
            *("x", "y"),  # where inputs and outputs begin in ``states``, in groups
            "weights",  # where they begin, in groups
            "squashed",
        )
    ]
)


@entry_point
def update(lanes, layers, parameters, rates, losses, images, labels, order, buffers):
    """One update per pattern through ``order``.

    Returns:
        the mean loss and the number of errors, both before each update
    """
    states, deltas, _, block, before, steps, sums, shared = buffers
    first, last, learned = layers[0], layers[-1], (parameters, parameters, rates)
    loss, errors, label = np.zeros(1), np.zeros(1, np.int64), np.empty(1, np.int64)
    block[:] = steps[:] = 0
    for start in range(0, len(order), BLOCK):
        before[:] = block
        block[:] = 0
        count = min(BLOCK, len(order) - start)
        for t in range(count):
            pixels = images[order[start + t]]
            for i in range(len(pixels)):
                block[BLOCK * i + t] = pixels[i]
            block[BLOCK * len(pixels) + t] = 1
        _step_and_sum(lanes, first, parameters, rates, before, steps, block, sums, shared)
        steps[:] = 0
        for t in range(count):
            label[0] = labels[order[start + t]]
            _complete(lanes, first, sums, steps, shared, t, states)
            _forward(lanes, layers, 1, parameters, states)
            derive(last.y * K, last.units, losses, label, states, deltas, loss, errors)
            _backward(lanes, layers, 1, learned, states, buffers, False)
            for g in range(first.maps):
                minus = broadcast(lanes, 0.0) - load(lanes, deltas, first.y + g)
                store(lanes, steps, t * first.maps + g, minus)
    before[:] = block
    _step_and_sum(lanes, first, parameters, rates, before, steps, block, sums, shared)
    return loss / len(order), errors


@entry_point
def curvature(lanes, layers, parameters, images, order, buffers):
    """The diagonal of the Gauss-Newton matrix as ``passes.curvature`` has it."""
    states, deltas, last = buffers[0], buffers[1], layers[-1]
    minus_share = np.full(parameters.size, -1 / len(order), np.float32)
    second = np.zeros_like(parameters)
    summed = (parameters * parameters, second, minus_share)
    for m in range(len(order)):
        _show(layers, images[order[m]], states)
        _forward(lanes, layers, 0, parameters, states)
        deltas[last.y * K : last.y * K + last.units] = 1
        _backward(lanes, layers, 0, summed, states * states, buffers, True)
    return second


@entry_point
def scores(lanes, layers, parameters, images, states):
    """(N, classes)"""
    last = layers[-1]
    result = np.empty((len(images), last.units), np.float32)
    for n in range(len(images)):
        _show(layers, images[n], states)
        _forward(lanes, layers, 0, parameters, states)
        result[n] = states[last.y * K : last.y * K + last.units]
    return result


@compiled
def _show(layers, pixels, states):
    place = layers[0].x * K
    states[place : place + len(pixels)] = pixels
    states[place + len(pixels)] = 1


@compiled
def _step_and_sum(lanes, layer, parameters, rates, before, steps, block, sums, shared):
    """The first layer's updates by the patterns ``before``, and the sums a(t) and p(s, t) of the
    patterns of ``block``: inputs x BLOCK numbers each."""
    zero = broadcast(lanes, 0.0)
    groups = layer.maps
    for g in range(groups):
        d0, d1 = load(lanes, steps, g), load(lanes, steps, groups + g)
        d2, d3 = load(lanes, steps, 2 * groups + g), load(lanes, steps, 3 * groups + g)
        a0 = a1 = a2 = a3 = zero
        p01 = p02 = p12 = p03 = p13 = p23 = zero
        place = layer.weights + g * layer.inputs
        for i in range(layer.inputs):
            rate, j = load(lanes, rates, place + i), BLOCK * i
            step = d0 * broadcast(lanes, before[j])
            step = fma(d1, broadcast(lanes, before[j + 1]), step)
            step = fma(d2, broadcast(lanes, before[j + 2]), step)
            step = fma(d3, broadcast(lanes, before[j + 3]), step)
            weight = fma(rate, step, load(lanes, parameters, place + i))
            store(lanes, parameters, place + i, weight)
            x0, x1 = broadcast(lanes, block[j]), broadcast(lanes, block[j + 1])
            x2, x3 = broadcast(lanes, block[j + 2]), broadcast(lanes, block[j + 3])
            a0, a1 = fma(weight, x0, a0), fma(weight, x1, a1)
            a2, a3 = fma(weight, x2, a2), fma(weight, x3, a3)
            r0, r1, r2 = rate * x0, rate * x1, rate * x2
            p01, p02, p03 = fma(r0, x1, p01), fma(r0, x2, p02), fma(r0, x3, p03)
            p12, p13, p23 = fma(r1, x2, p12), fma(r1, x3, p13), fma(r2, x3, p23)
        store(lanes, sums, g, a0)
        store(lanes, sums, groups + g, a1)
        store(lanes, sums, 2 * groups + g, a2)
        store(lanes, sums, 3 * groups + g, a3)
        store(lanes, shared, g, p01)
        store(lanes, shared, groups + g, p02)
        store(lanes, shared, 2 * groups + g, p12)
        store(lanes, shared, 3 * groups + g, p03)
        store(lanes, shared, 4 * groups + g, p13)
        store(lanes, shared, 5 * groups + g, p23)


@compiled
def _complete(lanes, layer, sums, steps, shared, t, states):
    """The first layer's outputs for pattern t of a block, with the steps of those before it."""
    for g in range(layer.maps):
        total = load(lanes, sums, t * layer.maps + g)
        for s in range(t):
            p = load(lanes, shared, (t * (t - 1) // 2 + s) * layer.maps + g)
            total = fma(load(lanes, steps, s * layer.maps + g), p, total)
        store(lanes, states, layer.y + g, total)
    _finish(lanes, layer, states)


@compiled
def _finish(lanes, layer, states):
    """From sums to outputs, with the 1 of the next layer's biases."""
    if layer.squashed:
        scaled_tanh_forward(lanes, layer, states)
    states[layer.y * K + layer.units] = 1


@compiled
def _forward(lanes, layers, begin, parameters, states):
    zero = broadcast(lanes, 0.0)
    for n in range(begin, len(layers)):
        layer = layers[n]
        x, whole = layer.x * K, layer.inputs - layer.inputs % 4
        for g in range(layer.maps):
            a0 = a1 = a2 = a3 = zero
            w = layer.weights + g * layer.inputs
            for i in range(0, whole, 4):
                x0, x1 = broadcast(lanes, states[x + i]), broadcast(lanes, states[x + i + 1])
                x2, x3 = broadcast(lanes, states[x + i + 2]), broadcast(lanes, states[x + i + 3])
                a0 = fma(load(lanes, parameters, w + i), x0, a0)
                a1 = fma(load(lanes, parameters, w + i + 1), x1, a1)
                a2 = fma(load(lanes, parameters, w + i + 2), x2, a2)
                a3 = fma(load(lanes, parameters, w + i + 3), x3, a3)
            for i in range(whole, layer.inputs):
                a0 = fma(load(lanes, parameters, w + i), broadcast(lanes, states[x + i]), a0)
            store(lanes, states, layer.y + g, (a0 + a1) + (a2 + a3))
        _finish(lanes, layer, states)


@compiled
def _backward(lanes, layers, begin, weights, inputs, buffers, squared):
    """From the derivatives by the scores to those by the sums of layer ``begin`` - 1.

    ``weights`` are the parameters, what is moved by their rates times the derivatives, and the
    rates; ``squared``: second derivatives, see ``passes._backward``.
    """
    parameters, target, rates = weights
    states, deltas, products = buffers[0], buffers[1], buffers[2]
    zero = broadcast(lanes, 0.0)
    for n in range(len(layers) - 1, -1, -1):
        layer = layers[n]
        if layer.squashed:
            scaled_tanh_backward(lanes, layer, states, deltas, squared)
        if n < begin:
            break
        x = layer.x * K
        products[:] = 0
        for g in range(layer.maps):
            delta = load(lanes, deltas, layer.y + g)
            minus = zero - delta
            w = layer.weights + g * layer.inputs
            for i in range(layer.inputs):
                weight, product = load(lanes, parameters, w + i), load(lanes, products, i)
                step = minus * broadcast(lanes, inputs[x + i])
                moved = fma(load(lanes, rates, w + i), step, load(lanes, target, w + i))
                store(lanes, products, i, fma(weight, delta, product))
                store(lanes, target, w + i, moved)
        if n > 0:
            for i in range(layer.inputs - 1):
                total = np.float32(0)
                for lane in range(K):
                    total += products[i * K + lane]
                deltas[x + i] = total


class FullyConnected:
    """One net of full layers, and its buffers: what ``engine.Lanes`` asks of a group of nets.

    Args:
        architecture: see `fits`.
        loss: as ``passes.derive`` reads it, for one lane.
    """

    def __init__(
        self, architecture: Architecture, loss: tuple[NDArray[np.int64], NDArray[np.float64]]
    ) -> None:
        self._lanes, self._loss = LaneCount(K), loss
        layers, x, weights = [], 0, 0
        for n, layer in enumerate(architecture.layers):
            if layer["kind"] == DOT:
                inputs, units = layer["area"] + 1, layer["maps"]
                groups = -(-units // K)
                y = x + inputs // K + 1
                following = architecture.layers[n + 1 : n + 2]
                squashed = bool(following) and following[0]["kind"] == SCALED_TANH
                layers.append((inputs, units, groups, 1, 1, x, y, weights, squashed))
                x, weights = y, weights + groups * inputs
        self._layers = np.array(layers, LAYER)
        first = self._layers[0]
        states = (x + groups + 1) * K
        widest = max(layer[0] for layer in layers)
        block, sums = BLOCK * int(first["inputs"]), int(first["maps"]) * K
        pairs = BLOCK * (BLOCK - 1) // 2
        sizes = (states, states, widest * K, block, block, BLOCK * sums, BLOCK * sums, pairs * sums)
        self._buffers = tuple(buffer(size) for size in sizes)
        self._parameters = buffer(weights * K)

    @staticmethod
    def fits(architecture: Architecture) -> bool:
        """Whether a net has full layers alone, each but the last followed by f."""
        kinds = [layer["kind"] for layer in architecture.layers]
        return not architecture.pad and kinds in (
            [DOT, SCALED_TANH] * (len(kinds) // 2),
            [DOT, SCALED_TANH] * (len(kinds) // 2) + [DOT],
        )

    @property
    def weights(self) -> Tensor:
        """(1, parameters)"""
        return self._unpacked(self._parameters)

    @weights.setter
    def weights(self, weights: Tensor) -> None:
        self._parameters[:] = self._packed(weights)

    def update(
        self,
        pixels: NDArray[np.float32],
        labels: NDArray[np.int64],
        order: NDArray[np.int64],
        rates: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """As ``Lanes.update``: order (1, M), rates (1, parameters)."""
        loss, errors = update(
            *(self._lanes, self._layers, self._parameters, self._packed(rates), self._loss),
            *(_flat(pixels), labels, order[0], self._buffers),
        )
        return torch.from_numpy(loss), torch.from_numpy(errors)

    def curvature(self, pixels: NDArray[np.float32], order: NDArray[np.int64]) -> Tensor:
        """(1, parameters)"""
        arguments = (self._parameters, _flat(pixels), order[0], self._buffers)
        return self._unpacked(curvature(self._lanes, self._layers, *arguments))

    def scores(self, pixels: NDArray[np.float32]) -> Tensor:
        """(1, N, classes)"""
        arguments = (self._parameters, _flat(pixels), self._buffers[0])
        return torch.from_numpy(scores(self._lanes, self._layers, *arguments))[None]

    def _packed(self, row: Tensor) -> NDArray[np.float32]:
        """(1, parameters) in torch's order -> flat, in groups."""
        flat, numbers, begin = buffer(self._parameters.size), row[0].numpy(), 0
        for layer in self._layers:
            inputs, units = int(layer["inputs"]), int(layer["units"])
            end = begin + units * inputs
            weights = numbers[begin : end - units].reshape(units, inputs - 1)
            by_unit = np.zeros((int(layer["maps"]) * K, inputs), np.float32)
            by_unit[:units] = np.column_stack([weights, numbers[end - units : end]])
            place = int(layer["weights"]) * K
            groups = by_unit.reshape(-1, K, inputs).transpose(0, 2, 1)
            flat[place : place + groups.size] = groups.ravel()
            begin = end
        return flat

    def _unpacked(self, flat: NDArray[np.float32]) -> Tensor:
        parts = []
        for layer in self._layers:
            inputs, place = int(layer["inputs"]), int(layer["weights"]) * K
            groups = flat[place : place + int(layer["maps"]) * K * inputs]
            by_unit = groups.reshape(-1, inputs, K).transpose(0, 2, 1).reshape(-1, inputs)
            by_unit = by_unit[: int(layer["units"])]
            parts += [by_unit[:, :-1].ravel(), by_unit[:, -1]]
        return torch.from_numpy(np.concatenate(parts))[None]


def _flat(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1)
