"""A result names the code that it comes from, changes included."""

import subprocess
from pathlib import Path

from lenet.experiment import provenance


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_clean_then_dirty_then_untracked(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    clean = provenance.code(tmp_path)
    assert len(clean.commit) == 40
    assert not clean.dirty

    (tmp_path / "a.py").write_text("two\n")
    (tmp_path / "b.py").write_text("new\n")
    changed = provenance.code(tmp_path)
    assert changed.commit == clean.commit
    assert changed.dirty
    assert "-one\n+two\n" in changed.diff
    assert "untracked: b.py" in changed.diff


def test_what_comes_of_runs_makes_no_code_dirty(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "lenet5.json").write_text("{}")
    (tmp_path / "a.py").write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / "results" / "lenet5.json").write_text("[]")
    (tmp_path / "results" / "lenet1.json").write_text("[]")
    (tmp_path / "dvc.lock").write_text("")
    assert not provenance.code(tmp_path).dirty


def test_a_download_without_history_is_unknown(tmp_path: Path) -> None:
    assert provenance.code(tmp_path) == provenance.Code("unknown", "")


def test_versions_name_what_results_depend_on() -> None:
    versions = provenance.versions()
    assert versions["torch"].startswith("2.")
    assert "python" in versions
