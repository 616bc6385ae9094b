"""Whatever is wrong with a file of the study, its stage says which file it is and what to do, in a
line, and leaves every byte of the project as it was."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from tests.conftest import PROJECT, Pictured, record

from lenet import results
from lenet.study.__main__ import main
from lenet.study.code import identities

SEEDS = 2
TINY = {"seeds": SEEDS, "epochs": 2, "train_size": 600, "changed_digits": 50}
RUNS, PREDICTIONS = "results/lenet5/result.json", "results/lenet5/predictions.npz"
PICTURES, ROBUSTNESS = "results/pictures.npz", "results/robustness.json"
FEATURES = "results/features.json"
FIGURES, ROW, DATA = "reports/evaluation.json", "results/code/lenet5.json", "results/data.json"
PARAMS = "params.yaml"

TRAINED = "git restore results/lenet5/{}, or rm -r results/lenet5 and dvc repro -s train@lenet5"
MENDED = {  # what a line says is to be done
    RUNS: TRAINED.format("result.json"),
    PREDICTIONS: TRAINED.format("predictions.npz"),
    PICTURES: f"git restore {PICTURES}, or dvc repro -s -f pictures",
    ROBUSTNESS: f"git restore {ROBUSTNESS}, or dvc repro -s -f pictures",
    FEATURES: f"git restore {FEATURES}, or dvc repro -s -f features",
    FIGURES: "dvc repro -s -f evaluate",
    ROW: f"git restore {ROW}, or dvc repro -s -f code",
    DATA: f"git restore {DATA}, or dvc repro -s -f data",
    PARAMS: "mend it, or git restore params.yaml",
}
READ_BY = {  # the stages that read a file
    RUNS: ("train lenet5", "evaluate", "report", "restore"),
    PREDICTIONS: ("train lenet5", "evaluate", "report", "restore"),
    PICTURES: ("evaluate", "report"),
    ROBUSTNESS: ("evaluate", "report"),
    FEATURES: ("evaluate",),
    FIGURES: ("report",),
    ROW: ("train lenet5",),
    DATA: ("train lenet5",),
    PARAMS: ("train lenet5", "data", "code", "evaluate", "report"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, pictured: Pictured, run_files: Path) -> Path:
    """A project whose study has nothing to do."""
    folder = tmp_path_factory.mktemp("whole")
    conf = shutil.copytree(PROJECT / "conf", tmp_path_factory.mktemp("few") / "conf")
    (folder / "conf").symlink_to(conf)
    for path in (conf / "experiment").iterdir():
        if path.stem not in ("lenet5", "linear"):
            path.unlink()
    params = yaml.safe_load((PROJECT / PARAMS).read_text())
    params |= {"data": "digits", "profile": "tiny", "profiles": {"tiny": TINY}}
    (folder / PARAMS).write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LENET_ROOT", str(folder))
        main(["data"])
        main(["code"])
        own = identities("lenet5")
        more = {"curves": {"train/error": [0.2, 0.1], "train/loss": [2.0, 1.0]}}
        runs = tuple(record(seed, identity=own[seed], **more) for seed in range(SEEDS))
        label = (np.arange(60) % 10).astype(np.uint8)
        prediction, margin = np.stack([label] * SEEDS), np.ones((SEEDS, 60), np.float16)
        prediction[0, 3] = prediction[1, [3, 5]] = 9
        about = "lenet5", "lenet5", "digits", "d1", "tiny", runs
        result = results.Result(*about, label, prediction, margin)
        results.save(result, Path("results/lenet5"))
        shutil.copy(run_files / results.MODEL, "results/lenet5")
        for name in (PICTURES, ROBUSTNESS):
            shutil.copy(pictured.folder / Path(name).name, name)
        features = {"data": "digits", "correlations": {"step2_softmax": [0.2, 0.3]}}
        Path(FEATURES).write_text(json.dumps(features))
        main(["train", "lenet5"])
        main(["evaluate"])
    return folder


@pytest.fixture
def project(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(whole, tmp_path / "project", symlinks=True))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LENET_ROOT", str(folder))
    return folder


class Damage(NamedTuple):
    """What is done to a file."""

    file: str
    name: str
    apply: Callable[[Path], object]


def values(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Changes what a JSON or YAML file holds; a change that gives something else replaces it."""

    def apply(path: Path) -> None:
        load, dump = (
            (yaml.safe_load, yaml.safe_dump) if "yaml" in name else (json.loads, json.dumps)
        )
        content = load(path.read_text())
        changed = change(content)
        path.write_text(dump(content if changed is None else changed))

    return apply


