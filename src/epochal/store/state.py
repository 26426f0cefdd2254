"""A run's state, from what is known of its writers. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from epochal.domain.run import RunState

ABANDONED_US = 90_000_000
"""A journal closed without a state and not continued for so long left a crashed run."""


class WriterState(msgspec.Struct, frozen=True):
    """One writer: ``closed`` after a Finish record, ``lost`` when it is gone without one.

    A ``finish_state`` without ``closed`` was told by the client of a foreign protocol.
    """

    started_us: int
    primary: bool
    closed: bool
    lost: bool
    finish_state: str | None
    exit_code: int | None
    finished_us: int | None
    contact_us: int


class Verdict(msgspec.Struct, frozen=True):
    """What the run's row says."""

    state: RunState
    exit_code: int | None
    ended_us: int | None


def decide_state(writers: Iterable[WriterState], now_us: int) -> Verdict:
    """The state of a run.

    Any living primary writer makes it running, but for those that were told a state: that holds
    whether they live or not. Otherwise the primary writer that started last decides: by its Finish
    record, by what it was told, or as crashed. Without any primary writer (rank 0 is elsewhere)
    the others stand in for it.

    Args:
        writers: all writers of the run, in any order.
        now_us: the present, microseconds since 1970 UTC.
    """
    everyone = list(writers)
    deciding = [writer for writer in everyone if writer.primary] or everyone
    if not deciding or any(map(_is_living, deciding)):
        return Verdict(RunState.RUNNING, None, None)
    last = max(deciding, key=lambda writer: (writer.started_us, writer.contact_us))
    if last.finish_state == RunState.RUNNING:
        return Verdict(RunState.RUNNING, None, None)
    ended_us = max(
        writer.finished_us or writer.contact_us
        for writer in deciding
        if writer.finish_state != RunState.RUNNING  # closed while the run went on
    )
    if last.finish_state is not None:
        return Verdict(_known(last.finish_state), last.exit_code, ended_us)
    if last.closed and now_us - last.contact_us < ABANDONED_US:
        return Verdict(RunState.RUNNING, None, None)
    return Verdict(RunState.CRASHED, None, ended_us)


def _is_living(writer: WriterState) -> bool:
    return not writer.closed and not writer.lost and writer.finish_state is None


def _known(state: str) -> RunState:
    """The state that a Finish record names.

    One that this version does not know counts as finished.
    """
    return RunState(state) if state in set(RunState) else RunState.FINISHED
