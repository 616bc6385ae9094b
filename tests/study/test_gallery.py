"""What the pictures are drawn from is what the classifiers say of the digits."""

import json

import numpy as np
import pytest
import torch

from lenet.data.robustness import TRANSFORMATIONS
from lenet.evaluation import margins
from lenet.study import gallery


@pytest.fixture(scope="module")
def arrays(pictured) -> dict[str, np.ndarray]:
    with np.load(pictured.folder / "pictures.npz", allow_pickle=False) as file:
        return dict(file)


def test_costly_classifiers_read_a_tenth_and_say_so(pictured) -> None:
    about = json.loads((pictured.folder / "robustness.json").read_text())
    assert about["data"] == "digits"
    found = about["classifiers"]
    assert {name: of["digits"] for name, of in found.items()} == {
        "lenet5": 60,
        "lenet5_dist": 60,
        "lenet5_noise": 60,
        "knn": 6,
    }
    raw = pictured.raw
    for name, step in (("lenet5", 1), ("knn", 10)):
        some, labels = raw.test_images[::step], raw.test_labels[::step].numpy()
        reader = pictured.readers[name]
        unchanged = (reader.scores(some).argmax(1) != labels).mean()
        curves = {key: dict(map(tuple, of)) for key, of in found[name]["curves"].items()}
        for key in TRANSFORMATIONS:
            assert curves[key][1 if key in ("scale", "squeeze") else 0] == unchanged
        turned = TRANSFORMATIONS["rotation"].apply(some, 40)
        assert curves["rotation"][40] == (reader.scores(turned).argmax(1) != labels).mean()


def test_figure_7_shows_each_class_and_distortions_of_it(pictured, arrays) -> None:
    tiles = arrays["figure7_tiles"]
    assert tiles.shape == (6, 10, 28, 28)
    raw = pictured.raw
    for digit in range(10):
        first = raw.train_images[raw.train_labels == digit][0].numpy()
        assert np.array_equal(tiles[0, digit], first)
        assert len({tile.tobytes() for tile in tiles[:, digit]}) == 6


def test_figure_8_shows_what_any_seed_misses(pictured, arrays) -> None:
    assert arrays["figure8_index"].tolist() == [7, 41]
    assert np.array_equal(arrays["figure8_tiles"], pictured.raw.test_images[[7, 41]].numpy())


def test_the_gallery_shows_what_its_nets_answer(pictured, arrays) -> None:
    parts = dict(zip(("unusual", "distorted", "noisy"), pictured.readers, strict=False))
    for part, net in parts.items():
        members = arrays["gallery_part"] == part
        assert members.sum() == gallery.TILES
        scores = pictured.readers[net].scores(torch.from_numpy(arrays["gallery_tiles"][members]))
        np.testing.assert_allclose(-scores, arrays["gallery_penalties"][members], rtol=1e-5)
    raw = pictured.raw
    margin = margins(pictured.readers["lenet5"].scores(raw.test_images))
    least = raw.test_images[int(margin.argmin())].numpy()
    assert np.array_equal(arrays["gallery_tiles"][0], least)
    digit = raw.test_images[5:6]  # the second of twelve among 60, turned by -20 degrees
    turned = TRANSFORMATIONS["rotation"].apply(digit, -20)[0].numpy()
    at = gallery.TILES + 1
    assert arrays["gallery_what"][at] == "rotation -20"
    assert np.array_equal(arrays["gallery_tiles"][at], turned)
    assert arrays["gallery_label"][at] == raw.test_labels[5]


def test_printed_digits_are_answered_by_each(pictured, arrays) -> None:
    assert arrays["printed_names"].tolist() == list(pictured.readers)
    fonts = len(arrays["printed_fonts"])
    assert arrays["printed_answers"].shape == (4, fonts, 10)
    scores = pictured.readers["knn"].scores(torch.from_numpy(arrays["printed_tiles"][2]))
    assert arrays["printed_answers"][3, 2].tolist() == scores.argmax(1).tolist()


def test_maps_end_in_the_penalties_of_the_net(pictured, arrays) -> None:
    assert arrays["filters_C1"].shape == (6, 5, 5)
    connected = np.abs(arrays["filters_C3"]).max((2, 3)) > 0
    assert connected.sum(1).tolist() == [3] * 6 + [4] * 9 + [6], "Table I"
    shapes = {name: arrays[f"maps_{name}"].shape for name in ("C1", "S2", "C3", "S4", "C5", "F6")}
    assert shapes == {
        "C1": (6, 28, 28),
        "S2": (6, 14, 14),
        "C3": (16, 10, 10),
        "S4": (16, 5, 5),
        "C5": (120, 1, 1),
        "F6": (12, 7),
    }
    squared = ((arrays["maps_F6"] - arrays["maps_code"]) ** 2).sum()
    assert arrays["maps_penalties"][gallery.SHOWN_WITHIN] == pytest.approx(squared, rel=1e-5)
    scores = pictured.readers["lenet5"].scores(torch.from_numpy(arrays["maps_input"]))
    np.testing.assert_allclose(arrays["maps_penalties"], -scores[0], rtol=1e-5)


def test_what_is_missing_is_left_out(pictured, tmp_path) -> None:
    gallery.make({"knn": pictured.readers["knn"]}, pictured.raw, 30, tmp_path)
    about = json.loads((tmp_path / "robustness.json").read_text())
    assert about["classifiers"]["knn"]["digits"] == 3  # a tenth of the 30 that a small study reads
    with np.load(tmp_path / "pictures.npz", allow_pickle=False) as file:
        names = set(file)
    assert not [name for name in names if name.startswith(("gallery", "figure8", "maps"))]
    assert {"figure7_tiles", "printed_answers"} <= names
