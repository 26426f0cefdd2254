"""What a report said before: ``reports/<uid>/<revision>.version``, beside its other files.

The text that a change replaces is written down before the change, so that what was ever shown can
be read again; the newest `MOST_VERSIONS` are kept. They are no rows of the database: a rebuild
finds them where they are.
"""

from __future__ import annotations

import contextlib
import zlib
from pathlib import Path
from typing import Final

import msgspec

from epochal.domain.report import ReportVersion, ReportVersions, VersionRow
from epochal.errors import CorruptFile, NotFound
from epochal.store.durable import durable_file
from epochal.store.reportfiles import DIRECTORY, StoredReport, report_directory
from epochal.store.store import Store

MOST_VERSIONS: Final = 200
_VERSION: Final = ".version"

_decode = msgspec.msgpack.Decoder(ReportVersion).decode


def keep_version(store: Store, was: StoredReport) -> None:
    """Write down what a report says, before something else is written in its place.

    Raises:
        StorageFull: no room.
    """
    place = report_directory(store, was.uid) / f"{was.revision}{_VERSION}"
    with durable_file(place, store.disk) as write:
        write(zlib.compress(msgspec.msgpack.encode(version_of(was))))
    for old in _revisions(store, was.uid)[:-MOST_VERSIONS]:
        with contextlib.suppress(FileNotFoundError):
            _place(store, was.uid, old).unlink()


def version_of(report: StoredReport) -> ReportVersion:
    """A report's revision as it is now."""
    return ReportVersion(
        report.revision, report.title, report.updated_us, report.updated_by, report.text
    )


def list_versions(store: Store, report: StoredReport) -> ReportVersions:
    """What is known of each revision that is kept, the newest first; damaged ones are left out."""
    found = [version_of(report)]
    for revision in reversed(_revisions(store, report.uid)):
        if revision < report.revision:
            with contextlib.suppress(NotFound, CorruptFile):
                found.append(_read(store, report.uid, revision))
    rows = [
        VersionRow(one.revision, one.title, one.saved_us, one.saved_by, len(one.text))
        for one in found
    ]
    return ReportVersions(rows)


def find_version(store: Store, report: StoredReport, revision: int) -> ReportVersion:
    """What a report said at a revision.

    Raises:
        NotFound: it is not kept, or there never was such a revision.
        CorruptFile: its file is damaged.
    """
    if revision == report.revision:
        return version_of(report)
    kept = [one for one in _revisions(store, report.uid) if one < report.revision]
    if revision not in kept:
        there = f"{kept[0]} to {kept[-1]}, and the present {report.revision}" if kept else "only 1"
        raise NotFound(f"report {report.name!r} keeps no revision {revision}; there are {there}")
    return _read(store, report.uid, revision)


def kept_texts(store: Store, uid: str) -> list[str]:
    """The texts of all revisions that are kept."""
    texts = []
    for revision in _revisions(store, uid):
        with contextlib.suppress(NotFound, CorruptFile):
            texts.append(_read(store, uid, revision).text)
    return texts


def _revisions(store: Store, uid: str) -> list[int]:
    found = (store.home / DIRECTORY / uid).glob(f"*{_VERSION}")
    return sorted(int(path.stem) for path in found if path.stem.isdecimal())


def _read(store: Store, uid: str, revision: int) -> ReportVersion:
    path = _place(store, uid, revision)
    try:
        return _decode(zlib.decompress(path.read_bytes()))
    except FileNotFoundError:
        raise NotFound(f"revision {revision} of the report is not kept any more") from None
    except (zlib.error, msgspec.MsgspecError) as error:
        raise CorruptFile(path, str(error)) from error


def _place(store: Store, uid: str, revision: int) -> Path:
    return store.home / DIRECTORY / uid / f"{revision}{_VERSION}"
