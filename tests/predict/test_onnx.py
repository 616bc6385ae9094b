"""Nets as ONNX give torch's scores, from digits of any number."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import PROJECT

from lenet.classic.adapter import Estimator
from lenet.classic.neighbours import NearestNeighbours
from lenet.data import VIEWS, stand_in
from lenet.ensemble import BoostedNets
from lenet.errors import InputError
from lenet.experiment import LoadedClassifier
from lenet.nets import MLP, LeNet1, LeNet4, LeNet5, TrainedNet
from lenet.predict.chosen import choose
from lenet.predict.onnx import export

onnxruntime = pytest.importorskip("onnxruntime")
RAW = stand_in()

NETS = {
    "as of 1998": lambda: LeNet5("subsampling", "scaled_tanh", "rbf", "table1"),
    "as of today": lambda: LeNet5(),
    "max pooling, ReLU, RBF": lambda: LeNet5("max", "relu", "rbf"),
    "LeNet-4": lambda: LeNet4(),
    "fully connected": lambda: MLP([30]),
}


def scores_of(path: Path, digits: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    [scores] = session.run(["scores"], {"digits": digits.numpy()})
    return scores


@pytest.mark.parametrize("name", NETS)
def test_a_net_takes_greys_and_gives_the_scores_of_torch(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = TrainedNet(NETS[name]())
    assert export(LoadedClassifier(name, "regular", net), tmp_path / "net.onnx") <= 1e-5
    for count in (1, 7):
        digits = RAW.test_images[:count]
        expected = net.scores(VIEWS["regular"](digits))
        given = scores_of(tmp_path / "net.onnx", digits.float())
        assert given == pytest.approx(expected, rel=1e-4, abs=float(1e-5 * np.abs(expected).max()))
        assert np.array_equal(given.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("view", ["deslanted", "16x16"])
def test_a_net_of_another_view_takes_digits_as_it_sees_them(view: str, tmp_path: Path) -> None:
    net = TrainedNet(MLP([30], side=20) if view == "deslanted" else LeNet1())
    export(LoadedClassifier("net", view, net), tmp_path / "net.onnx")
    seen = VIEWS[view](RAW.test_images[:3])
    assert scores_of(tmp_path / "net.onnx", seen) == pytest.approx(net.scores(seen), abs=1e-5)


def test_boosted_nets_are_added(tmp_path: Path) -> None:
    nets = BoostedNets([TrainedNet(LeNet4()) for _ in range(3)], 1.0)
    export(LoadedClassifier("boosted", "regular", nets), tmp_path / "net.onnx")
    expected = nets.scores(VIEWS["regular"](RAW.test_images[:3]))
    given = scores_of(tmp_path / "net.onnx", RAW.test_images[:3].float())
    assert given == pytest.approx(expected, abs=1e-5)


def test_what_is_no_net_is_refused(tmp_path: Path) -> None:
    digits = RAW.train_images[:50].flatten(1).numpy()
    known = NearestNeighbours(1).fit(digits, RAW.train_labels[:50].numpy())
    with pytest.raises(InputError, match="ONNX is for nets alone"):
        export(LoadedClassifier("knn", "regular", Estimator(known)), tmp_path / "net.onnx")


def test_the_committed_lenet5_is_the_same_in_onnx(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    chosen = choose(PROJECT, "")
    assert export(chosen.reader, tmp_path / "net.onnx") <= 1e-5
    given = scores_of(tmp_path / "net.onnx", RAW.test_images.float())
    expected = chosen.reader.scores(RAW.test_images)
    assert given == pytest.approx(expected, rel=1e-5, abs=float(1e-5 * np.abs(expected).max()))
