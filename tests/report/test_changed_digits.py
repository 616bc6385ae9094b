"""Figures of pictures show what was measured, and their captions tell it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.report.conftest import build

from lenet.errors import InputError
from lenet.report import drawn
from lenet.report.figures import pictures, style, tiles


@pytest.fixture(scope="module")
def figures(pictured) -> dict[str, style.Drawing]:
    return pictures.all_figures(*drawn.load_pictures(pictured.folder))


@pytest.fixture(scope="module")
def arrays(pictured) -> dict[str, np.ndarray]:
    with np.load(pictured.folder / "pictures.npz", allow_pickle=False) as file:
        return dict(file)


def test_all_are_drawn_and_told_of(figures, tmp_path: Path) -> None:
    assert set(figures) == {
        "figure_07_distortions",
        "figure_13_gallery",
        "figure_13_robustness",
        "figure_beyond_filters",
        "figure_beyond_feature_maps",
        "figure_beyond_printed",
    }
    for name, drawing in figures.items():
        for width in (style.WIDTH, style.NARROW):
            style.save(drawing.draw(width), tmp_path / name)
        assert drawing.finding.endswith(".")
        assert drawing.reading.endswith(".")


def test_a_panel_for_each_transformation_draws_the_errors(figures, pictured) -> None:
    about = json.loads((pictured.folder / "robustness.json").read_text())
    drawing = figures["figure_13_robustness"]
    figure, caption = drawing.draw(style.WIDTH), drawing.reading
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert set(panels) == set(about["classifiers"]["lenet5"]["curves"])
    x, y = panels["rotation"].lines[0].get_data()
    measured = about["classifiers"]["lenet5"]["curves"]["rotation"]
    assert list(x) == [value for value, _ in measured]
    assert y == pytest.approx([max(100 * e, 0.1) for _, e in measured])
    at_30 = f"±30° (rotation) {100 * measured[1][1]:.1f} and {100 * measured[-2][1]:.1f}"
    assert at_30 in caption
    assert "[noise] LeNet-5" in caption


def test_the_gallery_counts_right_answers(figures, arrays) -> None:
    right = arrays["gallery_penalties"].argmin(1) == arrays["gallery_label"]
    noisy = right[arrays["gallery_part"] == "noisy"].sum()
    drawing = figures["figure_13_gallery"]
    assert f"{noisy} of 12 noisy ones" in drawing.finding
    assert len(drawing.draw(style.NARROW).axes[0].images) == len(right)


def test_printed_digits_that_are_misread_are_framed(figures, arrays) -> None:
    drawing = figures["figure_beyond_printed"]
    figure, caption = drawing.draw(style.WIDTH), drawing.reading
    wrong = arrays["printed_answers"] != np.arange(10)
    bars, page = figure.subfigs[0].axes[0], figure.subfigs[1].axes[0]
    assert len(page.patches) == wrong[0].sum()
    widths = sorted(bar.get_width() for bar in bars.patches)
    assert widths == pytest.approx(sorted(100 * wrong.mean((1, 2))))
    assert f"{wrong[0].size} digits of {wrong.shape[1]} fonts" in caption


def test_a_mosaic_has_gaps_inside_only() -> None:
    images = np.arange(4).reshape(1, 2, 1, 2)
    assert tiles.mosaic(images, 1, 9).tolist() == [[0, 1, 9, 2, 3]]
    two = tiles.mosaic(images.reshape(2, 1, 1, 2), 1, 9)
    assert two.tolist() == [[0, 1], [9, 9], [2, 3]]


def test_without_pictures_there_are_no_figures(pictured, tmp_path: Path) -> None:
    assert pictures.all_figures(*drawn.load_pictures(tmp_path)) == {}
    shutil.copy(pictured.folder / "pictures.npz", tmp_path)
    assert pictures.all_figures(*drawn.load_pictures(tmp_path)) == {}


def test_pictures_that_are_broken_are_told_of(pictured, tmp_path: Path) -> None:
    whole = (pictured.folder / "pictures.npz").read_bytes()
    (tmp_path / "pictures.npz").write_bytes(whole[: len(whole) // 2])
    shutil.copy(pictured.folder / "robustness.json", tmp_path)
    with pytest.raises(InputError, match=r"pictures\.npz is damaged"):
        build(tmp_path, tmp_path / "reports")
