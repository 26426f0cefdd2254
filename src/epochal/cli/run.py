"""``epochal run``: record a command that knows nothing of Epochal.

Promises: the command runs as if it had been typed, and its exit code is ours. Whatever goes wrong
with the recording, the command runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

import epochal
from epochal.cli.child import NOT_FOUND, is_command, run_child, shell_code
from epochal.cli.redirect import STALE, client_variables
from epochal.client.credentials import find_key
from epochal.client.exit import INTERRUPTED
from epochal.client.run import Run
from epochal.demo.server import running_server
from epochal.errors import EpochalError
from epochal.integrations.eventfiles import EventFiles
from epochal.integrations.tensorboard import sync_of
from epochal.journal.home import find_home, read_server_address


def run(
    command: Annotated[
        list[str],
        typer.Argument(metavar="-- COMMAND...", help="What to run.", show_default=False),
    ],
    project: Annotated[
        str | None, typer.Option(help="Where the run belongs; default: EPOCHAL_PROJECT.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The run's name.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A word to find the run by.")] = None,
    logdir: Annotated[
        Path, typer.Option(help="Where event files are looked for; default: this directory.")
    ] = Path(),
    home: Annotated[Path | None, typer.Option(help="Where the data goes.")] = None,
    clients: Annotated[
        bool,
        typer.Option(
            "--clients/--no-clients",
            help="Point wandb and mlflow of the command at Epochal, with a server if none runs.",
        ),
    ] = True,
) -> None:
    """Run a command and record it: console, system, git, exit code, event files, wandb, mlflow."""
    if not is_command(command[0]):
        print(f"epochal: there is no command {command[0]!r} to run", file=sys.stderr)
        raise typer.Exit(NOT_FOUND)
    where = find_home(home)
    with _server(where, wanted=clients) as url:
        recorded = epochal.init(
            project=project,
            name=name,
            tags=tag,
            settings={"home": where},
            sync_tensorboard=True,
        )
        environment = {"PYTHONUNBUFFERED": "1", **os.environ, "EPOCHAL_HOME": str(where)}
        if project is not None:
            environment["EPOCHAL_PROJECT"] = project
        if url is not None:
            environment |= client_variables(recorded, url, _key(where, url))
            for stale in STALE:
                environment.pop(stale, None)
        code = _record(recorded, command, environment, logdir)
    if url is not None and read_server_address(where) is None:  # the server was ours
        print("epochal: run `epochal ui` to look at it", file=sys.stderr)
    raise typer.Exit(code)


def _record(run: Run, command: list[str], environment: dict[str, str], logdir: Path) -> int:
    """Run the command as the run; its exit code as a shell sees it."""
    sync = sync_of(run.uid)
    files = None if sync is None else EventFiles(logdir, sync.add)
    if files is not None:
        files.start()
    code = 1
    try:
        code = shell_code(run_child(command, environment))
    except OSError as error:
        code = 126
        print(f"epochal: {command[0]} cannot be run: {error.strerror}", file=sys.stderr)
    finally:
        if files is not None:
            files.stop()
        if code:
            run.fail(f"{os.path.basename(command[0])} ended with exit code {code}")
        run.end(code, interrupted=code == INTERRUPTED)
    return code


@contextlib.contextmanager
def _server(home: Path, *, wanted: bool) -> Iterator[str | None]:
    """The address that other trackers' clients are to use; None for none."""
    remote = os.environ.get("EPOCHAL_URL")
    if not wanted or remote:
        yield remote if wanted else None
        return
    with contextlib.ExitStack() as stack:
        try:
            url: str | None = stack.enter_context(running_server(home, None)).url
        except EpochalError as error:
            print(f"epochal: {error.message}", file=sys.stderr)
            url = None
        yield url


def _key(home: Path, url: str) -> str | None:
    return os.environ.get("EPOCHAL_API_KEY") or find_key(home, url)
