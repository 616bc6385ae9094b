"""The convolutions of the lanes: see kernels.py for the buffers and the rules.

Output map o owns the kernels first[o] to first[o+1]-1 of the layer; kernel q sees input map
source[q]. A full convolution is the table in which every output map sees every input map.
"""

from lenet.learning.lanes.kernels import KERNEL, MARGIN, TILE, compiled, move
from lenet.learning.lanes.vector import broadcast, fma, load, store


@compiled
def conv_forward(lanes, layer, table, parameters, states):
    """Tiles of 2 x 5 outputs."""
    width_in, width = layer.width_in, layer.width
    for o in range(layer.maps):
        for tile_row in range(0, layer.height, 2):
            r = min(tile_row, layer.height - 2)
            for tile_column in range(0, width, 5):
                c = min(tile_column, width - 5)
                a0 = a1 = a2 = a3 = a4 = load(lanes, parameters, layer.bias + o)
                b0 = b1 = b2 = b3 = b4 = a0
                for q in range(table[layer.first + o], table[layer.first + o + 1]):
                    w = layer.weights + q * KERNEL * KERNEL
                    x = (table[layer.source + q] * layer.height_in + r) * width_in + c + layer.x
                    for _ in range(KERNEL):
                        for k in range(KERNEL):
                            weight = load(lanes, parameters, w + k)
                            i, j = x + k, x + k + width_in
                            a0 = fma(weight, load(lanes, states, i), a0)
                            a1 = fma(weight, load(lanes, states, i + 1), a1)
                            a2 = fma(weight, load(lanes, states, i + 2), a2)
                            a3 = fma(weight, load(lanes, states, i + 3), a3)
                            a4 = fma(weight, load(lanes, states, i + 4), a4)
                            b0 = fma(weight, load(lanes, states, j), b0)
                            b1 = fma(weight, load(lanes, states, j + 1), b1)
                            b2 = fma(weight, load(lanes, states, j + 2), b2)
                            b3 = fma(weight, load(lanes, states, j + 3), b3)
                            b4 = fma(weight, load(lanes, states, j + 4), b4)
                        w += KERNEL
                        x += width_in
                y = layer.y + (o * layer.height + r) * width + c
                _store5(lanes, states, y, a0, a1, a2, a3, a4)
                _store5(lanes, states, y + width, b0, b1, b2, b3, b4)


@compiled
def _store5(lanes, array, i, a0, a1, a2, a3, a4):
    store(lanes, array, i, a0)
    store(lanes, array, i + 1, a1)
    store(lanes, array, i + 2, a2)
    store(lanes, array, i + 3, a3)
    store(lanes, array, i + 4, a4)


@compiled
def conv_backward_inputs(lanes, layer, table, parameters, deltas, margins):
    """The derivative by the inputs, in tiles of 7 along a row.

    ``margins`` is room for the outputs' derivatives between four zeros left and right, so
    that no tile has to ask which columns exist.
    """
    zero = broadcast(lanes, 0.0)
    pitch = layer.width + 2 * MARGIN
    for row in range(layer.maps * layer.height):
        for c in range(MARGIN):
            store(lanes, margins, row * pitch + c, zero)
            store(lanes, margins, row * pitch + MARGIN + layer.width + c, zero)
        for c in range(layer.width):
            delta = load(lanes, deltas, layer.y + row * layer.width + c)
            store(lanes, margins, row * pitch + MARGIN + c, delta)
    for i in range(layer.maps_in):
        first, last = table[layer.first_by_source + i], table[layer.first_by_source + i + 1]
        for r in range(layer.height_in):
            top, bottom = max(0, r - layer.height + 1), min(KERNEL, r + 1)
            for tile in range(0, layer.width_in, TILE):
                c = min(tile, layer.width_in - TILE)
                a0 = a1 = a2 = a3 = a4 = a5 = a6 = zero
                for n in range(first, last):
                    q = table[layer.kernel_by_source + n]
                    o = table[layer.owner + q]
                    for k_row in range(top, bottom):
                        w = layer.weights + (q * KERNEL + k_row) * KERNEL
                        d = (o * layer.height + r - k_row) * pitch + MARGIN + c
                        for k in range(KERNEL):
                            weight = load(lanes, parameters, w + k)
                            a0 = fma(weight, load(lanes, margins, d - k), a0)
                            a1 = fma(weight, load(lanes, margins, d - k + 1), a1)
                            a2 = fma(weight, load(lanes, margins, d - k + 2), a2)
                            a3 = fma(weight, load(lanes, margins, d - k + 3), a3)
                            a4 = fma(weight, load(lanes, margins, d - k + 4), a4)
                            a5 = fma(weight, load(lanes, margins, d - k + 5), a5)
                            a6 = fma(weight, load(lanes, margins, d - k + 6), a6)
                x = layer.x + (i * layer.height_in + r) * layer.width_in + c
                _store5(lanes, deltas, x, a0, a1, a2, a3, a4)
                store(lanes, deltas, x + 5, a5)
                store(lanes, deltas, x + 6, a6)


@compiled
def conv_backward_parameters(lanes, layer, table, target, rates, states, deltas):
    """Each weight's derivative is a sum over all outputs of its map: five weights of a kernel's
    row at a time."""
    zero = broadcast(lanes, 0.0)
    for o in range(layer.maps):
        by_bias = zero
        y = layer.y + o * layer.height * layer.width
        for i in range(y, y + layer.height * layer.width):
            by_bias += load(lanes, deltas, i)
        move(lanes, target, rates, layer.bias + o, by_bias)
        for q in range(table[layer.first + o], table[layer.first + o + 1]):
            for k_row in range(KERNEL):
                g0 = g1 = g2 = g3 = g4 = zero
                for r in range(layer.height):
                    x_row = table[layer.source + q] * layer.height_in + r + k_row
                    x = layer.x + x_row * layer.width_in
                    d = y + r * layer.width
                    for c in range(layer.width):
                        delta = load(lanes, deltas, d + c)
                        g0 = fma(delta, load(lanes, states, x + c), g0)
                        g1 = fma(delta, load(lanes, states, x + c + 1), g1)
                        g2 = fma(delta, load(lanes, states, x + c + 2), g2)
                        g3 = fma(delta, load(lanes, states, x + c + 3), g3)
                        g4 = fma(delta, load(lanes, states, x + c + 4), g4)
                w = layer.weights + (q * KERNEL + k_row) * KERNEL
                move(lanes, target, rates, w, g0)
                move(lanes, target, rates, w + 1, g1)
                move(lanes, target, rates, w + 2, g2)
                move(lanes, target, rates, w + 3, g3)
                move(lanes, target, rates, w + 4, g4)
