"""Journals that are sent, and a sender that does not wait."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from epochal.client.sender import Sender
from epochal.domain.record import Header
from epochal.journal.writer import Journal, open_journal


def journal_of(tmp_path: Path, rows: int, name: int = 1) -> Journal:
    journal = open_journal(
        str(tmp_path / "runs" / ("ab" * 16)),
        "ab" * 16,
        f"{name:032x}",
        Header("local", "p", "r", started_us=name),
    )
    key_set = journal.declare(("a",), ["a"])
    for i in range(rows):
        journal.append(msgspec.msgpack.encode((key_set, i, i, [i * 0.5])))
    return journal


def content(journal: Journal) -> bytes:
    return journal.read(0, journal.size)


def drive(sender: Sender, seconds: float = 60.0) -> None:
    """Step without waiting between failures, as if the clock were fast."""
    deadline = time.monotonic() + seconds
    while sender.waiting and sender.refused is None:
        assert time.monotonic() < deadline, "the journal was not sent in time"
        sender.step()
