"""`epochal import tensorboard` and `--logdir` as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from epochal.errors import EpochalError
from epochal.server.address import live_server
from tests.cli.conftest import run_cli
from tests.imports.tensorboard.events import NAME, file_bytes, points_of, scalar, write


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    path = tmp_path / "mnist" / "runs"
    write(path / "lr=0.1" / NAME, *(scalar("loss", step, step / 2) for step in range(50)))
    return path


def test_an_import_is_listed_at_once(home: Path, logs: Path) -> None:
    """The project is named after the directory above one that is called runs."""
    done = run_cli("import", "tensorboard", str(logs), home=home)
    assert done.returncode == 0, done.stderr
    assert "brought 50 scalars into 1 run of project mnist" in done.stdout
    listed = run_cli("ls", "mnist", home=home).stdout
    assert "lr=0.1" in listed
    again = run_cli("import", "tensorboard", str(logs), home=home)
    assert (again.returncode, "nothing is new" in again.stdout) == (0, True)


def test_the_report_is_json_for_scripts(home: Path, logs: Path) -> None:
    """With counts, and the project that was asked for."""
    done = run_cli("import", "tensorboard", str(logs), "--project", "digits", "--json", home=home)
    found = json.loads(done.stdout)
    assert found["project"] == "digits"
    assert found["runs"] == ["lr=0.1"]
    assert found["counts"] == {"scalars": 50}
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda path: None, 4, "there is no directory"),
        (lambda path: path.touch(), 2, "is a file"),
        (lambda path: path.mkdir(), 4, "no event files"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    home: Path, tmp_path: Path, make: Callable[[Path], Any], code: int, words: str
) -> None:
    """By `import`, with an exit code and a sentence."""
    make(tmp_path / "given")
    done = run_cli("import", "tensorboard", str(tmp_path / "given"), home=home)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_damaged_files_are_told_and_end_with_1(home: Path, logs: Path) -> None:
    """What is whole is imported."""
    (logs / "lr=0.1" / f"{NAME}.2").write_bytes(b"x" * 100)
    done = run_cli("import", "tensorboard", str(logs), home=home)
    assert done.returncode == 1
    assert "is no event file" in done.stderr
    assert "50 scalars" in done.stdout


@pytest.fixture
def launch(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "epochal", *arguments]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, text=True, stdout=pipe, stderr=pipe))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def last_of(url: str, project: str) -> Any:
    try:
        runs = list(connect(url).runs(project))
        return runs[0].summary.get("loss") if runs else None
    except EpochalError:
        return None


@pytest.mark.parametrize(
    "command", [("ui", "--no-browser", "--port", "0"), ("server", "--port", "0")]
)
def test_a_server_follows_a_log_directory(
    home: Path,
    logs: Path,
    launch: Callable[..., subprocess.Popen[str]],
    wait_for: Callable[..., Any],
    command: tuple[str, ...],
) -> None:
    """What is there is served; what comes is seen by itself; Ctrl-C ends the runs."""
    process = launch(*command, "--logdir", str(logs))
    address = wait_for(lambda: live_server(home), 30.0)
    wait_for(lambda: last_of(address.url, "mnist") == 24.5)
    for step in range(50, 53):
        with (logs / "lr=0.1" / NAME).open("ab") as file:
            file.write(file_bytes(scalar("loss", step, step / 2)))
        wait_for(lambda now=step: last_of(address.url, "mnist") == now / 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    (run,) = connect(home=home).runs("mnist")
    assert run.state == "finished"
    assert points_of(run, "loss") == [(step, step / 2) for step in range(53)]


def test_a_directory_is_followed_beside_a_server_that_runs(
    home: Path,
    logs: Path,
    launch: Callable[..., subprocess.Popen[str]],
    wait_for: Callable[..., Any],
) -> None:
    """`epochal ui --logdir` goes on until Ctrl-C then."""
    launch("server", "--port", "0")
    address = wait_for(lambda: live_server(home), 30.0)
    beside = launch("ui", "--no-browser", "--logdir", str(logs))
    wait_for(lambda: last_of(address.url, "mnist") == 24.5)
    beside.send_signal(signal.SIGINT)
    assert beside.wait(60) == 0


def test_a_log_directory_that_is_none_is_refused_before_a_server_starts(
    home: Path, tmp_path: Path
) -> None:
    """With the exit code of a thing that is not found."""
    done = run_cli("ui", "--no-browser", "--logdir", str(tmp_path / "missing"), home=home)
    assert (done.returncode, "there is no directory" in done.stderr) == (4, True)
