"""Where a result comes from: commit, uncommitted changes, versions, machine."""

import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "scikit-learn",
    "numpy",
    "numba",
    "hydra-core",
    "mlflow",
)

NOT_CODE = ("results", "reports", "dvc.lock", "params.yaml")  # what comes of runs, and their size
OF_CODE = ("--", ".", *(f":(exclude){name}" for name in NOT_CODE))


@dataclass(frozen=True)
class Code:
    """The state of the project's git checkout; without one, commit is "unknown"."""

    commit: str
    diff: str  # of tracked files against the commit, and the names of untracked ones

    @property
    def dirty(self) -> bool:
        return bool(self.diff)


def code(root: Path) -> Code:
    """The commit that is checked out in ``root``, and what differs from it, but for what comes of
    runs."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return Code("unknown", "")
    diff = _git(root, "diff", "HEAD", "--no-ext-diff", *OF_CODE) or ""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", *OF_CODE) or ""
    return Code(
        commit.strip(), diff + "".join(f"untracked: {name}\n" for name in untracked.splitlines())
    )


def commit_times(root: Path, commits: Iterable[str]) -> dict[str, int]:
    """When commits were made, in milliseconds since 1970, as far as the checkout has them."""
    times = {}
    for commit in set(commits):
        seconds = _git(root, "show", "--no-patch", "--format=%ct", f"{commit}^{{commit}}", "--")
        if seconds:
            times[commit] = 1000 * int(seconds)
    return times


def _git(root: Path, *arguments: str) -> str | None:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def versions() -> dict[str, str]:
    """The versions that results depend on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
