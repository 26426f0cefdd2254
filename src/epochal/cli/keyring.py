"""The API keys of a home, wherever they can be had at this moment.

While a server runs on the home it is asked, by the token that it left there for this OS user;
otherwise the database is opened for as long as one command takes. Keys are never kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import msgspec

from epochal.api.remote import HttpSource
from epochal.domain.access import LOCAL_USER, Role
from epochal.errors import StoreLocked
from epochal.journal.home import read_server_address
from epochal.server.address import live_server
from epochal.server.keys import KeyList, KeyRow, MadeKey, NewKey
from epochal.service import access
from epochal.store.owner import Store, open_store

WAIT_SECONDS = 3.0
ROUTE = "/api/v1/keys"


class Keyring(Protocol):
    """What can be done with keys."""

    def create(self, new: NewKey) -> str:
        """Make a key; returns its text, for the only time."""
        ...

    def list(self) -> list[KeyRow]:
        """All keys without their secrets, oldest first."""
        ...

    def revoke(self, prefix: str) -> None:
        """Make a key worthless from the next request on."""
        ...


class StoredKeys:
    """The keys in an open store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, new: NewKey) -> str:
        """See `Keyring.create`."""
        role = Role[new.role.upper()]
        return access.create_key(self._store, LOCAL_USER, new.name, role, new.expires_us)

    def list(self) -> list[KeyRow]:
        """See `Keyring.list`."""
        return [
            KeyRow(**{**msgspec.structs.asdict(key), "role": key.role.name.lower()})
            for key in access.list_keys(self._store, LOCAL_USER)
        ]

    def revoke(self, prefix: str) -> None:
        """See `Keyring.revoke`."""
        access.revoke_key(self._store, LOCAL_USER, prefix)


class ServedKeys:
    """The keys that a running server holds."""

    def __init__(self, source: HttpSource) -> None:
        self._source = source

    def create(self, new: NewKey) -> str:
        """See `Keyring.create`."""
        return msgspec.json.decode(self._source.call("POST", ROUTE, new), type=MadeKey).key

    def list(self) -> list[KeyRow]:
        """See `Keyring.list`."""
        return msgspec.json.decode(self._source.call("GET", ROUTE), type=KeyList).keys

    def revoke(self, prefix: str) -> None:
        """See `Keyring.revoke`."""
        self._source.call("DELETE", f"{ROUTE}/{quote(prefix, safe='')}")


@contextmanager
def keys_of(home: Path) -> Iterator[Keyring]:
    """The keys of a home.

    Raises:
        StoreLocked: something that is no server holds the home.
    """
    running = live_server(home)
    if running is not None:
        yield ServedKeys(HttpSource(running.url, running.token))
        return
    try:
        with open_store(home, wait=WAIT_SECONDS) as store:
            yield StoredKeys(store)
    except StoreLocked as error:
        address = read_server_address(home)
        holder = f"the server at {address.url}, which does not answer" if address else "a command"
        raise StoreLocked(
            f"the keys of {home} are held by {holder} at this moment; stop it, then try again"
        ) from error
