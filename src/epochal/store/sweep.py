"""Tidying a home when it is opened: what crashes left behind, and nothing else.

A file is removed only when it can be shown that nothing is lost with it: a segment whose rows the
index has elsewhere or whose journal still holds them, unfinished temporary files, and the remains
of deleted runs. Anything doubtful stays.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil

import msgspec
import sqlalchemy as sa

from epochal.journal.frame import SUFFIX
from epochal.journal.home import RUNS
from epochal.store.arrivals import drop_arrivals
from epochal.store.compact import SEGMENT_SUFFIX, segment_range
from epochal.store.deletion import DELETED_PREFIX, remove_rows
from epochal.store.durable import TEMPORARY_SUFFIX
from epochal.store.schema import journal, run, segment
from epochal.store.store import Store

_UID = re.compile(r"[0-9a-f]{32}")


class SweepReport(msgspec.Struct):
    """Names of what was removed, and of segments that no one knows but that were kept."""

    removed: list[str] = []
    unknown: list[str] = []


def sweep(store: Store) -> SweepReport:
    """Remove what crashes left behind. The caller owns the home and nothing else uses it yet."""
    report = SweepReport()
    report.removed += drop_arrivals(store)
    root = os.path.join(store.home, RUNS)
    for directory in os.scandir(root):
        if directory.name.startswith(DELETED_PREFIX):
            _finish_deletion(store, directory.name, directory.path, report)
        elif _UID.fullmatch(directory.name):
            _sweep_run(store, directory.name, directory.path, report)
    return report


def _finish_deletion(store: Store, name: str, path: str, report: SweepReport) -> None:
    uid = name.removeprefix(DELETED_PREFIX).partition("-")[0]
    with store.database.write() as connection:
        run_id = connection.execute(sa.select(run.c.id).where(run.c.uid == uid)).scalar()
        if run_id is not None and not os.path.exists(os.path.join(store.home, RUNS, uid)):
            remove_rows(connection, [run_id])
    shutil.rmtree(path, ignore_errors=True)
    report.removed.append(name)


def _sweep_run(store: Store, uid: str, path: str, report: SweepReport) -> None:
    names = os.listdir(path)
    stale = [name for name in names if name[0] == "." and name.endswith(TEMPORARY_SUFFIX)]
    segments = [name for name in names if name.endswith(SEGMENT_SUFFIX) and name[0] != "."]
    if segments:
        known = _known_ranges(store, uid)
        for name in segments:
            if name in known.files:
                continue
            if _is_copy(name, known, names):
                stale.append(name)
            else:
                report.unknown.append(os.path.join(uid, name))
    for name in stale:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, name))
            report.removed.append(os.path.join(uid, name))


class _Known(msgspec.Struct):
    """What the index knows of a run.

    Segment files, and for each writer the rows that are in segments.
    """

    files: set[str]
    covered: dict[str, list[tuple[int, int]]]
    ingested: dict[str, int]


def _known_ranges(store: Store, uid: str) -> _Known:
    known = _Known(set(), {}, {})
    writers = sa.select(journal.c.writer, journal.c.rows_ordinal).join(run).where(run.c.uid == uid)
    files = (
        sa.select(segment.c.file)
        .select_from(segment)
        .join(run, run.c.id == segment.c.run_id)
        .where(run.c.uid == uid)
    )
    with store.database.read() as connection:
        known.ingested = {row.writer: row.rows_ordinal for row in connection.execute(writers)}
        known.files = set(connection.execute(files).scalars())
    for file in known.files:
        place = segment_range(file)
        if place is not None:
            known.covered.setdefault(place[0], []).append((place[1], place[2]))
    return known


def _is_copy(name: str, known: _Known, names: list[str]) -> bool:
    """Whether every row of an unnamed segment is in named ones, or still in the journal."""
    place = segment_range(name)
    if place is None:
        return False
    writer, first, end = place
    has_journal = writer + SUFFIX in names
    position = first
    for start, stop in sorted(known.covered.get(writer, [])):
        if start <= position < stop:
            position = stop
    ingested = known.ingested.get(writer, 0)
    return position >= end or (has_journal and position >= ingested)
