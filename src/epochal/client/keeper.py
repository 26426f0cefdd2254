"""The thread that turns what was logged into blobs.

It starts with the first media, file or artifact of a run. Jobs are done in order, in batches: all
blobs of a batch are made to survive power loss by one sync, then their records are written, then
the spool files go. What `close` leaves undone stays in the spool, for
`epochal.journal.spool.finish_spool`.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from epochal.client import guard
from epochal.client.spooling import next_name, write_chunks
from epochal.domain.record import ArtifactCommit, BlobRef, Fact, File, Stored
from epochal.errors import EpochalError
from epochal.journal.blobs import Blobs
from epochal.journal.journal import Journal, JournalClosed
from epochal.journal.spool import RECORD, home_of, spool_directory, store_spooled

BATCH = 64
SYNC_EACH = 4
KNOWN = 10_000
QUICK_FROM = 8

_encode = msgspec.msgpack.Encoder().encode


Work: TypeAlias = Callable[[], Fact | None]


class Job(msgspec.Struct, frozen=True, eq=False):
    """Something to store for a journal.

    Attributes:
        journal: gets the record.
        names: spool files; each becomes a blob, or holds ``fact``.
        fact: the record that lies in the spool.
        work: stores something else and returns the record to write after a sync.
    """

    journal: Journal
    names: list[str] = []
    fact: Fact | None = None
    work: Work | None = None


class Keeper:
    """Does the jobs of one run.

    Attributes:
        recorded: digests of the latest blobs that records name; what is sent is judged by it.
    """

    def __init__(self) -> None:
        self.recorded: frozenset[str] = frozenset()
        self._jobs: deque[Job] = deque()
        self._busy = 0
        self._hurry = False
        self._stopped = False
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Jobs that are not done."""
        return len(self._jobs) + self._busy

    def store(self, journal: Journal, names: Mapping[str, str]) -> None:
        """Make blobs of spool files that a record of the journal names."""
        if names:
            self._add(Job(journal, list(names.values())))

    def record(self, journal: Journal, fact: Fact) -> None:
        """Write a record after the blobs that it names, which exist, survive power loss.

        Survives SIGKILL at once.

        Raises:
            OSError: the spool cannot be written; nothing was recorded.
        """
        if journal.path is None:
            return
        name = next_name(RECORD)
        write_chunks(os.path.join(spool_directory(journal.path), name), [_encode(fact)])
        self._add(Job(journal, [name], fact))

    def do(self, journal: Journal, work: Work) -> None:
        """Let the thread store something without syncing, and write the record that comes back."""
        self._add(Job(journal, work=work))

    def wait(self, timeout: float, journal: Journal | None = None) -> bool:
        """Wait until all jobs, or all of one journal, are done; False when time is over."""
        deadline = time.monotonic() + timeout
        with self._change:
            self._hurry = True
            try:
                while self.waiting and (journal is None or self._has(journal)):
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._lives():
                        return False
                    self._change.wait(min(left, 0.5))
            finally:
                self._hurry = False
        return True

    def close(self, timeout: float) -> bool:
        """Do what can be done in time, and end the thread; False when something is left."""
        done = self.wait(timeout)
        with self._change:
            self._stopped = True
            self._change.notify_all()
        return done

    def after_fork(self) -> None:
        """In a forked child: the jobs are the parent's."""
        self._jobs = deque()
        self._busy = 0
        self._change = threading.Condition()
        self._thread = None

    def _add(self, job: Job) -> None:
        with self._change:
            self._jobs.append(job)
            if self._thread is None:
                with guard.Shield("starting the keeper of blobs"):
                    thread = threading.Thread(target=self._run, name="epochal-keeper", daemon=True)
                    thread.start()
                    self._thread = thread
            self._change.notify_all()

    def _lives(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _has(self, journal: Journal) -> bool:
        return bool(self._busy) or any(job.journal is journal for job in self._jobs)

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._jobs and not self._stopped:
                    self._change.wait()
                if self._stopped:
                    return
                batch = [self._jobs.popleft() for _ in range(min(BATCH, len(self._jobs)))]
                self._busy = len(batch)
            with guard.Shield("storing what was logged"):
                self._do(batch)
            with self._change:
                self._busy = 0
                self._change.notify_all()

    def _do(self, batch: list[Job]) -> None:
        quick = self._hurry or len(batch) + len(self._jobs) >= QUICK_FROM
        single = len(batch) <= SYNC_EACH and all(job.fact is None for job in batch)
        done = [(job, self._store(job, quick, sync=single)) for job in batch if job.journal.path]
        if not single or any(job.work is not None for job in batch):
            for home in {home_of(job.journal.path or "") for job, _ in done}:
                Blobs(home).sync_all()
        for job, fact in done:
            if fact is not None:
                _write(job, fact)
        named = {digest for _, fact in done if fact is not None for digest in _digests(fact)}
        self.recorded = frozenset(
            [*self.recorded, *named] if len(self.recorded) < KNOWN else named
        )

    def _store(self, job: Job, quick: bool, *, sync: bool) -> Fact | None:
        """The record that tells of a job; what fails stays in the spool."""
        if job.fact is not None:
            return job.fact
        with guard.Shield("storing a file"):
            if job.work is not None:
                return job.work()
        path = job.journal.path or ""
        directory = spool_directory(path)
        stored: dict[str, BlobRef] = {}
        for name in job.names:
            try:
                blobs, file = Blobs(home_of(path)), os.path.join(directory, name)
                stored[name] = store_spooled(blobs, file, quick=quick, sync=sync)
            except (OSError, EpochalError) as error:
                guard.warn_once(
                    ("keeper", type(error)),
                    f"media could not be stored ({error}); it stays in {directory}, and is stored "
                    "when the home is read or synced the next time",
                )
        return Stored(time.time_ns() // 1000, stored) if stored else None


def _digests(fact: Fact) -> list[str]:
    """The blobs that a record names."""
    if isinstance(fact, Stored):
        return [blob.digest for blob in fact.blobs.values()]
    if isinstance(fact, ArtifactCommit):
        return [fact.manifest.digest]
    blob = fact.blob if isinstance(fact, File) else None
    return [blob.digest] if isinstance(blob, BlobRef) else []


def _write(job: Job, fact: Fact) -> None:
    """Write the record of a job; only then its spool files go."""
    try:
        job.journal.append_fact(fact)
    except JournalClosed:
        return
    directory = spool_directory(job.journal.path or "")
    for name in fact.blobs if isinstance(fact, Stored) else job.names:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(directory, name))


def remove_empty(journal: str | None) -> None:
    """Remove the spool of an ended journal if nothing waits in it."""
    if journal is not None:
        with contextlib.suppress(OSError):
            Path(spool_directory(journal)).rmdir()
