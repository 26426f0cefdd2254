"""``epochal``: finds the command in a table and imports that command alone.

Every door out is here: an error of `epochal.errors` becomes one red line and its exit code, Ctrl-C
becomes 130, a reader that closed the pipe becomes 141, and anything unforeseen becomes 1.
``--traceback`` shows where an error came from.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from epochal._loading import load
from epochal._version import __version__
from epochal.cli.plain import read_plain
from epochal.cli.streams import fill_standard_streams, silence_stdout
from epochal.errors import EpochalError

INTERRUPTED = 130
CLOSED_PIPE = 141
TRACEBACK = "--traceback"
COMPLETION = "_EPOCHAL_COMPLETE"
"""Set by a shell that asks for completions."""


@dataclass(frozen=True)
class Entry:
    """A command: ``place`` is ``module:name`` of a function, or of a `typer.Typer`.

    ``takes_command``: what follows its own options is another program's command line.
    ``stays``: it runs for long, and all of its options are such as `read_plain` reads.
    """

    name: str
    place: str
    help: str
    takes_command: bool = False
    stays: bool = False


COMMANDS = (
    Entry("demo", "epochal.cli.demo:demo", "Train a small CNN on real images and watch it live."),
    Entry("run", "epochal.cli.run:run", "Run a command and record it.", takes_command=True),
    Entry("ui", "epochal.cli.web:ui", "Open the page in a browser.", stays=True),
    Entry(
        "server",
        "epochal.cli.web:server",
        "Serve a home to browsers and other machines.",
        stays=True,
    ),
    Entry("ls", "epochal.cli.ls:ls", "List projects, or the runs of one."),
    Entry("show", "epochal.cli.show:show", "Show all about a run."),
    Entry("diff", "epochal.cli.diff:diff", "Show how runs differ in config and summary."),
    Entry(
        "tail", "epochal.cli.tail:tail", "Print a run's console or metrics; -f follows it live."
    ),
    Entry("export", "epochal.cli.export:export", "Write points or whole runs to files."),
    Entry("files", "epochal.cli.files:files", "List or download the files of a run."),
    Entry("artifact", "epochal.cli.artifact:app", "Put, get, list, compare and delete artifacts."),
    Entry("model", "epochal.cli.model:app", "The model registry, and predictions."),
    Entry("pipeline", "epochal.cli.pipeline:app", "Run pipelines, and see what they did and why."),
    Entry("sweep", "epochal.cli.sweep:app", "Search for hyperparameters: create, run, steer."),
    Entry("alert", "epochal.cli.alert:app", "Be told when runs fail, stall or cross a bound."),
    Entry("report", "epochal.cli.report:app", "Markdown with panels: list, show, export, add."),
    Entry("stack", "epochal.cli.stack:app", "Where pipelines run, and which tracker they use."),
    Entry("orchestrator", "epochal.cli.component:orchestrators", "Name places where steps run."),
    Entry("artifact-store", "epochal.cli.component:stores", "Name the artifact store for stacks."),
    Entry("integration", "epochal.cli.integration:app", "Libraries that Epochal knows."),
    Entry("experiment-tracker", "epochal.cli.component:trackers", "Name trackers for pipelines."),
    Entry("sync", "epochal.cli.sync:sync", "Send to a server what it does not have yet."),
    Entry("import", "epochal.cli.import_group:app", "Bring in what other programs recorded."),
    Entry("stop", "epochal.cli.stop:stop", "Ask running runs to end."),
    Entry("mv", "epochal.cli.mv:mv", "Move runs to another project."),
    Entry("rm", "epochal.cli.rm:rm", "Delete runs."),
    Entry("gc", "epochal.cli.gc:gc", "Remove what nothing refers to."),
    Entry("init", "epochal.cli.init:init", "Make a home in this directory."),
    Entry("doctor", "epochal.cli.doctor:doctor", "Check this installation and a home."),
    Entry("key", "epochal.cli.key:app", "Create, list and revoke API keys of a server."),
)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: what stands after ``epochal``; ``sys.argv`` by default.
    """
    fill_standard_streams()
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == ["--version"]:
        print(f"epochal {__version__}")
        sys.exit(0)
    ours = given[: given.index("--")] if "--" in given else given
    show_trace = TRACEBACK in ours
    given = [argument for argument in ours if argument != TRACEBACK] + given[len(ours) :]
    code = 0
    try:
        if not _call_plainly(given, show_trace):
            build(_chosen(given), show_trace=show_trace)(args=given, prog_name="epochal")
    except typer.Exit as leaving:
        code = leaving.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(code)


def _call_plainly(given: list[str], show_trace: bool) -> bool:
    """Run a command that stays without Typer; False when Typer has to read what was typed."""
    entry = next((entry for entry in COMMANDS if given[:1] == [entry.name]), None)
    if entry is None or not entry.stays or COMPLETION in os.environ:
        return False
    command = _loaded(entry)
    values = read_plain(command, given[1:])
    if values is None:
        return False
    guarded(command, show_trace)(**values)
    return True


def _loaded(entry: Entry) -> Any:
    found = load(entry.place)
    gc.freeze()  # what is loaded stays; nobody has to look through it for garbage
    return found


def build(chosen: str | None, *, show_trace: bool = False) -> typer.Typer:
    """The command line with ``chosen`` imported and the other commands only named.

    Args:
        chosen: a command's name, ``"*"`` for all of them, or None for none.
        show_trace: whether errors show a traceback.
    """
    app = typer.Typer(
        name="epochal",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Epochal records training runs, keeps them safe and shows them live.",
        epilog="Any command takes --traceback, which shows where an error came from.",
    )
    app.callback()(_root)
    for entry in COMMANDS:
        if chosen in (entry.name, "*"):
            _mount(app, entry, show_trace)
        else:
            app.command(entry.name, help=entry.help)(_elsewhere)
    return app


def _root(
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    if version:
        print(f"epochal {__version__}")
        raise typer.Exit


def _elsewhere() -> None:
    """Stands for a command that was not asked for."""


def _chosen(arguments: list[str]) -> str | None:
    """The command that is meant, or typed so far when the shell asks for completions."""
    words = arguments
    if COMPLETION in os.environ:
        typed = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
        words = typed.split()[1:]
    return next((word for word in words if not word.startswith("-")), None)


def _mount(app: typer.Typer, entry: Entry, show_trace: bool) -> None:
    found = _loaded(entry)
    if isinstance(found, typer.Typer):
        for command in found.registered_commands:
            if command.callback is not None:
                command.callback = guarded(command.callback, show_trace)
        app.add_typer(found, name=entry.name, help=entry.help, no_args_is_help=True)
    else:
        settings = {"allow_interspersed_args": not entry.takes_command}
        app.command(entry.name, context_settings=settings)(guarded(found, show_trace))


def guarded(command: Callable[..., Any], show_trace: bool) -> Callable[..., Any]:
    """The command with every way that it can end turned into an exit code."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            silence_stdout()
            raise typer.Exit(CLOSED_PIPE) from None
        except EpochalError as error:
            _tell(error.message, show_trace)
            raise typer.Exit(error.exit_code) from None
        except Exception as error:  # noqa: BLE001 - the last door of the program
            kind = type(error).__name__
            _tell(f"unexpected {kind}: {error}; {TRACEBACK} shows where it came from", show_trace)
            raise typer.Exit(1) from None

    return run


def _tell(message: str, show_trace: bool) -> None:
    if show_trace:
        traceback.print_exc()
    red, plain = ("\033[31m", "\033[0m") if _colorful() else ("", "")
    print(f"{red}error:{plain} {message}", file=sys.stderr)


def _colorful() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
