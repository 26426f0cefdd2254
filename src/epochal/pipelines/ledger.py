"""What happened in a pipeline run: one file of JSON lines, only ever appended to by its driver.

``pipelines/runs/<start>-<id>.jsonl`` in the home. The driver holds a lock on the file as long as
it lives, so that a run whose driver was killed is known to have crashed, by anyone and at once. A
line that a crash tore is not read.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from epochal.domain.names import new_run_id
from epochal.domain.pipeline import Began, Line, Over, read_lines, write_lines
from epochal.domain.run import RunState
from epochal.errors import NotFound
from epochal.journal import liveness
from epochal.journal.blobs import full_disk

DIRECTORY: Final = "pipelines"
RUNS: Final = "runs"


class Ledger:
    """The writing end. Thread-safe.

    Args:
        home: the home.
        run_id: a new id.
        tell: gets the same lines, for those who cannot read the file.

    Raises:
        StorageFull: there is no room.
    """

    def __init__(self, home: Path, run_id: str, tell: Callable[[bytes], object]) -> None:
        self._tell = tell
        folder = runs_folder(home)
        self.path = folder / f"{time.time_ns() // 1000:016d}-{run_id}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise full_disk(error, self.path) from error
        self._size = 0
        liveness.hold(self._descriptor)
        self._lock = threading.Lock()

    def write(self, *lines: Line) -> None:
        """Append lines, or nothing of them.

        Raises:
            StorageFull: there is no room.
        """
        data = write_lines(lines)
        with self._lock:
            self._tell(data)
            if self._descriptor < 0:
                return
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                raise full_disk(error, self.path) from error
            self._size += len(data)

    def close(self) -> None:
        """Make the lines durable and let go of the file. Idempotent."""
        with self._lock:
            if self._descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.fsync(self._descriptor)
                os.close(self._descriptor)
                self._descriptor = -1


def runs_folder(home: Path) -> Path:
    """Where the ledgers of a home lie."""
    return home / DIRECTORY / RUNS


def fresh_id() -> str:
    """An id for a pipeline run."""
    return new_run_id()


def read(path: Path) -> list[Line]:
    """The lines of a ledger; none when there is no such file."""
    try:
        return read_lines(path.read_bytes())
    except FileNotFoundError:
        return []


def first(path: Path) -> Began | None:
    """The first line of a ledger, without reading the rest."""
    try:
        with path.open("rb") as file:
            lines = read_lines(file.readline())
    except OSError:
        return None
    return lines[0] if lines and isinstance(lines[0], Began) else None


def all_paths(home: Path) -> list[Path]:
    """The ledgers of a home, newest first."""
    return sorted(runs_folder(home).glob("*-*.jsonl"), reverse=True)


def find(home: Path, run_id: str) -> Path:
    """The ledger of a run.

    Raises:
        NotFound: there is none.
    """
    found = [path for path in all_paths(home) if path.stem.partition("-")[2] == run_id]
    if not found:
        raise NotFound(
            f"there is no pipeline run {run_id!r} in {home}; `epochal pipeline ls` shows them"
        )
    return found[0]


def state_of(path: Path, lines: list[Line]) -> str:
    """Where a run stands: what its last line says, else whether its driver lives."""
    last = lines[-1] if lines else None
    if isinstance(last, Over):
        return last.state
    return str(RunState.RUNNING if is_alive(path) else RunState.CRASHED)


def is_alive(path: Path) -> bool:
    """Whether a process holds the ledger: its driver, or one that resumes it."""
    try:
        return liveness.is_held(str(path)) is True
    except FileNotFoundError:
        return False
