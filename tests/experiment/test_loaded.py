"""What was saved comes back with the same scores, and nothing else comes from a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from lenet.classifier import Task
from lenet.data.digits import split
from lenet.data.source import stand_in
from lenet.ensemble.heads import LocalLearningHead
from lenet.ensemble.recipes import BoostedNets, Headed, features_of
from lenet.errors import InputError
from lenet.experiment import build, compose_experiment, loaded
from lenet.nets import TrainedNet

CONF = Path(__file__).parents[2] / "conf"
CPU = {"accelerator": "cpu", "devices": 1, "compile": False}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("lenet1", {"recipe.epochs": 1}),
        ("lenet5_modern", {"recipe.epochs": 1}),
        ("mlp_300_deslant", {"recipe.epochs": 1}),
        ("lenet4_knn", {"recipe.base.epochs": 1}),
        ("knn_deslant", {}),
    ],
)
def test_a_saved_classifier_gives_the_same_scores(name: str, values, tmp_path: Path) -> None:
    cfg = compose_experiment(name, CONF)
    for key, value in values.items():
        OmegaConf.update(cfg, key, value)
    raw = stand_in()
    digits = split(raw, cfg.data.view)
    task = Task([build(cfg.model)], [0], digits, CPU, tmp_path, [lambda *_: None])
    [trained] = build(cfg.recipe).fit(task)
    trained.save(tmp_path / "model.safetensors")
    # as a run leaves it
    parts = {part: OmegaConf.to_container(cfg[part], resolve=True) for part in ("model", "recipe")}
    parts |= {"name": name, "data": {"view": cfg.data.view}}
    OmegaConf.save(OmegaConf.create(parts), tmp_path / "config.yaml")
    for config in (cfg, tmp_path / "config.yaml"):
        reader = loaded.load_classifier(config, tmp_path / "model.safetensors")
        assert (reader.name, reader.view) == (name, cfg.data.view)
        assert np.array_equal(reader.scores(raw.test_images), trained.scores(digits.test.images))


def test_a_head_on_a_net_of_today_gives_the_same_scores(tmp_path: Path) -> None:
    cfg = compose_experiment("lenet4_knn", CONF)
    modern = OmegaConf.to_container(compose_experiment("lenet4_modern", CONF).recipe, resolve=True)
    OmegaConf.update(cfg, "recipe.base", modern | {"epochs": 1}, merge=False)
    raw = stand_in()
    digits = split(raw)
    task = Task([build(cfg.model)], [0], digits, CPU, tmp_path, [lambda *_: None])
    [trained] = build(cfg.recipe).fit(task)
    trained.save(tmp_path / "w")
    reader = loaded.load_classifier(cfg, tmp_path / "w")
    assert np.array_equal(reader.scores(raw.test_images), trained.scores(digits.test.images))


def untrained(name: str) -> TrainedNet:
    return TrainedNet(build(compose_experiment(name, CONF).model))


def test_boosted_nets_come_back_with_their_threshold(tmp_path: Path) -> None:
    boosted = BoostedNets([untrained("boosted_lenet4_dist") for _ in range(3)], threshold=0.25)
    boosted.save(tmp_path / "w")
    reader = loaded.load_classifier(compose_experiment("boosted_lenet4_dist", CONF), tmp_path / "w")
    raw = stand_in()
    seen = split(raw).test.images
    assert np.array_equal(reader.scores(raw.test_images), boosted.scores(seen))
    assert reader.classifier.costs(seen) == boosted.costs(seen)


def test_a_local_head_comes_back_with_its_neighbours(tmp_path: Path) -> None:
    raw, net = stand_in(), untrained("lenet4_local").net
    digits = split(raw)
    features = features_of(net, digits.train.images)
    headed = Headed.fit(net, LocalLearningHead(), features, digits.train.labels)
    headed.save(tmp_path / "w")
    reader = loaded.load_classifier(compose_experiment("lenet4_local", CONF), tmp_path / "w")
    some = raw.test_images[:20]
    assert np.array_equal(reader.scores(some), headed.scores(digits.test.images[:20]))


def test_what_does_not_belong_together_is_told(tmp_path: Path) -> None:
    weights = tmp_path / "w"
    untrained("lenet5").save(weights)
    with pytest.raises(InputError, match=r"w does not fit its configuration: .*LeNet1") as told:
        loaded.load_classifier(compose_experiment("lenet1", CONF), weights)
    assert "\n" not in str(told.value)
    with pytest.raises(InputError, match=r"does not fit its config.*not a classifier saved"):
        loaded.load_classifier(compose_experiment("knn", CONF), weights)
    with pytest.raises(InputError, match=r"cannot be loaded .*features"):
        loaded.load_classifier(compose_experiment("lenet4_knn", CONF), weights)
    for broken in (b"", b"no tensors at all"):
        weights.write_bytes(broken)
        with pytest.raises(InputError, match="w cannot be loaded"):
            loaded.load_classifier(compose_experiment("lenet5", CONF), weights)
    with pytest.raises(InputError, match="none cannot be loaded"):
        loaded.load_classifier(compose_experiment("lenet5", CONF), tmp_path / "none")
    with pytest.raises(InputError, match=r"cannot be loaded .*gone.yaml"):
        loaded.load_classifier(tmp_path / "gone.yaml", weights)
    with pytest.raises(InputError, match="lenet6 is not an experiment of"):
        compose_experiment("lenet6", CONF)


@pytest.mark.parametrize("target", ["os.system", "lenet.nets.lenet5.torch.hub.load", ""])
def test_a_configuration_makes_known_nets_only(target: str, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "w")
    cfg = compose_experiment("lenet5", CONF)
    cfg.model = {"_target_": target, "command": "true"}
    with pytest.raises(InputError, match="is not one of this project"):
        loaded.load_classifier(cfg, tmp_path / "w")
