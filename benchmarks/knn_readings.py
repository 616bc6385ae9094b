"""Why the paper's k-NN errs on 5.0 % of the regular digits: readings of its input (III.C.2).

    python benchmarks/knn_readings.py [--data digits]

The exact nearest neighbours (k = 3) of 60,000 digits make fewer errors than that. This measures
the same search on digits made otherwise: black and white as NIST's were, centred by their
bounding box instead of their mass, filling a 20x20 box, or with fewer digits to compare with.
The figures are in docs/recipes.md; nothing is chosen by them.
"""

import argparse
import os
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from lenet.classic import NearestNeighbours
from lenet.data import Raw, load_raw

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


def error(digits: Raw, reading: str, count: int) -> float:
    """The test error in per cent with the first so many training digits."""
    train, test = (
        READINGS[reading](images.float()).flatten(1).numpy()
        for images in (digits.train_images[:count], digits.test_images)
    )
    classifier = NearestNeighbours(k=K).fit(train, digits.train_labels[:count].numpy())
    return 100 * float((classifier.predict(test) != digits.test_labels.numpy()).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--data",
        choices=("mnist", "digits"),
        default="mnist",
        help="digits: a stand-in of 1,797, to see that it runs (mnist)",
    )
    raw = load_raw(parser.parse_args().data, Path(os.environ.get("LENET_ROOT", ".")) / "data")
    if raw.stand_in:
        print("stand-in digits, NOT MNIST")
    everything = len(raw.train_labels)
    for name in READINGS:
        print(f"{name}: {error(raw, name, everything):.2f} %", flush=True)
    for name in ("as it is", "black and white"):
        few = everything // 4  # of MNIST 15,000
        print(f"{name}, {few:,} digits: {error(raw, name, few):.2f} %", flush=True)


if __name__ == "__main__":
    main()
