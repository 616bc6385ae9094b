"""Why the paper's k-NN errs on 5.0 % of the regular digits: readings of its input (III.C.2).

    python benchmarks/knn_readings.py

The exact nearest neighbours (k = 3) of 60,000 digits make fewer errors than that. This measures
the same search on digits made otherwise: black and white as NIST's were, centred by their
bounding box instead of their mass, filling a 20x20 box, or with fewer digits to compare with.
The figures are in docs/recipes.md; nothing is chosen by them.
"""

import os
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from lenet.classic.neighbours import NearestNeighbours
from lenet.data.source import Raw, load

K = 3  # as the paper's on deslanted digits; it does not say which on regular ones
SIDE, INNER = 28, 20


def binary(images: Tensor) -> Tensor:
    """Ink or none: N x H x W grey levels to 255 -> 0 or 255."""
    return torch.where(images > 127, 255.0, 0.0)


def boxes(images: Tensor) -> list[Tensor]:
    """Each digit cut out along its bounding box."""
    cut = []
    for image in images:
        rows, columns = image.any(1).nonzero(), image.any(0).nonzero()
        cut.append(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return cut


def box_centred(images: Tensor) -> Tensor:
    """Digits with the middle of their bounding box in the middle of the picture."""
    centred = torch.zeros_like(images)
    for picture, digit in zip(centred, boxes(images), strict=True):
        (height, width), (top, left) = digit.shape, ((SIDE - side) // 2 for side in digit.shape)
        picture[top : top + height, left : left + width] = digit
    return centred


def filling(images: Tensor) -> Tensor:
    """Digits stretched to fill 20x20: N x 20 x 20."""
    size = (INNER, INNER)
    stretched = [
        F.interpolate(digit[None, None], size, mode="bilinear", antialias=True)[0, 0]
        for digit in boxes(images)
    ]
    return torch.stack(stretched)


READINGS = {
    "as it is": lambda images: images,
    "black and white": binary,
    "box-centred": box_centred,
    "box-centred, black and white": lambda images: binary(box_centred(images)),
    "filling 20x20": filling,
    "filling 20x20, black and white": lambda images: binary(filling(images)),
}


def error(digits: Raw, reading: str, count: int = 60_000) -> float:
    """The test error in per cent with the first so many training digits."""
    train, test = (
        READINGS[reading](images.float()).flatten(1).numpy()
        for images in (digits.train_images[:count], digits.test_images)
    )
    classifier = NearestNeighbours(k=K).fit(train, digits.train_labels[:count].numpy())
    return 100 * float((classifier.predict(test) != digits.test_labels.numpy()).mean())


if __name__ == "__main__":
    mnist = load("mnist", Path(os.environ.get("LENET_ROOT", ".")) / "data")
    for name in READINGS:
        print(f"{name}: {error(mnist, name):.2f} %", flush=True)
    for name in ("as it is", "black and white"):
        print(f"{name}, 15,000 digits: {error(mnist, name, 15_000):.2f} %", flush=True)
