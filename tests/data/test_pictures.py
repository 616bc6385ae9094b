"""Pictures of every kind give grey levels; whatever is none gives one line that says why."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lenet.data import pictures
from lenet.data.preprocessing import normalise
from lenet.errors import InputError


def drawn(mode: str = "L", paper="white", ink="black", size=(120, 160), at=(30, 20)) -> Image.Image:
    """A printed 5, about 75 pixels high."""
    picture = Image.new(mode, size, paper)
    ImageDraw.Draw(picture).text(at, "5", ink, ImageFont.load_default(100), stroke_width=3)
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(data: bytes) -> float:
    """Between the digit in a picture and the plain one, in the mean over pixels of either."""
    ours = normalise(pictures.grey(data)).astype(float)
    plain = normalise(pictures.grey(encoded(drawn()))).astype(float)
    return np.abs(ours - plain).sum() / np.maximum(ours, plain).sum()


SAME = {
    "inverse": encoded(drawn(paper="black", ink="white")),
    "colours": encoded(drawn("RGB", "beige", "navy")),
    "bilevel": encoded(drawn("1", 1, 0)),
    "rgba": encoded(drawn("RGBA", (0, 0, 0, 0), (0, 0, 0, 255))),
    "la": encoded(drawn("LA", (0, 0), (0, 255))),
    "palette": encoded(drawn().convert("P"), transparency=255),
    "cmyk": encoded(drawn("CMYK", (0, 0, 0, 0), (0, 0, 0, 255)), "TIFF"),
    "16bit": encoded(Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 100)),
    "corner": encoded(drawn(size=(1000, 800), at=(900, 650))),
    "shrunk": encoded(drawn("RGB", size=(2500, 1200), at=(1500, 700))),
    "jpeg": encoded(drawn(), "JPEG", quality=60),
    "webp": encoded(drawn(), "WEBP"),
    "gif": encoded(drawn(), "GIF"),
    "bmp": encoded(drawn(), "BMP"),
    "pgm": encoded(drawn(), "PPM"),
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME)
def test_the_same_digit_however_it_comes(data: bytes) -> None:
    assert difference(data) < 0.12


def test_another_digit_differs() -> None:
    picture = Image.new("L", (120, 160), "white")
    ImageDraw.Draw(picture).text((30, 20), "1", "black", ImageFont.load_default(100))
    assert difference(encoded(picture)) > 0.5


def test_a_camera_held_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise to see it upright
    data = encoded(drawn().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    assert difference(data) < 0.12


PNG = encoded(drawn())

WRONG = {
    "empty": (b"", "is empty"),
    "text": (b"7\n", "is not a picture of a format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    "pickle": (b"\x80\x04K\x07.", "is not a picture"),
    "cut": (PNG[: len(PNG) // 2], "is damaged"),
    "header": (PNG[:20], "is"),
    "altered": (PNG[:60] + b"\0\0\0\0" + PNG[64:], "is damaged"),
    "cut jpeg": (encoded(drawn(), "JPEG")[:300], "is damaged"),
    "huge": (encoded(Image.new("1", (10_000, 5_001))), "more than 50,000,000 pixels"),
    "bomb": (encoded(Image.new("1", (20_000, 20_000))), "more than 50,000,000 pixels"),
}


@pytest.mark.parametrize(("data", "line"), WRONG.values(), ids=WRONG)
def test_what_is_no_picture_says_why(data: bytes, line: str) -> None:
    with pytest.raises(InputError, match=line) as told:
        pictures.grey(data)
    assert "\n" not in str(told.value)


def test_any_damage_is_told_as_such() -> None:
    rng = np.random.default_rng(0)
    for kind in pictures.FORMATS:
        whole = encoded(drawn(), kind)
        for _ in range(60):
            data = bytearray(whole[: rng.integers(len(whole) // 2, len(whole) + 1)])
            for place in rng.integers(len(data), size=rng.integers(1, 9)):
                data[place] = rng.integers(256)
            try:
                grey = pictures.grey(bytes(data))
            except InputError:
                continue
            assert 0 <= grey.min() <= grey.max() <= 1


def test_standard_input(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PNG)))
    assert np.array_equal(pictures.read("-"), pictures.grey(PNG))


def test_standard_input_that_is_closed(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="is closed"):
        pictures.read("-")


def test_a_folder_gives_its_pictures_in_order(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt", "c.tiff"):
        (tmp_path / name).touch()
    assert pictures.files(str(tmp_path)) == [
        str(tmp_path / n) for n in ("a.jpg", "b.PNG", "c.tiff")
    ]
    assert pictures.files(str(tmp_path / "notes.txt")) == [str(tmp_path / "notes.txt")]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("none.png", r"cannot be opened \(No such file"),
        ("empty folder", "holds no pictures"),
        ("file.png/x.png", r"cannot be opened \(Not a directory"),
        ("with\0zero.png", "cannot be opened"),
        ("x" * 300, r"cannot be opened \(File name too long"),
        ("/dev/zero", "is no file"),
    ],
)
def test_what_cannot_be_opened_says_why(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "file.png").touch()
    [file] = pictures.files(str(tmp_path / name))
    with pytest.raises(InputError, match=line):
        pictures.read(file)


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    with open(tmp_path / "large.png", "wb") as f:
        f.truncate(pictures.LARGEST_FILE + 1)  # takes no room on the disk
    with pytest.raises(InputError, match="larger than 64 MiB"):
        pictures.read(str(tmp_path / "large.png"))
