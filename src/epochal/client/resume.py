"""What a writer needs to know of a run that exists already: the last step, config, summary and state.

On disk that is ``resume.json``, which the store leaves in a run's directory, and the journals that are newer. Reading costs
in proportion to the journals that are not in ``resume.json`` yet.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.record import Attributes, Config, Cut, Finish, Header, Summary
from epochal.domain.run import RunState
from epochal.domain.values import merge_nested
from epochal.domain.view import ResumeState
from epochal.errors import StorageError
from epochal.journal.frame import SUFFIX
from epochal.journal.home import RESUME, RUNS, run_directory
from epochal.journal.liveness import is_held
from epochal.journal.reader import JournalReader


def local_state(home: Path, uid: str) -> ResumeState:
    """What this home knows of a run; ``exists`` is False when it knows nothing."""
    directory = run_directory(home, uid)
    known = _read_resume_file(directory)
    journals = _journals(directory, newer_than=known[1])
    if known[0] is None and not journals:
        return ResumeState(exists=directory.is_dir() and any(directory.glob("*.eps")))
    story = _Story(known[0] or ResumeState(exists=True))
    for reader in journals:
        story.tell(reader)
    return story.state()


def count_runs(home: Path) -> int:
    """How many runs this home holds."""
    try:
        with os.scandir(home / RUNS) as entries:
            return sum(1 for _ in entries)
    except OSError:
        return 0


def _read_resume_file(directory: Path) -> tuple[ResumeState | None, float]:
    path = directory / RESUME
    try:
        state = msgspec.json.decode(path.read_bytes(), type=ResumeState)
        return state, path.stat().st_mtime
    except (OSError, msgspec.MsgspecError):
        return None, 0.0


def _journals(directory: Path, newer_than: float) -> list[JournalReader]:
    """The readable journals that were written after a time, in the order of their writers' starts."""
    readers = []
    for path in directory.glob(f"*{SUFFIX}"):
        try:
            if path.stat().st_mtime >= newer_than:
                readers.append(JournalReader(str(path)))
        except (OSError, StorageError):
            continue
    return sorted(readers, key=lambda reader: reader.header.created_us)


class _Story:
    """Puts journals on top of a known state, record by record."""

    def __init__(self, known: ResumeState) -> None:
        self._last_step = known.last_step
        self._config: dict[str, Any] = dict(known.config)
        self._summary: dict[str, Any] = dict(known.summary)
        self._name = known.name
        self._state = known.state

    def tell(self, reader: JournalReader) -> None:
        """Read one journal to its end."""
        primary, finish = True, None
        while True:
            entry = reader.read()
            if entry.end == entry.start:
                break
            for fact in entry.facts:
                if isinstance(fact, Header):
                    primary = fact.primary
                elif isinstance(fact, Finish):
                    finish = fact
                elif isinstance(fact, Cut):
                    self._cut(fact.step)
                else:
                    self._note(fact)
            self._step_to(entry.rows, reader.schemas)
        if primary and (finish is None or finish.state is not None):
            self._state = _state_of(reader.path, finish)

    def state(self) -> ResumeState:
        """The result."""
        return ResumeState(
            exists=True,
            state=self._state,
            last_step=self._last_step,
            config=self._config,
            summary=self._summary,
            name=self._name,
        )

    def _step_to(self, rows: list[list[Any]], schemas: dict[int, list[str]]) -> None:
        for schema, step, _, values in rows:
            names = schemas.get(schema, ())
            if names and names[0].startswith("system/"):
                continue
            if self._last_step is None or step > self._last_step:
                self._last_step = step
            self._summary.update(zip(names, values, strict=False))

    def _cut(self, step: int) -> None:
        if self._last_step is not None and self._last_step >= step:
            self._last_step = step - 1 if step > 0 else None

    def _note(self, fact: object) -> None:
        if isinstance(fact, Config):
            self._config = merge_nested(self._config, fact.changes)
            for dotted in fact.removed:
                _remove(self._config, dotted.split("."))
        elif isinstance(fact, Summary):
            self._summary.update(fact.changes)
            for key in fact.removed:
                self._summary.pop(key, None)
        elif isinstance(fact, Attributes):
            self._name = str(fact.changes.get("name", self._name))


def _remove(tree: dict[str, Any], path: list[str]) -> None:
    for part in path[:-1]:
        inner = tree.get(part)
        if not isinstance(inner, dict):
            return
        tree = inner
    tree.pop(path[-1], None)


def _state_of(path: str, finish: Finish | None) -> RunState:
    if finish is not None and finish.state in set(RunState):
        return RunState(finish.state)
    try:
        return RunState.RUNNING if is_held(path) else RunState.CRASHED
    except FileNotFoundError:
        return RunState.CRASHED
