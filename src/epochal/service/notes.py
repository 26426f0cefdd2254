"""What foreign protocols keep in mind between requests, see `store.notes`.

A change sees the value as it is: changes run one at a time, in the lane of changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from epochal.domain.access import Permission, Principal
from epochal.errors import NotFound
from epochal.service.permission import require
from epochal.store import notes as stored
from epochal.store.owner import Store


def read_notes(
    store: Store, principal: Principal | None, area: str, names: Iterable[str]
) -> dict[str, bytes]:
    """The notes of some names; those that are not there are left out."""
    require(principal, Permission.READ)
    return stored.read_notes(store, area, names)


def list_notes(
    store: Store, principal: Principal | None, area: str, prefix: str = ""
) -> dict[str, bytes]:
    """The notes of an area whose names begin so, oldest first."""
    require(principal, Permission.READ)
    return stored.list_notes(store, area, prefix)


def write_notes(
    store: Store, principal: Principal | None, area: str, values: Mapping[str, bytes]
) -> None:
    """Set notes."""
    require(principal, Permission.WRITE)
    stored.write_notes(store, area, values)


def change_note(
    store: Store,
    principal: Principal | None,
    area: str,
    name: str,
    change: Callable[[bytes], bytes],
) -> bytes:
    """Set a note to what ``change`` makes of it, and return that.

    Raises:
        NotFound: there is no such note.
    """
    require(principal, Permission.WRITE)
    before = stored.read_notes(store, area, [name]).get(name)
    if before is None:
        raise NotFound(f"there is no {area} {name[:80]!r}")
    after = change(before)
    stored.write_notes(store, area, {name: after})
    return after
