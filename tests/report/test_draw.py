"""The net of the page, in a JavaScript engine: it answers as Python's does, to the pixel and to the
penalty."""

import base64
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from py_mini_racer import MiniRacer
from tests.conftest import PROJECT
from torch import nn

from lenet import results
from lenet.data import TRANSFORMATIONS, mnist, normalise, regular, stand_in
from lenet.errors import InputError
from lenet.experiment import LoadedClassifier, compose_experiment, load_classifier
from lenet.nets import LeNet5, TrainedNet, weights_of
from lenet.report import draw, drawn, groups

HELPERS = """
const kept = {};
function keep(net) { kept[net.name] = opened(net); return true; }
function each(text) {
  const all = decoded(text);
  return Array.from({ length: all.length / 784 }, (_, i) => all.subarray(784 * i, 784 * i + 784));
}
const all = (name, text) => each(text).map((digit) => [...read(kept[name], digit).penalties]);
const reading = (name, text) => read(kept[name], decoded(text));
const layers = (name, text) => {
  const entries = Object.entries(reading(name, text));
  return JSON.stringify(Object.fromEntries(entries.map(([layer, values]) => [layer, [...values]])));
};
const changedBy = (how, value, text) => each(text).map((digit) => [...CHANGES[how](digit, value)]);
const brought = (text, side) => {
  const digit = normalise(decoded(text), side);
  return digit && [...digit];
};
const seen = (name, ...unit) => JSON.stringify(fields(kept[name], ...unit));
"""


