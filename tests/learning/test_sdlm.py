"""The initial ranges, orders and rates of the 1998 recipe."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lenet.classifier import Task
from lenet.data.digits import split
from lenet.data.source import stand_in
from lenet.learning import SDLM, reference, sdlm
from lenet.learning.lanes import Lanes
from lenet.learning.losses import MAP
from lenet.nets import LeNet5


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lenet5() -> nn.Sequential:
    return LeNet5("subsampling", "scaled_tanh", "rbf", "table1")


def assert_fills(values: torch.Tensor, bound: float) -> None:
    """Uniform in +-bound: within it, close to it where there are many, and centred."""
    assert values.abs().max() <= bound
    assert values.abs().max() > 0.9 * bound
    assert abs(values.mean()) < 0.2 * bound


@pytest.mark.parametrize(
    ("scale", "power", "c1", "c5"), [(2.4, 1.0, 2.4 / 25, 2.4 / 400), (1.0, 0.5, 1 / 5, 1 / 20)]
)
def test_weights_start_uniform_in_the_range_of_their_fan_in(scale, power, c1, c5):
    net = lenet5()
    sdlm.initialize(net, generator(), scale, power)
    assert_fills(net.C1.weight, c1)
    assert_fills(net.C5.weight, c5)
    assert_fills(net.C5.bias, c5)
    assert_fills(torch.cat([net.S4[0].weight, net.S4[0].bias]), scale / 4**power)
    # C3: map 0 sees 3 maps, map 15 sees 6; kernels lie map by map
    assert_fills(net.C3.weight[:3], scale / (3 * 25) ** power)
    assert_fills(net.C3.weight[-6:], scale / (6 * 25) ** power)


def test_the_default_is_the_papers_range():
    literal, default = lenet5(), lenet5()
    sdlm.initialize(literal, generator(), 2.4, 1.0)
    sdlm.initialize(default, generator())
    assert torch.equal(literal.F6.weight, default.F6.weight)


def test_a_seed_decides_the_start_and_nothing_else_does():
    nets = [lenet5() for _ in range(3)]
    for net, seed in zip(nets, (4, 4, 5), strict=True):
        sdlm.initialize(net, generator(seed))
    assert torch.equal(nets[0].C5.weight, nets[1].C5.weight)
    assert not torch.equal(nets[0].C5.weight, nets[2].C5.weight)


def test_a_layer_of_unknown_fan_in_is_refused():
    with pytest.raises(ValueError, match="BatchNorm2d"):
        sdlm.initialize(nn.Sequential(nn.BatchNorm2d(3)), generator())


def test_each_seed_has_an_order_of_its_own_over_all_patterns():
    order = sdlm.orders([generator(1), generator(2), generator(1)], 50)
    assert torch.equal(order.sort(1).values, torch.arange(50).expand(3, 50))
    assert torch.equal(order[0], order[2])
    assert not torch.equal(order[0], order[1])


def test_rates_follow_the_measured_curvature():
    nets = [lenet5(), lenet5()]
    for seed, net in enumerate(nets):
        sdlm.initialize(net, generator(seed), 1.0, 0.5)
    lanes = Lanes(nets, [MAP(10.0)] * 2)
    images = torch.rand(1_200, 1, 28, 28, generator=generator()) - 0.1
    order = sdlm.orders([generator(), generator()], 1_200)
    chosen = sdlm.curvature_patterns(order, 3, 500)
    assert chosen.equal(order[:, [*range(1_000, 1_200), *range(300)]]), "pass 3 begins anew"
    rates = sdlm.rates(lanes, images, chosen, 2e-4, 0.5)
    h = torch.stack(
        [reference.curvature(net, images[of_net]) for net, of_net in zip(nets, chosen, strict=True)]
    )
    assert torch.allclose(rates, 0.5 * 2e-4 / (0.02 + h), rtol=1e-4)


@pytest.mark.parametrize("rates", [{"eta_factor": 0.4}, {"eta_factor": 0.2, "eta": (1e-3,)}])
def test_the_recipe_is_the_reference_over_passes(rates: dict, tmp_path: Path) -> None:
    whole = split(stand_in(), train_size=150, validation=0)
    passes: list[dict] = []
    recipe = SDLM(scale=1.0, power=0.5, j=5.0, epochs=2, **rates)
    options = {"accelerator": "cpu", "devices": 1, "compile": False}
    callback = lambda _, metrics: passes.append(metrics)  # noqa: E731
    [trained] = recipe.fit(Task([lenet5()], [3], whole, options, tmp_path, [callback]))
    net = lenet5()
    sdlm.initialize(net, generator(3), 1.0, 0.5)
    [order] = sdlm.orders([generator(3 + 2**32)], 150)
    images, labels = whole.train.images[order], whole.train.labels[order]
    for number in (1, 2):
        loss, errors = reference.train_pass(net, MAP(5.0), images, labels, number, 0.4)
        assert passes[number - 1]["train/loss"] == pytest.approx(loss, rel=1e-3)
        assert passes[number - 1]["train/error"] == pytest.approx(errors / 150)
    for ours, expected in zip(trained.net.parameters(), net.parameters(), strict=True):
        assert torch.allclose(ours, expected, rtol=0, atol=1e-3)
