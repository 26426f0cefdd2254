"""The course of a pipeline run is read while it grows, and outlives its journal."""

from __future__ import annotations

import pytest

from epochal.domain.pipeline import Added, Facts, Line, Over, write_lines
from epochal.domain.record import Course
from epochal.domain.step_changes import differences
from epochal.errors import TooLarge
from epochal.store import courses
from epochal.store.courses import read_course, read_table
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from tests.store.journals import Writing


def test_lines_are_read_as_they_come_and_from_the_archive_of_a_finished_run(home):
    lines: list[Line] = [Added("a", "m:a", 1), Added("b", "m:b", 2, ["a"]), Over("finished", 3)]
    with open_store(home) as store:
        run = Writing(home)
        run.line(0, 3)
        for count, line in enumerate(lines, 1):
            run.fact(Course(run.now, write_lines([line])))
            ingest_home(store)
            assert read_course(store, run.uid) == lines[:count]
        run.finish()
        ingest_home(store)
        assert not run.path.exists()
        assert read_course(store, run.uid) == lines


def test_a_run_without_a_course_has_no_lines(home):
    with open_store(home) as store:
        run = Writing(home)
        run.line(0, 3)
        ingest_home(store)
        assert read_course(store, run.uid) == []


def test_dependencies_are_not_read_without_bound(home, monkeypatch):
    """A record may name a blob of any size; what differs is told without it."""
    with open_store(home) as store:
        digest = store.blobs.put(b"[" + b" " * 2000 + b"]").digest
        assert list(read_table(store, digest)) == []
        monkeypatch.setattr(courses, "MAX_TABLE", 1000)
        with pytest.raises(TooLarge, match=r"have 2,002 bytes, and at most 1,000 are read"):
            read_table(store, digest)
        before, after = Facts("a", digest), Facts("b", digest)
        [line] = differences(before, after, lambda each: read_table(store, each))
        assert line.startswith(f"code changed (the dependencies of its code, blob {digest[:12]}")


def test_dependencies_that_are_not_here_or_are_none_are_no_error(home):
    """A record may name any blob."""
    with open_store(home) as store:
        other = store.blobs.put(b"no dependencies").digest
        for digest in ("", "0" * 64, "../etc/passwd", other):
            assert list(read_table(store, digest)) == []
