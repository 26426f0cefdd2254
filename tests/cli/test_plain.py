"""Command lines that are read without Typer get what Typer would have given them."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer

from epochal._loading import load
from epochal.cli import ls, serve, show, web
from epochal.cli.main import COMMANDS
from epochal.cli.plain import Parameter, command_of, flags_of, parameters_of, read_plain

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


MORE_LEFT = [
    (show.show, []),
    (show.show, ["a", "b"]),
    (show.show, ["a", "--hom", "x"]),
    (show.show, [""]),
    (show.show, ["--", "a"]),
    (ls.ls, ["-n5"]),
    (ls.ls, ["-n=5"]),
    (ls.ls, ["--limit", "007"]),
    (ls.ls, ["--limit", "1e2"]),
    (ls.ls, ["--where"]),
]


@pytest.mark.parametrize(("command", "words"), MORE_LEFT, ids=range(len(MORE_LEFT)))
def test_so_are_words_that_are_missing_or_too_many(
    command: Callable[..., None], words: list[str]
) -> None:
    assert read_plain(command, words) is None


def commands() -> Iterator[tuple[str, Callable[..., object]]]:
    """All commands that may be called without Typer, those of groups included."""
    for entry in COMMANDS:
        found = load(entry.place)
        if not isinstance(found, typer.Typer):
            yield entry.name, found
            continue
        for one in found.registered_commands:
            called = one.name or getattr(one.callback, "__name__", "").replace("_", "-")
            command = command_of(found, called)
            if command is not None:
                yield f"{entry.name} {called}", command


KNOWN = [(name, one) for name, one in commands() if parameters_of(one) is not None]


def texts_of(parameter: Parameter) -> list[str]:
    """Values that the signature allows."""
    if get_origin(parameter.kind) is Literal:
        return list(get_args(parameter.kind))
    low = int(parameter.info.min or 0)
    texts: dict[Any, list[str]] = {
        int: [f"{low + 3}"],
        float: [f"{low + 1}", f"{low}.25"],
        str: ["a b", "x=1", "~/x, y"],
        Path: ["some//where/", "~/x.txt"],
    }
    return texts.get(parameter.kind, [])


def lines_of(parameters: list[Parameter]) -> Iterator[list[str]]:
    """Command lines with each option in every spelling, among all that has to be there."""
    places = [one for one in parameters if not flags_of(one)]
    needed = [one for one in parameters if one.required and flags_of(one)]
    must = [text for one in needed for text in (flags_of(one)[0], texts_of(one)[0])]
    given = [texts_of(one)[0] for one in places if one.required]
    yield [*must, *given]
    yield [text for one in places for text in texts_of(one)[: 2 if one.many else 1]] + must
    for one in parameters:
        for flag in flags_of(one):
            if one.kind is bool:
                yield [*given, flag, *must]
            for text in texts_of(one):
                yield [*must, flag, text, *given]
                yield [*must, *given, flag, texts_of(one)[-1], flag, text]
                if flag.startswith("--"):
                    yield [f"{flag}={text}", *must, *given]


@pytest.mark.parametrize(("name", "command"), KNOWN, ids=[name for name, _ in KNOWN])
def test_every_command_gets_what_typer_would_give(
    name: str, command: Callable[..., object]
) -> None:
    """Each option in each spelling, each argument, and nothing but what has to be there."""
    told: list[dict[str, Any]] = []

    @functools.wraps(command)
    def note(**named: Any) -> None:
        told.append(named)

    parameters = parameters_of(command)
    assert parameters is not None
    if any(one.required and not texts_of(one) for one in parameters):
        return  # such as an open file, which only Typer reads
    app = typer.Typer()
    app.command()(note)
    typed = typer.main.get_command(app)
    usual = {flag for one in parameters for flag in flags_of(one)}
    read = 0
    for words in lines_of(parameters):
        found = read_plain(command, words)
        if found is None:
            assert any(w.startswith("-") and w.partition("=")[0] not in usual for w in words), (
                words
            )
            continue
        read += 1
        told.clear()
        typed(words, standalone_mode=False)
        assert by_name(defaults_of(command) | found) == by_name(told[0]), words
    assert read > 0


def defaults_of(command: Callable[..., object]) -> dict[str, Any]:
    """What the function takes where nothing is typed."""
    parameters = inspect.signature(command).parameters.items()
    return {name: one.default for name, one in parameters if one.default is not one.empty}


def by_name(values: dict[str, Any]) -> list[str]:
    """Names with their values and the types of these."""
    return sorted(f"{name}={value!r}" for name, value in values.items())


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


@pytest.mark.parametrize("words", [["ls"], ["artifact", "ls"], ["show", "nobody"]], ids=" ".join)
def test_short_commands_do_without_it_too(words: list[str], home: Path) -> None:
    code = (
        "import sys\nfrom epochal.cli.main import main\n"
        "try: main(sys.argv[1:])\nfinally: print('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "False", done.stdout + done.stderr
