"""LeNet-1, LeNet-4 and the fully connected nets."""

import pytest
import torch

from lenet import paper
from lenet.nets.costs import layer_costs, net_costs
from lenet.nets.layers import ScaledTanh
from lenet.nets.lenet import LENET1_C3, LENET4_C3, LENET4_C5, LeNet1, LeNet4, round_robin
from lenet.nets.mlp import MLP

NETS = {
    "lenet1": (LeNet1, 16),
    "lenet4": (LeNet4, 28),
    "mlp": (MLP, 28),
}
CHOICES = [
    (name, activation, output)
    for name, activations in {
        "lenet1": ("scaled_tanh", "tanh"),
        "lenet4": ("scaled_tanh", "tanh"),
        "mlp": ("scaled_tanh", "tanh", "relu"),
    }.items()
    for activation in activations
    for output in ("softmax", "squashed")
]


def test_lenet1_has_the_counts_of_its_docstring():
    layers = layer_costs(LeNet1(), torch.zeros(1, 16, 16))
    assert {n: (c.parameters, c.connections) for n, c in layers.items()} == {
        "C1": (104, 59_904),
        "S2": (8, 2_880),
        "C3": (512, 32_768),
        "S4": (24, 960),
        "output": (1_930, 1_930),
    }


def test_lenet4_has_the_counts_of_its_docstring():
    layers = layer_costs(LeNet4(), torch.zeros(1, 28, 28))
    assert {n: (c.parameters, c.connections) for n, c in layers.items()} == {
        "C1": (104, 81_536),
        "S2": (16, 7_840),
        "C3": (1_516, 151_600),
        "S4": (32, 2_000),
        "C5": (14_120, 14_120),
        "output": (1_210, 1_210),
    }


def test_lenet1_pads_its_digits_with_background_to_28x28():
    padded = LeNet1().pad(torch.ones(1, 1, 16, 16))
    assert padded.shape == (1, 1, 28, 28)
    assert (padded[..., 6:22, 6:22] == 1).all()
    assert padded[0, 0, 5, 14].item() == padded[0, 0, 14, 22].item()
    assert padded[0, 0, 5, 14].item() == pytest.approx(paper.BACKGROUND)


def test_lenet1_is_two_halves_up_to_its_output():
    # C3's maps 0 to 5 see only S2's 0 and 1, maps 6 to 11 only 2 and 3
    assert {i for maps in LENET1_C3[:6] for i in maps} == {0, 1}
    assert LENET1_C3[6:] == tuple(tuple(i + 2 for i in maps) for maps in LENET1_C3[:6])


@pytest.mark.parametrize(
    ("table", "units", "maps", "kernels"),
    [(LENET4_C3, 16, 8, 60), (LENET4_C5, 120, 16, 560)],
    ids=["C3", "C5"],
)
def test_lenet4_sees_all_maps_equally_often(table, units, maps, kernels):
    assert len(table) == units
    assert sum(len(row) for row in table) == kernels
    assert all(len(set(row)) == len(row) for row in table)
    seen = torch.tensor([i for row in table for i in row]).bincount()
    assert len(seen) == maps
    assert seen.max() - seen.min() <= 1


def test_round_robin_by_hand():
    assert round_robin(4, 4, (3, 2)) == ((0, 1, 2), (0, 3), (1, 2, 3), (0, 1))


@pytest.mark.parametrize(
    ("hidden", "side", "parameters"),
    [
        ((300,), 28, 238_510),
        ((1000,), 28, 795_010),
        ((300, 100), 28, 266_610),
        ((500, 150), 28, 469_160),
        ((300,), 20, 123_310),
    ],
)
def test_fully_connected_nets_have_as_many_connections_as_parameters(hidden, side, parameters):
    counted = net_costs(MLP(hidden, side), torch.zeros(1, side, side))
    assert counted.variables == counted.macs == parameters


@pytest.mark.parametrize(("name", "activation", "output"), CHOICES)
def test_every_choice_runs_and_every_parameter_learns(name, activation, output):
    torch.manual_seed(0)
    build, side = NETS[name]
    net = build(activation=activation, output=output)
    scores = net(torch.rand(5, 1, side, side))
    assert scores.shape == (5, 10)
    scores.square().sum().backward()
    for parameter_name, parameter in net.named_parameters():
        assert parameter.grad.abs().sum().item() > 0, parameter_name


@pytest.mark.parametrize("name", NETS)
def test_squashed_outputs_are_the_papers_f_of_the_plain_ones(name):
    build, side = NETS[name]
    plain, squashed = build(output="softmax"), build(output="squashed")
    squashed.load_state_dict(plain.state_dict())
    x = torch.rand(5, 1, side, side)
    torch.testing.assert_close(squashed(x), ScaledTanh()(plain(x)))


@pytest.mark.parametrize("name", NETS)
def test_an_unknown_choice_is_refused_with_what_exists(name):
    build, _ = NETS[name]
    with pytest.raises(ValueError, match="output='rbf' is not one of softmax, squashed"):
        build(output="rbf")
    with pytest.raises(ValueError, match=r"activation='f' is not one of .*scaled_tanh"):
        build(activation="f")


@pytest.mark.parametrize("build", [LeNet1, LeNet4])
def test_units_that_could_be_dead_from_the_start_are_refused(build):
    with pytest.raises(ValueError, match="activation='relu' is not one of scaled_tanh, tanh"):
        build(activation="relu")


@pytest.mark.parametrize("hidden", [(), (300, 0)])
def test_a_fully_connected_net_needs_units(hidden):
    with pytest.raises(ValueError, match="hidden="):
        MLP(hidden)
