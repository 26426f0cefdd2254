"""What a report is, once more as files: ``reports/<uid>/``.

``report.json`` is written before a change is acknowledged, so that a database that is lost takes
no report along. ``<name>.panel`` is a frozen panel; its content names it, it never changes, and it
is kept here alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import zlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.report import PanelData
from epochal.errors import CorruptFile, NotFound
from epochal.store.durable import durable_file
from epochal.store.store import DIRECTORY_MODE, Store

DIRECTORY: Final = "reports"
_REPORT: Final = "report.json"
_PANEL: Final = ".panel"


class StoredReport(msgspec.Struct, frozen=True):
    """A row of ``report`` without its number."""

    uid: str
    entity: str
    project: str
    name: str
    title: str
    text: str
    revision: int
    created_us: int
    updated_us: int
    created_by: str
    updated_by: str
    deleted_us: int | None


_decode_report = msgspec.json.Decoder(StoredReport).decode
_decode_panel = msgspec.msgpack.Decoder(PanelData).decode


def write_report(store: Store, report: StoredReport) -> None:
    """Write a report down.

    Raises:
        StorageFull: no room.
    """
    place = _directory(store, report.uid) / _REPORT
    with durable_file(place, store.disk) as write:
        write(msgspec.json.encode(report))


def read_reports(home: Path) -> Iterator[StoredReport | CorruptFile]:
    """Every report of a home, and what is wrong with those that cannot be read."""
    for path in sorted((home / DIRECTORY).glob(f"*/{_REPORT}")):
        try:
            found = _decode_report(path.read_bytes())
        except (msgspec.MsgspecError, OSError) as error:
            yield CorruptFile(path, str(error))
            continue
        if found.uid == path.parent.name:
            yield found
        else:
            yield CorruptFile(path, f"it is report {found.uid[:80]!r}, which belongs elsewhere")


def forget_files(store: Store, uid: str) -> None:
    """Remove everything of a report."""
    shutil.rmtree(store.home / DIRECTORY / uid, ignore_errors=True)


def freeze(store: Store, uid: str, data: PanelData) -> str:
    """Keep what a panel shows; returns its name.

    Raises:
        StorageFull: no room.
    """
    packed = zlib.compress(msgspec.msgpack.encode(data))
    name = hashlib.blake2b(packed, digest_size=16).hexdigest()
    with durable_file(_directory(store, uid) / f"{name}{_PANEL}", store.disk) as write:
        write(packed)
    return name


def frozen_names(store: Store, uid: str) -> list[str]:
    """The frozen panels of a report."""
    found = (store.home / DIRECTORY / uid).glob(f"*{_PANEL}")
    return sorted(path.name.removesuffix(_PANEL) for path in found)


def forget_frozen(store: Store, uid: str, named: AbstractSet[str], before_s: float) -> None:
    """Remove frozen panels of a report that were kept before a time, except for those named."""
    for path in (store.home / DIRECTORY / uid).glob(f"*{_PANEL}"):
        if path.name.removesuffix(_PANEL) in named:
            continue
        # Another thread may be at the same.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before_s:
                path.unlink()


def read_frozen(store: Store, uid: str, name: str) -> PanelData:
    """A frozen panel.

    Args:
        store: the home.
        uid: the report.
        name: 32 hex digits.

    Raises:
        NotFound: the report keeps none of that name.
        CorruptFile: its file is damaged.
    """
    path = store.home / DIRECTORY / uid / f"{name}{_PANEL}"
    try:
        return _decode_panel(zlib.decompress(path.read_bytes()))
    except FileNotFoundError:
        raise NotFound(
            f"this report keeps no frozen panel {name!r}; take the line 'frozen:' out of the "
            "panel to show it live"
        ) from None
    except (zlib.error, msgspec.MsgspecError) as error:
        raise CorruptFile(path, str(error)) from error


def _directory(store: Store, uid: str) -> Path:
    directory = store.home / DIRECTORY / uid
    if not directory.is_dir():
        directory.mkdir(mode=DIRECTORY_MODE, parents=True)
        store.disk.sync_directory(directory.parent)
        store.disk.sync_directory(store.home)
    return directory
