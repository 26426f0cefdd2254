"""Runs whose client speaks a foreign protocol: the server keeps their journals for them.

One journal per run and server process, opened when something is to be written, closed when the run
ends, after a minute of rest, and when the server ends. `commit` returns when all that was written
before it is on the device; callers who wait together share one sync. `settle` takes what was
committed into the index: whoever calls it before reading sees every acknowledged write. The state
of such a run is what its client told last; it does not depend on this process, so a server that
is killed crashes no run. Docs: docs/internals/foreign.md.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from epochal.domain.names import run_uid
from epochal.domain.record import Attributes, Fact, Labels, Told
from epochal.domain.run import RunState
from epochal.domain.tracked import CLIENT, NOTES, TrackedRun
from epochal.domain.view import RunChanges, RunRow
from epochal.errors import EpochalError, Unavailable
from epochal.journal.home import RUNS
from epochal.service.open_journals import Journals, now_us
from epochal.service.places import Places
from epochal.service.recorded import Columns, Point, Recording
from epochal.service.replica import Replica
from epochal.service.settling import Unsettled
from epochal.store.owner import Store
from epochal.store.tracked import read_tracked

IDLE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 5.0
MOST_KNOWN: Final = 4096
LONGEST: Final = 256 * 1024 * 1024

log: Final = logging.getLogger("epochal.server")


class Recorder:
    """Keeps the recordings of a store. Safe to use from any thread.

    Args:
        store: the open store.

    Attributes:
        places: where runs may be made.
        gave_up: called, in a background thread, with a run whose client fell silent for too long.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.places = Places(store)
        self.gave_up: list[Callable[[Recording], None]] = []
        self._known: dict[str, Recording] = {}
        self._guard = threading.Lock()
        self._unsettled = Unsettled(store)
        self._journals = Journals(str(store.home), self._unsettled, self._forget)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def store(self) -> Store:
        """The open store."""
        return self._store

    # ------------------------------------------------------------------------------- recordings
    def create(
        self,
        entity: str,
        project: str,
        run_id: str,
        *,
        started_us: int,
        client: str,
        user: str,
        labels: Mapping[str, str] | None = None,
        name: str = "",
        notes: str = "",
    ) -> Recording:
        """Begin a run; the caller writes what else is known of it and commits.

        Args:
            entity: whose it is.
            project: where it belongs.
            run_id: new in the project.
            started_us: when it began, microseconds since 1970 UTC.
            client: the protocol that its client speaks.
            user: who runs it.
            labels: its first ones.
            name: what people call it; its id by default.
            notes: what people wrote about it.
        """
        recording = Recording(run_uid(entity, project, run_id))
        recording.entity, recording.project, recording.run_id = entity, project, run_id
        recording.name, recording.notes = name or run_id, notes
        recording.created_us = started_us
        recording.loaded = True
        recording.labels = {CLIENT: client, **(labels or {})}
        now = now_us()
        facts: list[Fact] = [Labels(now, dict(recording.labels))]
        told = {key: text for key, text in (("name", name), ("notes", notes)) if text}
        if told:
            facts.append(Attributes(now, told))
        with recording.lock:
            self._remember(recording)
            recording.replica = Replica(recording.params)
            self._journals.open(recording, started_us, user)
            self.write(recording, facts)
        return recording

    def writes(self, uid: str) -> bool:
        """Whether this process keeps the journal of a run, so that readers settle it first."""
        with self._guard:
            recording = self._known.get(uid)
        return recording is not None and recording.foreign

    def foreign_runs(self) -> set[str]:
        """All runs that `writes` tells of, in one go."""
        with self._guard:
            return {uid for uid, recording in self._known.items() if recording.foreign}

    @contextlib.contextmanager
    def hold(self, uid: str) -> Iterator[Recording]:
        """A run to write to, nobody else at the same time.

        Raises:
            NotFound: there is no such run.
        """
        while True:
            with self._guard:
                recording = self._known.get(uid)
            if recording is None:
                recording = Recording(uid)
                self._remember(recording)
            with recording.lock:
                if recording.gone:
                    continue
                if not recording.loaded:
                    self._load(recording)
                yield recording
                return

    def mark_archived(self, place: tuple[str, str], *, on: bool) -> None:
        """Remember that all runs of a project were archived or restored."""
        with self._guard:
            known = list(self._known.values())
        for recording in known:
            if (recording.entity, recording.project) == place:
                with recording.lock:
                    recording.archived = on

    def _remember(self, recording: Recording) -> None:
        with self._guard:
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(
                    target=self._look_after, name="epochal-recorder", daemon=True
                )
                self._thread.start()
                self._store.let_go.append(self.release)
                self._store.changed.append(self._learn)
            self._known.setdefault(recording.uid, recording)

    def _load(self, recording: Recording) -> None:
        try:
            self.settle([recording.uid])
            found = read_tracked(self._store, recording.uid)
        except BaseException:
            self._forget(recording)
            raise
        recording.entity, recording.project, recording.run_id = (
            found.entity, found.project, found.id,
        )  # fmt: skip
        recording.state, recording.ended_us = found.state, found.ended_us
        recording.archived = found.archived
        recording.params, recording.labels = dict(found.params), dict(found.labels)
        recording.started_us = recording.created_us = found.created_us
        recording.name, recording.notes = found.name, found.notes
        recording.loaded = True

    def _forget(self, recording: Recording) -> None:
        recording.gone = True
        with self._guard:
            if self._known.get(recording.uid) is recording:
                del self._known[recording.uid]

    # ------------------------------------------------------------------------------------ writing
    def write(
        self,
        recording: Recording,
        facts: Sequence[Fact] = (),
        points: Sequence[Point | Columns] = (),
    ) -> None:
        """Append records; they are safe after `commit`. The caller holds the recording.

        Raises:
            OSError: a journal cannot be opened.
        """
        if not facts and not points:
            return
        if self._ending.is_set():
            raise Unavailable("the server is ending; try again in a moment")
        self._journals.append(recording, facts, points)
        if recording.replica is not None:
            single = [point for point in points if not isinstance(point, Columns)]
            recording.replica.add(facts, single)
            if not recording.replica.whole or len(single) < len(points):
                recording.replica = None
        recording.used = time.monotonic()

    def label(
        self, recording: Recording, changes: Mapping[str, str], removed: Sequence[str] = ()
    ) -> None:
        """Set and remove labels."""
        self.write(recording, [Labels(now_us(), dict(changes), list(removed))])
        recording.labels.update(changes)
        for name in removed:
            recording.labels.pop(name, None)

    def rename(self, recording: Recording, name: str) -> None:
        """Give the run another name."""
        self.write(recording, [Attributes(now_us(), {"name": name})])
        recording.name = name

    def describe(self, recording: Recording, notes: str) -> None:
        """Give the run other notes."""
        self.write(recording, [Attributes(now_us(), {"notes": notes})])
        recording.notes = notes

    def tell(self, recording: Recording, state: RunState, ended_us: int | None) -> None:
        """Say in which state the run is; one that is over gets its journal closed."""
        recording.state = state
        ended_us = now_us() if ended_us is None else ended_us
        recording.ended_us = None if state is RunState.RUNNING else ended_us
        self.write(recording, [Told(now_us(), state.value, recording.ended_us)])
        if state is not RunState.RUNNING:
            self._journals.close(recording)

    def begin_earlier(self, recording: Recording, started_us: int) -> None:
        """Say that a run began before its first journal did, in which nothing was logged yet."""
        is_first = recording.journal is not None and recording.started_us == recording.created_us
        if is_first and recording.foreign and 0 < started_us < recording.created_us:
            recording.created_us = started_us
            state = recording.state.value
            self.write(recording, [Told(now_us(), state, recording.ended_us, started_us)])

    def take_over(self, recording: Recording, client: str) -> None:
        """From now on a client tells the state of a run that another kind of writer made."""
        if not recording.foreign:
            self._journals.close(recording)
            recording.labels[CLIENT] = client
            self.write(recording, [Labels(now_us(), {CLIENT: client})])

    def commit(self, recording: Recording) -> None:
        """Wait until all that was written is durable. Do not hold the recording meanwhile.

        Raises:
            Unavailable: the disk does not take it; nothing may be acknowledged.
        """
        self._journals.commit(recording)

    # ------------------------------------------------------------------------------------ closing
    def release(self, uid: str) -> None:
        """Close the journal of a run and forget the run; it is about to be deleted."""
        with self._guard:
            recording = self._known.get(uid)
        with self.places.changing():
            pass  # with its last run a project ends
        if recording is not None:
            with recording.lock:
                self._journals.close(recording)
                self._forget(recording)

    def _look_after(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            self.close_resting()

    def close_resting(self, idle_seconds: float | None = None) -> None:
        """Close journals that rested long enough, and long ones; forget runs nobody asks for.

        A run whose client fell silent has crashed; when it is heard again, it goes on.
        """
        idle = IDLE_SECONDS if idle_seconds is None else idle_seconds
        now = time.monotonic()
        with self._guard:
            known = list(self._known.values())
        for one in known:
            with one.lock:
                is_given_up = self._give_up(one, now)
                journal = one.journal
                if journal is not None and (now - one.used >= idle or journal.size > LONGEST):
                    self._journals.close(one)
                if one.journal is None and len(known) > MOST_KNOWN and one.loaded:
                    self._forget(one)
            if is_given_up:
                for tell in self.gave_up:
                    try:
                        tell(one)
                    except (OSError, EpochalError):
                        log.exception("run %s was given up, but not all was told of it", one.uid)

    def _give_up(self, one: Recording, now: float) -> bool:
        """Whether a client is taken for dead now. The caller holds the recording."""
        silent = now - one.heard
        if one.patience_s is None or one.gone or one.archived or silent < one.patience_s:
            return False
        if one.state is RunState.RUNNING and one.foreign:
            with contextlib.suppress(OSError, Unavailable):  # tried again soon
                self.tell(one, RunState.CRASHED, now_us() - int(silent * 1e6))
                return True
        return False

    def close(self) -> None:
        """Close every journal. Later writes are refused."""
        self._ending.set()
        with self._guard:
            known = list(self._known.values())
        for one in known:
            with one.lock:
                self._journals.close(one)

    # ------------------------------------------------------------------------------------ reading
    def peek(self, uid: str) -> TrackedRun | None:
        """A run that was wholly written here and is durable; None: the index must be asked.

        It waits for nobody and only lists the run's directory: the event loop may call it.
        """
        recording = self._known.get(uid)
        if recording is None or not recording.lock.acquire(blocking=False):
            return None
        try:
            replica = recording.replica
            if (
                replica is None
                or recording.gone
                or recording.synced < recording.written
                or not replica.is_alone(f"{self._store.home}/{RUNS}/{uid}")
            ):
                return None
            return msgspec.structs.replace(recording.shown(), metrics=replica.metrics())
        finally:
            recording.lock.release()

    def _learn(self, row: RunRow, changes: RunChanges) -> None:
        """Somebody renamed, described, archived or restored a run by another door.

        What they left alone may be newer here: the index has not read yet what was just written.
        """
        with self._guard:
            recording = self._known.get(row.uid)
        if recording is not None:
            with recording.lock:
                if changes.name is not None:
                    recording.name = row.name
                if changes.notes is not None:
                    recording.notes = row.notes
                    recording.labels.pop(NOTES, None)
                if changes.archived is not None:
                    recording.archived = row.archived

    def settle(self, uids: Sequence[str] | None = None) -> None:
        """Take what was committed into the index, of some runs or of all.

        Raises:
            StorageFull: the disk has no room.
            Unavailable: the database is busy.
        """
        self._unsettled.settle(uids)
