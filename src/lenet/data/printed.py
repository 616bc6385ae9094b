"""Machine-printed digits, drawn from the fonts that come with matplotlib: a test set that nobody
trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from lenet.data.preprocessing import normalise

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIZE = 160  # pixels to the em, far more than the 20 that are left


@dataclass(frozen=True)
class Printed:
    """Ten digits of each of F fonts.

    Attributes:
        fonts: their names, in alphabetical order of their files.
        images: F x 10 x 28 x 28 uint8 in MNIST's form, 255 is ink; the digit i of a font is its i.
    """

    fonts: tuple[str, ...]
    images: Tensor


def printed() -> Printed:
    """The digits of all of matplotlib's fonts that have them."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    files = sorted((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("*.ttf"))
    fonts = {path: FT2Font(str(path)) for path in files}
    good = {path: font for path, font in fonts.items() if has_digits(font)}
    names = (f"{font.family_name} {font.style_name}" for font in good.values())
    images = [[_drawn(path, digit) for digit in range(10)] for path in good]
    return Printed(tuple(names), torch.from_numpy(np.array(images)))


def has_digits(font: "FT2Font") -> bool:
    """Whether a font draws a zero for 0 and so on; some have other signs in these places."""
    glyphs = font.get_charmap()
    at = [glyphs.get(ord("0") + digit) for digit in range(10)]
    return all(
        i is not None and font.get_glyph_name(i) == name for i, name in zip(at, NAMES, strict=True)
    )


def _drawn(path: Path, digit: int) -> np.ndarray:
    """28 x 28 uint8."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("L", (2 * SIZE, 2 * SIZE), 255)
    font = ImageFont.truetype(str(path), SIZE)
    ImageDraw.Draw(page).text((SIZE, SIZE), str(digit), fill=0, font=font, anchor="mm")
    return normalise(np.asarray(page, np.float32) / np.float32(255))
