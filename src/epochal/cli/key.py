"""``epochal key``: API keys of a server in team mode. A key's text is shown once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from epochal.cli.figures import ago
from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.domain.access import LOCAL_USER, Role
from epochal.errors import StoreLocked
from epochal.journal.home import find_home, read_server_address
from epochal.service import access
from epochal.store.owner import Store, open_store

WAIT_SECONDS = 3.0

app = typer.Typer()

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
    home: KeyHome = None,
    json: Json = False,
) -> None:
    """Make a key and show it, this once."""
    with _owned(home) as store:
        text = access.create_key(store, LOCAL_USER, name, Role[role.upper()])
    if json:
        print_json({"name": name, "role": role, "key": text})
        return
    print_line(text)
    note("it is shown only now; use it as EPOCHAL_API_KEY")


@app.command(name="list")
def list_(home: KeyHome = None, json: Json = False) -> None:
    """List keys, without their secrets."""
    with _owned(home) as store:
        keys = access.list_keys(store, LOCAL_USER)
    if json:
        print_json({"keys": keys})
        return
    if not keys:
        note("no keys yet; `epochal key create NAME` makes one")
        return
    columns = [Col("prefix"), Col("name"), Col("role"), Col("created", rank=1)]
    columns += [Col("last used", rank=1), Col("revoked")]
    print_table(
        columns,
        [
            (
                key.prefix,
                key.name,
                key.role.name.lower(),
                ago(key.created_us),
                ago(key.used_us),
                "yes" if key.revoked else "",
            )
            for key in keys
        ],
    )


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The prefix that `epochal key list` shows.")],
    home: KeyHome = None,
    json: Json = False,
) -> None:
    """Make a key worthless from the next request on."""
    with _owned(home) as store:
        access.revoke_key(store, LOCAL_USER, prefix)
    if json:
        print_json({"revoked": prefix})
    else:
        print_line(f"revoked {prefix}")


@contextmanager
def _owned(home: Path | None) -> Iterator[Store]:
    where = find_home(home)
    try:
        with open_store(where, wait=WAIT_SECONDS) as store:
            yield store
    except StoreLocked as error:
        address = read_server_address(where)
        server = f" by the server at {address.url}" if address else ""
        raise StoreLocked(
            f"the keys of {where} are held{server} at this moment; stop it, then try again"
        ) from error
