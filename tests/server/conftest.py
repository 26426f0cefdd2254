"""What the tests of the server share: the application in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

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
