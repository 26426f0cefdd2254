"""Command lines that are read without Typer get what Typer would have given them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer

from epochal.cli import serve, web
from epochal.cli.plain import read_plain

READ = [
    (web.server, []),
    (web.server, ["--home", "some/where", "--port=0", "--auth", "--access-log"]),
    (web.server, ["--host", "0.0.0.0", "--public-url", "https://x.org/a=b"]),
    (web.ui, ["--logdir", "runs", "--port", "65535", "--logdir=old:~/x", "--no-browser"]),
    (web.ui, ["--path", "/p/mnist?x=1", "--port", "1", "--port", "2"]),
]
LEFT = [
    ["--help"],
    ["--port"],
    ["--port", "-1"],
    ["--port", "65536"],
    ["--port", "1_0"],
    ["--port", "\u0663"],
    ["--home", ""],
    ["--home="],
    ["--home", "--auth"],
    ["--auth=yes"],
    ["--no-auth"],
    ["--hom", "x"],
    ["runs"],
    ["--", "--auth"],
]


@pytest.mark.parametrize(("command", "words"), READ, ids=range(len(READ)))
def test_plain_words_are_read_as_typer_reads_them(
    command: Callable[..., None], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command does then is the same, down to the types."""
    told: list[Any] = []

    def note(*values: Any, **named: Any) -> int:
        told.append((values, named))
        return 0

    monkeypatch.setattr(serve, "serve", note)
    monkeypatch.setattr(serve, "ui", note)
    found = read_plain(command, words)
    assert found is not None
    command(**found)
    app = typer.Typer()
    app.command()(command)
    app(words, standalone_mode=False)
    ours, theirs = told
    assert ours == theirs
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("words", LEFT, ids=" ".join)
def test_everything_else_is_left_to_typer(words: list[str]) -> None:
    assert read_plain(web.server, words) is None


CODE = """
import sys
from epochal.cli import serve
from epochal.cli.main import main
serve.serve = lambda *values, **named: print(values, named) or 5
try:
    main(sys.argv[1:])
finally:
    print("pydantic" in sys.modules)
"""


def test_a_server_starts_without_the_library_that_typer_checks_with() -> None:
    """Its exit code is that of the command."""
    done = start("--port", "0")
    assert (done.returncode, done.stderr) == (5, "")
    assert done.stdout.splitlines()[-1] == "False"


def test_a_mistake_is_typers_to_tell() -> None:
    done = start("--hom", "x")
    assert done.returncode == 2
    assert "No such option" in done.stderr


def start(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, with nothing served."""
    command = [sys.executable, "-c", CODE, "server", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
