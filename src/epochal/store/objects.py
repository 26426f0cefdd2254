"""The records of media, files, artifacts and models of one journal, applied in writing order.

What a client may have written, nothing here ends the journal: a record that cannot be used becomes
a warning event of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import sqlalchemy as sa

from epochal.domain.names import MAX_TEXT
from epochal.domain.record import ArtifactCommit, ArtifactUse, File, Media, ModelLink, Stored
from epochal.errors import EpochalError
from epochal.journal.blobs import Blobs
from epochal.store import registry, versions
from epochal.store.blobs import usable
from epochal.store.eras import Eras
from epochal.store.files import FileWriter
from epochal.store.media import MediaWriter
from epochal.store.scalars import clamp, storable
from epochal.store.schema import event

ObjectFact: TypeAlias = Media | File | Stored | ArtifactCommit | ArtifactUse | ModelLink
OBJECT_FACTS = (Media, File, Stored, ArtifactCommit, ArtifactUse, ModelLink)


class ObjectWriter:
    """Applies such records within one transaction; the caller holds ``store.moving``.

    Args:
        connection: the transaction.
        blobs: those of the home.
        run_id: the run.
        journal_id: the writer's journal.
        eras: see `Store.eras`.

    Attributes:
        changed: kinds of things that changed, in the words of `RunChange.what`.
    """

    def __init__(
        self,
        connection: sa.Connection,
        blobs: Blobs,
        run_id: int,
        journal_id: int,
        eras: Eras | None = None,
    ) -> None:
        self.changed: set[str] = set()
        self._connection = connection
        self._blobs = blobs
        self._run_id = run_id
        self._eras = eras
        self._media = MediaWriter(connection, blobs, run_id, journal_id)
        self._files = FileWriter(connection, blobs, run_id, journal_id)
        self._actions: dict[type, Callable[[Any], None]] = {
            Media: self._add_media,
            File: self._add_file,
            Stored: self._resolve,
            ArtifactCommit: self._commit,
            ArtifactUse: self._use,
            ModelLink: self._link,
        }

    def apply(self, fact: ObjectFact) -> None:
        """Apply a record; some only take effect at `flush`."""
        try:
            self._actions[type(fact)](fact)
        except EpochalError as error:
            self._warn(fact.wall_us, error.message)

    def cut(self, step: int) -> None:
        """Hide media from a step on."""
        self._media.cut(step)

    def flush(self) -> None:
        """Store what was taken so far. Call it at the end."""
        self._media.flush()
        self._files.flush()
        for wall_us, text in self._files.problems:
            self._warn(wall_us, text)
        self._files.problems.clear()

    def _add_media(self, fact: Media) -> None:
        self._media.add(fact)
        self.changed.add("media")

    def _add_file(self, fact: File) -> None:
        self._files.add(fact)
        self.changed.add("files")

    def _resolve(self, fact: Stored) -> None:
        stored = {storable(name): ref for name, ref in fact.blobs.items() if usable(ref)}
        self._media.resolve(stored)
        self._files.resolve(stored)
        self.changed |= {"media", "files"}

    def _commit(self, fact: ArtifactCommit) -> None:
        maker = versions.run_ref(self._connection, self._run_id)
        arrival = versions.commit(
            self._connection, self._blobs, maker, self._run_id, fact, self._eras
        )
        for problem in arrival.problems:
            self._warn(fact.wall_us, problem)
        self.changed.add("artifacts")

    def _use(self, fact: ArtifactUse) -> None:
        versions.use(self._connection, self._run_id, fact)
        self.changed.add("artifacts")

    def _link(self, fact: ModelLink) -> None:
        maker = versions.run_ref(self._connection, self._run_id)
        for problem in registry.link(self._connection, maker, fact):
            self._warn(fact.wall_us, problem)
        self.changed.add("artifacts")

    def _warn(self, wall_us: int, text: str) -> None:
        self._connection.execute(
            sa.insert(event).values(
                run_id=self._run_id, t_us=clamp(wall_us), level="warning",
                title="a record could not be used", text=storable(text)[:MAX_TEXT],
            )
        )  # fmt: skip
