"""The runs of an import: their journals, and what a crash left of them.

Promises: what a turn writes is in the journals once, however often it is cut off and tried again.
First the state says what is on its way and where each journal ends; then the records are written;
then the state in memory says that they are there. Whoever comes in between counts the records that
are there already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from epochal._version import __version__
from epochal.domain.names import DEFAULT_ENTITY, run_uid
from epochal.domain.record import Attributes, Environment, Fact, Finish, Header
from epochal.imports.tensorboard.blocks import Item, skip_records
from epochal.imports.tensorboard.naming import run_id_of, run_name_of
from epochal.imports.tensorboard.state import RunState, State, StateFile
from epochal.imports.tensorboard.writing import (
    LONGEST,
    OpenJournal,
    RunJournal,
    count_written,
    discard,
    remove_link,
)


class Work(msgspec.Struct):
    """What a turn does to one run; what is ``kept`` may be written twice without harm."""

    items: list[Item] = []
    kept: list[Fact] = []
    done: list[Callable[[], None]] = []
    first_us: int = 0
    last_us: int = 0
    ending: str | None = None
    host: str = ""
    pid: int = 0


class Runs:
    """The journals of the runs of a log directory.

    Args:
        home: the home.
        file: where the state is kept.
        state: what was remembered.
        clock: seconds since 1970.
        journals: those that another process left open, as `hand_over` gave them.
    """

    def __init__(
        self,
        home: Path,
        file: StateFile,
        state: State,
        clock: Callable[[], float] = time.time,
        journals: Iterable[tuple[OpenJournal, int]] = (),
    ) -> None:
        self._home = home
        self._file = file
        self._state = state
        self._clock = clock
        self._open = {
            known.below: RunJournal(home, file.links, known, descriptor)
            for known, descriptor in journals
        }
        self._old_links: list[str] = []
        self._written: set[str] = set()
        self._dirty = False
        self._recover()

    @property
    def open(self) -> list[str]:
        """The runs that have an open journal."""
        return list(self._open)

    def hand_over(self) -> list[tuple[OpenJournal, int]]:
        """Remember everything durably; what another process needs to go on, with descriptors."""
        self.settle()
        return [
            (journal.known(below), journal.descriptor) for below, journal in self._open.items()
        ]

    def get(self, below: str) -> RunState:
        """The run of a directory, begun when it is new."""
        run = self._state.runs.get(below)
        if run is None:
            id = run_id_of(self._state.root, below)
            uid = run_uid(DEFAULT_ENTITY, self._state.project, id)
            run = self._state.runs[below] = RunState(id, uid)
        return run

    def write(self, work: dict[str, Work], *, blobs: bool) -> None:
        """Say what is on its way, write it, and take note.

        Args:
            work: by run.
            blobs: whether blobs were stored for it.

        Raises:
            StorageFull: there is no room; call `start_over` and try again.
            OSError: the home cannot be written; the same.
        """
        fresh = []
        for below, one in work.items():
            run = self.get(below)
            if not run.known:
                one.items = [*_first_facts(self._state.root, below, one), *one.items]
            one.items = [*skip_records(one.items, run.done), *one.kept]
            journal = self._open.get(below)
            if journal is not None and journal.size > LONGEST:
                self._close_journal(below, Finish(run.last_us, None))
                journal = None
            if journal is None and one.items:
                journal = self._open[below] = self._begin(below, run, one)
                fresh.append(journal)
            if journal is not None:
                run.writer, run.at = journal.writer, journal.size
        self._save(blobs=blobs)
        self._dirty = True
        for journal in fresh:
            journal.publish()
        for below, one in work.items():
            run = self.get(below)
            if one.items:
                self._written.add(self._open[below].path)
                self._open[below].write(one.items)
                run.at = self._open[below].size
                run.ended, run.known = False, True
            run.known = run.known or bool(run.done)
            run.last_us = max(run.last_us, one.last_us)
            run.ending = one.ending or run.ending
            run.done = 0
            for done in one.done:
                done()

    def _begin(self, below: str, run: RunState, one: Work) -> RunJournal:
        started = max(one.first_us or int(self._clock() * 1e6), run.started_us + 1)
        header = Header(
            entity=DEFAULT_ENTITY, project=self._state.project, run_id=run.run_id,
            started_us=started,
            host=one.host, pid=one.pid, version=__version__, resumed=run.started_us > 0,
        )  # fmt: skip
        run.started_us = started
        return RunJournal.begin(self._home, self._file.links, below, run.uid, header)

    def _close_journal(self, below: str, last: Fact) -> None:
        journal = self._open.pop(below)
        self._written.add(journal.path)
        journal.close(last)
        self._old_links.append(journal.writer)
        self._dirty = True

    def end_rest(self) -> None:
        """Tell the end of runs that a crash left without."""
        for below, run in self._state.runs.items():
            resting = run.known and not run.ended and below not in self._open
            if resting and not self._has_pending(below):
                self._end_again(below, run)

    def _end_again(self, below: str, run: RunState) -> None:
        """A crash left the run without its end."""
        journal = self._open[below] = self._begin(below, run, Work(first_us=run.last_us))
        journal.publish()
        self.end(below)

    def _has_pending(self, below: str) -> bool:
        return any(
            file.to > file.offset
            for state in self._state.directories.values()
            if state.run == below
            for file in state.files.values()
        )

    def end(self, below: str) -> None:
        """Tell that a run is over."""
        run = self.get(below)
        over = max(run.last_us, run.started_us)
        self._close_journal(below, Finish(over, run.ending or "finished"))
        run.writer, run.ended = None, True

    def start_over(self) -> None:
        """After a failure: let go of all journals, and count what they got of the last turn."""
        for journal in self._open.values():
            journal.abandon()
        self._open.clear()
        self._dirty = True
        self._recover()

    def settle(self) -> None:
        """Remember durably what was done."""
        if self._dirty:
            self._save(blobs=False)
            self._dirty = False

    def _save(self, *, blobs: bool) -> None:
        self._file.save(self._state, self._written, more=blobs)
        self._written.clear()
        self._remove_links()

    def _remove_links(self) -> None:
        """Second names of journals that the saved state does not need any more."""
        while self._old_links:
            remove_link(self._file.links, self._old_links.pop())

    def _recover(self) -> None:
        """Count what a crashed process had written of what was on its way."""
        for below, run in self._state.runs.items():
            if run.writer is None or below in self._open:
                continue
            discard(self._home, run.uid, run.writer)
            if self._has_pending(below):
                run.done += count_written(
                    self._home, self._file.links, run.uid, run.writer, run.at
                )
            self._old_links.append(run.writer)
            run.writer, run.ended = None, False


def _first_facts(root: str, below: str, one: Work) -> list[Fact]:
    wall = one.first_us
    attributes = {"name": run_name_of(root, below)}
    if os.path.dirname(below):
        attributes["group"] = os.path.dirname(below)
    directory = os.path.normpath(os.path.join(root, below))
    return [
        Attributes(wall, attributes),
        Environment(wall, {"tensorboard": {"directory": directory}, "host": one.host}),
    ]
