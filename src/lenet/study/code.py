"""The stage `code`: by what values and code each row is trained, and each other stage made.

All that DVC knows of code are the files written here, so a stage is stale where, and only where,
the digest in its file has changed.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from lenet.experiment import identity
from lenet.files import Count, Seeds, Text, read_json
from lenet.study.profile import REPORTS, RESULTS, Parameters, configuration, rows

OF_ROWS, OF_STAGES = RESULTS / "code", REPORTS / "code"
ENDS = identity.ENDS
READS_REPORT = tuple(end for end in ENDS if end != "lenet.report")

STAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "data": (("lenet.study.stages.describe_data",), ENDS),
    "pictures": (
        ("lenet.study.stages.draw_pictures",),
        (*ENDS, "lenet.study.weights", "lenet.results"),  # what is trained has its own identity
    ),
    "features": (
        ("lenet.study.stages.compare_features",),
        (*ENDS, "lenet.study.weights", "lenet.results"),
    ),
    "evaluate": ((*identity.EVALUATION, "lenet.study.stages.evaluate"), READS_REPORT),
    "report": (
        ("lenet.study.stages.report",),
        (*READS_REPORT, "lenet.evaluation"),  # it reads figures
    ),
}
"""Of each stage but `train`: where its code begins, and behind what nothing is followed."""

Digest = Annotated[str, Field(pattern=r"^([0-9a-f]{16}|[0-9a-f]{64})$")]

TEMPLATES = ("*.j2", "*.css", "*.js", "*.toml")  # what a report is made from besides code


def write(params: Parameters) -> None:
    """Writes a file for each row and each stage; those of rows that are no more go.

    Raises:
        InputError: an experiment that cannot be composed.
    """
    _write_all(OF_ROWS, ((name, of_row(name, params)) for name in rows()))
    _write_all(OF_STAGES, ((name, {"code": of_stage(name)}) for name in STAGES))


def of_row(name: str, params: Parameters) -> dict[str, Any]:
    """What decides whether a row is trained: `identity.row`, and "seeds", a list."""
    cfg = configuration(name, params)
    seeds = [cfg.seed] if cfg.seeds is None else list(cfg.seeds)
    return identity.row(cfg, params["threads"]) | {"seeds": seeds}


def of_stage(name: str) -> str:
    """The digest of a stage's code; of what the report is made from besides code, too."""
    roots, ends = STAGES[name]
    package = identity.package(ends)
    digest = package.digest(roots)
    if name == "report":
        templates = sorted(p for end in TEMPLATES for p in (package.folder / "report").rglob(end))
        digest = identity.digest([digest, *(path.read_text("utf-8") for path in templates)])
    return digest


def _write_all(folder: Path, files: Iterable[tuple[str, dict[str, Any]]]) -> None:
    contents = dict(files)  # all of them, before anything is touched
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Row(TypedDict):
    """What the file of a row holds."""

    configuration: Digest
    code: Digest
    threads: Count
    seeds: Seeds


@with_config(ConfigDict(strict=True, extra="forbid"))
class _Data(TypedDict):
    """What results/data.json holds."""

    name: Text
    sha256: Digest
    training_digits: Count
    test_digits: Count


ROW, DIGITS = TypeAdapter(_Row), TypeAdapter(_Data)


def identities(name: str) -> dict[int, str]:
    """The identity of each run that a row asks for, by its seed, as `code` and `data` wrote it
    down. Imports nothing heavy: most stages of a study have nothing to do but to ask this.

    Raises:
        FileNotFoundError: they were not.
        InputError: their files are damaged.
    """
    row = read_json(OF_ROWS / f"{name}.json", ROW, "dvc repro -s -f code")
    data = read_json(RESULTS / "data.json", DIGITS, "dvc repro -s -f data")
    return {seed: identity.training(row, data["sha256"], seed) for seed in row["seeds"]}
