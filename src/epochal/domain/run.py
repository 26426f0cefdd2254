"""What a run is, apart from its points: identity, state and attributes."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class RunState(StrEnum):
    """Where a run stands. ``CRASHED``: its writers went without a word; it can flip back."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    KILLED = "killed"


class RunRef(msgspec.Struct, frozen=True):
    """The three words that identify a run to people; `uid` identifies it to machines."""

    entity: str
    project: str
    id: str
    uid: str


class StopRequest(msgspec.Struct, frozen=True):
    """Somebody wants a run to end early.

    Attributes:
        asked_us: when, microseconds since 1970 UTC.
        by: the name of who asked.
    """

    asked_us: int
    by: str = ""


def state_of_exit(exit_code: int | None, *, interrupted: bool = False) -> RunState:
    """The state that an exit code stands for.

    Args:
        exit_code: 0 for success; None counts as success.
        interrupted: the user pressed Ctrl-C or the process got a signal to end.
    """
    if interrupted:
        return RunState.KILLED
    return RunState.FINISHED if not exit_code else RunState.FAILED
