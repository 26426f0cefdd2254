"""From a log directory to runs of a home, each point exactly once, however often it is called.

`Importer.turn` reads what is new in the directory and appends it to the journals of its runs. A
turn that is cut off by a crash is finished by the next one: the state names the stretches that
were on their way, reading them again gives the same records, and those that the journal has are
left out. A store that is open on the home sees the points like those of any other run.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from epochal.domain.encode import type_of
from epochal.domain.names import check_name
from epochal.domain.record import Event, File, Media
from epochal.errors import InvalidInput, NotFound
from epochal.imports.tensorboard.folding import decide
from epochal.imports.tensorboard.logdir import LogDirectory, look, run_of
from epochal.imports.tensorboard.naming import (
    file_path,
    project_of,
    run_name_of,
    writer_of,
)
from epochal.imports.tensorboard.report import Report, check_logdir
from epochal.imports.tensorboard.runs import Runs, Work
from epochal.imports.tensorboard.state import (
    DirectoryState,
    FileState,
    RunState,
    StateFile,
)
from epochal.imports.tensorboard.stretch import Converted, Stretch, convert, read_stretch
from epochal.imports.tensorboard.writing import OpenJournal
from epochal.journal.blobs import Blobs

BUDGET: Final = 8 * 1024 * 1024
"""Bytes of event files read in one turn."""
RUNS: Final = 256
"""Runs that one turn writes to."""
IDLE_SECONDS: Final = 600.0
"""A run whose files rest for so long counts as over; it goes on when they grow."""

Progress = Callable[[int, int], None]
"""Called with the bytes of event files that were read, and of all."""


class Importer:
    """Brings a log directory into a home.

    Args:
        home: the home; made when missing.
        logdir: the log directory.
        project: where the runs go; by default named after the directory.
        live: the files may grow: runs are over only when they have rested for a while.
        clock: seconds since 1970.
        lock: of its state, when the process that started this one holds it.

    Attributes:
        home: the home.
        lock: the descriptor of the lock that keeps others from doing the same.

    Raises:
        NotFound: there is no such directory.
        InvalidInput: it is no directory, or cannot be read.
        Unavailable: another process does the same.
    """

    def __init__(
        self,
        home: Path,
        logdir: str | os.PathLike[str],
        project: str | None = None,
        *,
        live: bool = False,
        clock: Callable[[], float] = time.time,
        lock: int | None = None,
    ) -> None:
        self.root = check_logdir(logdir)
        self.project = check_name(project or project_of(self.root), "project name")
        self.report = Report()
        self.home = home
        self._live = live
        self._clock = clock
        self._blobs = Blobs(home)
        self._file = StateFile(home, self.root, self.project, lock)
        self.lock = self._file.lock
        self._state = self._file.load()
        self._rests: dict[str, tuple[int, int, int] | None] = {}
        self._runs = Runs(home, self._file, self._state, clock)
        self._logdir: LogDirectory | None = None
        self._is_behind = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def total(self) -> int:
        """Bytes of all event files that are not read yet; looks at the directory."""
        self._logdir = look(self.root)
        size = 0
        for below, found in self._logdir.directories.items():
            for name in found.events:
                with contextlib.suppress(OSError):
                    known = self._directory(below).files.get(name, FileState()).offset
                    size += max(0, os.stat(self._path(below, name)).st_size - known)
        return size

    def check_something(self) -> None:
        """Look whether there is anything to bring in.

        Raises:
            NotFound: there is no event file.
        """
        self._logdir = look(self.root)
        if not self._logdir.directories:
            problems = "".join(f"; {problem}" for problem in self._logdir.problems)
            raise NotFound(
                f"there are no event files below {self.root}; their names contain 'tfevents', "
                f"as in events.out.tfevents.1700000000.host{problems}"
            )

    def turn(self) -> bool:
        """Bring in what is new, a bounded part of it at a time; False when nothing was.

        Raises:
            StorageFull: there is no room; the next turn goes on.
            OSError: the home cannot be written, or its state not read.
        """
        if self._is_behind:
            self.take_over(())
        try:
            return self._turn()
        except BaseException:  # Ctrl-C, too: the next turn begins from what is on disk
            self._runs.start_over()
            self._rests.clear()
            self._logdir = None
            raise

    def _turn(self) -> bool:
        if self._live or self._logdir is None:
            self._logdir = look(self.root)
        for problem in self._logdir.problems:
            self.report.problems[problem] = problem
        work = self._read(self._logdir)
        self._keep_files(self._logdir, work)
        if work:
            blobs = any(_has_blobs(one) for one in work.values())
            self._runs.write(work, blobs=blobs)
            written = [below for below, one in work.items() if one.items]
            self.report.runs.update(run_name_of(self.root, below) for below in written)
        self._end_runs(self._logdir)
        if not work:
            self._logdir = None
            self._runs.settle()
        return bool(work)

    def hand_over(self) -> list[tuple[OpenJournal, int]]:
        """What another process needs to go on from here; this one must do nothing more."""
        return self._runs.hand_over()

    def take_over(self, journals: Sequence[tuple[OpenJournal, int]]) -> None:
        """Go on where another process stopped.

        Args:
            journals: what it handed over; nothing, if it died.

        Raises:
            OSError: what it left cannot be read; its journals are let go of, and the next turn
                tries again before it reads anything.
        """
        self._is_behind = True
        try:
            state = self._file.load()
            runs = Runs(self.home, self._file, state, self._clock, journals)
        except BaseException:
            for _, descriptor in journals:
                os.close(descriptor)
            raise
        self._state, self._runs, self._is_behind = state, runs, False
        self._rests.clear()
        self._logdir = None

    def close(self) -> None:
        """End the runs and let others go on; what is not read yet comes with the next import."""
        try:
            for below in self._runs.open:
                self._runs.end(below)
            self._runs.settle()
        finally:
            self._runs.start_over()
            self._file.close()

    # ------------------------------------------------------------------------------ reading

    def _path(self, below: str, name: str) -> str:
        return os.path.normpath(os.path.join(self.root, below, name))

    def _directory(self, below: str) -> DirectoryState:
        return self._state.directories.setdefault(below, DirectoryState())

    def _read(self, logdir: LogDirectory) -> dict[str, Work]:
        work: dict[str, Work] = {}
        budget = BUDGET
        pending = {
            state.run
            for state in self._state.directories.values()
            if any(file.to > file.offset for file in state.files.values())
        }
        for below in sorted(logdir.directories, key=lambda text: (text != ".", text)):
            state = self._directory(below)
            if budget <= 0 or (len(work) >= RUNS and state.run not in work):
                continue
            for name in logdir.directories[below].events:
                known = state.files.get(name, FileState())
                if state.run in pending and known.to <= known.offset:
                    continue
                stretch = self._look(below, name, known)
                if stretch is None:
                    known.to = min(known.to, known.offset)  # it vanished on its way
                    continue
                budget -= len(stretch.buffer)
                if not self._take(below, name, stretch, work):
                    break
                if stretch.state.to < stretch.size and not stretch.records.tail_damaged:
                    break  # what later files say comes after the rest of this one
                if budget <= 0:
                    break
        return work

    def _look(self, below: str, name: str, known: FileState) -> Stretch | None:
        """What is new in a file; None when nothing can be read of it now."""
        path = self._path(below, name)
        try:
            facts = os.stat(path)
            mark = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
            if self._rests.get(path) == mark:
                return None
            stretch = read_stretch(path, known)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.report.problems[path] = f"{path} cannot be read: {error.strerror}"
            self._rests[path] = None
            return None
        if stretch is None:
            self._rests[path] = mark
            return None
        self.report.judge(path, stretch, live=self._live)
        if not stretch.records.end or stretch.state.offset + len(stretch.buffer) >= mark[0]:
            self._rests[path] = mark
        return stretch if stretch.records.end else None

    def _take(self, below: str, name: str, stretch: Stretch, work: dict[str, Work]) -> bool:
        """Convert a stretch; False when the directory says nothing yet."""
        state = self._directory(below)
        if state.run is None:
            home = decide(below, stretch.buffer, stretch.records, self._is_run)
            if home is None:
                self._rests.pop(self._path(below, name), None)
                return True
            state.run, state.suffix = home.run, home.suffix
        converted = convert(stretch, self._blobs, state.tags, state.suffix)
        one = work.setdefault(state.run, Work())
        if converted.damaged:
            one.items.append(_damage(self._path(below, name), converted, stretch))
        one.items += converted.items
        one.first_us = min(filter(None, (one.first_us, converted.output.first_us)), default=0)
        one.last_us = max(one.last_us, converted.output.last_us)
        one.ending = converted.output.ending or one.ending
        one.host, one.pid = writer_of(name)
        before = state.files.get(name, FileState())
        state.files[name] = msgspec.structs.replace(
            before, offset=stretch.state.offset, to=stretch.state.to
        )

        def done() -> None:
            state.files[name] = msgspec.structs.replace(stretch.state, offset=stretch.state.to)
            state.tags = converted.tags
            self.report.files.add(self._path(below, name))
            self.report.bytes += stretch.records.end
            self.report.counts.update(converted.output.counts)

        one.done.append(done)
        return True

    def _is_run(self, below: str) -> bool:
        found = self._logdir.directories.get(below) if self._logdir else None
        return bool(found and found.events) and self._directory(below).run in (None, below)

    def _keep_files(self, logdir: LogDirectory, work: dict[str, Work]) -> None:
        """Traces and the projector's files: kept whole, again when they change."""
        for below, found in logdir.directories.items():
            for path in found.kept:
                place = run_of(below, self._is_run)
                run = self._runs.get(place)
                full = os.path.join(self.root, path)
                try:
                    facts = os.stat(full)
                    mark = (facts.st_mtime_ns // 1000, facts.st_size)
                    if run.kept.get(path) == mark:
                        continue
                    suffix = type_of(os.path.splitext(path)[1])
                    blob = self._blobs.put_file(Path(full), suffix, sync=False)
                except (OSError, InvalidInput) as error:
                    self.report.problems[full] = f"{full} cannot be kept: {error}"
                    continue
                inside = os.path.relpath(path, place) if place != "." else path
                fact = File(mark[0], file_path("tensorboard", inside), blob, "now", mark[0])
                one = work.setdefault(place, Work(first_us=mark[0], last_us=mark[0]))
                one.kept.append(fact)
                one.done.append(self._kept(run, path, mark))

    def _kept(self, run: RunState, path: str, mark: tuple[int, int]) -> Callable[[], None]:
        def done() -> None:
            run.kept[path] = mark
            self.report.counts["traces and embedding files"] += 1

        return done

    def _end_runs(self, logdir: LogDirectory) -> None:
        """Tell the end of runs whose files are read and rest."""
        places: dict[str, list[str]] = defaultdict(list)
        for place, state in self._state.directories.items():
            if state.run is not None and place in logdir.directories:
                places[state.run].append(place)
        for below in self._runs.open:
            if self._is_over(logdir, places[below]):
                self._runs.end(below)
        self._runs.end_rest()

    def _is_over(self, logdir: LogDirectory, places: list[str]) -> bool:
        """Whether all is read of a run; when live, also whether its files have rested."""
        newest = 0.0
        for place in places:
            for name in logdir.directories[place].events:
                path = self._path(place, name)
                with contextlib.suppress(OSError):
                    facts = os.stat(path)
                    mark = (facts.st_size, facts.st_mtime_ns, facts.st_ino)
                    if self._rests.get(path, mark) not in (mark, None) or path not in self._rests:
                        return False
                    newest = max(newest, facts.st_mtime)
        return not self._live or self._clock() - newest > IDLE_SECONDS


def _has_blobs(one: Work) -> bool:
    """Whether anything names bytes that were stored just now."""
    return bool(one.kept) or any(isinstance(item, (Media, File)) for item in one.items)


def _damage(path: str, converted: Converted, stretch: Stretch) -> Event:
    wall = converted.output.last_us or stretch.modified_us
    title = f"{converted.damaged} damaged records of an event file were left out"
    return Event(wall, "warning", title, path)


def import_directory(
    home: Path,
    logdir: str | os.PathLike[str],
    project: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Bring everything that is new in a log directory into a home.

    Args:
        home: the home.
        logdir: the log directory.
        project: where the runs go.
        progress: told after each turn.

    Raises:
        NotFound: there is no such directory, or no event file in it.
        InvalidInput: it is no directory.
        Unavailable: another process does the same.
        StorageFull: there is no room; calling again goes on.
    """
    with Importer(home, logdir, project) as importer:
        importer.check_something()
        total = importer.total()
        while importer.turn():
            if progress is not None:
                progress(importer.report.bytes, total)
        return importer.report
