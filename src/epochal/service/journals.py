"""Journals that other machines send: how far they are held, the next stretch, how to resume.

A stretch is acknowledged only after it is durable, and sending one twice changes nothing.
"""

from __future__ import annotations

from epochal.domain.access import Permission, Principal
from epochal.domain.names import check_uid
from epochal.domain.view import ResumeState
from epochal.errors import InvalidInput
from epochal.service.permission import require
from epochal.store import receive as stored
from epochal.store import runs
from epochal.store.owner import Store

MAX_OFFSET = 2**53


def held(store: Store, principal: Principal | None, uid: str, writer: str) -> int:
    """How many bytes of a journal the home holds durably; 0 when it knows nothing of it."""
    require(principal, Permission.WRITE)
    return stored.received(store, check_uid(uid), check_uid(writer, "writer uid"))


def receive(
    store: Store, principal: Principal | None, uid: str, writer: str, *, offset: int, body: bytes
) -> int:
    """Append a stretch of a journal to the home's copy and make it durable.

    Args:
        store: the open store.
        principal: who sends.
        uid: the run.
        writer: the writer.
        offset: where in the journal ``body`` begins, in bytes.
        body: bytes that end at a frame's end; empty for a heartbeat.

    Returns:
        The number of bytes that the home now holds.

    Raises:
        OffsetMismatch: bytes between what is held and ``offset`` are missing.
        InvalidInput: the bytes are no journal, are damaged, or belong to another run or writer.
        Unavailable: the disk is full or failing; the same call may succeed later.
    """
    require(principal, Permission.WRITE)
    check_uid(uid)
    check_uid(writer, "writer uid")
    if not 0 <= offset <= MAX_OFFSET:
        raise InvalidInput(f"offset must be a number of bytes, got {offset}")
    return stored.receive(store, uid, writer, offset, body)


def resume_state(store: Store, principal: Principal | None, uid: str) -> ResumeState:
    """What a writer needs to go on with a run; ``exists`` is false when nobody has written it."""
    require(principal, Permission.READ)
    return runs.resume_state(store, check_uid(uid))