def at(*keys: Any, to: Any) -> Callable[[Any], None]:
    """Replaces the value at a path of keys."""

    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to

    return change


def without(*keys: Any) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def arrays(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """Changes the arrays of an .npz file."""

    def apply(path: Path) -> None:
        with np.load(path) as file:
            content = dict(file)
        change(content)
        np.savez_compressed(path, **content)

    return apply


def array(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def replaced(content: dict) -> None:
        content[name] = change(content[name])

    return arrays(replaced)


def with_value(place: Any, value: Any) -> Callable[[Any], Any]:
    def change(content: Any) -> Any:
        content = content.copy()
        content[place] = value
        return content

    return change


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 3, 2 * len(content) // 3, 7):
        content[place] ^= 0x55
    path.write_bytes(content)


def other_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing of the kind")


def one_member_more(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.npy", b"no array")


def pickled(path: Path) -> None:
    content = io.BytesIO()
    np.savez(content, label=np.array([print], dtype=object))
    path.write_bytes(content.getvalue())


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


ANYWHERE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 4),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "folder": a_folder,
}
IN_TEXT: dict[str, Callable[[Any], object]] = {
    "list": lambda _: [1, 2, 3],
    "text": lambda _: "a text",
    "number": lambda _: 7,
    "null in a list": lambda _: [None],
    "empty mapping": lambda _: {},
}
IN_ZIP = {
    "flipped": flipped,
    "other members": other_members,
    "one member more": one_member_more,
    "pickled": pickled,
}
NAN = float("nan")
IN_VALUES: dict[str, dict[str, Callable[[Any], object]]] = {
    RUNS: {
        "no runs": at("runs", to=[]),
        "runs is a mapping": at("runs", to={}),
        "lacks its row": without("row"),
        "of no row": at("row", to="lenet9"),
        "of another experiment": at("experiment", to="lenet4"),
        "lacks a seed": without("runs", 0, "seed"),
        "seed is text": at("runs", 0, "seed", to="0"),
        "seed is a fraction": at("runs", 0, "seed", to=0.5),
        "seed is negative": at("runs", 0, "seed", to=-1),
        "seed is huge": at("runs", 0, "seed", to=10**30),
        "seed is true": at("runs", 0, "seed", to=True),
        "seed twice": at("runs", 1, "seed", to=0),
        "identity is a number": at("runs", 0, "identity", to=5),
        "identity is empty": at("runs", 0, "identity", to=""),
        "run is null": at("runs", 0, "run", to=None),
        "dirty is text": at("runs", 0, "dirty", to="no"),
        "threads is zero": at("runs", 0, "threads", to=0),
        "versions is a list": at("runs", 0, "versions", to=["torch"]),
        "metrics is null": at("runs", 0, "metrics", to=None),
        "a metric is text": at("runs", 0, "metrics", "macs", to="many"),
        "a metric is NaN": at("runs", 0, "metrics", "macs", to=NAN),
        "a metric is infinite": at("runs", 0, "metrics", "macs", to=float("inf")),
        "a metric is negative": at("runs", 0, "metrics", "training_seconds", to=-1.0),
        "lacks a metric": without("runs", 0, "metrics", "variables"),
        "an error beyond one": at("runs", 0, "curves", "train/error", to=[0.2, 1.5]),
        "a curve is a number": at("runs", 0, "curves", "train/loss", to=3.0),
        "a curve has text": at("runs", 0, "curves", "train/loss", to=[1.0, "2"]),
        "a curve has NaN": at("runs", 0, "curves", "train/loss", to=[1.0, NAN]),
        "a curve is empty": at("runs", 0, "curves", "train/loss", to=[]),
        "a curve is shorter": at("runs", 0, "curves", "train/loss", to=[1.0]),
        "one key more": at("more", to=1),
    },
    ROBUSTNESS: {
        "lacks ink": without("ink"),
        "lacks a curve": without("classifiers", "knn", "curves", "noise"),
        "a value is missing": without("classifiers", "knn", "curves", "rotation", 3),
        "an error beyond one": at("classifiers", "knn", "curves", "noise", 0, to=[0.0, 1.5]),
        "an error is NaN": at("classifiers", "knn", "curves", "noise", 0, to=[0.0, NAN]),
        "a point is a number": at("classifiers", "knn", "curves", "noise", 0, to=0.1),
        "ink is negative": at("ink", "rotation", 0, to=[-40, -0.5]),
        "no digits": at("classifiers", "knn", "digits", to=0),
        "view is null": at("classifiers", "knn", "view", to=None),
    },
    FEATURES: {
        "lacks its digits": without("data"),
        "no seeds": at("correlations", "step2_softmax", to=[]),
        "a correlation beyond one": at("correlations", "step2_softmax", 1, to=1.5),
        "a correlation is NaN": at("correlations", "step2_softmax", 1, to=NAN),
        "a correlation is text": at("correlations", "step2_softmax", 1, to="0.2"),
        "correlations are a list": at("correlations", to=[0.2]),
        "one key more": at("more", to=1),
    },
    FIGURES: {
        "lacks a figure": without("runs", "lenet5", 0, "reject"),
        "an error beyond one": at("runs", "lenet5", 0, "error", to=2.0),
        "an error is NaN": at("runs", "lenet5", 0, "low", to=NAN),
        "errors are negative": at("runs", "lenet5", 0, "errors", to=-3),
        "a seed is missing": without("runs", "lenet5", 1),
        "runs are null": at("runs", "lenet5", to=None),
        "a method is missing": without("methods", "lenet5"),
        "a verdict of another kind": at("methods", "lenet5", "verdict", to="reproduced"),
        "a claim lacks its words": without("claims", 0, "claim"),
    },
    ROW: {
        "seeds is text": at("seeds", to="01"),
        "a seed is text": at("seeds", to=["0"]),
        "no seeds": at("seeds", to=[]),
        "a seed twice": at("seeds", to=[0, 0]),
        "code is null": at("code", to=None),
        "code is no digest": at("code", to="new"),
        "lacks threads": without("threads"),
        "threads is a fraction": at("threads", to=1.5),
    },
    DATA: {
        "lacks its digest": without("sha256"),
        "digest is cut": at("sha256", to="c655"),
        "digits are negative": at("test_digits", to=-1),
    },
    PARAMS: {
        "lacks its profile": without("profile"),
        "profile is a list": at("profile", to=["tiny"]),
        "profiles is a list": at("profiles", to=["tiny"]),
        "a profile is null": at("profiles", "tiny", to=None),
        "threads is text": at("threads", to="one"),
        "threads is zero": at("threads", to=0),
        "seeds is negative": at("profiles", "tiny", "seeds", to=-5),
        "epochs is text": at("profiles", "tiny", "epochs", to="two"),
        "train_size is NaN": at("profiles", "tiny", "train_size", to=NAN),
        "changed_digits is null": at("profiles", "tiny", "changed_digits", to=None),
        "data is a number": at("data", to=3),
    },
}
IN_ARRAYS: dict[str, dict[str, Callable[[Path], object]]] = {
    PREDICTIONS: {
        "lacks labels": arrays(lambda content: content.pop("label")),
        "an array more": arrays(lambda content: content.update(more=np.zeros(3))),
        "labels are int64": array("label", lambda a: a.astype(np.int64)),
        "a label is 10": array("label", with_value(5, 10)),
        "labels are a table": array("label", lambda a: a.reshape(6, 10)),
        "a label less": array("label", lambda a: a[1:]),
        "no digits": arrays(
            lambda content: content.update({name: a[..., :0] for name, a in content.items()})
        ),
        "a prediction is 255": array("prediction", with_value((0, 0), 255)),
        "predictions are text": array("prediction", lambda a: a.astype(str)),
        "predictions are fractions": array("prediction", lambda a: a / 2),
        "a run less": array("prediction", lambda a: a[:1]),
        "a digit less": array("prediction", lambda a: a[:, 1:]),
        "a margin is NaN": array("margin", with_value((0, 0), np.nan)),
        "a margin is negative": array("margin", with_value((1, 3), -1)),
        "margins are float64": array("margin", lambda a: a.astype(np.float64)),
        "margins are of no run": array("margin", lambda a: a[0]),
    },
    PICTURES: {
        "lacks the fonts": arrays(lambda content: content.pop("printed_fonts")),
        "lacks a map": arrays(lambda content: content.pop("maps_S4")),
        "an array more": arrays(lambda content: content.update(more=np.zeros(3))),
        "tiles are int64": array("figure7_tiles", lambda a: a.astype(np.int64)),
        "tiles are smaller": array("figure7_tiles", lambda a: a[..., 1:]),
        "a tile less": array("gallery_tiles", lambda a: a[1:]),
        "an answer is 200": array("printed_answers", with_value((0, 0, 0), 200)),
        "a penalty is NaN": array("gallery_penalties", with_value((0, 0), np.nan)),
        "a penalty is infinite": array("gallery_penalties", with_value((0, 0), np.inf)),
        "a number is negative": array("figure8_index", with_value(0, -1)),
        "fonts are numbers": array("printed_fonts", lambda a: np.zeros(len(a))),
        "a name is another": array("printed_names", with_value(0, "svm")),
    },
}
DAMAGES = [
    *(Damage(file, name, apply) for file in READ_BY for name, apply in ANYWHERE.items()),
    *(
        Damage(file, name, values(file, change))
        for file, own in IN_VALUES.items()
        for name, change in (IN_TEXT | own).items()
    ),
    *(
        Damage(file, name, apply)
        for file, own in IN_ARRAYS.items()
        for name, apply in (IN_ZIP | own).items()
    ),
]


def state(folder: Path) -> dict[str, str]:
    """sha256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".study.lock"
    }


def test_undamaged_there_is_nothing_to_do(project: Path, capsys) -> None:
    before = state(project)
    main(["train", "lenet5"])
    main(["evaluate"])
    assert state(project) == before
    assert capsys.readouterr() == ("", "")
    main(["report"])
    assert (project / "reports" / "index.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: f"{d.file} {d.name}".replace(" ", "-"))
def test_a_damaged_file_is_told_in_a_line_and_nothing_is_touched(
    damage: Damage, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage.apply(project / damage.file)
    before = state(project)
    for stage in READ_BY[damage.file]:
        with pytest.raises(SystemExit) as ended:
            main(stage.split())
        line = str(ended.value.code)
        assert line.startswith(f"{stage.split()[0]}: {damage.file} "), line
        assert line.endswith(MENDED[damage.file]), line
        assert len(line.splitlines()) == 1
        assert state(project) == before, f"{stage} changed something"
        assert capsys.readouterr() == ("", "")


def test_the_table_is_long() -> None:
    assert len({(damage.file, damage.name) for damage in DAMAGES}) == len(DAMAGES) >= 150


def test_a_damaged_result_hinders_no_other_row(project: Path) -> None:
    from lenet.study import training

    Path(RUNS).write_text("{")
    assert not training.is_whole("linear")
    assert training._is_missing("linear")
    assert not training._is_missing("lenet5"), "its own stage tells"
    assert results.find(Path("results"), "some identity") is None


def test_labels_that_differ_between_rows_are_told(project: Path) -> None:
    kept = results.load(Path("results/lenet5"))
    other = {"experiment": "lenet4", "row": "lenet4", "label": 9 - kept.label}
    results.save(results.Result(**vars(kept) | other), Path("results/lenet4"))
    with pytest.raises(SystemExit, match=r"lenet5/predictions.npz is damaged \(its labels are not"):
        main(["evaluate"])


def test_what_cannot_be_written_is_told_in_a_line(tmp_path: Path, monkeypatch) -> None:
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    (tmp_path / "results" / "data.json").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LENET_ROOT", str(tmp_path))
    with pytest.raises(SystemExit) as told:
        main(["data"])
    assert told.value.code == "data: [Errno 21] Is a directory: 'results/data.json'"
