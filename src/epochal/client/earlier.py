"""What a run was before this process joined it."""

from __future__ import annotations

from typing import Any

import msgspec


class Earlier(msgspec.Struct, frozen=True):
    """The state to go on from; ``exists`` is False for a new run."""

    exists: bool = False
    last_step: int | None = None
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    name: str = ""
    state: str | None = None
