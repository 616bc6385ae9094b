from itertools import product

import pytest
import torch

from lenet import paper
from lenet.nets.costs import layer_costs, net_costs
from lenet.nets.lenet import LeNet5

DIGIT = torch.zeros(1, 28, 28)
OF_1998 = ("subsampling", "scaled_tanh", "rbf", "table1")


def test_the_net_of_1998_has_every_count_of_the_paper():
    net = LeNet5(*OF_1998)
    counted = layer_costs(net, DIGIT)
    assert list(counted) == list(paper.LENET5)
    for name, layer in paper.LENET5.items():
        assert counted[name].parameters == layer.parameters, name
        assert counted[name].connections == layer.connections, name
    assert net_costs(net, DIGIT) == (paper.LENET5_CONNECTIONS, paper.LENET5_PARAMETERS)


def test_the_papers_own_layers_add_up_to_its_sums():
    layers = paper.LENET5.values()
    assert sum(layer.parameters for layer in layers) == paper.LENET5_PARAMETERS
    assert sum(layer.connections for layer in layers) == paper.LENET5_CONNECTIONS


def test_every_layer_of_1998_has_the_papers_maps():
    x = DIGIT[None]
    sizes = {}
    for name, layer in LeNet5(*OF_1998).named_children():
        x = layer(x)
        sizes[name] = tuple(x.shape[1:])
    for name, layer in paper.LENET5.items():
        flat = name in ("F6", "output")
        assert sizes[name] == ((layer.maps,) if flat else (layer.maps, layer.size, layer.size))


def test_the_net_of_todays_courses_has_61706_parameters():
    assert sum(p.numel() for p in LeNet5().parameters()) == 61_706


def test_without_f6_the_output_sees_c5():
    net = LeNet5("subsampling", "scaled_tanh", "squashed", "table1", f6=False)
    assert net(DIGIT[None]).abs().max() < 1.7159
    parameters = paper.LENET5_PARAMETERS - paper.LENET5["F6"].parameters + 10 * (120 + 1)
    assert sum(p.numel() for p in net.parameters()) == parameters == 51_046
    with pytest.raises(ValueError, match="rbf"):
        LeNet5(output="rbf", f6=False)


@pytest.mark.parametrize(
    "options",
    list(
        product(
            ("average", "max", "subsampling"),
            ("tanh", "relu", "scaled_tanh"),
            ("softmax", "rbf"),
            ("full", "table1"),
        )
    ),
    ids="_".join,
)
def test_every_combination_runs_and_every_parameter_learns(options):
    torch.manual_seed(0)
    net = LeNet5(*options)
    scores = net(torch.rand(3, 1, 28, 28))
    assert scores.shape == (3, 10)
    scores.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.abs().sum().item() > 0, name


@pytest.mark.parametrize(
    ("option", "wrong", "known"),
    [
        ("pooling", "mean", "average, max, subsampling"),
        ("activation", "sigmoid", "tanh, relu, scaled_tanh"),
        ("output", "sigmoid", "softmax, squashed, rbf"),
        ("connections", "sparse", "full, table1"),
    ],
)
def test_an_unknown_option_is_refused_with_what_exists(option, wrong, known):
    with pytest.raises(ValueError, match=f"{option}='{wrong}' is not one of {known}"):
        LeNet5(**{option: wrong})


def test_two_nets_share_no_centres():
    one, other = LeNet5(output="rbf"), LeNet5(output="rbf")
    one.output.centres.zero_()
    assert other.output.centres.abs().min().item() == 1
