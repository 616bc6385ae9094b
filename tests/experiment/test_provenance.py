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


def test_the_digest_of_code_sees_what_code_does_and_not_how_it_reads(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    (tmp_path / "nets").mkdir()
    net = tmp_path / "nets" / "lenet5.py"
    net.write_text('"""A net."""\n\n\ndef f(x):\n    """Doc."""\n    return x + 1\n')
    (tmp_path / "paper.py").write_text("A = 1\n")
    before = provenance.digest_of_code({"nets", "paper"})
    net.write_text("def f(x):\n    # why\n    return (x + 1)\n")
    assert provenance.digest_of_code({"nets", "paper"}) == before
    (tmp_path / "other.py").write_text("B = 2\n")
    assert provenance.digest_of_code({"nets", "paper"}) == before
    net.write_text("def f(x):\n    return x + 2\n")
    assert provenance.digest_of_code({"nets", "paper"}) != before
