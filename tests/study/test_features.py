"""How alike maps are: by numpy, and where they are all one."""

import numpy as np
import pytest
import torch
from torch import nn

from lenet.nets import LeNet5
from lenet.study.features import correlation


def test_the_mean_over_pairs_is_numpys() -> None:
    torch.manual_seed(0)
    net, images = (
        LeNet5("subsampling", "scaled_tanh", "softmax", "table1"),
        torch.randn(5, 1, 28, 28),
    )
    layers = dict(net.named_children())
    upto = nn.Sequential(*list(layers.values())[: list(layers).index("C3_f") + 1])
    with torch.no_grad():
        maps = upto(images).numpy().swapaxes(0, 1).reshape(16, -1)
    between = np.abs(np.corrcoef(maps))
    assert correlation(net, images) == pytest.approx((between.sum() - 16) / (16 * 15), rel=1e-5)


def test_a_map_and_its_negative_are_one_feature() -> None:
    net = LeNet5()
    c3 = net.get_submodule("C3")
    with torch.no_grad():
        c3.weight.copy_(c3.weight[:1].clone())
        c3.weight[3].neg_()
        c3.bias.zero_()
    assert correlation(net, torch.randn(5, 1, 28, 28)) == pytest.approx(1)
