"""What the tests of the server share: the application in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.access import LOCAL_USER, Role
from epochal.service import access
from tests.server.door import Door


@pytest.fixture
def open_door(home: Path) -> Iterator[Callable[..., Door]]:
    """``open_door(**settings)``: the application on this test's home."""
    with ExitStack() as stack:

        def open_one(**settings: Any) -> Door:
            return stack.enter_context(Door(home, **settings))

        yield open_one


@pytest.fixture
def door(open_door: Callable[..., Door]) -> Door:
    """The application in local mode."""
    return open_door()


@pytest.fixture
def team(home: Path) -> Any:
    with Door(home, auth=True) as door:
        yield door


@pytest.fixture
def credentials(team: Door) -> dict[str, str | None]:
    """A key for everyone."""
    keys: dict[str, str | None] = {
        role.name.lower(): access.create_key(team.store, LOCAL_USER, role.name.lower(), role)
        for role in Role
    }
    revoked = access.create_key(team.store, LOCAL_USER, "gone", Role.ADMIN)
    access.revoke_key(team.store, LOCAL_USER, revoked[3:11])
    admin = keys["admin"] or ""
    return {
        **keys,
        "revoked": revoked,
        "anon": None,
        "wrong": admin[:-1] + chr(ord(admin[-1]) ^ 1),
    }
