"""Where the journal goes when the home cannot be used, and what the user is told (P1, F07,
F46).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from epochal.client.place import ui_command
from tests.client.scripts import read_home, read_journal, run_script

SOURCE = """
run = epochal.init(project="places", settings=QUIET)
for i in range(100): run.log({"a": i})
"""


def test_an_unusable_home_is_replaced_by_a_private_temporary_one(tmp_path: Path) -> None:
    """A home under a regular file cannot be made, whoever asks."""
    (tmp_path / "file").write_text("")
    done = run_script(SOURCE, tmp_path / "file" / "home", TMPDIR=str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.count("EpochalWarning") == 1
    assert "EPOCHAL_HOME" in done.stderr
    fallback = tmp_path / f"epochal-{os.getuid()}"
    (told,) = read_home(fallback)
    assert len(told.points("a")) == 100
    assert fallback.stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_not_the_usual_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run says at its end can be typed as it stands."""
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
    assert ui_command(tmp_path) == ui_command(None) == "epochal ui"
    assert ui_command(tmp_path / "a b") == f"epochal ui --home '{tmp_path}/a b'"


def test_without_any_directory_the_run_lives_in_memory_and_can_be_saved(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    source = SOURCE + "import sys; run.save_journal(sys.argv[1]); assert run.dir is None"
    done = run_script(
        source,
        tmp_path / "file" / "home",
        arguments=[str(tmp_path / "saved.ej")],
        TMPDIR=str(tmp_path / "file"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("EpochalWarning") == 1
    assert "run.save_journal(path)" in done.stderr
    assert len(read_journal(tmp_path / "saved.ej").points("a")) == 100


def test_a_planted_temporary_directory_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"epochal-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    done = run_script(SOURCE, tmp_path / "file" / "home", TMPDIR=str(tmp_path))
    assert done.returncode == 0
    assert "memory" in done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_read_only_home_for_an_ordinary_user(tmp_path: Path) -> None:
    """Root may write everywhere, so the script gives its rights up."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    os.chmod(tmp_path, 0o777)
    for directory in list(tmp_path.parents)[:3]:
        if directory.stat().st_uid == os.getuid() and directory != Path("/tmp"):
            directory.chmod(0o755)
    drop = "" if os.getuid() else "import os; os.setgid(65534); os.setuid(65534)\n"
    done = run_script(drop + SOURCE.strip(), home, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stderr
    (fallback,) = tmp_path.glob("epochal-*")
    assert len(read_home(fallback)) == 1


@pytest.mark.parametrize(
    "env", [{"HOME": "/nonexistent"}, {"HOME": "/nonexistent", "EPOCHAL_HOME": ""}]
)
def test_a_user_without_a_home_directory(env: dict[str, str], tmp_path: Path) -> None:
    """Containers give users ids without names and homes that do not exist."""
    variables: dict[str, Any] = {"TMPDIR": str(tmp_path), **env}
    done = run_script(SOURCE + "print(run.dir)", tmp_path / "home", **variables)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_dir()


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    source = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})\n" + SOURCE.strip()
    assert run_script(source, tmp_path / "home").returncode == 0
    assert len(read_home(tmp_path / "home")) == 1


def test_few_descriptors_do_not_stop_training(tmp_path: Path) -> None:
    """With no descriptor left, `init` warns and the script goes on (F06)."""
    source = """
    import os, resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    held = []
    try:
        while True: held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError: pass
    run = epochal.init(project="places", settings=QUIET)
    for i in range(100): run.log({"a": i})
    run.finish()
    print("trained")
    """
    done = run_script(source, tmp_path / "home", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr


def test_a_disk_that_fills_up_while_training_costs_two_messages(tmp_path: Path) -> None:
    """What is wrong, and where the records are; every one of them is there."""
    source = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    run = epochal.init(project="places", settings=QUIET)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
    for i in range(200_000): run.log({"a": i, "b": i, "c": i, "d": 0.5, "e": 0.25})
    run.finish()
    print("trained")
    """
    done = run_script(source, tmp_path / "home")
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
    assert done.stderr.count("cannot grow") == 1
    assert done.stderr.count("had no room") == 1
    journals = read_home(tmp_path / "home")
    values = [value for told in journals for _, value in told.points("a")]
    assert sorted(values) == list(range(200_000))
    assert all(told.finish is not None for told in journals)
