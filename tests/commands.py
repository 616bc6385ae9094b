"""The commands that README.md and docs/ show, and how tests run one: `test_commands.py`.

A command starts in a fork of a server that has the heavy libraries imported, so that dozens of
commands cost little more than what they do.
"""

import multiprocessing
import os
import re
import runpy
import sys
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
PROGRAMS = ("python", "make", "dvc", "pip", "mlflow")  # shown inside a sentence, too
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "lenet.experiment.command",
        "lenet.experiment.job",
        "lenet.learning",
        "mlflow",
        "pandas",
        "dvc.cli.parser",
        "dvc.repo",
    ]
)


def commands(text: str) -> list[str]:
    """The commands of a page: each of its ```sh blocks, and `python ...` in a sentence; without
    comments, a command that goes on in the next line as one."""
    lines = [
        line
        for language, block in BLOCK.findall(text)
        if language == "sh"
        for line in block.replace("\\\n", " ").splitlines()
    ]
    inline = re.findall(r"`([^`]+)`", BLOCK.sub("", text))
    lines += [code for code in inline if code.split()[0] in PROGRAMS and len(code.split()) > 1]
    bare = [" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in lines]
    return [command for command in bare if command]


class Done(NamedTuple):
    """What a command left."""

    code: int
    stdout: str
    stderr: str


def run(command: list[str], folder: Path, timeout: float = 300) -> Done:
    """Runs `python ...` or `dvc ...`, with a project's folder as the current one and as the place
    for what is written."""
    process = _forks.Process(target=_in_fork, args=(command, folder))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join()
    stdout, stderr = ((folder / name).read_text() for name in ("stdout", "stderr"))
    return Done(process.exitcode or 0, stdout, stderr)


def _in_fork(command: list[str], folder: Path) -> None:
    os.chdir(folder)
    os.environ["LENET_ROOT"] = str(folder)
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    program, *arguments = command
    if program == "dvc":
        from dvc.cli import main

        sys.exit(main(arguments))
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [str(PROJECT / arguments[0]), *arguments[1:]]
        runpy.run_path(sys.argv[0], run_name="__main__")
