"""What a run keeps besides numbers: its keeper of blobs, its media and its saved files.

A chore of the worker: it looks after live files.
"""

from __future__ import annotations

import time

from epochal.client.files import SavedFiles
from epochal.client.keeper import Keeper, remove_empty
from epochal.client.media import MediaLog
from epochal.client.recording import Recorder
from epochal.domain.artifact import Manifest
from epochal.journal.journal import Journal

FILES_S = 2.0


class Objects:
    """The objects of one run.

    Args:
        recorder: whose journal the records go to.

    Attributes:
        keeper: the thread that stores.
        media: takes what `log` was given.
        files: takes what `save` was given.
        logged: type and last content of the artifacts that this process logged, by name.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.keeper = Keeper()
        self.media = MediaLog(self.keeper, recorder.present)
        self.files = SavedFiles(self.keeper, recorder.present)
        self.logged: dict[str, tuple[str, Manifest]] = {}
        self._due = 0.0

    def tend(self) -> bool:
        """See `Chore.tend`: live files are looked at every two seconds."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + FILES_S
            self.files.look()
        return True

    def leave(self, journal: Journal, timeout: float) -> None:
        """The journal is about to end, or has ended: wait for its blobs, and clear up."""
        self.keeper.wait(timeout, journal)
        remove_empty(journal.path)

    def finish(self, timeout: float) -> None:
        """Save the files that wait for the end, and do what can be done in time."""
        self.files.look(at_end=True)
        self.keeper.close(timeout)

    def close(self) -> None:
        """See `Chore.close`; `finish` has done it."""

    def after_fork(self) -> None:
        """See `Chore.after_fork`."""
        self.keeper.after_fork()
        self.files.forget()
