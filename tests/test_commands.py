"""Every command that README.md and docs/ show works, each cut down to take little time."""

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image
from tests import commands
from tests.commands import PROJECT, Done
from tests.conftest import runs

from lenet.data import load_raw

SMALL = ("data=digits", "data.train_size=200", "trainer.threads=1")
ONE_EPOCH = (*SMALL, "recipe.epochs=1", "tracking=off")
TRACKED = "1a2b3c4d"  # stands on the pages for the id of a run

Way = Callable[[str, pytest.FixtureRequest], None]


def succeeded(done: Done) -> Done:
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def instead(command: str, *values: str) -> list[str]:
    """A command's words, with some values added, or put in place of its own of that key."""
    words = shlex.split(command)
    keys = {value.partition("=")[0] for value in values if "=" in value}
    return [word for word in words if word.partition("=")[0] not in keys] + list(values)


def trains(*cut: str) -> Way:
    """On few digits, told to do less by some values."""

    def way(command: str, request: pytest.FixtureRequest) -> None:
        folder: Path = request.getfixturevalue("tracking_folder")
        done = succeeded(commands.run(instead(command, *cut), folder))
        assert re.search("(test|validation) error %", done.stdout)

    return way


def extends(*cut: str) -> Way:
    """With the files that docs/extending.md shows, as they stand there, beside `train.py`."""

    def way(command: str, request: pytest.FixtureRequest) -> None:
        folder: Path = request.getfixturevalue("extended")
        done = succeeded(by_shell(shlex.join(instead(command, *cut)), folder))
        assert "test error %" in done.stdout
        assert "paper %" not in done.stdout
        newest = runs(folder)[0].info.run_id
        draw_seven(folder / "digit.png")
        succeeded(by_shell(f"python predict.py --run {newest} digit.png", folder))

    return way


def says(text: str, *cut: str, without: tuple[str, ...] = ()) -> Way:
    """Cut or not, ends well and says so."""

    def way(command: str, request: pytest.FixtureRequest) -> None:
        folder: Path = request.getfixturevalue("tracking_folder")
        words = [word for word in instead(command, *cut) if word not in without]
        done = succeeded(commands.run(words, folder))
        assert text in done.stdout + done.stderr

    return way


def repeats(command: str, request: pytest.FixtureRequest) -> None:
    """By the id of a run that is there."""
    folder: Path = request.getfixturevalue("tracked")
    done = commands.run(shlex.split(by_its_id(command, folder)), folder)
    assert "test error %" in succeeded(done).stdout


def by_its_id(command: str, folder: Path) -> str:
    """A command about the run that is there."""
    [*_, first] = runs(folder)
    return command.replace(TRACKED, first.info.run_id[:8])


def predicts(command: str, request: pytest.FixtureRequest) -> None:
    """A printed seven; by the committed LeNet-5 where the command does not name a run."""
    folder: Path = request.getfixturevalue("tracked")
    draw_seven(folder / "digit.png")
    shutil.copy(folder / "digit.png", folder / "number.png")
    (folder / "scans").mkdir(exist_ok=True)
    draw_seven(folder / "scans" / "seven.png")
    if TRACKED in command:
        command = by_its_id(command, folder)
    if "<" in command:
        done = by_shell(command.replace("predict.py", f"{PROJECT}/predict.py", 1), folder)
    else:
        done = commands.run(shlex.split(command), folder)
    succeeded(done)
    if "--run" not in command:  # that net has seen next to nothing
        assert re.search(r'   7   |"digit": 7', done.stdout), done.stdout


def draws(command: str, request: pytest.FixtureRequest) -> None:
    """A page to draw on; by the committed LeNet-5 where the command does not name a run."""
    folder: Path = request.getfixturevalue("tracked")
    for name in ("conf", "results"):
        if not (folder / name).exists():
            (folder / name).symlink_to(PROJECT / name)
    command = by_its_id(command, folder) if TRACKED in command else f"{command} --tracking off"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSER", "true")
        succeeded(commands.run(shlex.split(command), folder))
    assert 'id="pad"' in (folder / "outputs" / "pad.html").read_text()


