"""One function pair per kind of layer: ``*_forward`` and ``*_backward``, for all lanes at once.

Buffers are flat float32 arrays of groups of K lanes (see vector.py). A layer reads its inputs
at ``layer.x`` of ``states`` and writes its outputs at ``layer.y``; derivatives of the loss lie at
the same places of ``deltas``. Maps lie one after the other, row by row; weights as torch keeps
them. ``table`` says which input maps an output map sees (see ``architecture._connect``).

The backward functions write the derivative by the inputs, and move ``target`` by minus
``rates`` times the derivative by the parameters: that is the update where ``target`` is
``parameters``. They are linear in the derivatives; given squared weights, squared inputs and second
derivatives they do the recursion of appendix C, in which a shared weight sums over its
connections (see ``passes.curvature``).

Register blocking stands only where a timing showed that it pays: tiles of outputs share every
weight that they load; where a tile does not divide a row, the last one moves back to fit.
"""

import numpy as np
from numba import njit

from lenet import paper
from lenet.learning.lanes.vector import broadcast, clamp, fma, load, store

CONV, DOT, SUBSAMPLING, SCALED_TANH, RBF = range(5)
AVERAGE, MAX, TANH, RELU, LEARNED_RBF = range(5, 10)  # of mini-batches alone: batch_kernels.py
KERNEL = 5  # side of every convolution kernel of 1998; known when compiling, so loops unroll
MARGIN = KERNEL - 1
TILE = 7  # outputs of one tile of conv_backward_inputs
LAYER = np.dtype(
    [
        (field, np.int64)
        for field in (
            "kind",
            *("maps_in", "height_in", "width_in"),
            *("maps", "height", "width"),
            "area",  # weights of one kernel
            *("x", "y"),  # where its inputs and outputs begin, in groups of ``states``
            *("weights", "bias"),  # where its parameters begin, in groups of ``parameters``
            *("first", "source", "first_by_source", "kernel_by_source", "owner"),  # in ``table``
        )
    ]
)

compiled = njit(nogil=True, error_model="numpy")

# f(a) = a P(a^2) / Q(a^2) for |a| <= 11.5, where float32 cannot tell f from its limit any more: a
# minimax fit of the relative error (1.2e-8) by reweighted least squares in double precision;
# evaluated in single precision it is within 6e-7 of 1.7159 tanh(2a/3), and never beyond 1.7159.
_LIMIT = 11.5
_P = (1.1439333, 0.066083692, 6.79350051e-4, 1.01232047e-6, -6.8669731e-10, 5.06926098e-13)
_Q = (1.0, 0.205916926, 4.76267142e-3, 2.10815706e-5)
_A, _SLOPE = paper.SQUASH_AMPLITUDE, paper.SQUASH_SLOPE / paper.SQUASH_AMPLITUDE


@compiled
def scaled_tanh(lanes, a):
    """f(a) = 1.7159 tanh(2a/3) of appendix A as a rational function."""
    a = clamp(a, broadcast(lanes, _LIMIT))
    z = a * a
    p = fma(broadcast(lanes, _P[5]), z, broadcast(lanes, _P[4]))
    p = fma(p, z, broadcast(lanes, _P[3]))
    p = fma(p, z, broadcast(lanes, _P[2]))
    p = fma(p, z, broadcast(lanes, _P[1]))
    p = fma(p, z, broadcast(lanes, _P[0]))
    q = fma(broadcast(lanes, _Q[3]), z, broadcast(lanes, _Q[2]))
    q = fma(q, z, broadcast(lanes, _Q[1]))
    q = fma(q, z, broadcast(lanes, _Q[0]))
    return a * p / q


@compiled
def scaled_tanh_forward(lanes, layer, states):
    """In place: x and y are the same groups."""
    for i in range(layer.y, layer.y + layer.maps * layer.height * layer.width):
        store(lanes, states, i, scaled_tanh(lanes, load(lanes, states, i)))


@compiled
def scaled_tanh_backward(lanes, layer, states, deltas, squared):
    """Times the slope, from the output: f' = (2/3) / 1.7159 (1.7159^2 - f^2)."""
    limit, slope = broadcast(lanes, _A * _A), broadcast(lanes, _SLOPE)
    for i in range(layer.y, layer.y + layer.maps * layer.height * layer.width):
        f = load(lanes, states, i)
        steepness = slope * (limit - f * f)
        if squared:
            steepness = steepness * steepness
        store(lanes, deltas, i, load(lanes, deltas, i) * steepness)


