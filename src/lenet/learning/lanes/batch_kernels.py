"""Layers for a mini-batch, whose digits lie in the lanes: see kernels.py for the buffers.

The digits have the weights in common, so here ``weights`` are single numbers, one after the other
as torch keeps them, and not groups; every output map sees every input map. ``sums`` are the
derivatives by them, groups still, to be added up over the lanes when all digits are through.
"""

import numpy as np

from lenet import paper
from lenet.learning.lanes.kernels import AVERAGE, KERNEL, TANH, compiled, scaled_tanh
from lenet.learning.lanes.tile import (
    Shape,
    add_correlation,
    add_outer,
    add_spread,
    get,
    put,
    rows_of,
    zeros,
)
from lenet.learning.lanes.vector import broadcast, load, store, where_greater

OUTPUTS = Shape(2, 5)  # of a convolution: maps, columns
STEPS = Shape(1, 2)  # columns of outputs that are gone through at once
INPUTS = Shape(2, STEPS.columns + KERNEL - 1)  # maps, columns that these outputs see
TAPS = Shape(KERNEL, KERNEL)
UNITS = Shape(10, 1)  # of a full layer
BLOCK = Shape(10, 2)  # of a full layer's gradient: units, groups of inputs
_STEEPER, _SMALLER = 1 / paper.SQUASH_SLOPE, 1 / paper.SQUASH_AMPLITUDE


@compiled
def conv_forward(lanes, layer, weights, states):
    """Where a tile does not divide a row, the last one moves back to fit."""
    pitch = layer.maps_in * layer.area
    for r in range(layer.height):
        for tile in range(0, layer.width, OUTPUTS.columns):
            c = min(tile, layer.width - OUTPUTS.columns)
            for o in range(0, layer.maps, OUTPUTS.rows):
                out = rows_of(lanes, OUTPUTS, weights, layer.bias + o)
                w = layer.weights + o * pitch
                for i in range(layer.maps_in):
                    x = layer.x + (i * layer.height_in + r) * layer.width_in + c
                    for _ in range(KERNEL):
                        for k in range(KERNEL):
                            out = add_outer(out, weights, w + k, pitch, states, x + k)
                        w += KERNEL
                        x += layer.width_in
                y = layer.y + (o * layer.height + r) * layer.width + c
                put(out, states, y, layer.height * layer.width)


@compiled
def conv_backward_inputs(lanes, layer, weights, deltas):
    pitch, area_in = layer.maps_in * layer.area, layer.height_in * layer.width_in
    for i in range(layer.maps_in * area_in):
        store(lanes, deltas, layer.x + i, broadcast(lanes, 0.0))
    for r in range(layer.height_in):
        top, bottom = max(0, r - layer.height + 1), min(KERNEL, r + 1)
        for i in range(0, layer.maps_in, INPUTS.rows):
            for c in range(0, layer.width, STEPS.columns):
                x = layer.x + i * area_in + r * layer.width_in + c
                by_input = get(lanes, INPUTS, deltas, x, area_in)
                for o in range(layer.maps):
                    for k_row in range(top, bottom):
                        w = layer.weights + o * pitch + i * layer.area + k_row * KERNEL
                        y = layer.y + (o * layer.height + r - k_row) * layer.width + c
                        by_input = add_spread(by_input, weights, w, layer.area, deltas, y, TAPS)
                put(by_input, deltas, x, area_in)


@compiled
def conv_backward_weights(lanes, layer, states, deltas, sums):
    for o in range(layer.maps):
        y = layer.y + o * layer.height * layer.width
        by_bias = load(lanes, sums, layer.bias + o)
        for i in range(layer.height * layer.width):
            by_bias += load(lanes, deltas, y + i)
        store(lanes, sums, layer.bias + o, by_bias)
        for i in range(layer.maps_in):
            w = layer.weights + (o * layer.maps_in + i) * layer.area
            by_kernel = get(lanes, TAPS, sums, w, KERNEL)
            for r in range(layer.height):
                x = layer.x + (i * layer.height_in + r) * layer.width_in
                for c in range(0, layer.width, STEPS.columns):
                    d = y + r * layer.width + c
                    by_kernel = add_correlation(
                        by_kernel, deltas, d, STEPS, states, x + c, layer.width_in
                    )
            put(by_kernel, sums, w, KERNEL)


@compiled
def full_forward(lanes, layer, weights, states):
    """The last tile may go beyond the layer: what it writes there, the next layer writes over."""
    for o in range(0, layer.maps, UNITS.rows):
        out = rows_of(lanes, UNITS, weights, layer.bias + o)
        w = layer.weights + o * layer.area
        for i in range(layer.area):
            out = add_outer(out, weights, w + i, layer.area, states, layer.x + i)
        put(out, states, layer.y + o, 1)


@compiled
def full_backward_inputs(lanes, layer, weights, deltas):
    """The last tile may go beyond the inputs, into this layer's deltas, once they are used."""
    for i in range(0, layer.area, UNITS.rows):
        by_input = zeros(lanes, UNITS)
        for o in range(layer.maps):
            w = layer.weights + o * layer.area + i
            by_input = add_outer(by_input, weights, w, 1, deltas, layer.y + o)
        put(by_input, deltas, layer.x + i, 1)


