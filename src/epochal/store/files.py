"""Files of runs: applied from journals, listed by path.

The record with the greatest time decides about a path, in whatever order journals are read; a
removed file keeps its row for that and is not listed.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from epochal.domain.artifact import check_path
from epochal.domain.objects import FileList, FileRow
from epochal.domain.record import BlobRef, File
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs
from epochal.store.blobs import MAX_TYPE, change_uses, intern_blobs, portions, usable
from epochal.store.dialect import replace, upsert
from epochal.store.rows import find_run_id
from epochal.store.scalars import clamp, storable
from epochal.store.schema import project, run
from epochal.store.schema_objects import blob, file, spooled
from epochal.store.store import Store

POLICIES = ("now", "live", "end")


class FileWriter:
    """Applies the files of one journal within one transaction.

    Args:
        connection: the transaction.
        blobs: those of the home.
        run_id: the run.
        journal_id: the writer's journal.
    """

    def __init__(
        self, connection: sa.Connection, blobs: Blobs, run_id: int, journal_id: int
    ) -> None:
        self._connection = connection
        self._blobs = blobs
        self._run_id = run_id
        self._journal_id = journal_id
        self._pending: dict[str, File] = {}
        self.problems: list[tuple[int, str]] = []

    def add(self, fact: File) -> None:
        """Take a record; `flush` stores the last one of each path."""
        try:
            path = check_path(fact.path)
        except InvalidInput as error:
            self.problems.append((fact.wall_us, error.message))
            return
        before = self._pending.get(path)
        if before is None or fact.wall_us >= before.wall_us:
            self._pending[path] = fact

    def flush(self) -> None:
        """Store what was taken so far."""
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        before = self._known(list(pending))
        facts = {
            path: fact
            for path, fact in pending.items()
            if path not in before or clamp(fact.wall_us) >= before[path].wall_us
        }
        refs = {
            path: fact.blob
            for path, fact in facts.items()
            if isinstance(fact.blob, BlobRef) and usable(fact.blob)
        }
        known = intern_blobs(
            self._connection, self._blobs, {ref.digest: ref.size for ref in refs.values()}
        )
        ids = {path: known[ref.digest].id for path, ref in refs.items()}
        self._count(facts, before, ids, refs)
        for part in portions(facts):
            self._connection.execute(
                sa.delete(spooled).where(
                    spooled.c.journal_id == self._journal_id, spooled.c.path.in_(part)
                )
            )
        rows = [self._row(path, fact, ids.get(path)) for path, fact in facts.items()]
        if rows:
            changes = replace("blob_id", "type", "policy", "modified_us", "wall_us", "removed")
            self._connection.execute(
                upsert(self._connection.dialect.name, file, ("run_id", "path"), changes), rows
            )
        waits = [
            {"journal_id": self._journal_id, "name": storable(fact.blob), "media_id": None,
             "path": path, "wall_us": clamp(fact.wall_us)}
            for path, fact in facts.items()
            if isinstance(fact.blob, str)
        ]  # fmt: skip
        if waits:
            self._connection.execute(sa.insert(spooled), waits)

    def _known(self, paths: list[str]) -> dict[str, Any]:
        query = sa.select(file.c.path, file.c.blob_id, file.c.wall_us).where(
            file.c.run_id == self._run_id
        )
        found = {}
        for part in portions(paths):
            for row in self._connection.execute(query.where(file.c.path.in_(part))):
                found[row.path] = row
        return found

    def _count(
        self,
        facts: dict[str, File],
        before: dict[str, Any],
        ids: dict[str, int],
        refs: dict[str, BlobRef],
    ) -> None:
        changes: Counter[int] = Counter(ids.values())
        for path in facts:
            if path in before and before[path].blob_id is not None:
                changes[before[path].blob_id] -= 1
        types = {ids[path]: ref.type for path, ref in refs.items()}
        change_uses(self._connection, self._run_id, changes, types)

    def _row(self, path: str, fact: File, blob_id: int | None) -> dict[str, Any]:
        type = fact.blob.type if isinstance(fact.blob, BlobRef) else ""
        return {
            "run_id": self._run_id, "path": path, "blob_id": blob_id,
            "type": storable(type)[:MAX_TYPE],
            "policy": fact.policy if fact.policy in POLICIES else POLICIES[0],
            "modified_us": clamp(fact.modified_us), "wall_us": clamp(fact.wall_us),
            "removed": fact.blob is None,
        }  # fmt: skip

    def resolve(self, stored: dict[str, BlobRef]) -> None:
        """Put blobs where records name files of the spool."""
        self.flush()
        columns = (file.c.path, file.c.wall_us, file.c.policy, file.c.modified_us)
        query = sa.select(spooled.c.name, *columns).join(
            file, sa.and_(file.c.path == spooled.c.path, file.c.run_id == self._run_id)
        )
        query = query.where(spooled.c.journal_id == self._journal_id)
        for part in portions(storable(name) for name in stored):
            for row in self._connection.execute(query.where(spooled.c.name.in_(part))).all():
                self.add(
                    File(row.wall_us, row.path, stored[row.name], row.policy, row.modified_us)
                )
        self.flush()


def list_files(store: Store, uid: str) -> FileList:
    """The files of a run.

    Raises:
        NotFound: no such run.
    """
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        query = (
            sa.select(*file.c, blob.c.digest, blob.c.size, blob.c.present)
            .join(blob, blob.c.id == file.c.blob_id, isouter=True)
            .where(file.c.run_id == run_id, file.c.removed == sa.false())
            .order_by(file.c.path)
        )
        rows = [
            FileRow(
                row.path, row.digest or "", row.size or 0, row.type, row.policy,
                row.modified_us, row.wall_us, bool(row.present),
            )
            for row in connection.execute(query)
        ]  # fmt: skip
    return FileList(uid, rows, sum(row.size for row in rows))


def runs_with_files(store: Store, entity: str, name: str) -> list[str]:
    """The uids of the runs of a project that hold files, in alphabetical order."""
    query = (
        sa.select(run.c.uid)
        .join(project, project.c.id == run.c.project_id)
        .where(project.c.entity == entity, project.c.name == name)
        .where(sa.exists().where(file.c.run_id == run.c.id, file.c.removed == sa.false()))
        .order_by(run.c.uid)
    )
    with store.database.read() as connection:
        return list(connection.execute(query).scalars())
