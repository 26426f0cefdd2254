"""``epochal run``: a command that knows nothing of Epochal is recorded, and notices nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from epochal.api import connect
from epochal.cli.child import run_child, shell_code
from epochal.integrations.eventfiles import find_event_files
from tests.conftest import end_process
from tests.imports.tensorboard.events import NAME, scalar, write

Wait = Callable[..., Any]


def script(tmp_path: Path, source: str) -> list[str]:
    """A script in the test's directory, as a command."""
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(source))
    return [sys.executable, str(path)]


def start(home: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    """``epochal run ...`` in the test's directory, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "epochal", "run", *arguments],
        env={**os.environ, "EPOCHAL_HOME": str(home), **more},
        cwd=home.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that ends."""
    try:
        out, err = process.communicate(timeout=120)
    finally:
        end_process(process)  # type: ignore[arg-type]
    return process.returncode, out, err


def test_console_exit_code_and_arguments_are_those_of_the_command(
    home: Path, tmp_path: Path
) -> None:
    """Also arguments that look like ours."""
    command = script(
        tmp_path,
        """
        import sys
        print("to stdout", sys.argv[1:])
        print("to stderr", file=sys.stderr)
        sys.exit(3)
        """,
    )
    arguments = ["--lr", "0.1", "--traceback", "--name", "x"]
    options = ["--project=p", "--name=first", "--tag=a", "--tag=b", "--no-clients"]
    code, out, err = finish(start(home, *options, "--", *command, *arguments))
    assert (code, out) == (3, f"to stdout {arguments}\n")
    assert "to stderr\n" in err
    (run,) = connect(home=home).runs("p")
    assert (run.name, run.state, run.exit_code, run.tags) == ("first", "failed", 3, ["a", "b"])
    assert list(run.logs()) == [out.strip(), "to stderr"]


def test_a_command_that_ends_well_is_finished(home: Path, tmp_path: Path) -> None:
    """Without the two dashes, too: the first word that is no option begins the command."""
    command = script(tmp_path, "import sys; assert sys.argv[1:] == ['--home', 'x']")
    code, _, err = finish(start(home, "--no-clients", *command, "--home", "x"))
    assert code == 0, err
    (run,) = connect(home=home).runs("uncategorized")
    assert run.state == "finished"


def test_event_files_that_appear_are_in_the_run(home: Path, tmp_path: Path) -> None:
    """Those that were there before are not, nor those of packages and environments."""
    new = write(tmp_path / "prepared" / NAME, *[scalar("loss", step, step) for step in range(50)])
    write(tmp_path / "runs" / "old" / NAME, scalar("old", 0, 0.0))
    hidden = tmp_path / "environment"
    hidden.mkdir()
    (hidden / "pyvenv.cfg").touch()
    command = script(
        tmp_path,
        f"""
        import pathlib, shutil
        for place in ("runs/new", ".hidden", "environment/runs"):
            pathlib.Path(place).mkdir(parents=True)
            shutil.copy({str(new)!r}, pathlib.Path(place, {NAME!r}))
        """,
    )
    code, _, err = finish(start(home, "--project=p", "--no-clients", "--", *command))
    assert code == 0, err
    (run,) = connect(home=home).runs("p")
    assert run.series("loss").step.tolist() == list(range(50))
    assert {key for key in run.summary if not key.startswith("system/")} == {"loss"}
    assert len(list(find_event_files(tmp_path))) == 3


WAITING = """
import pathlib, signal, sys, time
def end(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    sys.exit(7)
signal.signal(signal.{name}, {handler})
pathlib.Path("ready").touch()
while True:
    signal.pause()
"""


@pytest.mark.parametrize(
    ("name", "handler", "code", "state"),
    [
        pytest.param("SIGTERM", "end", 7, "failed", id="handled"),
        pytest.param("SIGTERM", "signal.SIG_DFL", 143, "failed", id="not handled"),
        pytest.param("SIGINT", "signal.SIG_DFL", 130, "killed", id="interrupt"),
    ],
)
def test_signals_reach_the_command(
    name: str, handler: str, code: int, state: str, home: Path, tmp_path: Path, wait_for: Wait
) -> None:
    """And we end after it, with its exit code."""
    command = script(tmp_path, WAITING.format(name=name, handler=handler))
    process = start(home, "--project=p", "--no-clients", "--", *command)
    try:
        wait_for((tmp_path / "ready").exists, 60.0)
        os.kill(process.pid, getattr(signal, name))
        found, out, err = finish(process)
    finally:
        end_process(process)  # type: ignore[arg-type]
    assert found == code, err
    assert ("got SIGTERM" in out) == (handler == "end")
    (run,) = connect(home=home).runs("p")
    assert (run.state, run.exit_code) == (state, code)


def test_a_command_that_is_not_there_makes_no_run(home: Path) -> None:
    code, _, err = finish(start(home, "--", "no-such-command"))
    assert (code, list(home.iterdir())) == (127, [])
    assert "no-such-command" in err


def test_a_file_that_is_no_program_is_told_so(home: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"\0\0")
    (tmp_path / "broken").chmod(0o755)
    code, _, err = finish(start(home, "--no-clients", "--", str(tmp_path / "broken")))
    assert code == 126
    assert "cannot be run" in err


def test_codes_are_those_of_a_shell() -> None:
    assert [shell_code(code) for code in (0, 3, -15)] == [0, 3, 143]


def test_wandb_and_mlflow_of_a_script_log_to_the_home(home: Path, tmp_path: Path) -> None:
    """Unmodified clients and no server running: one is there for as long as the command.

    What the environment names of another server of mlflow does not count here.
    """
    pytest.importorskip("wandb")
    command = script(
        tmp_path,
        """
        import mlflow, wandb
        with mlflow.start_run(run_name="of mlflow"):
            mlflow.log_metric("loss", 0.5, step=1)
        run = wandb.init(name="of wandb", config={"lr": 0.25})
        run.log({"loss": 0.75})
        run.finish()
        """,
    )
    variables = {"WANDB_SILENT": "true", "WANDB_MODE": "online", "WANDB_CONSOLE": "off"}
    variables |= {"MLFLOW_EXPERIMENT_ID": "998056744410255668", "MLFLOW_RUN_ID": "0" * 32}
    code, _, err = finish(start(home, "--project=p", "--", *command, **variables))
    assert code == 0, err
    runs = {run.name: run for run in connect(home=home).runs("p")}
    (ours,) = runs.keys() - {"of mlflow", "of wandb"}
    assert len(runs) == 3
    assert {run.state for run in runs.values()} == {"finished"}
    assert runs["of mlflow"].series("loss").value.tolist() == [0.5]
    assert runs["of wandb"].series("loss").value.tolist() == [0.75]
    assert runs["of wandb"].config["lr"] == 0.25
    assert runs["of wandb"].group == runs[ours].id
    assert not (home / "server.json").exists()
    shutil.rmtree(tmp_path / "wandb", ignore_errors=True)


def test_a_signal_that_comes_while_the_command_is_being_started_reaches_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is there, but its starter does not know it yet."""

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Started)
    forever = [sys.executable, "-c", "import time; time.sleep(300)"]
    assert run_child(forever, os.environ) == -signal.SIGTERM
