import pytest
import torch
from torch import nn

from lenet import paper
from lenet.classifier import Costs
from lenet.nets.costs import LayerCost, layer_costs, net_costs
from lenet.nets.layers import EuclideanRBF, SparseConv, Subsampling
from lenet.nets.lenet import LeNet1, LeNet4, LeNet5
from lenet.nets.mlp import MLP

ROWS = {
    "mlp_300_deslant": (MLP((300,), 20), 20),
    "mlp_1000": (MLP((1000,)), 28),
    "mlp_300_100": (MLP((300, 100)), 28),
    "mlp_500_150": (MLP((500, 150)), 28),
    "lenet1": (LeNet1(), 16),
    "lenet4": (LeNet4(), 28),
    "lenet5": (LeNet5("subsampling", "scaled_tanh", "rbf", "table1"), 28),
}


def as_printed(count, printed):
    """A count in thousands, rounded to the digits that the paper prints: 98,442 for 100 is 100."""
    digits = len(str(int(printed)).rstrip("0"))
    return float(f"{count / 1000:.{digits}g}")


def of_row(name):
    net, side = ROWS[name]
    return net_costs(net, torch.zeros(1, side, side))


@pytest.mark.parametrize("name", ROWS)
def test_stored_variables_are_those_of_figure_12(name):
    printed = paper.ROWS[name].memory
    assert as_printed(of_row(name).variables, printed) == printed


@pytest.mark.parametrize("name", sorted(ROWS.keys() - {"lenet5"}))
def test_multiply_accumulates_are_those_of_figure_11(name):
    printed = paper.ROWS[name].macs
    assert as_printed(of_row(name).macs, printed) == printed


def test_lenet5_alone_is_printed_as_its_connections_and_parameters_together():
    counted = of_row("lenet5")
    printed = paper.ROWS["lenet5"].macs
    assert as_printed(counted.macs, printed) == 341 != printed
    assert as_printed(counted.macs + counted.variables, printed) == printed
    for name in ROWS.keys() - {"lenet5", "lenet1"}:
        other = of_row(name)
        wanted = paper.ROWS[name].macs
        assert as_printed(other.macs + other.variables, wanted) != wanted, name


def test_three_lenet4_are_the_boosted_one():
    # Figure 12's 51 is 3 x 17
    printed = paper.ROWS["boosted_lenet4_dist"].memory
    assert as_printed(3 * of_row("lenet4").variables, printed) == printed


def test_every_kind_of_layer_by_hand():
    net = nn.Sequential()
    net.add_module("C1", nn.Conv2d(1, 2, 3, bias=False))  # 2 @ 6x6 of 9 inputs
    net.add_module("S2", nn.Sequential(Subsampling(4, copies=2), nn.Tanh()))  # 4 @ 3x3 of 4 + 1
    net.add_module("C3", SparseConv(((0, 1, 3), (2,)), 2))  # 2 @ 2x2, 4 kernels of 4, 2 biases
    net.add_module("pool", nn.AvgPool2d(2))  # 2 @ 1x1 of 4
    net.add_module("flat", nn.Flatten())
    net.add_module("F4", nn.Linear(2, 5))
    net.add_module("output", EuclideanRBF(torch.zeros(10, 5)))
    digit = torch.zeros(1, 8, 8)
    assert layer_costs(net, digit) == {
        "C1": LayerCost(648, 18),
        "S2": LayerCost(180, 8),
        "C3": LayerCost(72, 18),
        "pool": LayerCost(8, 0),
        "F4": LayerCost(15, 15),
        "output": LayerCost(50, 0),
    }
    assert net_costs(net, digit) == Costs(macs=973, variables=59)


def test_a_layer_that_cannot_be_counted_is_named():
    net = nn.Sequential(nn.Flatten(), nn.LayerNorm(4))
    with pytest.raises(ValueError, match="LayerNorm"):
        layer_costs(net, torch.zeros(1, 2, 2))
    assert net_costs(net, torch.zeros(1, 2, 2)) == Costs(None, 8)


class Twice(nn.Module):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls
        self.F1 = nn.Linear(4, 4, bias=False)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        x = self.norm(x.flatten(1))
        return self.F1(self.F1(x)) if self.calls else x @ self.F1.weight


def test_a_forward_of_ones_own_is_counted_call_by_call():
    net = Twice(calls=True).eval()
    counted = {"norm": LayerCost(8, 8), "F1": LayerCost(32, 16)}
    assert layer_costs(net, torch.zeros(1, 2, 2)) == counted
    assert not net.F1._forward_hooks, "no hook is left"
    with pytest.raises(ValueError, match="a Linear layer is used without being called"):
        layer_costs(Twice(calls=False).eval(), torch.zeros(1, 2, 2))