def packed(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


@pytest.fixture(scope="module")
def nets() -> dict[str, draw.Net]:
    """Those whose weights results/ has, by name."""
    found = {name: results.load(PROJECT / "results" / name) for name in groups.DRAWN}
    return {net.name: net for net in draw.committed(PROJECT / "results", found)}


@pytest.fixture(scope="module")
def engine(nets: dict[str, draw.Net]) -> MiniRacer:
    engine = MiniRacer()
    engine.eval((files("lenet.report") / "templates" / "draw.js").read_text() + HELPERS)
    for net in nets.values():
        engine.call("keep", net.packed())
    return engine


def reader(name: str) -> LoadedClassifier:
    """Python's net, of the same weights."""
    weights = PROJECT / "results" / name / results.MODEL
    return load_classifier(compose_experiment(name, PROJECT / "conf"), weights)


def penalties(net: nn.Module, digits: torch.Tensor) -> np.ndarray:
    """What the page calls penalties: distances of RBFs; of a softmax, minus the log-likelihood."""
    scores = torch.from_numpy(TrainedNet(net).scores(regular(digits)))
    return -(scores if hasattr(net.output, "centres") else scores.log_softmax(1)).numpy()


def agree(engine: MiniRacer, name: str, net: nn.Module, digits: torch.Tensor) -> None:
    """The same answers, and penalties within 1e-4; those of a softmax come near zero."""
    ours = np.array(engine.call("all", name, packed(digits.numpy())))
    theirs = penalties(net, digits)
    assert ours.shape == theirs.shape == (len(digits), 10)
    assert np.array_equal(ours.argmin(1), theirs.argmin(1))
    assert np.allclose(ours, theirs, rtol=1e-4, atol=0 if (theirs > 0.01).all() else 1e-5)


def test_the_nets_of_1998_are_there(nets):
    assert list(nets)[:2] == ["lenet5", "lenet5_dist"]
    for net in nets.values():
        assert len(json.dumps(net.packed())) < 340_000


def test_digits_of_the_report_get_pythons_answers(engine, nets):
    arrays, _ = drawn.load_pictures(PROJECT / "results")
    kinds = ("figure7_tiles", "figure8_tiles", "gallery_tiles", "printed_tiles")
    digits = torch.from_numpy(np.concatenate([arrays[kind].reshape(-1, 28, 28) for kind in kinds]))
    assert len(digits) > 400
    for name in nets:
        agree(engine, name, reader(name).classifier.net, digits)


@pytest.mark.slow
def test_all_test_digits_get_pythons_answers(engine, nets, mnist_root, tmp_path):
    digits = mnist(tmp_path, mnist_root).test_images
    assert len(digits) == 10_000
    for name in nets:
        agree(engine, name, reader(name).classifier.net, digits)


@pytest.mark.parametrize("output", ["rbf", "softmax"])
@pytest.mark.parametrize("activation", ["scaled_tanh", "tanh", "relu"])
@pytest.mark.parametrize(
    ("pooling", "connections"),
    [("subsampling", "table1"), ("average", "full"), ("max", "full"), ("max", "table1")],
)
def test_every_lenet5_is_pythons(engine, pooling, activation, output, connections):
    torch.manual_seed(1)
    net = LeNet5(pooling, activation, output, connections)
    weights = {name: value.numpy() for name, value in weights_of(net).items()}
    engine.call("keep", draw.Net("own", "own", pooling, activation, weights, 0.0).packed())
    agree(engine, "own", net.eval(), stand_in().test_images[:10])


def test_every_layer_is_pythons(engine):
    arrays, _ = drawn.load_pictures(PROJECT / "results")
    ours = json.loads(engine.call("layers", "lenet5", packed(arrays["maps_input"])))
    for name in ("C1", "S2", "C3", "S4", "C5", "F6", "penalties"):
        theirs = arrays[f"maps_{name}"].ravel()
        assert np.allclose(ours[name], theirs, rtol=1e-4, atol=1e-5), name


def drawing(seed: int, side: int = 280) -> np.ndarray:
    """A drawing of some strokes, smooth at the edges, now and then with a speck or a faint spot."""
    generator = np.random.default_rng(seed)
    page = Image.new("L", (4 * side, 4 * side), 255)
    pen = ImageDraw.Draw(page)
    for _ in range(int(generator.integers(1, 4))):
        points = generator.uniform(0.1, 0.9, (5, 2)) * 4 * side
        pen.line([tuple(p) for p in points], 0, int(generator.integers(20, 100)), "curve")
    if seed % 3 == 0:
        pen.ellipse((20, 20, 32, 32), 0)
        pen.ellipse((1000, 20, 1080, 100), 200)
    return np.asarray(page.resize((side, side), Image.Resampling.BOX)).copy()


@pytest.mark.parametrize("seed", range(12))
def test_a_drawing_becomes_the_same_digit_to_the_pixel(engine, seed):
    grey = drawing(seed)
    ours = engine.call("brought", packed(grey), grey.shape[0])
    theirs = normalise(grey.astype(np.float32) / 255)
    assert np.array_equal(np.array(ours).reshape(28, 28), theirs)


@pytest.mark.parametrize("lines", [(10, 11, 10, 200), (5, 274, 100, 101), (3, 277, 3, 277)])
def test_boxes_at_the_ends_of_what_is_possible(engine, lines):
    top, bottom, left, right = lines
    grey = np.full((280, 280), 255, np.uint8)
    grey[top:bottom, left:right] = 0
    ours = engine.call("brought", packed(grey), 280)
    theirs = normalise(grey.astype(np.float32) / 255)
    assert np.array_equal(np.array(ours).reshape(28, 28), theirs)


def test_a_blank_pad_is_no_digit(engine):
    blank = np.full((280, 280), 255, np.uint8)
    assert engine.call("brought", packed(blank), 280) is None


@pytest.mark.parametrize("how", [name for name in TRANSFORMATIONS if name != "noise"])
def test_changes_are_those_of_iii_e(engine, how):
    arrays, _ = drawn.load_pictures(PROJECT / "results")
    digits = torch.from_numpy(arrays["figure8_tiles"][:20])
    for value in TRANSFORMATIONS[how].values:
        ours = np.array(engine.call("changedBy", how, value, packed(digits.numpy())))
        theirs = TRANSFORMATIONS[how].apply(digits, value).numpy().reshape(20, -1).astype(int)
        assert np.abs(ours - theirs).max() <= 1  # a level, where rounding tips over
        assert (ours != theirs).mean() < 0.01


def test_noise_inverts_as_many_pixels_as_it_says_and_more_adds_to_less(engine):
    blank = packed(np.zeros((1, 28, 28), np.uint8))
    some, more = (np.array(engine.call("changedBy", "noise", v, blank)[0]) for v in (0.1, 0.3))
    assert set(more) == {0, 255}
    assert (some > 0).mean() == pytest.approx(0.1, abs=0.03)
    assert (more > 0).mean() == pytest.approx(0.3, abs=0.05)
    assert (more >= some).all()


@pytest.mark.parametrize(
    ("unit", "sees"),
    [
        (("C1", 2, 3, 4), [("input", [0], 3, 4, 5)]),
        (("S2", 2, 3, 4), [("C1", [2], 6, 8, 2), ("input", [0], 6, 8, 6)]),
        (
            ("C3", 0, 1, 2),
            [("S2", [0, 1, 2], 1, 2, 5), ("C1", [0, 1, 2], 2, 4, 10), ("input", [0], 2, 4, 14)],
        ),
    ],
)
def test_where_a_unit_looks_by_hand(engine, unit, sees):
    found = json.loads(engine.call("seen", "lenet5", *unit))
    assert [tuple(field.values()) for field in found] == sees


def test_a_unit_changes_with_its_field_and_with_nothing_else(engine):
    arrays, _ = drawn.load_pictures(PROJECT / "results")
    digit = arrays["maps_input"][0].copy()
    field = json.loads(engine.call("seen", "lenet5", "S4", 7, 1, 2))[-1]
    assert field["size"] == 16
    inside = np.zeros((32, 32), bool)
    rows, columns = (slice(field[at], field[at] + 16) for at in ("top", "left"))
    inside[rows, columns] = True

    def value(image: np.ndarray) -> float:
        layers = json.loads(engine.call("layers", "lenet5", packed(image)))
        return layers["S4"][7 * 25 + 1 * 5 + 2]

    outside = digit.copy()
    outside[~inside[2:30, 2:30]] = 255
    assert value(outside) == value(digit)
    within = digit.copy()
    within[inside[2:30, 2:30]] = 255
    assert value(within) != value(digit)


def test_weights_that_do_not_fit_are_refused(nets):
    weights = dict(nets["lenet5"].weights)
    for name, odd in (("F6.weight", np.zeros((84, 119), np.float32)), ("C1.bias", None)):
        broken = {k: v for k, v in weights.items() if k != name}
        if odd is not None:
            broken[name] = odd
        with pytest.raises(ValueError, match=name):
            draw.Net("n", "t", "subsampling", "scaled_tanh", broken, 0.0)


def test_damaged_weights_have_one_clear_line(tmp_path: Path):
    folder = tmp_path / "lenet5"
    folder.mkdir()
    (folder / results.MODEL).write_bytes(b"no weights")
    found = {"lenet5": results.load(PROJECT / "results" / "lenet5")}
    with pytest.raises(InputError, match="is damaged"):
        draw.committed(tmp_path, found)
