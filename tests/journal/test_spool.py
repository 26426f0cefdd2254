"""The spool of a dead writer: everything in it reaches the journal, exactly once."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from epochal.domain.encode import pack_array
from epochal.domain.record import (
    ArtifactCommit,
    BlobRef,
    File,
    Finish,
    Header,
    Media,
    MediaItem,
    Stored,
)
from epochal.journal.blobs import Blobs
from epochal.journal.reader import JournalReader
from epochal.journal.spool import finish_spool, spool_directory
from epochal.journal.writer import Journal, open_journal

RUN = "ab" * 16
IMAGE = pack_array((2, 2, 1), 1) + bytes(4)


def begun(home: Path) -> tuple[Journal, Path]:
    journal = open_journal(
        str(home / "runs" / RUN), RUN, "cd" * 16, Header("local", "p", "r", started_us=1)
    )
    assert journal.path is not None
    folder = Path(spool_directory(journal.path))
    folder.mkdir()
    return journal, folder


def media(*names: str) -> Media:
    return Media("k", 1, 1, [MediaItem("image", {}, {"data": name}) for name in names])


def facts(journal: Journal) -> list[object]:
    assert journal.path is not None
    return list(JournalReader(journal.path).read().facts)


def died(journal: Journal) -> Path:
    """The lock is let go of as the kernel does it; the file keeps its preallocated tail."""
    assert journal.path is not None
    path = journal.path
    journal.abandon()
    return Path(path)


def test_a_living_writers_journal_is_left_alone(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    (folder / "1-image.png").write_bytes(IMAGE)
    journal.append_fact(media("1-image.png"))
    assert finish_spool(Path(journal.path or "")) == 0
    assert (folder / "1-image.png").exists()
    journal.close()


def test_a_dead_writers_images_become_blobs(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    for name in ("1-image.png", "2-copy.txt", "3-image.png"):
        (folder / name).write_bytes(IMAGE if "image" in name else b"text")
    journal.append_fact(media("1-image.png", "2-copy.txt"))
    journal.append_fact(File(1, "a.txt", "2-copy.txt"))
    path = died(journal)
    assert finish_spool(path) == 1
    stored = facts(journal)[-1]
    assert isinstance(stored, Stored)
    assert set(stored.blobs) == {"1-image.png", "2-copy.txt"}
    assert Blobs(tmp_path).read(stored.blobs["2-copy.txt"].digest) == b"text"
    assert stored.blobs["1-image.png"].type == "image/png"
    assert not folder.exists()
    assert finish_spool(path) == 0


def test_what_was_stored_already_is_not_stored_again(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    (folder / "1-image.png").write_bytes(IMAGE)
    journal.append_fact(media("1-image.png", "2-image.png"))
    journal.append_fact(Stored(1, {"1-image.png": BlobRef("0" * 64, 1)}))
    assert finish_spool(died(journal)) == 0
    assert not folder.exists()


def test_a_finish_stays_the_last_record(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    (folder / "1-image.png").write_bytes(IMAGE)
    journal.append_fact(media("1-image.png"))
    journal.close(Finish(5, "finished", 0))
    assert finish_spool(Path(journal.path or "")) == 2
    *_, stored, last = facts(journal)
    assert isinstance(stored, Stored)
    assert last == Finish(5, "finished", 0)


def test_records_that_waited_for_a_sync_are_written_in_order(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    commits = [ArtifactCommit(n, f"a{n}", "t", BlobRef("0" * 64, 1)) for n in range(12)]
    for number, commit in enumerate(commits):
        (folder / f"{number}-record").write_bytes(msgspec.msgpack.encode(commit))
    (folder / "99-record").write_bytes(b"\xc1torn")
    assert finish_spool(died(journal)) == 12
    assert facts(journal)[-12:] == commits


def test_a_torn_array_is_kept_as_it_is(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    (folder / "1-image.png").write_bytes(IMAGE[:-2])
    journal.append_fact(media("1-image.png"))
    finish_spool(died(journal))
    stored = facts(journal)[-1]
    assert isinstance(stored, Stored)
    assert Blobs(tmp_path).read(stored.blobs["1-image.png"].digest) == IMAGE[:-2]


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/b"])
def test_a_name_that_leads_out_of_the_spool_is_not_followed(tmp_path: Path, name: str) -> None:
    journal, _ = begun(tmp_path)
    journal.append_fact(media(name))
    assert finish_spool(died(journal)) == 0


def test_a_torn_end_of_the_journal_is_written_over(tmp_path: Path) -> None:
    journal, folder = begun(tmp_path)
    (folder / "1-image.png").write_bytes(IMAGE)
    journal.append_fact(media("1-image.png"))
    end = journal.size
    path = died(journal)
    with path.open("r+b") as file:
        file.seek(end)
        file.write(b"\x40\x00\x00\x00\xff\xff\xff\xfftorn")
    assert finish_spool(path) == 1
    assert isinstance(facts(journal)[-1], Stored)
    assert os.path.getsize(path) < 4096
