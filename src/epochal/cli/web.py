"""``epochal server`` and ``epochal ui``: the options; `epochal.cli.serve` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epochal.cli import serve
from epochal.server.settings import DEFAULT_PORT

ServedHome = Annotated[
    Path | None,
    typer.Option(help="Home to serve; default: EPOCHAL_HOME, or the nearest .epochal directory."),
]

Logdir = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[PROJECT:]PATH",
        help="TensorBoard log directory to follow live; its runs come into the home. May be given "
        "several times.",
    ),
]


def ui(
    home: ServedHome = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to try first; 0 takes any free one.")
    ] = DEFAULT_PORT,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the link.")] = False,
    path: Annotated[str, typer.Option(help="Where in the page to begin.")] = "/",
    logdir: Logdir = None,
) -> None:
    """Open the page in a browser; reuses the server that runs on the home, or runs one."""
    _leave(serve.ui(home, port, browser=not no_browser, path=path, logdirs=logdir or ()))


def server(
    home: ServedHome = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; anything but loopback needs --auth.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port; 0 takes any free one.")
    ] = DEFAULT_PORT,
    auth: Annotated[bool, typer.Option("--auth", help="Ask for API keys (team mode).")] = False,
    public_url: Annotated[
        str, typer.Option(help="The address that people use, behind a proxy.")
    ] = "",
    embed_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Another site whose pages may show embeds in a frame, such as "
            "https://hub.example.org. May be given several times.",
        ),
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Print a line per request on stderr.")
    ] = False,
    logdir: Logdir = None,
) -> None:
    """Serve a home to browsers and other machines until Ctrl-C."""
    _leave(
        serve.serve(
            home, host, port, auth=auth, public_url=public_url, access_log=access_log,
            logdirs=logdir or (), embed_origins=embed_origin or (),
        )
    )  # fmt: skip


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)
