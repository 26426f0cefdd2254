"""What led to an artifact version and what came of it: runs that made it, read it, and models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import sqlalchemy as sa

from epochal.domain.artifact import ArtifactRef
from epochal.domain.objects import (
    LineageEdge,
    LineageGraph,
    LineageNode,
    ModelRef,
    RunRef,
    UseRow,
    VersionDetail,
    VersionRow,
)
from epochal.store.artifacts import (
    find_version,
    linked_models,
    used_version_id,
    version_rows,
    versions_by_id,
)
from epochal.store.schema import project, run
from epochal.store.schema_objects import artifact_use, version_run
from epochal.store.store import Store

MOST = 500
"""Nodes of a graph."""

Side = Literal["up", "down"]


def version_detail(store: Store, ref: ArtifactRef) -> VersionDetail:
    """A version with its neighbors.

    Raises:
        NotFound: there is none.
        Conflict: a digest's beginning fits several.
    """
    with store.database.read() as connection:
        row = find_version(connection, ref)
        view = version_rows(connection, [row])[0]
        uses = [u for u in _uses(connection, row) if _means(connection, u, row.id, row.number)]
        runs = runs_by_id(connection, [use.run_id for use in uses])
        models = [
            ModelRef(entity, name, number)
            for name, number, entity in linked_models(connection, row)
        ]
        return VersionDetail(
            **{name: getattr(view, name) for name in VersionRow.__struct_fields__},
            producers=_producers(connection, row.id, view),
            users=[UseRow(runs[use.run_id], use.role, use.wall_us) for use in uses],
            models=models,
        )


def runs_by_id(connection: sa.Connection, ids: Iterable[int]) -> dict[int, RunRef]:
    """Runs as lineage shows them, by row id."""
    query = (
        sa.select(run.c.id, run.c.uid, run.c.name_id, project.c.entity, project.c.name, run.c.name)
        .join(project, project.c.id == run.c.project_id)
        .where(run.c.id.in_(list(dict.fromkeys(ids))[:MOST]))
    )
    return {row[0]: RunRef(*row[1:]) for row in connection.execute(query)}


def _producers(connection: sa.Connection, version_id: int, view: VersionRow) -> list[RunRef]:
    made = sa.select(version_run.c.run_id).where(version_run.c.version_id == version_id)
    found = runs_by_id(connection, connection.execute(made).scalars())
    first = [view.run] if view.run is not None else []
    uids = {ref.uid for ref in first}
    return [*first, *(ref for ref in found.values() if ref.uid not in uids)]


def _uses(connection: sa.Connection, version: Any) -> list[Any]:
    """Records of use of anything with the version's name and content."""
    query = sa.select(artifact_use).where(
        artifact_use.c.digest == version.digest, artifact_use.c.entity == version.entity,
        artifact_use.c.project == version.project, artifact_use.c.name == version.name,
    )  # fmt: skip
    return list(connection.execute(query.order_by(artifact_use.c.id).limit(MOST)).all())


def _means(connection: sa.Connection, use: Any, id: int, number: int) -> bool:
    """Whether a use means this version, and not another one with the same content."""
    if use.number is not None:
        return bool(use.number == number)
    return used_version_id(connection, use) == id


def lineage(store: Store, ref: ArtifactRef, depth: int) -> LineageGraph:
    """The graph around a version.

    Args:
        store: the home.
        ref: the version in the middle.
        depth: how many versions away from it, on each side.

    Raises:
        NotFound: there is none.
        Conflict: a digest's beginning fits several.
    """
    with store.database.read() as connection:
        walk = _Walk(connection)
        row = find_version(connection, ref)
        root = walk.version(version_rows(connection, [row])[0])
        sides: tuple[Side, ...] = ("up", "down")
        for side in sides:
            level = {row.id}
            seen = set(level)
            for _ in range(depth):
                level = walk.step(level, side) - seen
                seen |= level
            walk.cut |= bool(level) and bool(walk.step(level, side, look=True) - seen)
        return LineageGraph(root, list(walk.nodes.values()), walk.edges, walk.cut)


class _Walk:
    """Collects nodes and edges, at most `MOST` nodes."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.nodes: dict[str, LineageNode] = {}
        self.edges: list[LineageEdge] = []
        self.cut = False

    def version(self, view: VersionRow) -> str:
        id = f"version:{view.path}"
        self._add(LineageNode(id, "version", view.path, view.type, view.state, name=view.path))
        return id

    def _run(self, ref: RunRef) -> str:
        id = f"run:{ref.uid}"
        state = "" if ref.exists else "deleted"
        self._add(LineageNode(id, "run", ref.name, "run", state, uid=ref.uid, name=ref.id))
        return id

    def _add(self, node: LineageNode) -> None:
        if len(self.nodes) < MOST:
            self.nodes.setdefault(node.id, node)
        else:
            self.cut |= node.id not in self.nodes

    def _edge(self, source: str, target: str, role: str) -> None:
        edge = LineageEdge(source, target, role)
        if source in self.nodes and target in self.nodes and edge not in self.edges:
            self.edges.append(edge)

    def step(self, ids: set[int], side: Side, *, look: bool = False) -> set[int]:
        """Versions one run further; with ``look`` nothing is collected."""
        further: set[int] = set()
        views = versions_by_id(self.connection, sorted(ids))
        for id, view in views.items():
            if len(self.nodes) >= MOST:
                self.cut = True
                break
            walk = self if not look else _Walk(self.connection)
            walk.version(view)
            further |= walk.up(id, view) if side == "up" else walk.down(id, view)
        return further

    def up(self, id: int, view: VersionRow) -> set[int]:
        """The runs that made a version, and what they read."""
        here = self.version(view)
        found: set[int] = set()
        for ref in _producers(self.connection, id, view):
            maker = self._run(ref)
            self._edge(maker, here, "made")
            uses = self.connection.execute(
                sa.select(artifact_use)
                .join(run, run.c.id == artifact_use.c.run_id)
                .where(run.c.uid == ref.uid)
            ).all()
            used = {used_version_id(self.connection, use): use.role for use in uses}
            inputs = {key: role for key, role in used.items() if key is not None}
            for key, source in versions_by_id(self.connection, sorted(inputs)).items():
                self._edge(self.version(source), maker, inputs[key])
            found |= set(inputs)
        return found

    def down(self, id: int, view: VersionRow) -> set[int]:
        """The models that stand on a version, the runs that read it, and what they made."""
        here = self.version(view)
        for name, number, entity in linked_models(self.connection, view):
            label = f"{name}/{number}"
            node = LineageNode(f"model:{entity}/{label}", "model", label, "model", "", name=label)
            self._add(node)
            self._edge(here, node.id, "linked")
        uses = [
            use
            for use in _uses(self.connection, view)
            if _means(self.connection, use, id, view.version)
        ]
        runs = runs_by_id(self.connection, [use.run_id for use in uses])
        found: set[int] = set()
        for use in uses:
            if use.run_id not in runs:
                continue
            reader = self._run(runs[use.run_id])
            self._edge(here, reader, use.role)
            made = sa.select(version_run.c.version_id).where(version_run.c.run_id == use.run_id)
            outputs = versions_by_id(
                self.connection, list(self.connection.execute(made).scalars())
            )
            for target in outputs.values():
                self._edge(reader, self.version(target), "made")
            found |= set(outputs)
        return found
