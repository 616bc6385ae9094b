"""What the lanes do with patterns, compiled: one-pattern updates, appendix C's second
derivatives, and scores. Buffers and layers are those of kernels.py.
"""

import math

import numpy as np
from numba import njit

from lenet.learning.lanes.convolution import (
    conv_backward_inputs,
    conv_backward_parameters,
    conv_forward,
)
from lenet.learning.lanes.kernels import (
    CONV,
    DOT,
    RBF,
    SCALED_TANH,
    SUBSAMPLING,
    compiled,
    dot_backward,
    dot_forward,
    rbf_backward,
    rbf_forward,
    scaled_tanh_backward,
    scaled_tanh_forward,
    subsampling_backward,
    subsampling_forward,
)

MAP, MLE, SQUARED_ERROR = range(3)
entry_point = njit(nogil=True, error_model="numpy", cache=True)


@entry_point
def update(lanes, net, parameters, rates, losses, images, labels, order, buffers):
    """One update per pattern: lane l goes through ``order[l]``, with its weights as they are
    after the pattern before.

    Returns:
        the mean loss and the number of errors of each lane, both before each update: (K,), (K,)
    """
    layers, pad = net[0], net[3]
    states, deltas, _ = buffers
    width, patterns = order.shape
    loss, errors = np.zeros(width), np.zeros(width, np.int64)
    label = np.empty(width, np.int64)
    for m in range(patterns):
        for lane in range(width):
            label[lane] = labels[order[lane, m]]
            show(images, order[lane, m], pad, width, lane, states)
        _forward(lanes, net, parameters, states)
        derive(layers[-1].y, layers[-1].maps, losses, label, states, deltas, loss, errors)
        _backward(lanes, net, parameters, parameters, rates, states, buffers, False)
    return loss / patterns, errors


@entry_point
def curvature(lanes, net, parameters, images, order, buffers):
    """The diagonal of the Gauss-Newton matrix, averaged over each lane's patterns ``order[l]``.

    Appendix C's recursion is the backward pass with the second derivatives of unit inputs,
    the squares of weights, inputs and slopes in the places of the first ones.
    """
    layers, pad = net[0], net[3]
    states, deltas, _ = buffers
    width, patterns = order.shape
    minus_share = np.full(parameters.size, -1 / patterns, np.float32)  # as "rates": adds shares
    second = np.zeros_like(parameters)
    squares = parameters * parameters
    for m in range(patterns):
        for lane in range(width):
            show(images, order[lane, m], pad, width, lane, states)
        _forward(lanes, net, parameters, states)
        # of 1/2 (s - t)^2 by s, kept for cross entropy, whose p (1 - p) vanishes where the net is
        # sure; an RBF layer asks nothing
        deltas[layers[-1].y * width :] = 1
        _backward(lanes, net, squares, second, minus_share, states * states, buffers, True)
    return second


@entry_point
def scores(lanes, net, parameters, images, states, width):
    """The scores of every lane for every image: (K, N, classes)."""
    layers, pad = net[0], net[3]
    first, classes = layers[-1].y, layers[-1].maps
    result = np.empty((width, len(images), classes), np.float32)
    for n in range(len(images)):
        for lane in range(width):
            show(images, n, pad, width, lane, states)
        _forward(lanes, net, parameters, states)
        for lane in range(width):
            for i in range(classes):
                result[lane, n, i] = states[(first + i) * width + lane]
    return result


@compiled
def show(images, number, pad, width, lane, states):
    """Puts image ``number`` on the input of one lane, inside the margin of background."""
    row = images.shape[2] + 2 * pad
    for r in range(images.shape[1]):
        i = ((r + pad) * row + pad) * width + lane
        for c in range(images.shape[2]):
            states[i + c * width] = images[number, r, c]


@compiled
def _forward(lanes, net, parameters, states):
    layers, table, centres, _ = net
    for n in range(len(layers)):
        layer = layers[n]
        if layer.kind == CONV:
            conv_forward(lanes, layer, table, parameters, states)
        elif layer.kind == DOT:
            dot_forward(lanes, layer, table, parameters, states)
        elif layer.kind == SUBSAMPLING:
            subsampling_forward(lanes, layer, parameters, states)
        elif layer.kind == SCALED_TANH:
            scaled_tanh_forward(lanes, layer, states)
        elif layer.kind == RBF:
            rbf_forward(lanes, layer, centres, states)


@compiled
def _backward(lanes, net, parameters, target, rates, inputs, buffers, squared):
    """From the derivatives by the scores to all others; ``squared``: second derivatives, where
    ``parameters`` and ``inputs`` are squares, but the states among the buffers are not."""
    layers, table, centres, _ = net
    states, deltas, margins = buffers
    for n in range(len(layers) - 1, -1, -1):
        layer = layers[n]
        if layer.kind == CONV:
            if layer.x > 0:  # nobody asks for the derivative by the image
                conv_backward_inputs(lanes, layer, table, parameters, deltas, margins)
            conv_backward_parameters(lanes, layer, table, target, rates, inputs, deltas)
        elif layer.kind == DOT:
            dot_backward(lanes, layer, table, parameters, target, rates, inputs, deltas)
        elif layer.kind == SUBSAMPLING:
            subsampling_backward(lanes, layer, parameters, target, rates, inputs, deltas)
        elif layer.kind == SCALED_TANH:
            scaled_tanh_backward(lanes, layer, states, deltas, squared)
        elif layer.kind == RBF:
            rbf_backward(lanes, layer, centres, states, deltas, squared)


@compiled
def derive(first, classes, losses, label, states, deltas, loss, errors):
    """Adds each lane's loss and error for the pattern at hand, and writes the derivatives by
    the scores, which begin at group ``first``. The losses are those of lenet.learning.losses."""
    kinds, rubbish = losses
    width = len(label)
    score = np.empty(classes)
    for lane in range(width):
        right, best = label[lane], 0
        for i in range(classes):
            score[i] = states[(first + i) * width + lane]
            if score[i] > score[best]:
                best = i
        errors[lane] += best != right
        top = max(score[best], -rubbish[lane])
        total = math.exp(-rubbish[lane] - top)
        for i in range(classes):
            total += math.exp(score[i] - top)
        for i in range(classes):
            if kinds[lane] == SQUARED_ERROR:
                by_score = score[i] - (1.0 if i == right else -1.0)
                loss[lane] += by_score * by_score / 2
            else:
                by_score = -1.0 if i == right else 0.0
                if kinds[lane] == MAP:
                    by_score += math.exp(score[i] - top) / total
            deltas[(first + i) * width + lane] = by_score
        if kinds[lane] != SQUARED_ERROR:
            loss[lane] -= score[right]
        if kinds[lane] == MAP:
            loss[lane] += top + math.log(total)
