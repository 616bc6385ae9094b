"""What the report's pictures are drawn from: test digits as tiles, answers to changed and to
machine-printed digits, filters and feature maps of trained classifiers.

``robustness.json`` holds the errors under each transformation; ``pictures.npz`` holds arrays, whose
names and shapes the functions below tell. Images are uint8, 255 is ink; the rest is float32.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lenet import paper, results
from lenet.data import (
    TRANSFORMATIONS,
    Raw,
    curves,
    ink_kept,
    printed,
    regular,
    split,
    training_patterns,
)
from lenet.evaluation import margins
from lenet.experiment import LoadedClassifier
from lenet.nets import BITMAPS, HEIGHT, WIDTH, SparseConv

Arrays = dict[str, NDArray]

ROBUSTNESS, PICTURES = "robustness.json", "pictures.npz"

COSTLY = 1_000_000  # multiply-accumulates for one digit; what takes more reads a tenth of the set
MISSED_BY = "lenet5_dist"  # Figure 8
INSIDE = "lenet5"  # whose filters and maps are shown
SHOWN_WITHIN = 5  # the class of the digit that is shown on its way through

TILES = 12  # of each part of Figure 13
UNUSUAL = ("unusual", "lenet5")  # the name of the part, and the net that reads it
CHANGED: dict[tuple[str, str], Sequence[tuple[str, float]]] = {
    ("distorted", "lenet5_dist"): (
        *(("rotation", degrees) for degrees in (-40, -20, 20, 40)),
        *(("scale", 0.5), ("scale", 1.4), ("squeeze", 0.6), ("squeeze", 1.6)),
        *(("vertical shift", -6), ("vertical shift", 6)),
        *(("horizontal shift", -6), ("horizontal shift", 6)),
    ),
    ("noisy", "lenet5_noise"): [("noise", share) for share in (0.1, 0.2, 0.3) for _ in range(4)],
}
"""The parts of Figure 13 that are made: what is done to each of their digits."""


def make(
    classifiers: dict[str, LoadedClassifier],
    digits: Raw,
    changed: int,
    folder: Path,
    at_once: int = 1,
) -> None:
    """Writes ``robustness.json`` and ``pictures.npz``, as far as the classifiers at hand allow.

    Args:
        classifiers: by the names of their experiments.
        digits: whose test set they read.
        changed: how many test digits are read under each change, at most.
        folder: of the results; the predictions that Figure 8 needs are read there.
        at_once: how many classifiers read changed digits at the same time; those that take longest
            are best the last, as these begin first.

    Raises:
        InputError: predictions that are broken.
    """
    every = -(-len(digits.test_labels) // changed)
    raw, labels = digits.test_images[::every], digits.test_labels[::every]
    with ThreadPoolExecutor(at_once) as pool:
        read = {
            name: pool.submit(robustness, reader, raw, labels)
            for name, reader in reversed(classifiers.items())
        }
    about = {
        "data": digits.name,
        "ink": ink_kept(raw),
        "classifiers": {name: read[name].result() for name in classifiers},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ROBUSTNESS).write_text(json.dumps(about, indent=1) + "\n")
    arrays = {"data": np.array(digits.name)} | figure_7(digits) | figure_13(classifiers, digits)
    arrays |= machine_printed(classifiers)
    if (folder / MISSED_BY).exists():
        arrays |= figure_8(results.load(folder / MISSED_BY), digits)
    if INSIDE in classifiers:
        net: Any = classifiers[INSIDE].classifier
        arrays |= inside(net.net, digits)
    np.savez_compressed(folder / PICTURES, **arrays)  # type: ignore[arg-type]


def robustness(reader: LoadedClassifier, raw: Tensor, labels: Tensor) -> dict[str, Any]:
    """The curves of one classifier, on how many of the digits, and the view that it has of them;
    of raw digits, N x 28 x 28 uint8, and their labels, N."""
    step = 10 if (reader.costs(raw[:100]).macs or 0) > COSTLY else 1
    raw, labels = raw[::step], labels[::step]
    return {"digits": len(labels), "view": reader.view, "curves": curves(reader, raw, labels)}


def figure_7(digits: Raw) -> Arrays:
    """figure7_tiles (6, 10, 28, 28): the first training digit of each class, then five of the
    patterns that distorted training makes of it."""
    train = split(digits, validation=0).train
    first = torch.tensor([int((train.labels == i).int().argmax()) for i in range(10)])
    made = [training_patterns(train, first + copy * len(train)).images[:, 0] for copy in range(6)]
    ink = (torch.stack(made) - paper.BACKGROUND) / (paper.FOREGROUND - paper.BACKGROUND)
    return {"figure7_tiles": (255 * ink).round().to(torch.uint8).numpy()}


def figure_8(result: results.Result, digits: Raw) -> Arrays:
    """figure8_index (M,) int32 and figure8_tiles (M, 28, 28): the test digits that any seed gets
    wrong."""
    index = np.flatnonzero(result.wrong.any(0)).astype(np.int32)
    return {"figure8_index": index, "figure8_tiles": digits.test_images.numpy()[index]}


def figure_13(classifiers: Mapping[str, LoadedClassifier], digits: Raw) -> Arrays:
    """G digits with what the net of their part makes of them: gallery_part and gallery_what (G,)
    text, gallery_label (G,) uint8, gallery_tiles (G, 28, 28), gallery_penalties (G, 10), the least
    of which is the answer."""
    parts = [
        {
            "gallery_part": np.array([part] * TILES),
            "gallery_what": np.array(what),
            "gallery_label": digits.test_labels[index].numpy().astype(np.uint8),
            "gallery_tiles": tiles.numpy(),
            "gallery_penalties": -reader.scores(tiles).astype(np.float32),
        }
        for part, reader, index, tiles, what in _parts(classifiers, digits)
    ]
    return {
        key: np.concatenate([part[key] for part in parts]) for part in parts[:1] for key in part
    }


def _parts(
    classifiers: Mapping[str, LoadedClassifier], digits: Raw
) -> Iterator[tuple[str, LoadedClassifier, Tensor, Tensor, list[str]]]:
    """Each part's name, net, the numbers of its digits, the digits as shown, what they are."""
    part, net = UNUSUAL
    if net in classifiers:
        margin = margins(classifiers[net].scores(digits.test_images))
        index = torch.from_numpy(margin.argsort(kind="stable")[:TILES])
        what = [f"margin {m:.2f}" for m in margin[index]]
        yield part, classifiers[net], index, digits.test_images[index], what
    index = torch.arange(TILES) * (len(digits.test_labels) // TILES)
    raw = digits.test_images[index]
    for (part, net), changes in CHANGED.items():
        if net in classifiers:
            all_by_all = [TRANSFORMATIONS[how].apply(raw, value) for how, value in changes]
            tiles = torch.stack([changed[i] for i, changed in enumerate(all_by_all)])
            yield part, classifiers[net], index, tiles, [f"{how} {v:g}" for how, v in changes]


def machine_printed(classifiers: Mapping[str, LoadedClassifier]) -> Arrays:
    """For F fonts and C classifiers printed_fonts (F,) and printed_names (C,), both text,
    printed_tiles (F, 10, 28, 28) and printed_answers (C, F, 10) uint8."""
    found = printed()
    raw = found.images.flatten(0, 1)
    answers = [reader.scores(raw).argmax(1).reshape(-1, 10) for reader in classifiers.values()]
    return {
        "printed_fonts": np.array(found.fonts),
        "printed_names": np.array(list(classifiers)),
        "printed_tiles": found.images.numpy(),
        "printed_answers": np.array(answers, np.uint8),
    }


def inside(net: nn.Sequential, digits: Raw) -> Arrays:
    """A LeNet-5's filters, and a digit on its way through.

    filters_C1 (6, 5, 5) and filters_C3 (16, 6, 5, 5), zeros where C3 does not look; maps_input
    (1, 28, 28) uint8; after squashing maps_C1 (6, 28, 28), maps_S2 (6, 14, 14), maps_C3
    (16, 10, 10), maps_S4 (16, 5, 5), maps_C5 (120, 1, 1); F6 as bitmaps (12, 7), maps_F6 and the
    code of the class, maps_code; maps_penalties (10,).
    """
    layers: dict[str, Any] = dict(net.named_children())
    c3 = (
        layers["C3"].dense_weight() if isinstance(layers["C3"], SparseConv) else layers["C3"].weight
    )
    raw = digits.test_images[digits.test_labels == SHOWN_WITHIN][:1]
    arrays: dict[str, Any] = {"filters_C1": layers["C1"].weight[:, 0], "filters_C3": c3}
    x = regular(raw)
    with torch.inference_mode():
        for name, layer in layers.items():
            x = layer(x)
            if name in ("C1_f", "S2", "C3_f", "S4", "C5_f", "F6_f"):
                arrays[f"maps_{name.removesuffix('_f')}"] = x[0]
    bitmap = (HEIGHT, WIDTH)
    arrays["maps_F6"] = arrays["maps_F6"].view(bitmap)
    arrays["maps_code"] = BITMAPS[SHOWN_WITHIN].view(bitmap)
    arrays["maps_penalties"] = -x[0]
    return {name: value.detach().numpy() for name, value in arrays.items()} | {
        "maps_input": raw.numpy()
    }