def draw_seven(path: Path) -> None:
    picture = Image.new("L", (60, 80), 255)
    picture.paste(0, (15, 15, 46, 21))
    for y in range(21, 66):
        picture.paste(0, (42 - (y - 21) // 3, y, 48 - (y - 21) // 3, y + 1))
    picture.save(path)


def by_shell(command: str, folder: Path) -> Done:
    """As a shell runs it, in processes of their own."""
    scripts = Path(sys.executable).parent
    environment = {"LENET_ROOT": str(folder), "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def completes(command: str, request: pytest.FixtureRequest) -> None:
    """The shell that evaluated it offers the models of that beginning."""
    typed = "python train.py model=lenet5_max"
    asked = f'COMP_LINE="{typed}" COMP_POINT={len(typed)} COMP_CWORD=2'
    script = f'{command}; {asked}; hydra_bash_completion; echo "${{COMPREPLY[@]}}"'
    done = succeeded(by_shell(script, PROJECT))
    models = [path.stem for path in (PROJECT / "conf" / "model").glob("lenet5_max*")]
    assert sorted(done.stdout.split()) == sorted(f"model={name}" for name in models)


def makes(command: str, request: pytest.FixtureRequest) -> None:
    """The target is there, and says what it would do."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed here")
    _, target = command.split()
    done = by_shell(f"make -n {target}", PROJECT)
    assert succeeded(done).stdout.strip()


def converts(command: str, request: pytest.FixtureRequest) -> None:
    """The run that is there, into a file that onnxruntime agrees with."""
    pytest.importorskip("onnxruntime")
    folder: Path = request.getfixturevalue("tracked")
    done = succeeded(commands.run(shlex.split(by_its_id(command, folder)), folder))
    assert "lenet5.onnx" in done.stdout
    assert (folder / "lenet5.onnx").stat().st_size > 4 * 60_000


def asks(command: str, request: pytest.FixtureRequest) -> None:
    """What it would send is what the test of the server sends."""
    folder: Path = request.getfixturevalue("tracked")
    draw_seven(folder / "digit.png")
    given = by_shell(command.replace("curl", "printf '%s\\n'", 1), folder).stdout.splitlines()
    [record] = json.loads(given[3])["dataframe_records"]
    assert base64.b64decode(record["png"]) == (folder / "digit.png").read_bytes()


def has_extras(command: str, request: pytest.FixtureRequest) -> None:
    """pip would find the extras; what it would fetch is not fetched."""
    known = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    [names] = re.findall(r"\.\[(.*)\]", command)
    assert set(names.split(",")) <= set(known["optional-dependencies"])


def has_options(command: str, request: pytest.FixtureRequest) -> None:
    """MLflow or Dask has the subcommand with these options; tests/tracking/test_server.py and
    tests/experiment/test_dask.py start them."""
    folder: Path = request.getfixturevalue("tracking_folder")
    words = shlex.split(command)
    program = "dask" if words[0] == "dask" else "mlflow"
    given = words[words.index(program) + 1 :]
    names = takewhile(lambda word: not word.startswith("-"), given)
    done = succeeded(commands.run(["python", "-m", program, *names, "--help"], folder))
    known = set(re.findall(r"--[a-z-]+", done.stdout))
    assert {word for word in given if word.startswith("--")} <= known


def pipes(*cut: str) -> Way:
    """In a clone of the project, without training."""

    def way(command: str, request: pytest.FixtureRequest) -> None:
        clone: Path = request.getfixturevalue("clone")
        succeeded(commands.run([*shlex.split(command), *cut], clone))

    return way


def studies(*words: str) -> Way:
    """`python -m lenet.study` with these words in place of the command's."""

    def way(command: str, request: pytest.FixtureRequest) -> None:
        request.getfixturevalue("mnist_root")
        clone: Path = request.getfixturevalue("clone")
        program = shlex.split(command)[:4]
        succeeded(commands.run([*program, *words], clone))

    return way


class Slow(NamedTuple):
    """A way that takes longer than the quick suite allows."""

    way: Way


DOCUMENTED: dict[str, Way | Slow] = {
    "make demo": makes,
    "make test": makes,
    "make test-all": makes,
    "make lint": makes,
    "make ui": makes,
    "make draw": makes,
    "make labs": makes,
    "python train.py": trains(*ONE_EPOCH),
    "python train.py --help": says("lenet5_max_relu"),
    'eval "$(python train.py -sc install=bash)"': completes,
    "python train.py experiment=lenet5 --cfg job": says("connections: table1"),
    "python train.py experiment=lenet5": trains(*ONE_EPOCH),
    "python train.py experiment=svm_poly4": trains(*SMALL, "tracking=off"),
    "python train.py model=lenet5_relu seed=3": trains(*ONE_EPOCH),
    "python train.py model=lenet5 'seeds=[0,1,2]'": trains(*ONE_EPOCH),
    "python train.py -m model=lenet5,lenet5_relu": trains(*ONE_EPOCH),
    "python train.py -m 'model=glob(lenet5*)'": Slow(trains(*ONE_EPOCH)),
    "python train.py -m 'experiment=glob(mlp_300*)'": Slow(trains(*ONE_EPOCH, "seeds=[0]")),
    "python train.py model=lenet4 --cfg job": says("lenet4"),
    "python train.py model=lenet4 data=digits recipe.epochs=2 tracking=off": trains(*ONE_EPOCH),
    "python train.py repeat=1a2b3c4d": repeats,
    "python train.py model=my_net": Slow(extends(*SMALL, "recipe.epochs=2")),
    "python train.py model=my_net recipe=my_recipe": Slow(extends(*SMALL, "recipe.epochs=2")),
    "python train.py data=folder data.folder=scans data.preprocess=true model=svc recipe=fit": Slow(
        extends()
    ),
    # several workers: tests/experiment/test_parallel.py
    "python train.py -m 'model=glob(lenet5*)' hydra/launcher=joblib trainer.threads=1": says(
        "JoblibLauncher", "model=lenet5", "--cfg", "hydra", without=("-m",)
    ),
    "python train.py -m 'model=glob(lenet5*)' hydra/launcher=joblib hydra.launcher.n_jobs=4 "
    "trainer.threads=1": says("n_jobs: 4", "model=lenet5", "--cfg", "hydra", without=("-m",)),
    "python train.py trainer=ddp": Slow(trains(*ONE_EPOCH)),
    "python train.py trainer=ddp trainer.devices=4": says("devices: 4", "--cfg", "job"),
    "python train.py search=modern": Slow(trains(*ONE_EPOCH, "hydra.sweeper.n_trials=1")),
    "python train.py search=modern model=lenet5_max hydra.sweeper.n_trials=50": says(
        "n_trials: 50", "--cfg", "hydra"
    ),
    "python train.py search=modern hydra/launcher=joblib hydra.sweeper.n_jobs=2 "
    "trainer.threads=1": says("n_jobs: 2", "--cfg", "hydra"),
    "python train.py -m hydra/sweeper=optuna hydra.sweeper.sampler.seed=0 "
    "hydra.sweeper.max_failure_rate=1 'recipe.optimizer.lr=tag(log,interval(1e-3,1e-2))'": Slow(
        trains(*ONE_EPOCH, "hydra.sweeper.n_trials=1")
    ),
    # on Slurm and by submitit: tests/experiment/test_parallel.py
    "python train.py -m 'experiment=glob(mlp_*)' hydra/launcher=slurm hydra.launcher.partition=cpu "
    "hydra.launcher.cpus_per_task=4 trainer.threads=4 output=/shared/lenet": says(
        "partition: cpu", "experiment=mlp_300", "--cfg", "hydra", without=("-m",)
    ),
    "python train.py -m model=lenet5,lenet5_relu hydra/launcher=submitit_local "
    "trainer.threads=1": says("LocalLauncher", "model=lenet5", "--cfg", "hydra", without=("-m",)),
    # on Dask's workers: tests/experiment/test_dask.py
    "python train.py -m model=lenet5,lenet5_relu hydra/launcher=dask trainer.threads=1": says(
        "DaskLauncher", "model=lenet5", "--cfg", "hydra", without=("-m",)
    ),
    "python train.py -m 'experiment=glob(mlp_*)' hydra/launcher=dask trainer.threads=1 "
    "output=/shared/lenet hydra.launcher.address=tcp://head:8786 "
    "tracking.uri=http://head:5000": says(
        "address: tcp://head:8786", "experiment=mlp_300", "--cfg", "hydra", without=("-m",)
    ),
    "dask scheduler --host 127.0.0.1 --port 8786 --dashboard-address 127.0.0.1:8787": has_options,
    "dask worker tcp://127.0.0.1:8786 --host 127.0.0.1 --nthreads 1 --no-nanny": has_options,
    "python train.py tracking.uri=http://127.0.0.1:5000": says("uri: http://127", "--cfg", "job"),
    "python -m lenet.tracking deliver": says("Nothing waits."),
    "python -m lenet.tracking deliver http://127.0.0.1:5000": says("Nothing waits."),
    "mlflow ui": has_options,
    "MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow server "
    "--workers 1 --backend-store-uri postgresql+psycopg://user@127.0.0.1/runs "
    "--artifacts-destination ./artifacts": has_options,
    "pip install -e '.[parallel,search,cluster,dask]'": has_extras,
    "pip install -e '.[postgres]'": has_extras,
    "python predict.py": says("picture", "--help"),
    "python predict.py digit.png": predicts,
    "python predict.py scans/ --json": predicts,
    "python predict.py --all number.png": predicts,
    "python predict.py - < digit.png": Slow(predicts),
    "python predict.py --run 1a2b3c4d digit.png": predicts,
    "python predict.py --best digit.png": predicts,
    "python train.py register=lenet5": trains(*SMALL, "recipe.epochs=1"),
    # started and asked: tests/tracking/test_models.py
    "MLFLOW_TRACKING_URI=sqlite:///mlflow.db mlflow models serve -m models:/lenet5-png@champion "
    "--env-manager local --port 5001": has_options,
    "curl -H 'Content-Type: application/json' -d "
    '"{\\"dataframe_records\\": [{\\"png\\": \\"$(base64 -w0 digit.png)\\"}]}" '
    "http://127.0.0.1:5001/invocations": asks,
    "python -m lenet.predict onnx 1a2b3c4d": converts,
    "pip install -e '.[onnx]'": has_extras,
    "python -m lenet.predict page": draws,
    "python -m lenet.predict page --run 1a2b3c4d": draws,
    "dvc repro": Slow(pipes("--dry")),
    "dvc repro train@lenet5": Slow(pipes("--dry")),
    "dvc repro -s train@lenet5_dist": Slow(pipes("--dry")),
    "dvc repro -s report": Slow(pipes("--dry")),
    "dvc exp run -S profile=quick": Slow(pipes("--dry")),
    "dvc metrics show --json": Slow(pipes()),
    "dvc metrics diff": Slow(pipes()),
    "dvc params diff": Slow(pipes()),
    "dvc dag --md": Slow(pipes()),
    "dvc repro code": Slow(pipes("--dry")),
    "dvc commit -f": Slow(pipes()),
    "python -m lenet.study restore": Slow(studies()),
    "python -m lenet.study short": says("usage", "--help"),
    "python -m lenet.study short lenet5 svm_poly4": Slow(studies("linear", "knn")),
    "python -m lenet.study train lenet5_100_seeds lenet5_max_relu_100_seeds lenet5_crossed": says(
        "usage", "--help"
    ),
    "python -m lenet.study train lenet5_max_relu_record lenet5_modern_record": says(
        "usage", "--help"
    ),
    "python -m lenet.study keep <commit>": says("usage", "--help", without=("<commit>",)),
    # at their smallest sizes: tests/test_benchmarks.py
    "python benchmarks/one_pattern.py": says("--updates", "--help"),
    "python benchmarks/record.py": says("--times", "--help"),
    "python benchmarks/throughput.py": says("--rounds", "--help"),
    "python benchmarks/interval_coverage.py": says("repetitions", "--help"),
    "python benchmarks/draw.py": says("--moves", "--help"),
    "python benchmarks/validation.py": says("--experiments", "--help"),
}


@pytest.fixture(scope="module")
def tracking_folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project's folder for what commands write."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(empty_database, folder)
    return folder


@pytest.fixture(scope="module")
def tracked(tracking_folder: Path) -> Path:
    """That folder, with a run that was tracked there."""
    command = ["python", "train.py", *SMALL, "recipe.epochs=1"]
    succeeded(commands.run(command, tracking_folder))
    return tracking_folder


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git checkout of this project as it lies here."""
    folder = tmp_path_factory.mktemp("clone")
    names = ("conf", "src", "results", "reports", ".dvc/config", ".dvcignore", ".gitignore")
    for name in (*names, "dvc.yaml", "dvc.lock", "params.yaml", "README.md"):
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A project with the files of docs/extending.md, each of at most ten lines, and some scans."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(PROJECT / "conf", folder / "conf")
    for path in (PROJECT / "train.py", PROJECT / "predict.py", empty_database):
        shutil.copy(path, folder)
    page = (PROJECT / "docs" / "extending.md").read_text()
    for name, text in re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", page, re.M | re.S):
        assert 1 <= sum(map(bool, text.split("\n"))) <= 10, name
        (folder / name).write_text(text)
    raw = load_raw("digits", folder)
    for number in range(200):
        image = Image.fromarray(255 - raw.train_images[number].numpy()).resize((90, 80))
        of_class = folder / "scans" / str(int(raw.train_labels[number]))
        of_class.mkdir(parents=True, exist_ok=True)
        image.save(of_class / f"{number}.png")
    return folder


def test_all_that_is_shown_is_tried_and_nothing_else() -> None:
    shown = {command for page in commands.PAGES for command in commands.commands(page.read_text())}
    assert shown - DOCUMENTED.keys() == set(), "a page shows commands that no test runs"
    assert DOCUMENTED.keys() - shown == set(), "a command is tried that no page shows any more"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command, id=command[:80], marks=pytest.mark.slow if isinstance(way, Slow) else ()
        )
        for command, way in DOCUMENTED.items()
    ],
)
def test_a_command_works(command: str, request: pytest.FixtureRequest) -> None:
    way = DOCUMENTED[command]
    (way.way if isinstance(way, Slow) else way)(command, request)
