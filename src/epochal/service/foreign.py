"""Runs that a foreign protocol writes with functions of its own: begin one, write to one.

The protocol's function gets the recorder and the held recording, and decides what the records are;
permission, existence, locking and durability are decided here. What it wrote is on the device when
the call returns.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from epochal.domain.access import Permission, Principal
from epochal.domain.names import check_name, check_run_id, run_uid
from epochal.domain.record import BlobRef
from epochal.errors import InvalidInput, NotFound
from epochal.service.permission import require
from epochal.service.recorded import Recording
from epochal.service.recording import Recorder
from epochal.store import runs, tracked
from epochal.store.files import list_files
from epochal.store.owner import Store

__all__ = [
    "Recorder",
    "Recording",
    "begin_or_go_on",
    "files_of",
    "forget_stop",
    "look",
    "moments_of",
    "points_of",
    "put_blob",
    "read_blob",
    "record",
    "shall_stop",
]

T = TypeVar("T")
_beginning: Final = threading.Lock()


def record(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    work: Callable[[Recorder, Recording], T],
) -> T:
    """Let ``work`` write to a run, nobody else at the same time; return what it returns.

    Raises:
        NotFound: there is no such run.
        InvalidInput: it is archived.
    """
    require(principal, Permission.WRITE)
    with recorder.hold(uid) as recording:
        if recording.archived:
            raise InvalidInput(f"the run {recording.run_id!r} is archived; restore it first")
        answer = work(recorder, recording)
    recorder.commit(recording)
    return answer


def look(
    store: Store,  # noqa: ARG001 - every use case begins with it
    principal: Principal | None,
    recorder: Recorder,
    uid: str,
    work: Callable[[Recorder, Recording], T],
) -> T:
    """What ``work`` finds in a held run; it writes nothing.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    with recorder.hold(uid) as recording:
        return work(recorder, recording)


def begin_or_go_on(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    place: tuple[str, str, str],
    client: str,
    work: Callable[[Recorder, Recording], T],
    *,
    started_us: int | None = None,
) -> tuple[T, bool]:
    """As `record`, but a run that is not there yet begins; the second value tells whether it did.

    Args:
        store: the open store.
        principal: who acts.
        recorder: of the server.
        place: entity, project and id of the run.
        client: the protocol.
        work: writes.
        started_us: when it began, microseconds since 1970 UTC; now by default.

    Raises:
        InvalidInput: a name cannot be one, or the run is archived.
    """
    user = require(principal, Permission.WRITE).name
    entity = check_name(place[0], "entity name")
    project = check_name(place[1], "project name")
    run_id = check_run_id(place[2])
    uid = run_uid(entity, project, run_id)
    with _beginning:
        is_new = not _exists(recorder, uid)
        if is_new:
            now = time.time_ns() // 1000
            started = now if started_us is None else max(0, min(started_us, now))
            recorder.create(entity, project, run_id, started_us=started, client=client, user=user)
    return record(store, principal, recorder, uid, work), is_new


# ------------------------------------------------------------- what a function of a protocol asks
def files_of(recorder: Recorder, uid: str) -> dict[str, BlobRef]:
    """The files of a run by path, with all that was committed."""
    recorder.settle([uid])
    found = list_files(recorder.store, uid).files
    return {row.path: BlobRef(row.digest, row.size, row.type) for row in found if row.digest}


def moments_of(recorder: Recorder, uid: str, key: str) -> set[tuple[int, int]]:
    """Step and time, in microseconds, of every committed point of a series."""
    recorder.settle([uid])
    found = tracked.read_history(recorder.store, uid, key, offset=0, limit=None)
    return set(zip(found.step, found.t_us, strict=True))


def points_of(recorder: Recorder, uid: str, key: str) -> set[tuple[int, float | None]]:
    """Step and value, None for NaN, of every committed point of a series."""
    recorder.settle([uid])
    found = tracked.read_history(recorder.store, uid, key, offset=0, limit=None)
    values = [None if math.isnan(value) else value for value in found.value]
    return set(zip(found.step, values, strict=True))


def read_blob(recorder: Recorder, digest: str) -> bytes:
    """All bytes of a blob.

    Raises:
        NotFound: it is not here.
    """
    return recorder.store.blobs.read(digest)


def put_blob(recorder: Recorder, data: bytes, type: str) -> BlobRef:
    """Store bytes durably.

    Raises:
        StorageFull: there is no room.
    """
    return recorder.store.blobs.put(data, type)


def shall_stop(recorder: Recorder, uid: str) -> bool:
    """Whether somebody wants a run to end."""
    return runs.stop_of(recorder.store, uid) is not None


def forget_stop(recorder: Recorder, uid: str) -> None:
    """A process goes on with the run: that an earlier one should stop is over."""
    runs.forget_stop(recorder.store, uid)


def _exists(recorder: Recorder, uid: str) -> bool:
    try:
        with recorder.hold(uid):
            return True
    except NotFound:
        return False