@compiled
def keep_by_digit(width, states, first, count, by_digit, place, pitch):
    """Writes the groups from ``first`` on as ``width`` rows, one a digit."""
    for lane in range(width):
        for i in range(count):
            by_digit[place + lane * pitch + i] = states[(first + i) * width + lane]


@compiled
def full_backward_weights(lanes, width, layer, kept, by_digit, block, gradient):
    """The product of two matrices, digits x units and digits x inputs, block by block; their rows
    have room for whole blocks."""
    for o in range(0, layer.maps, BLOCK.rows):
        for g in range(0, kept.inputs_pitch // width, BLOCK.columns):
            products = zeros(lanes, BLOCK)
            for n in range(kept.digits):
                d = kept.deltas + n * kept.deltas_pitch + o
                x = (kept.inputs + n * kept.inputs_pitch) // width + g
                products = add_outer(products, by_digit, d, 1, by_digit, x)
            put(products, block, 0, BLOCK.columns)
            row = BLOCK.columns * width
            for a in range(min(BLOCK.rows, layer.maps - o)):
                w = layer.weights + (o + a) * layer.area + g * width
                for b in range(min(row, layer.area - g * width)):
                    gradient[w + b] = block[a * row + b]
    for o in range(layer.maps):
        by_bias = np.float32(0.0)
        for n in range(kept.digits):
            by_bias += by_digit[kept.deltas + n * kept.deltas_pitch + o]
        gradient[layer.bias + o] = by_bias


@compiled
def centres_of(layer, weights):
    """The centres of RBF units that learn, classes x units."""
    return weights[layer.weights : layer.bias].reshape(layer.maps, layer.area)


@compiled
def learned_rbf_backward_weights(lanes, width, layer, weights, kept, by_digit, block, gradient):
    """The scores are -sum_j (x_j - w_ij)^2, so that the derivative by w_ij is 2 (x_j - w_ij) times
    that by the score, of all digits. In place of biases, which such units have not, stand the sums
    of the latter."""
    full_backward_weights(lanes, width, layer, kept, by_digit, block, gradient)
    for o in range(layer.maps):
        for i in range(layer.weights + o * layer.area, layer.weights + (o + 1) * layer.area):
            gradient[i] = 2 * (gradient[i] - weights[i] * gradient[layer.bias + o])


@compiled
def pool_forward(lanes, layer, states):
    """The mean or the largest of two by two."""
    quarter = broadcast(lanes, 0.25)
    for row in range(layer.maps * layer.height):
        for c in range(layer.width):
            i = layer.x + 2 * row * layer.width_in + 2 * c
            a, b = load(lanes, states, i), load(lanes, states, i + 1)
            i += layer.width_in
            d, e = load(lanes, states, i), load(lanes, states, i + 1)
            if layer.kind == AVERAGE:
                out = (a + b + (d + e)) * quarter
            else:
                a, d = where_greater(b, a, b, a), where_greater(e, d, e, d)
                out = where_greater(d, a, d, a)
            store(lanes, states, layer.y + row * layer.width + c, out)


@compiled
def pool_backward(lanes, layer, states, deltas):
    """A quarter to each; or all to the largest, of equals to the first, as torch has it."""
    zero, quarter = broadcast(lanes, 0.0), broadcast(lanes, 0.25)
    for row in range(layer.maps * layer.height):
        for c in range(layer.width):
            i = layer.x + 2 * row * layer.width_in + 2 * c
            y = layer.y + row * layer.width + c
            largest, delta = load(lanes, states, y), load(lanes, deltas, y)
            if layer.kind == AVERAGE:
                delta *= quarter
            for j in (i, i + 1, i + layer.width_in, i + layer.width_in + 1):
                if layer.kind == AVERAGE:
                    store(lanes, deltas, j, delta)
                else:
                    x = load(lanes, states, j)
                    store(lanes, deltas, j, where_greater(largest, x, zero, delta))
                    delta = where_greater(largest, x, delta, zero)


@compiled
def squash_forward(lanes, layer, states):
    """tanh, by the f of 1998, or ReLU; in place."""
    steeper, smaller = broadcast(lanes, _STEEPER), broadcast(lanes, _SMALLER)
    zero = broadcast(lanes, 0.0)
    for i in range(layer.y, layer.y + layer.maps * layer.height * layer.width):
        a = load(lanes, states, i)
        if layer.kind == TANH:
            store(lanes, states, i, smaller * scaled_tanh(lanes, steeper * a))
        else:
            store(lanes, states, i, where_greater(a, zero, a, zero))


@compiled
def squash_backward(lanes, layer, states, deltas):
    """Times the slope, from the output."""
    zero, one = broadcast(lanes, 0.0), broadcast(lanes, 1.0)
    for i in range(layer.y, layer.y + layer.maps * layer.height * layer.width):
        f, delta = load(lanes, states, i), load(lanes, deltas, i)
        if layer.kind == TANH:
            store(lanes, deltas, i, delta * (one - f * f))
        else:
            store(lanes, deltas, i, where_greater(f, zero, delta, zero))
