"""What the server knows of one run while a foreign client may write it, and what clients log.

A `Recording` is owned by the `Recorder` of service/recording.py; whoever uses one holds its lock.
"""

from __future__ import annotations

import threading
import time
from typing import Final, NamedTuple

from epochal.domain.run import RunState
from epochal.domain.tracked import CLIENT, TrackedRun
from epochal.journal.buffered import BufferedJournal
from epochal.service.occupied import Occupied
from epochal.service.replica import Replica
from epochal.store.codec import Integers, Values

REMEMBERED: Final = 256


class Point(NamedTuple):
    """Values that were logged together: keys and as many values at a step and a time."""

    step: int
    wall_us: int
    keys: tuple[str, ...]
    values: list[float]


class Columns(NamedTuple):
    """Many rows of one key set, in writing order; steps and times are not negative."""

    keys: tuple[str, ...]
    step: Integers
    wall_us: Integers
    values: list[Values]


class Recording:
    """What the server knows of one run while it may be written. Hold ``lock`` to use it.

    Attributes:
        uid: the run.
        entity: and
        project: and
        run_id: what its uid is made of.
        name: what people call it.
        notes: what people wrote about it.
        created_us: when it began, microseconds since 1970 UTC.
        state: as told last.
        ended_us: when it ended, as told.
        archived: whether it takes no more records.
        params: its config, flat, as texts.
        labels: its labels.
        seen: digests of the last requests, to know one that is sent again.
        replica: all of the run, as long as it was written here.
        exit_code: of the client's program, as told.
        memory: what the protocol of its client keeps in mind of it; gone with the recording.
        patience_s: seconds of silence after which its client is taken for dead; None where clients
            give no sign of life.
        heard: when its client was heard last, on the clock of `time.monotonic`.
        occupied: the paths of its files, where a protocol asks for them; read when first needed.
        unnamed: how many directories above the journal are to be synced before anything in it is
            acknowledged, so that its name survives power loss.
    """

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self.lock = threading.RLock()
        self.loaded = False
        self.gone = False
        self.entity = self.project = self.run_id = self.name = self.notes = ""
        self.created_us = 0
        self.state = RunState.RUNNING
        self.ended_us: int | None = None
        self.archived = False
        self.params: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.seen: dict[bytes, None] = {}
        self.exit_code: int | None = None
        self.memory: object = None
        self.patience_s: float | None = None
        self.heard = time.monotonic()
        self.replica: Replica | None = None
        self.occupied: Occupied | None = None
        self.journal: BufferedJournal | None = None
        self.unnamed = 0
        self.started_us = 0
        self.used = 0.0
        self.written = 0
        self.synced = 0
        self.sync_lock = threading.Lock()

    @property
    def foreign(self) -> bool:
        """Whether its state is what a client tells, and not whether a writer lives."""
        return CLIENT in self.labels

    def shown(self) -> TrackedRun:
        """The run as foreign clients see it, without its metrics."""
        return TrackedRun(
            self.uid, self.run_id, self.name, self.entity, self.project, self.state,
            self.created_us, self.ended_us, self.archived, dict(self.params),
            dict(self.labels), [], self.notes,
        )  # fmt: skip

    def repeats(self, digest: bytes) -> bool:
        """Whether a request with this digest was among the last ones; it is from now on."""
        if digest in self.seen:
            return True
        self.seen[digest] = None
        if len(self.seen) > REMEMBERED:
            del self.seen[next(iter(self.seen))]
        return False
