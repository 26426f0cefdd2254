"""Sending the journals and blobs of a home that a server lacks: ``epochal sync``.

Running it twice, beside a living run, or after it was interrupted is harmless: bytes have offsets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from epochal.client.blobsync import BlobReplica, has_blobs
from epochal.client.credentials import find_key
from epochal.client.replica import Busy, Refused, Replica
from epochal.client.source import FileSource
from epochal.client.transport import NoAnswer, Transport
from epochal.errors import StorageError, Unavailable
from epochal.journal.frame import SUFFIX
from epochal.journal.home import RUNS
from epochal.journal.spool import finish_spool

ATTEMPTS = 5

Progress = Callable[["Progressed"], None]


class Progressed(msgspec.Struct, frozen=True):
    """How far one journal is: ``sent`` of ``total`` bytes are on the server."""

    path: str
    sent: int
    total: int


class SyncReport(msgspec.Struct, frozen=True):
    """What `sync_journals` did.

    ``problems`` has a sentence for every journal that is not fully sent.
    """

    journals: int
    complete: int
    sent_bytes: int
    problems: list[str]


def sync_journals(
    home: Path,
    url: str,
    api_key: str | None = None,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
    only: str | None = None,
) -> SyncReport:
    """Send every journal of a home that the server has not acknowledged in full, then blobs.

    Args:
        home: the home.
        url: the server.
        api_key: credential; by default the one that `login` stored for the server.
        progress: told after every stretch.
        sleep: how to wait between attempts.
        only: uid of the run to send; by default all of them.

    Raises:
        InvalidInput: the address cannot be used.
    """
    transport = Transport(url, api_key or find_key(home, url))
    journals = complete = sent = 0
    problems: list[str] = []
    runs: dict[str, None] = {}
    for path in _journals(home, only or "*"):
        journals += 1
        try:
            finish_spool(path)
            replica = Replica(FileSource(path), transport)
            sent += _send_all(replica, str(path), progress, sleep)
            replica.settle()
            complete += 1
            runs[replica.source.run] = None
        except (OSError, StorageError, Unavailable, Refused, Busy, NoAnswer) as error:
            problems.append(f"{path.name}: {error}")
    for uid in runs if has_blobs(home) else ():
        try:
            sent += _send_blobs(BlobReplica(uid, home, transport), progress, sleep)
        except (OSError, StorageError, Unavailable, Refused, Busy, NoAnswer) as error:
            problems.append(f"files of run {uid}: {error}")
    transport.close()
    return SyncReport(journals, complete, sent, problems)


def _journals(home: Path, run: str) -> Iterator[Path]:
    runs = home / RUNS
    return iter(sorted(runs.glob(f"{run}/*{SUFFIX}"), key=lambda path: path.stat().st_mtime))


def _send_blobs(
    replica: BlobReplica, progress: Progress | None, sleep: Callable[[float], None]
) -> int:
    """Send the blobs of a run that the server wants; returns the bytes that it took over."""
    failures = 0

    def went_well() -> bool:
        nonlocal failures
        failures = 0
        if progress is not None:
            progress(Progressed("files", replica.sent, replica.total))
        return True

    while True:
        try:
            if not replica.ask():
                return replica.sent
            replica.send_all(went_well)
        except (NoAnswer, Busy) as error:
            failures += 1
            if failures >= ATTEMPTS:
                raise
            sleep(getattr(error, "retry_after", None) or 2.0 ** (failures - 1))


def _send_all(
    replica: Replica,
    path: str,
    progress: Progress | None,
    sleep: Callable[[float], None],
) -> int:
    """Send one journal to its end; returns the bytes that the server took over."""
    sent, failures = 0, 0
    while replica.waiting:
        try:
            gained = replica.send_next()
            sent += max(0, gained)
            if gained <= 0:
                raise NoAnswer(f"its offset stays at {replica.acked}")
            failures = 0
        except (NoAnswer, Busy) as error:
            failures += 1
            if failures >= ATTEMPTS:
                raise
            sleep(getattr(error, "retry_after", None) or 2.0 ** (failures - 1))
            continue
        replica.save_ack()
        if progress is not None:
            progress(Progressed(path, replica.acked, replica.source.size))
    return sent
