"""What can be wrong, what is said about it, and the exit code: one table."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from epochal.cli.main import main
from epochal.store.owner import open_store
from tests.cli.conftest import run_cli
from tests.conftest import Server, end_process, start_server

WRONG = [
    (["show", "nobody"], 4, "error: there is no run 'nobody'; `epochal ls PROJECT` lists"),
    (["show", "alpha"], 2, "error: 'alpha' fits more than one run; write one of these:\n  "),
    (["show", "twin"], 2, "mnist/beta"),
    (["show", ""], 2, "error: a run is named by its id"),
    (["show", "x\x1b[2J"], 4, "error: there is no run 'x\\x1b[2J'"),
    (["ls", "nothing"], 4, "error: there is no project 'nothing'; there are other/name, mnist"),
    (["ls", "mnist", "-w", "config.lr <"], 2, "\n  config.lr <\n             ^\n"),
    (["ls", "mnist", "-w", "lr < 1"], 2, "error: unknown field 'lr'; did you mean"),
    (["ls", "mnist", "-o", "last("], 2, "expected the key of a series"),
    (["ls", "mnist", "-c", "nonsense"], 2, "unknown field 'nonsense'"),
    (["ls", "mnist", "-n", "-1"], 2, "Invalid value"),
    (["diff", "mnist/alpha"], 2, "error: diff compares two or more runs"),
    (["tail", "mnist/alpha", "-m", "x", "-n", "-5"], 2, "Invalid value"),
    (["export", "mnist", "-k", "nothing", "-o", "-"], 4, "error: nothing to export"),
    (["export", "mnist", "-f", "parquet", "-o", "-"], 2, "error: Parquet is no text"),
    (["export", "mnist", "-f", "xml"], 2, "Invalid value"),
    (["export", "mnist", "-o", "/proc/nowhere/a.csv"], 2, "error: /proc/nowhere/a.csv cannot be"),
    (["export", "mnist/alpha", "-w", "config.lr < 1"], 4, "error: --where needs a project"),
    (["rm", "beta"], 2, "error: nobody can be asked here; add --yes"),
    (["ls", "--url", "nonsense"], 2, "error: 'nonsense' is no server address"),
    (["ls", "--url", "http://127.0.0.1:1"], 6, "error: no answer from http://127.0.0.1:1"),
    (["ls", "--home", "/nowhere"], 4, "error: there is no Epochal home at /nowhere yet"),
    (["sync", "/nowhere"], 4, "error: /nowhere is no Epochal home"),
    (["key", "revoke", "nothing"], 4, "error: no API key has the prefix"),
    (["init", "/proc/nowhere"], 2, "error: /proc/nowhere/.epochal cannot be made"),
    (["nonsense"], 2, "No such command"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "message"), WRONG, ids=lambda value: str(value)[:40]
)
def test_a_mistake_gets_one_clear_answer(
    arguments: list[str],
    code: int,
    message: str,
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """On standard error, without a traceback, and with the exit code of its class."""
    monkeypatch.setenv("EPOCHAL_HOME", str(shared))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) as left:
        main(arguments)
    told = capfd.readouterr()
    assert message in told.err
    assert left.value.code == code
    assert told.out == "" or arguments[0] == "rm"
    assert "Traceback" not in told.err
    assert "\x1b" not in told.err


def test_a_locked_store_names_its_holder(recorded: Path) -> None:
    """After waiting for it; exit code 6 says that it may work later."""
    with open_store(recorded):
        done = run_cli("ls", home=recorded)
        key = run_cli("key", "create", "somebody", home=recorded)
    assert done.returncode == key.returncode == 6
    assert f"process {os.getpid()}" in done.stderr
    assert "stop it, then try again" in key.stderr


def test_a_corrupt_database_is_named_and_left_alone(recorded: Path) -> None:
    """No traceback of the database library, and no overwriting of what may be saved."""
    run_cli("ls", home=recorded)
    database = recorded / "epochal.db"
    content = b"this is no database" * 500
    database.write_bytes(content)
    done = run_cli("ls", home=recorded)
    assert done.returncode == 1
    assert f"error: {database} is damaged" in done.stderr
    assert database.read_bytes() == content


def test_a_closed_pipe_ends_the_command_quietly(recorded: Path) -> None:
    """``epochal export ... | head -1``: as other tools do, with 141 and no complaint.

    All is said and done with 0 when it fits into the pipe before ``head`` goes.
    """
    command = f"{sys.executable} -m epochal export mnist -o - --long; echo code $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"( {command} ) | head -1"],
        env=os.environ | {"EPOCHAL_HOME": str(recorded)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "run,key,step,time,value\n"
    assert done.stderr.splitlines()[-1] in ("code 141", "code 0")
    assert "error" not in done.stderr.lower()
    assert "pipe" not in done.stderr.lower()


def test_traceback_shows_where_an_error_came_from(shared: Path) -> None:
    """Wherever the flag stands."""
    done = run_cli("show", "nobody", "--traceback", home=shared)
    assert "Traceback (most recent call last)" in done.stderr
    assert "error: there is no run 'nobody'" in done.stderr
    assert done.returncode == 4


def test_a_wrong_key_is_told_as_such(recorded: Path, tmp_path: Path) -> None:
    """A team server lets nobody in without a key."""
    made = run_cli("key", "create", "ann", "--role", "reader", home=recorded)
    key = made.stdout.strip()
    server: Server = start_server(recorded, "--auth", log=tmp_path / "log")
    try:
        wrong = run_cli("ls", "--url", server.url, EPOCHAL_API_KEY="nonsense")
        right = run_cli("ls", "--url", server.url, EPOCHAL_API_KEY=key)
        forbidden = run_cli("rm", "-y", "beta", "--url", server.url, EPOCHAL_API_KEY=key)
    finally:
        end_process(server.process)
    assert (wrong.returncode, right.returncode, forbidden.returncode) == (3, 0, 3)
    assert "API key" in wrong.stderr
    assert "'ann' is a reader" in forbidden.stderr
