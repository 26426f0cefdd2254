from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from epochal import __version__
from epochal.cli.main import COMMANDS, Entry
from tests.cli.conftest import run_cli

HEAVY = {"numpy", "sqlalchemy", "litestar", "rich", "pandas", "pyarrow", "torch", "epochal.store"}


def test_version_is_one_line() -> None:
    """For scripts."""
    done = run_cli("--version")
    assert (done.returncode, done.stdout) == (0, f"epochal {__version__}\n")


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_asking_for_version_or_help_loads_nothing_heavy(argument: str) -> None:
    """Each command's module is imported only when it runs."""
    code = (
        "import sys, json\n"
        "from epochal.cli.main import main\n"
        "try: main([sys.argv[1]])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, argument], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert HEAVY.isdisjoint(loaded), HEAVY & loaded


def test_help_names_every_command() -> None:
    """With one line each."""
    done = run_cli("--help")
    assert done.returncode == 0
    for entry in COMMANDS:
        assert f"  {entry.name} " in done.stdout
        assert entry.help in done.stdout


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_is_where_the_table_says(entry: Entry) -> None:
    """And tells what it is for."""
    module, _, name = entry.place.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, typer.Typer) or found.__doc__


@pytest.mark.parametrize("command", ["ls", "key", "export"])
def test_a_command_explains_its_options(command: str) -> None:
    """Exit code 0, and the option that all share."""
    done = run_cli(command, "--help")
    assert done.returncode == 0
    assert "--home" in done.stdout or command == "key"


def test_no_command_at_all_shows_the_help() -> None:
    """As other tools do."""
    done = run_cli()
    assert "Usage: epochal" in done.stdout + done.stderr


def test_the_shell_completes_run_ids(shared: Path) -> None:
    """Newest runs of every project, with the project in front when something was typed."""
    done = run_cli(
        "",
        home=shared,
        _EPOCHAL_COMPLETE="complete_bash",
        COMP_WORDS="epochal show mnist/",
        COMP_CWORD="2",
    )
    assert set(done.stdout.split()) == {"mnist/alpha", "mnist/beta", "mnist/gamma"}


def test_init_makes_a_private_home_once(tmp_path: Path) -> None:
    """Mode 0700, ignored by git, found from below; a second call changes nothing."""
    first = run_cli("init", str(tmp_path))
    home = tmp_path / ".epochal"
    assert first.stdout == f"made {home}\n"
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / ".gitignore").read_text().endswith("\n*\n")
    (home / ".gitignore").write_text("mine")
    second = json.loads(run_cli("init", str(tmp_path), "--json").stdout)
    assert second == {"home": str(home), "created": False}
    assert (home / ".gitignore").read_text() == "mine"
