"""torchvision's missing operators are declared where they are missing, and only there."""

import subprocess
import sys

import pytest
import torch

from lenet.data import torchvision_ops


def test_torchvision_imports_afterwards() -> None:
    code = "import lenet.data.torchvision_ops, torchvision; print(torchvision.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "torchvision\n", done.stderr


def test_nothing_is_missing_where_the_compiled_part_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "load_library", lambda _: None)  # what a matching build does
    assert not torchvision_ops.missing()  # with the operators there, as they are by now


def test_a_compiled_part_that_does_not_load_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> None:
        raise OSError("undefined symbol")

    monkeypatch.setattr(torch.ops, "load_library", fails)
    assert torchvision_ops.missing()


def test_without_torchvision_there_is_nothing_to_declare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_ops, "find_spec", lambda _: None)
    assert not torchvision_ops.missing()
