import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lenet import paper
from lenet.nets.bitmaps import BITMAPS
from lenet.nets.layers import EuclideanRBF, Pad, ScaledTanh, SparseConv, Subsampling


def test_pad_adds_two_pixels_of_background_on_each_side():
    padded = Pad()(torch.ones(1, 1, 28, 28))
    assert padded.shape == (1, 1, 32, 32)
    assert padded.sum().item() == pytest.approx(
        28**2 + paper.BACKGROUND * (32**2 - 28**2), rel=1e-5
    )
    assert padded[0, 0, 1, 15].item() == pytest.approx(paper.BACKGROUND)
    assert padded[0, 0, 2, 2].item() == 1


def test_scaled_tanh_is_odd_goes_through_plus_minus_one_and_saturates():
    a = torch.tensor([-100.0, -1, 0, 0.5, 1, 100])
    expected = [-1.7159, -1, 0, 1.7159 * math.tanh(1 / 3), 1, 1.7159]
    assert ScaledTanh()(a).tolist() == pytest.approx(expected, abs=1e-4)


def test_scaled_tanh_has_its_largest_curvature_at_one():
    # appendix A: +-1 are the points of maximum curvature
    a = torch.linspace(0, 3, 301, dtype=torch.float64)
    f = ScaledTanh()(a)
    second = f[2:] - 2 * f[1:-1] + f[:-2]
    assert a[1 + second.abs().argmax()].item() == pytest.approx(1, abs=0.02)


def test_subsampling_adds_four_inputs_times_a_coefficient_plus_a_bias():
    layer = Subsampling(2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, -1]))
        layer.bias.copy_(torch.tensor([0.25, 3]))
    x = torch.arange(16.0).view(1, 1, 4, 4).repeat(1, 2, 1, 1)
    # the four squares of 0 ... 15 add up to 10, 18, 42, 50
    expected = torch.tensor([[[5.25, 9.25], [21.25, 25.25]], [[-7.0, -15], [-39, -47]]])
    torch.testing.assert_close(layer(x)[0], expected)


def test_subsampling_in_pairs_gives_each_map_two_neighbouring_results():
    layer = Subsampling(4, copies=2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2, 3, 4]))
        layer.bias.copy_(torch.tensor([0.0, 0, 0, 0.5]))
    x = torch.stack([torch.full((2, 2), 1.0), torch.full((2, 2), 10.0)])[None]
    assert layer(x).flatten().tolist() == [4, 8, 120, 160.5]


def test_subsampling_starts_within_one_over_the_root_of_its_fan_in():
    torch.manual_seed(0)
    layer = Subsampling(1000)
    assert 0.49 < layer.weight.abs().max().item() <= 1 / math.sqrt(4)
    assert layer.bias.abs().max().item() == 0


TABLE = ((0, 2), (1,), (0, 1, 2), (2, 0))


def test_sparse_conv_by_hand():
    layer = SparseConv(((1,), (0, 1)), 2)
    assert layer.weight.shape == (3, 2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 1]]]))
        layer.bias.copy_(torch.tensor([0.5, -1]))
    x = torch.tensor([[[[1.0, 2], [3, 4]], [[5.0, 6], [7, 8]]]])
    # map 0 takes the upper left of input 1; map 1 the upper right of input 0, lower right of 1
    assert layer(x).flatten().tolist() == [5.5, 2 + 8 - 1]


def test_sparse_conv_is_a_masked_dense_convolution_forwards_and_backwards():
    torch.manual_seed(0)
    layer = SparseConv(TABLE, 3).double()
    dense = nn.Conv2d(3, 4, 3).double()
    mask = torch.zeros(4, 3, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        kernels = iter(layer.weight)
        for o, maps in enumerate(TABLE):
            for i in maps:
                dense.weight[o, i] = next(kernels)
                mask[o, i] = 1
        dense.bias.copy_(layer.bias.uniform_(-1, 1))
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    out, reference = layer(x), F.conv2d(x, dense.weight * mask, dense.bias)
    torch.testing.assert_close(out, reference)
    out.square().sum().backward()
    reference.square().sum().backward()
    kernels = iter(layer.weight.grad)
    for o, maps in enumerate(TABLE):
        for i in maps:
            torch.testing.assert_close(next(kernels), dense.weight.grad[o, i])
    torch.testing.assert_close(layer.bias.grad, dense.bias.grad)


def test_sparse_conv_has_no_parameter_where_it_has_no_connection():
    layer = SparseConv(paper.TABLE_I, 5)
    parameters = sum(p.numel() for p in layer.parameters())
    assert parameters == paper.LENET5["C3"].parameters
    dense = layer.dense_weight()
    assert dense.shape == (16, 6, 5, 5)
    seen = {(o, i) for o, i in (dense.abs().sum((2, 3)) > 0).nonzero().tolist()}
    assert seen == {(o, i) for o, maps in enumerate(paper.TABLE_I) for i in maps}


def test_each_map_of_a_sparse_conv_starts_by_its_own_fan_in():
    torch.manual_seed(0)
    table = ((0,), tuple(range(9)))
    layer = SparseConv(table, 15)
    first, second = layer.weight[:1].abs().max().item(), layer.weight[1:].abs().max().item()
    assert 0.95 / 15 < first <= 1 / 15
    assert 0.95 / 45 < second <= 1 / 45


def test_rbf_is_the_negated_squared_distance_to_each_centre():
    layer = EuclideanRBF(torch.tensor([[1.0, -1], [-1, 1], [0, 0]]))
    scores = layer(torch.tensor([[1.0, -1], [2, 0]]))
    assert scores.tolist() == [[0, -8, -2], [-2, -10, -4]]


def test_rbf_centres_are_fixed_but_saved():
    layer = EuclideanRBF(torch.zeros(3, 2))
    assert list(layer.parameters()) == []
    assert list(layer.state_dict()) == ["centres"]


def test_rbf_centres_learn_where_they_are_asked_to():
    layer = EuclideanRBF(torch.tensor([[1.0, 0.0]]), learned=True)
    layer(torch.tensor([[3.0, 0.0]])).sum().backward()
    assert layer.centres.grad.tolist() == [[4.0, 0.0]]  # towards the input, where scores are larger
    assert list(layer.state_dict()) == ["centres"]


def test_bitmaps_are_ten_different_pictures_of_the_two_target_values():
    assert BITMAPS.shape == (10, paper.LENET5["F6"].maps)
    assert set(BITMAPS.flatten().tolist()) == {-1, 1}
    apart = (BITMAPS[:, None] != BITMAPS).sum(2)
    assert apart[~torch.eye(10, dtype=torch.bool)].min().item() >= 5
