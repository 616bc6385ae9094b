"""predict.py: what it prints for pictures, and what for everything else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import PROJECT

from lenet.data.source import stand_in
from lenet.predict.chosen import choose
from lenet.predict.command import main

RAW = stand_in()
WRONG = {  # a file's content, and its line
    "blank.png": (None, "is blank"),
    "empty.png": (b"", "is empty"),
    "text.png": (b"seven", "is not a picture"),
    "cut.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0", "is "),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three digits of the test set as pictures, black on white, each 140 x 140 in 300 x 200."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(3):
        digit = Image.fromarray(255 - RAW.test_images[n].numpy()).resize((140, 140))
        page = Image.new("L", (300, 200), "white")
        page.paste(digit, (150, 20))
        page.save(folder / f"{n}.png")
    return folder


@pytest.fixture
def spoilt(folder: Path) -> Path:
    """The same folder with files that are no digits among them."""
    for name, (data, _) in WRONG.items():
        (folder / name).write_bytes(data or b"")
    Image.new("L", (30, 30), "white").save(folder / "blank.png")
    return folder


def predict(project: Path, capsys, *arguments: object) -> tuple[int, list[str], list[str]]:
    """The exit code and the lines on either stream, by the project's own weights."""
    code = main(project, ["--tracking", "off", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def test_a_line_for_each_picture(project: Path, folder: Path, capsys) -> None:
    code, out, err = predict(project, capsys, folder / "2.png", folder)
    assert code == 0
    assert [line.split()[0] for line in out] == [f"{folder}/{n}.png" for n in (2, 0, 1, 2)]
    assert len({line.index("margin") for line in out}) == 1, "columns are aligned"
    for line in out:
        _, digit, word, _, score, _, margin = line.split()
        assert 0 <= int(digit) <= 9
        assert word in ("sure", "unsure", "rejected")
        assert float(score) < 0 < float(margin)  # of this net, a penalty
    [title] = err
    assert "the project's own lenet5, trained on digits, NOT MNIST, rejects margins" in title
    assert "is sure from" in title


def test_json_has_the_same(project: Path, folder: Path, capsys) -> None:
    _, lines, _ = predict(project, capsys, folder)
    code, text, _ = predict(project, capsys, folder, "--json")
    assert code == 0
    readings = json.loads("\n".join(text))
    assert len(readings) == len(lines) == 3
    for reading, line in zip(readings, lines, strict=True):
        assert set(reading) == {"file", "digit", "sureness", "score", "margin", "rejected"}
        assert line.startswith(f"{reading['file']}   {reading['digit']}   {reading['sureness']}")
        assert line.endswith(f"margin {reading['margin']:.4g}")
        assert (reading["sureness"] == "rejected") == reading["rejected"]


def test_digits_are_read_or_rejected_by_their_margin(project: Path, tmp_path, capsys) -> None:
    for n in range(100):
        Image.fromarray(RAW.test_images[n].numpy()).save(tmp_path / f"{n:02}.png")
    _, text, _ = predict(project, capsys, *sorted(tmp_path.glob("*.png")), "--json")
    readings = json.loads("\n".join(text))
    chosen = choose(project, "off", None)
    rejected = [r["rejected"] for r in readings]
    assert rejected == [r["margin"] < chosen.threshold for r in readings]
    assert chosen.threshold <= chosen.sure
    sure = [r["sureness"] == "sure" for r in readings]
    assert sure == [r["margin"] >= chosen.sure for r in readings]
    assert 0 < sum(rejected) < 100
    wrong = [r["digit"] != RAW.test_labels[n] for n, r in enumerate(readings)]
    assert np.mean(wrong) < 0.25
    assert np.array(wrong)[~np.array(rejected)].sum() <= 1


def test_what_is_no_digit_has_its_line_and_the_rest_go_on(project, spoilt, capsys) -> None:
    code, out, err = predict(project, capsys, spoilt, "nowhere.png")
    assert code == 1
    assert len(out) == 3
    told = dict(line.removeprefix("predict.py: ").split(" ", 1) for line in err[:-1])
    assert len(told) == len(err) - 1 == len(WRONG) + 1
    for name, (_, line) in WRONG.items():
        assert f"{told[f'{spoilt}/{name}']} ".startswith(line)
    assert told["nowhere.png"] == "cannot be opened (No such file or directory)"
    _, text, _ = predict(project, capsys, spoilt, "nowhere.png", "--json")
    listed = {reading["file"]: reading.get("error") for reading in json.loads("\n".join(text))}
    assert {name: error for name, error in listed.items() if error} == told
    assert len(listed) == len(told) + 3


def test_several_digits_are_told_as_such_and_read_on_request(project, tmp_path, capsys) -> None:
    page = Image.new("L", (400, 400), "white")
    for n in range(4):
        digit = Image.fromarray(255 - RAW.test_images[n].numpy()).resize((140, 140))
        page.paste(digit, (20 + 180 * (n % 2), 20 + 180 * (n // 2)))
    page.save(tmp_path / "page.png")
    code, out, err = predict(project, capsys, tmp_path / "page.png")
    assert (code, out) == (1, [])
    assert err == [f"predict.py: {tmp_path}/page.png shows 4 digits: --all reads them one by one"]
    code, out, _ = predict(project, capsys, "--all", tmp_path / "page.png")
    assert code == 0
    assert [line.split()[1] for line in out] == ["#1", "#2", "#3", "#4"]
    single = []
    for n in range(4):
        box = (20 + 180 * (n % 2), 20 + 180 * (n // 2))
        page.crop((*box, box[0] + 140, box[1] + 140)).save(tmp_path / f"{n}.png")
        single += predict(project, capsys, tmp_path / f"{n}.png")[1]
    assert [line.split()[2] for line in out] == [line.split()[1] for line in single]


def test_where_nothing_can_be_read_no_classifier_is_looked_for(tmp_path: Path, capsys) -> None:
    code, out, err = predict(tmp_path, capsys, "nowhere.png", "--json")
    failed = {"file": "nowhere.png", "error": "cannot be opened (No such file or directory)"}
    assert (code, json.loads("\n".join(out)), len(err)) == (1, [failed], 1)


def test_without_a_classifier_one_line_says_so(tmp_path: Path, folder: Path, capsys) -> None:
    code, out, err = predict(tmp_path, capsys, folder)
    assert (code, out, len(err)) == (1, [], 1)
    assert "is missing" in err[0]


def test_names_do_no_harm_to_a_terminal(project: Path, folder: Path, capsys) -> None:
    (folder / "0.png").rename(folder / "\x1b[2J\n.png")
    os.rename(folder / "1.png", os.fsencode(folder) + b"/\xff.png")
    code, out, _ = predict(project, capsys, folder)
    assert (code, len(out)) == (0, 3)
    assert "\\x1b[2J\\n.png'" in out[0]
    assert "\\udcff.png'" in out[2]


@pytest.fixture
def shell(project: Path):
    """Runs a copy of predict.py in a project of the test's own."""

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        (project / "predict.py").write_bytes((PROJECT / "predict.py").read_bytes())
        return subprocess.run(
            [sys.executable, str(project / "predict.py"), *arguments],
            input=stdin,
            env=os.environ | {"LENET_ROOT": str(project)},
            capture_output=True,
            timeout=120,
        )

    return run


@pytest.mark.slow
def test_from_the_shell(shell, spoilt: Path) -> None:
    done = shell("--json", "-", str(spoilt), stdin=(spoilt / "0.png").read_bytes())
    assert done.returncode == 1
    readings = [reading for reading in json.loads(done.stdout) if "error" not in reading]
    assert [r["file"] for r in readings] == ["-", *(f"{spoilt}/{n}.png" for n in range(3))]
    assert {**readings[0], "file": ""} == pytest.approx({**readings[1], "file": ""})
    assert len(done.stderr.splitlines()) == len(WRONG) + 1
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ([], 2, b"the following arguments are required: picture"),
        (["--jsom", "a.png"], 2, b"unrecognized arguments: --jsom"),
        (["nowhere.png"], 1, b"nowhere.png cannot be opened (No such file or directory)"),
        (["-"], 1, b"- is empty"),
    ],
)
def test_wrong_input_from_the_shell(shell, arguments: list[str], code: int, line: bytes) -> None:
    done = shell(*arguments)
    assert done.returncode == code
    assert line in done.stderr
    assert done.stdout == b""


def test_help_takes_no_heavy_package() -> None:
    code = "import sys; from pathlib import Path; from lenet.predict import main\n"
    code += "try: main(Path('.'), ['--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'numpy', 'mlflow', 'PIL'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "python predict.py - < digit.png" in done.stdout
