"""RCE-17: git state is read from real repositories, and a hostile one runs nothing."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from epochal.client.capture.git import find_root, read_git


def git(where: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit with two files on the branch ``trunk``."""
    root = (tmp_path / "repo").resolve()
    root.mkdir()
    git(root, "init", "-q", "-b", "trunk")
    (root / "train.py").write_text("lr = 0.1\n")
    (root / "data.bin").write_bytes(bytes(range(256)))
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    return root


def read(where: Path, **options):
    """With a generous limit: the machine may be busy."""
    return read_git(str(where), **{"timeout": 30.0, **options})


def test_a_clean_repository(repository):
    """Commit, branch and root; nothing is dirty."""
    (repository / "deep" / "er").mkdir(parents=True)
    state = read(repository / "deep" / "er")
    assert state is not None
    assert state.commit == git(repository, "rev-parse", "HEAD")
    assert state.branch == "trunk"
    assert state.root == str(repository)
    assert (state.dirty, state.diff, state.diff_truncated, state.remote) == (False, "", False, "")
    assert state.untracked == ()


def test_changes_and_untracked_python_files_are_shown(repository):
    """The diff can be applied to the commit and gives what was run."""
    (repository / "train.py").write_text("lr = 0.2\n")
    (repository / "staged.py").write_text("new = 1\n")
    git(repository, "add", "staged.py")
    (repository / "loose.py").write_text("x = 1\n")
    (repository / "notes.txt").write_text("no python")
    (repository / ".gitignore").write_text("ignored.py\n")
    (repository / "ignored.py").write_text("")
    state = read(repository)
    assert state.dirty
    assert "-lr = 0.1\n+lr = 0.2\n" in state.diff
    assert state.untracked == ("loose.py",)
    git(repository, "stash", "-q")
    patch = repository.parent / "patch"
    patch.write_text(state.diff)
    git(repository, "apply", str(patch))
    assert (repository / "train.py").read_text() == "lr = 0.2\n"
    assert (repository / "staged.py").read_text() == "new = 1\n"


def test_the_index_is_not_written(repository):
    """Reading takes no lock and refreshes nothing on disk."""
    os.utime(repository / "train.py", (1, 1))
    before = (repository / ".git" / "index").read_bytes()
    assert read(repository).dirty is False
    assert (repository / ".git" / "index").read_bytes() == before


def test_a_long_diff_is_cut_at_a_line(repository):
    """It keeps to the limit and says so."""
    (repository / "train.py").write_text("".join(f"line {n}\n" for n in range(10_000)))
    state = read(repository, diff_limit=5_000)
    assert state.diff_truncated
    assert 4_000 < len(state.diff) <= 5_000
    assert state.diff.endswith("\n")


def test_binary_changes_are_only_named(repository):
    """The patch holds no binary data."""
    (repository / "data.bin").write_bytes(bytes(range(256)) * 2)
    state = read(repository)
    assert "Binary files a/data.bin and b/data.bin differ" in state.diff


def test_secrets_in_remote_and_diff_are_replaced(repository):
    """LEAK-01."""
    git(repository, "remote", "add", "other", "https://example.org/other.git")
    git(repository, "remote", "add", "origin", "https://ada:hunter2@example.org/x.git")
    (repository / "train.py").write_text("password = 'hunter2'\n")
    state = read(repository)
    assert state.remote == "https://[redacted]@example.org/x.git"
    assert "hunter2" not in state.diff
    assert "+password = '[redacted]'" in state.diff


def test_a_detached_head_has_no_branch(repository):
    """The commit is there all the same."""
    git(repository, "checkout", "-q", "--detach")
    state = read(repository)
    assert state.branch == ""
    assert len(state.commit) == 40


def test_a_repository_without_a_commit(tmp_path):
    """Its branch is known, its staged files are the diff."""
    git(tmp_path, "init", "-q", "-b", "main")
    state = read(tmp_path)
    assert (state.commit, state.branch, state.dirty) == ("", "main", False)
    (tmp_path / "a.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    state = read(tmp_path)
    assert state.dirty
    assert "+a = 1" in state.diff


def test_a_linked_work_tree_and_a_submodule(repository, tmp_path):
    """Both are repositories of their own with a ``.git`` file."""
    linked = tmp_path / "linked"
    git(repository, "worktree", "add", "-q", "-b", "side", str(linked))
    (linked / "train.py").write_text("lr = 3\n")
    state = read(linked)
    assert (state.branch, state.root, state.dirty) == ("side", str(linked.resolve()), True)
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    add = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository), "sub")
    git(outer, *add)
    git(outer, "commit", "-q", "-m", "with submodule")
    (outer / "sub" / "train.py").write_text("lr = 4\n")
    assert read(outer).dirty is False, "work in a submodule is the submodule's"
    state = read(outer / "sub")
    assert state.root == str((outer / "sub").resolve())
    assert "+lr = 4" in state.diff


def test_no_repository_and_no_git(repository, tmp_path, monkeypatch):
    """Both are None; so are paths that are none."""
    assert read(tmp_path) is None
    assert read_git("/nonexistent/place") is None
    assert read_git("bad\0path") is None
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert read(repository) is None


