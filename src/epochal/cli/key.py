"""``epochal key``: API keys of a server in team mode. A key's text is shown once.

Works beside a running server, which then makes the key itself.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.cli.figures import ago, span
from epochal.cli.keyring import keys_of
from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.journal.home import find_home
from epochal.server.keys import NewKey

app = typer.Typer()

DAY_US = 86_400_000_000
MOST_DAYS = 36_500

KeyHome = Annotated[
    Path | None,
    typer.Option(
        "--home", help="The server's home; default: EPOCHAL_HOME, or the nearest .epochal."
    ),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    role: Annotated[
        Literal["reader", "writer", "admin"], typer.Option(help="What the key may do.")
    ] = "writer",
    days: Annotated[
        float | None,
        typer.Option(
            min=0, max=MOST_DAYS, help="After so many days it ends by itself; default: never."
        ),
    ] = None,
    home: KeyHome = None,
    json: Json = False,
) -> None:
    """Make a key and show it, this once."""
    ends = None if days is None else time.time_ns() // 1000 + int(days * DAY_US)
    with keys_of(find_home(home)) as keys:
        text = keys.create(NewKey(name, role, ends))
    if json:
        print_json({"name": name, "role": role, "key": text, "expires_us": ends})
        return
    print_line(text)
    note("it is shown only now; use it as EPOCHAL_API_KEY")


@app.command(name="list")
def list_(home: KeyHome = None, json: Json = False) -> None:
    """List keys, without their secrets."""
    with keys_of(find_home(home)) as keyring:
        keys = keyring.list()
    if json:
        print_json({"keys": keys})
        return
    if not keys:
        note("no keys yet; `epochal key create NAME` makes one")
        return
    columns = [Col("prefix"), Col("name"), Col("role"), Col("created", rank=1)]
    columns += [Col("last used", rank=1), Col("expires", rank=1), Col("revoked")]
    print_table(
        columns,
        [
            (
                key.prefix,
                key.name,
                key.role,
                ago(key.created_us),
                ago(key.used_us),
                _left(key.expires_us),
                "yes" if key.revoked else "",
            )
            for key in keys
        ],
    )


def _left(expires_us: int | None) -> str:
    if expires_us is None:
        return "never"
    seconds = expires_us / 1e6 - time.time()
    return f"in {span(seconds)}" if seconds > 0 else "expired"


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The prefix that `epochal key list` shows.")],
    home: KeyHome = None,
    json: Json = False,
) -> None:
    """Make a key worthless from the next request on."""
    with keys_of(find_home(home)) as keys:
        keys.revoke(prefix)
    if json:
        print_json({"revoked": prefix})
    else:
        print_line(f"revoked {prefix}")