@compiled
def subsampling_forward(lanes, layer, parameters, states):
    """Four inputs added, times the map's coefficient, plus its bias (II.B)."""
    width_in, copies = layer.width_in, layer.maps // layer.maps_in
    for o in range(layer.maps):
        coefficient = load(lanes, parameters, layer.weights + o)
        bias = load(lanes, parameters, layer.bias + o)
        for r in range(layer.height):
            x = layer.x + (o // copies * layer.height_in + 2 * r) * width_in
            y = layer.y + (o * layer.height + r) * layer.width
            for c in range(layer.width):
                i = x + 2 * c
                total = load(lanes, states, i) + load(lanes, states, i + 1)
                total += load(lanes, states, i + width_in) + load(lanes, states, i + width_in + 1)
                store(lanes, states, y + c, fma(coefficient, total, bias))


@compiled
def subsampling_backward(lanes, layer, parameters, target, rates, states, deltas):
    width_in, copies = layer.width_in, layer.maps // layer.maps_in
    for o in range(layer.maps):
        again = o % copies > 0  # another map sees the same inputs and was here before
        coefficient = load(lanes, parameters, layer.weights + o)
        by_coefficient = by_bias = broadcast(lanes, 0.0)
        for r in range(layer.height):
            x = layer.x + (o // copies * layer.height_in + 2 * r) * width_in
            y = layer.y + (o * layer.height + r) * layer.width
            for c in range(layer.width):
                i = x + 2 * c
                delta = load(lanes, deltas, y + c)
                total = load(lanes, states, i) + load(lanes, states, i + 1)
                total += load(lanes, states, i + width_in) + load(lanes, states, i + width_in + 1)
                by_coefficient = fma(delta, total, by_coefficient)
                by_bias += delta
                delta *= coefficient
                for j in (i, i + 1, i + width_in, i + width_in + 1):
                    store(lanes, deltas, j, load(lanes, deltas, j) + delta if again else delta)
        move(lanes, target, rates, layer.weights + o, by_coefficient)
        move(lanes, target, rates, layer.bias + o, by_bias)


@compiled
def move(lanes, target, rates, i, derivative):
    """One parameter's step of minus its rate times the derivative by it."""
    step = load(lanes, rates, i) * derivative
    store(lanes, target, i, load(lanes, target, i) - step)


@compiled
def dot_forward(lanes, layer, table, parameters, states):
    """Units that see whole maps: full layers, and C5, sparse or not."""
    zero = broadcast(lanes, 0.0)
    for o in range(layer.maps):
        a0 = load(lanes, parameters, layer.bias + o)
        a1 = a2 = a3 = zero
        for q in range(table[layer.first + o], table[layer.first + o + 1]):
            w = layer.weights + q * layer.area
            x = layer.x + table[layer.source + q] * layer.area
            whole = layer.area - layer.area % 4
            for t in range(0, whole, 4):
                a0 = fma(load(lanes, parameters, w + t), load(lanes, states, x + t), a0)
                a1 = fma(load(lanes, parameters, w + t + 1), load(lanes, states, x + t + 1), a1)
                a2 = fma(load(lanes, parameters, w + t + 2), load(lanes, states, x + t + 2), a2)
                a3 = fma(load(lanes, parameters, w + t + 3), load(lanes, states, x + t + 3), a3)
            for t in range(whole, layer.area):
                a0 = fma(load(lanes, parameters, w + t), load(lanes, states, x + t), a0)
        store(lanes, states, layer.y + o, (a0 + a1) + (a2 + a3))


@compiled
def dot_backward(lanes, layer, table, parameters, target, rates, states, deltas):
    """Every weight serves one connection, so its step is taken as soon as it was used."""
    zero = broadcast(lanes, 0.0)
    for i in range(layer.maps_in * layer.area):
        store(lanes, deltas, layer.x + i, zero)
    for o in range(layer.maps):
        delta = load(lanes, deltas, layer.y + o)
        move(lanes, target, rates, layer.bias + o, delta)
        minus = zero - delta
        for q in range(table[layer.first + o], table[layer.first + o + 1]):
            w = layer.weights + q * layer.area
            x = layer.x + table[layer.source + q] * layer.area
            for t in range(layer.area):
                weight = load(lanes, parameters, w + t)
                by_input = fma(weight, delta, load(lanes, deltas, x + t))
                step = minus * load(lanes, states, x + t)
                moved = fma(load(lanes, rates, w + t), step, load(lanes, target, w + t))
                store(lanes, deltas, x + t, by_input)
                store(lanes, target, w + t, moved)


@compiled
def rbf_forward(lanes, layer, centres, states):
    """Scores: the negated penalties -y_i = -sum_j (x_j - w_ij)^2 (equation 7)."""
    for o in range(layer.maps):
        penalty = broadcast(lanes, 0.0)
        for t in range(layer.area):
            away = load(lanes, states, layer.x + t) - broadcast(lanes, centres[o, t])
            penalty = fma(away, away, penalty)
        store(lanes, states, layer.y + o, broadcast(lanes, 0.0) - penalty)


@compiled
def rbf_backward(lanes, layer, centres, states, deltas, squared):
    """The second derivative is 2, that of the right class's y_D alone: exact for the MLE loss, and
    steadier than the Gauss-Newton term of the MAP loss, which vanishes where the net is sure."""
    for t in range(layer.area):
        x = load(lanes, states, layer.x + t)
        total = broadcast(lanes, 0.0)
        for o in range(layer.maps):
            away = broadcast(lanes, centres[o, t]) - x
            total = fma(load(lanes, deltas, layer.y + o), away, total)
        total = broadcast(lanes, 2.0) * (broadcast(lanes, 1.0) if squared else total)
        store(lanes, deltas, layer.x + t, total)
