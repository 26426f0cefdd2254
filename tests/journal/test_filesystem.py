"""A map is used only where it is safe: never on a network file system."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochal.domain.record import Header
from epochal.journal import filesystem, writer
from epochal.journal.filesystem import filesystem_type, is_network, keeps_names
from epochal.journal.reader import JournalReader

TABLE = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /home rw,relatime shared:5 - nfs4 server:/home rw
31 30 0:31 / /home/me/local\\040disk rw - xfs /dev/vdb rw
32 22 0:32 / /mnt/cloud rw - fuse.s3fs s3fs rw
broken line
"""


@pytest.mark.parametrize(
    "path,kind",
    [
        ("/", "ext4"),
        ("/var/x", "ext4"),
        ("/home/me/runs", "nfs4"),
        ("/home/me/local disk/runs", "xfs"),
        ("/homeless", "ext4"),
        ("/mnt/cloud", "fuse.s3fs"),
    ],
)
def test_the_innermost_mount_decides(path: str, kind: str, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    assert filesystem_type(path, str(table)) == kind


def test_the_table_is_read_once_for_each_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def reading(path: str) -> str:
        read.append(path)
        return filesystem_type(path)

    monkeypatch.setattr(filesystem, "_types", {})
    monkeypatch.setattr(filesystem, "filesystem_type", reading)
    (tmp_path / "inner").mkdir()
    told = [is_network(str(path)) for path in (tmp_path, tmp_path / "inner", tmp_path)]
    assert len(set(told)) == 1
    assert read == [str(tmp_path)]


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("ext4", True), ("xfs", True), ("btrfs", False), ("nfs4", False), ("", False)],
)
def test_only_known_file_systems_keep_names_by_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, kept: bool
) -> None:
    """One that cannot be told is none of them."""
    monkeypatch.setattr(filesystem, "_types", {})
    monkeypatch.setattr(filesystem, "filesystem_type", lambda _: kind)
    assert keeps_names(str(tmp_path)) is kept


def test_an_unreadable_table_says_nothing(tmp_path: Path) -> None:
    assert filesystem_type("/", str(tmp_path / "none")) == ""


def test_a_network_file_system_gets_plain_appends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "is_network", lambda _: True)
    header = Header("l", "p", "r", started_us=1)
    journal = writer.open_journal(str(tmp_path), "ab" * 16, "cd" * 16, header)
    assert isinstance(journal, writer.BufferedJournal)
    assert journal.path is not None
    assert JournalReader(journal.path).read().facts == [header]
    journal.close()
