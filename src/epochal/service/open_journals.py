"""The open journals of runs whose client speaks a foreign protocol.

One per run and server process. `commit` returns when all that was written before it is on the
device; callers who wait together share one sync.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from epochal.domain.names import new_uid
from epochal.domain.record import Fact, Finish, Header, Told
from epochal.errors import Unavailable
from epochal.journal.buffered import BufferedJournal
from epochal.journal.files import DIRECTORY_MODE, sync_directories
from epochal.journal.filesystem import keeps_names
from epochal.journal.frame import FileHeader
from epochal.journal.home import RUNS
from epochal.service.recorded import Columns, Point, Recording
from epochal.service.settling import Unsettled
from epochal.store.strides import pack_run

MOST_OPEN: Final = 128
ROOM: Final = 4096

_encode = msgspec.msgpack.Encoder().encode


class Journals:
    """Opens, fills and closes journals. Safe to use from any thread.

    Args:
        home: where the runs are.
        unsettled: is told what the index has to take in.
        forget: called with a run when what its closed journal says is not on the disk.
    """

    def __init__(
        self, home: str, unsettled: Unsettled, forget: Callable[[Recording], None]
    ) -> None:
        self._home = home
        self._unsettled = unsettled
        self._forget = forget
        self._writing: dict[str, Recording] = {}
        self._guard = threading.Lock()

    def append(
        self, recording: Recording, facts: Sequence[Fact], points: Sequence[Point | Columns]
    ) -> None:
        """Append records to the journal of a run, which is opened first where none is open.

        The caller holds the recording.

        Raises:
            OSError: a journal cannot be opened.
        """
        journal = recording.journal or self.open(recording, now_us(), "")
        for fact in facts:
            journal.append_fact(fact)
        for point in points:
            schema = journal.schemas.get(point.keys)
            if schema is None:
                schema = journal.declare(point.keys, list(point.keys))
            if isinstance(point, Columns):
                frames = pack_run(schema, point.step, point.wall_us, point.values)
                journal.append_frames(frames, len(point.step))
                journal.maintain()  # a long request must not fill the memory
            else:
                journal.append(_encode((schema, point.step, point.wall_us, point.values)))
        recording.written += 1

    def commit(self, recording: Recording) -> None:
        """Wait until all that was written is durable. Do not hold the recording meanwhile.

        Raises:
            Unavailable: the disk does not take it; nothing may be acknowledged.
        """
        target = recording.written
        with recording.sync_lock:
            if recording.synced >= target:
                return
            with recording.lock:
                journal, mark = recording.journal, recording.written
                if journal is not None:
                    journal.maintain()
                    is_written = journal.waiting == 0
            if recording.synced >= target:  # closed meanwhile
                return
            if journal is None:  # and could not be written out when it was closed
                raise Unavailable("the disk did not take what was logged; free some space")
            journal.sync()  # its answer is also about what others append meanwhile
            _sync_names(recording, journal)
            if journal.sync_failed or not is_written:
                raise Unavailable(
                    f"the disk does not take what was logged: {journal.problem}; "
                    f"free some space, the client tries again"
                )
            recording.synced = max(recording.synced, mark)
            self._unsettled.note(recording.uid, str(journal.path))

    def open(self, recording: Recording, started_us: int, user: str) -> BufferedJournal:
        """Begin a journal of a run. The caller holds the recording.

        Args:
            recording: the run.
            started_us: now, or when a new run began, microseconds since 1970 UTC.
            user: who runs it, where that is known.

        Raises:
            OSError: it cannot be opened.
        """
        self._make_room()
        # Writers of a run are ordered by their start; a clock that went back must not change that.
        started_us = (
            max(started_us, recording.started_us + 1) if recording.started_us else started_us
        )
        header = Header(
            recording.entity, recording.project, recording.run_id, started_us,
            user=user, pid=os.getpid(), resumed=bool(recording.started_us),
            primary=recording.foreign,
        )  # fmt: skip
        directory = f"{self._home}/{RUNS}/{recording.uid}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, DIRECTORY_MODE)
        writer = new_uid()
        journal = BufferedJournal(directory, FileHeader(recording.uid, writer, started_us), ROOM)
        journal.append_fact(header)
        if recording.foreign:
            told = Told(started_us, recording.state.value, recording.ended_us)
            journal.append_fact(told)
        # The directories above were there when the store was opened.
        levels = 1 if recording.started_us else 2
        recording.unnamed = 0 if keeps_names(directory) else levels
        if recording.replica is not None:
            recording.replica.writers.add(writer)
        with self._guard:
            self._writing[recording.uid] = recording
        recording.journal, recording.started_us = journal, started_us
        recording.used = time.monotonic()
        return journal

    def close(self, recording: Recording) -> None:
        """Close the journal with the told state. The caller holds the recording."""
        journal, recording.journal = recording.journal, None
        if journal is None:
            return
        with self._guard:
            self._writing.pop(recording.uid, None)
        state = recording.state.value if recording.foreign else None
        journal.close(Finish(recording.ended_us or now_us(), state, recording.exit_code))
        _sync_names(recording, journal)
        if not journal.leftover and not journal.sync_failed:
            recording.synced = recording.written
        else:
            self._forget(recording)  # what it says is not on the disk: it is read anew
        self._unsettled.note(recording.uid, str(journal.path))

    def _make_room(self) -> None:
        """Close the journals that rested longest when many are open."""
        with self._guard:
            if len(self._writing) < MOST_OPEN:
                return
            held = list(self._writing.values())
        for one in sorted(held, key=lambda one: one.used)[: max(0, len(held) - MOST_OPEN + 1)]:
            if one.lock.acquire(blocking=False):
                try:
                    self.close(one)
                finally:
                    one.lock.release()


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def _sync_names(recording: Recording, journal: BufferedJournal) -> None:
    """Make the name of a new journal safe, after its bytes: so one write of the disk has both."""
    levels, recording.unnamed = recording.unnamed, 0
    if levels:
        with contextlib.suppress(OSError):
            sync_directories(str(journal.path), levels)
