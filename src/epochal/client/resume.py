"""What a writer needs to know of a run that exists already.

The last step, config, summary and state.

On disk that is ``resume.json``, which the store leaves in a run's directory, and the journals that
are newer. Reading costs in proportion to the journals that are not in ``resume.json`` yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from epochal.client import guard
from epochal.client.earlier import Earlier
from epochal.client.transport import NoAnswer, Transport
from epochal.domain.names import run_uid
from epochal.domain.record import Attributes, Config, Cut, Finish, Header, Summary
from epochal.domain.run import RunRef, RunState
from epochal.domain.values import merge_nested
from epochal.domain.view import ResumeState
from epochal.errors import StorageError, Unavailable
from epochal.journal.frame import SUFFIX
from epochal.journal.home import RESUME, run_directory
from epochal.journal.liveness import is_held
from epochal.journal.reader import JournalReader
from epochal.journal.whole import write_whole

ASK_TIMEOUT_S = 10.0


def local_state(home: Path, uid: str) -> Earlier:
    """What this home knows of a run; ``exists`` is False when it knows nothing."""
    directory = run_directory(home, uid)
    known = _read_resume_file(directory)
    journals = _journals(directory, newer_than=known[1])
    if known[0] is None and not journals:
        return Earlier(exists=directory.is_dir() and any(directory.glob("*.eps")))
    story = _Story(known[0] or ResumeState(exists=True))
    for reader in journals:
        story.tell(reader)
    return story.state()


def remote_state(url: str, api_key: str | None, uid: str, *, required: bool) -> Earlier:
    """What a server knows of a run.

    Args:
        url: the server.
        api_key: credential, or None.
        uid: the run.
        required: raise when the server cannot be asked; otherwise that is one warning.

    Raises:
        Unavailable: see above.
    """
    transport = Transport(url, api_key, ASK_TIMEOUT_S)
    try:
        answer = transport.send("GET", f"/api/v1/runs/{uid}/resume")
    except NoAnswer as error:
        message = f"the server {url} cannot be asked about the run to resume ({error})"
        if required:
            raise Unavailable(
                f"{message}, and this home does not know it; try again, or use mode='offline'"
            ) from error
        guard.warn_once("resume", f"{message}; what this home knows is used")
        return Earlier()
    finally:
        transport.close()
    if answer.status != 200:
        return Earlier()
    return msgspec.convert(answer.body, type=Earlier, strict=False)


def newer(here: Earlier, there: Earlier) -> Earlier:
    """Of two states of a run, the one that got further."""
    if not there.exists:
        return here
    if not here.exists:
        return there
    return there if (there.last_step or -1) > (here.last_step or -1) else here


def remember(home: Path, ref: RunRef) -> None:
    """Note the run as the project's last one, for ``resume="auto"``.

    Raises:
        OSError: the home cannot be written.
    """
    write_whole(_note(home, ref.entity, ref.project), msgspec.json.encode(ref), sync=False)


def recall(home: Path, entity: str, project: str) -> str | None:
    """The id of the project's last run that was started with ``resume="auto"``.

    Unless it finished.
    """
    try:
        ref = msgspec.json.decode(_note(home, entity, project).read_bytes(), type=RunRef)
    except (OSError, msgspec.MsgspecError):
        return None
    state = local_state(home, ref.uid)
    return ref.id if state.exists and state.state is not RunState.FINISHED else None


def _note(home: Path, entity: str, project: str) -> Path:
    return home / f"last-{run_uid(entity, project, '')[:16]}.json"


def _read_resume_file(directory: Path) -> tuple[ResumeState | None, float]:
    path = directory / RESUME
    try:
        state = msgspec.json.decode(path.read_bytes(), type=ResumeState)
        return state, path.stat().st_mtime
    except (OSError, msgspec.MsgspecError):
        return None, 0.0


def _journals(directory: Path, newer_than: float) -> list[JournalReader]:
    """The readable journals that were written after a time.

    In the order of their writers' starts.
    """
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

    def state(self) -> Earlier:
        """The result."""
        return Earlier(
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
