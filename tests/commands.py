"""The commands that README.md and docs/ show, and how tests run one: `test_commands.py`.

A command starts in a fork of a server that has the heavy libraries imported, so that hundreds of
commands cost little more than what they do.
"""

import atexit
import multiprocessing
import os
import re
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TextIO

PROJECT = Path(__file__).resolve().parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
PROGRAMS = ("python", "make", "dvc", "pip", "mlflow")  # shown inside a sentence, too
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.preload"])


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

    returncode: int
    stdout: str
    stderr: str


class Running:
    """`python ...` or `dvc ...` at work, as `subprocess.Popen` has it, with pipes for its streams.

    Args:
        command: its words.
        folder: of a project: the current one, and the place for what is written.
        environment: what differs from that of the tests.
    """

    def __init__(
        self, command: list[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        values = os.environ | {"LENET_ROOT": str(folder)} | (environment or {})
        pipes = [FORKS.Pipe(duplex=False) for _ in range(2)]
        outputs = [output for _, output in pipes]
        self._process = FORKS.Process(target=_in_fork, args=(command, folder, values, outputs))
        self._process.start()
        for output in outputs:
            output.close()
        self.stdout, self._stderr = (_text(read) for read, _ in pipes)
        self._said: list[str] = []
        self._listener = threading.Thread(target=lambda: self._said.append(self._stderr.read()))
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> None:
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"it still runs after {timeout} seconds"

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def communicate(self, timeout: float) -> tuple[str, str]:
        """The rest of its output, and its errors; after so many seconds it is killed."""
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        rest = self.stdout.read()
        self._process.join()
        timer.cancel()
        self._listener.join()
        return rest, self._said[0]

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.communicate(60)
        self.stdout.close()
        self._stderr.close()


def start(
    command: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> "Running | subprocess.Popen[str]":
    """Starts `python ...` or `dvc ...` in a project's folder. A sweep that starts processes of its
    own is no fork: what it inherits from one may keep its workers waiting for ever."""
    if not any(word.startswith("hydra/launcher=") for word in command):
        return Running(command, folder, environment)
    program, *arguments = command
    assert program == "python"
    place = arguments[0] if arguments[0] == "-m" else str(PROJECT / arguments[0])
    return subprocess.Popen(
        [sys.executable, place, *arguments[1:]],
        cwd=folder,
        env=os.environ | {"LENET_ROOT": str(folder)} | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    command: list[str],
    folder: Path,
    timeout: float = 300,
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Runs `python ...` or `dvc ...` in a project's folder, to its end."""
    with start(command, folder, environment) as process:
        stdout, stderr = process.communicate(timeout)
        return Done(process.returncode or 0, stdout, stderr)


def _text(pipe: Connection) -> TextIO:
    with pipe:
        return open(os.dup(pipe.fileno()), encoding="utf-8")


def _in_fork(
    command: list[str], folder: Path, environment: dict[str, str], outputs: list[Connection]
) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    for stream, output in enumerate(outputs, 1):
        os.dup2(output.fileno(), stream)
        output.close()
    # as in an interpreter of its own, wherever the tests run
    signal.signal(signal.SIGINT, signal.default_int_handler)
    multiprocessing.set_start_method(None, force=True)
    program, *arguments = command
    try:
        if program == "dvc":
            from dvc.cli import main

            sys.exit(main(arguments))
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [str(PROJECT / arguments[0]), *arguments[1:]]
            runpy.run_path(sys.argv[0], run_name="__main__")
    finally:  # what an interpreter does at its end, in its order
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
