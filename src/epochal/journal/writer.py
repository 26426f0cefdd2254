"""The writing end of a journal.

Promises: `append` never raises for a sick disk, never waits for a device or network, and when it
returns the bytes are in the page cache, so that SIGKILL of this process loses nothing (P2).
`sync` returns after the bytes are on the device (P3). One process, one journal; any thread may
append, signal handlers and finalizers included. After `close` and in a forked child, `append`
raises `JournalClosed`.

A worker thread of the owner calls `maintain` about ten times a second and `sync` once a second
while anything was written.
"""

from __future__ import annotations

import os

from epochal.domain.record import Header
from epochal.journal.buffered import BufferedJournal
from epochal.journal.files import DIRECTORY_MODE
from epochal.journal.filesystem import is_network
from epochal.journal.frame import FileHeader
from epochal.journal.journal import Journal, JournalClosed, NullJournal
from epochal.journal.mapped import MappedJournal

__all__ = [
    "BufferedJournal",
    "Journal",
    "JournalClosed",
    "MappedJournal",
    "NullJournal",
    "open_journal",
]


def open_journal(directory: str | None, run: str, writer: str, header: Header) -> Journal:
    """Create a journal whose first record is ``header``.

    Args:
        directory: the run's directory, made when missing (mode 0700); None keeps the journal in
            memory.
        run: the run's uid.
        writer: a fresh uid.
        header: the facts about run and writer.

    Raises:
        OSError: the directory or file cannot be created; nothing is left behind.
    """
    file_header = FileHeader(run=run, writer=writer, created_us=header.started_us)
    journal: Journal
    if directory is None:
        journal = BufferedJournal(None, file_header)
    else:
        os.makedirs(directory, mode=DIRECTORY_MODE, exist_ok=True)
        journal = _open_in(directory, file_header)
    journal.append_fact(header)
    journal.maintain()
    return journal


def _open_in(directory: str, file_header: FileHeader) -> Journal:
    if not hasattr(os, "posix_fallocate") or is_network(directory):
        return BufferedJournal(directory, file_header)
    return MappedJournal(directory, file_header)
