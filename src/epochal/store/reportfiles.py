"""What a report is, once more as files: ``reports/<uid>/``.

``report.json`` is written before a change is acknowledged, so that a database that is lost takes
no report along. ``<name>.panel`` is a frozen panel; its content names it, it never changes, and it
is kept here alone. Beside it ``<name>.kept/`` holds the bytes of the media that it shows, each
under its digest: links to the home's blobs where the file system has links, so that they take no
room twice and stay when the blobs go with their run. ``<revision>.version`` is what the report
said before it was changed (`store.reporthistory`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.objects import BlobView
from epochal.domain.report import PanelData
from epochal.errors import CorruptFile, NotFound
from epochal.journal.blobs import full_disk
from epochal.store.contents import Content
from epochal.store.durable import durable_file
from epochal.store.store import DIRECTORY_MODE, Store

DIRECTORY: Final = "reports"
_REPORT: Final = "report.json"
_PANEL: Final = ".panel"
_KEPT: Final = ".kept"


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
    place = report_directory(store, report.uid) / _REPORT
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
    """Keep what a panel shows, with the bytes of its media; returns its name.

    Raises:
        NotFound: bytes of its media are not in this home any more.
        StorageFull: no room.
    """
    packed = zlib.compress(msgspec.msgpack.encode(data))
    name = hashlib.blake2b(packed, digest_size=16).hexdigest()
    directory = report_directory(store, uid)
    digests = {blob.digest for blob in media_blobs(data)}
    if digests:
        _keep(store, directory / f"{name}{_KEPT}", sorted(digests))
    with durable_file(directory / f"{name}{_PANEL}", store.disk) as write:
        write(packed)
    return name


def media_blobs(data: PanelData) -> Iterator[BlobView]:
    """The blobs of all media of a panel."""
    for entry in data.media or []:
        for item in entry.items:
            yield from item.blobs.values()


def _keep(store: Store, directory: Path, digests: Iterable[str]) -> None:
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    for digest in digests:
        target = directory / digest
        if target.exists():
            continue
        try:
            _link(store.blobs.path(digest), target)
        except FileNotFoundError:
            raise NotFound(
                f"blob {digest} is not in this home any more; freeze it again"
            ) from None
        except OSError as error:
            raise full_disk(error, target) from error
    store.disk.sync_directory(directory)


def _link(source: Path, target: Path) -> None:
    """Another name for a blob, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        copy = target.with_suffix(".tmp")
        shutil.copyfile(source, copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.rename(target)


def kept_content(store: Store, uid: str, name: str, digest: str) -> Content:
    """Bytes that a frozen panel keeps.

    Raises:
        NotFound: the report keeps no such panel, or the panel shows no such blob.
        CorruptFile: the panel's file is damaged.
    """
    views = {blob.digest: blob for blob in media_blobs(read_frozen(store, uid, name))}
    path = store.home / DIRECTORY / uid / f"{name}{_KEPT}" / digest
    if digest not in views or not path.is_file():
        raise NotFound(f"the frozen panel {name} keeps no blob {digest}")
    return Content(path, digest, path.stat().st_size, views[digest].type, digest)


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
    for path in (store.home / DIRECTORY / uid).glob(f"*{_KEPT}"):
        if path.with_suffix(_PANEL).exists():
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before_s:
                shutil.rmtree(path, ignore_errors=True)


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


def report_directory(store: Store, uid: str) -> Path:
    """Where the files of a report lie; made where it is not there."""
    directory = store.home / DIRECTORY / uid
    if not directory.is_dir():
        directory.mkdir(mode=DIRECTORY_MODE, parents=True)
        store.disk.sync_directory(directory.parent)
        store.disk.sync_directory(store.home)
    return directory