def test_a_broken_repository_is_none(repository):
    """Whatever lies in ``.git``, nothing is raised."""
    (repository / ".git" / "config").write_text("[broken")
    assert read(repository) is None
    (repository / ".git" / "config").write_bytes(b"\xff\x00" * 100)
    assert read(repository) is None


def test_variables_of_an_outer_git_do_not_mislead(repository, tmp_path, monkeypatch):
    """Inside of a hook GIT_DIR and GIT_INDEX_FILE name another repository."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    assert read(repository).commit == git(repository, "rev-parse", "HEAD")


HOSTILE = {
    "fsmonitor": [("core.fsmonitor", "{trap}")],
    "hooks": [("core.hooksPath", "{hooks}")],
    "external diff": [("diff.external", "{trap}")],
    "diff driver": [("diff.evil.command", "{trap}")],
    "text converter": [("diff.evil.textconv", "{trap}"), ("diff.evil.cachetextconv", "false")],
    "clean filter": [("filter.evil.clean", "{trap}"), ("filter.evil.required", "true")],
    "dotted filter": [("filter.evil.clean", "{trap}"), ("filter.e.v.clean", "{trap}")],
    "process filter": [("filter.evil.process", "{trap}"), ("filter.evil.required", "true")],
    "unspeakable filter": [("filter.ev=il.clean", "{trap}")],
    "pager": [("core.pager", "{trap}"), ("pager.diff", "{trap}"), ("pager.status", "{trap}")],
    "signature": [("log.showSignature", "true"), ("gpg.program", "{trap}")],
    "alias": [("alias.status", "!{trap}"), ("alias.diff", "!{trap}"), ("alias.config", "!{trap}")],
    "included": [("include.path", "{included}")],
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_repository_runs_nothing(attack, repository, tmp_path):
    """Every way in which settings run programs is set to a trap; the trap stays shut."""
    sprung = tmp_path / "sprung"
    trap = tmp_path / "trap"
    trap.write_text(f'#!/bin/sh\ntouch "{sprung}"\ncat "$@" 2>/dev/null\n')
    trap.chmod(0o755)
    included = tmp_path / "included"
    included.write_text(f'[core]\nfsmonitor = "{trap}"\n[filter "evil"]\nclean = "{trap}"\n')
    (repository / ".gitattributes").write_text(
        "*.py diff=evil filter=evil\n*.bin diff=evil filter=ev=il\n*.txt filter=e.v\n"
    )
    (repository / "notes.txt").write_text("x")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "attributes")
    (repository / "train.py").write_text("lr = 0.9\n")
    (repository / "data.bin").write_bytes(b"changed")
    (repository / "notes.txt").write_text("y")
    for key, value in HOSTILE[attack]:
        filled = value.format(trap=trap, hooks=tmp_path / "hooks", included=included)
        git(repository, "config", key, filled)
    hooks = repository / ".git" / "hooks"
    for directory in (hooks, tmp_path / "hooks"):
        directory.mkdir(exist_ok=True)
        for name in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
            (directory / name).write_text(trap.read_text())
            (directory / name).chmod(0o755)
    assert not sprung.exists()
    state = read(repository)
    assert not sprung.exists()
    assert state is not None
    if attack == "unspeakable filter":
        assert state.diff_truncated
    else:
        assert "lr = 0.9" in state.diff


def test_the_traps_do_spring_without_protection(repository, tmp_path):
    """The test above would notice: plain git runs this filter."""
    sprung = tmp_path / "sprung"
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    git(repository, "config", "filter.evil.clean", f"touch {sprung}; cat")
    (repository / "train.py").write_text("lr = 0.9\n")
    git(repository, "diff")
    assert sprung.exists()


def test_a_work_tree_elsewhere_is_not_followed(repository, tmp_path):
    """``core.worktree`` of a hostile repository would show files of somebody's home."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "train.py").write_text("private = 1\n")
    git(repository, "config", "core.worktree", str(home))
    state = read(repository)
    assert "private" not in state.diff
    assert state.root == str(repository)


def test_a_git_that_hangs_is_ended_with_all_it_started(repository, tmp_path, monkeypatch):
    """The limit holds, also when a grandchild keeps the pipe open."""
    programs = tmp_path / "bin"
    programs.mkdir()
    marker = tmp_path / "pid"
    script = f'#!/bin/sh\nsleep 300 &\necho $! > "{marker}"\nwait\n'
    (programs / "git").write_text(script)
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    begun = time.monotonic()
    assert read_git(str(repository), timeout=1.0) is None
    assert time.monotonic() - begun < 60
    child = int(marker.read_text())
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}/stat").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.01)
    else:
        assert not Path(f"/proc/{child}").exists()


def test_the_root_is_found_upward(repository):
    """From the root itself, from below, and not from outside."""
    (repository / "a").mkdir()
    assert find_root(str(repository)) == find_root(str(repository / "a")) == str(repository)
    assert find_root(str(repository.parent)) is None
