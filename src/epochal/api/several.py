"""Moving and deleting runs, many in one go: by pieces, each of which is one request.

A run that refuses keeps no other back; after a piece that fails as a whole no other is begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from epochal.api.question import DeleteSeveral, MoveSeveral, QueryRuns, Source
from epochal.api.runview import RunView
from epochal.domain.bulk import DeleteRuns, MoveRuns, RunsOutcome
from epochal.domain.moving import MoveTo
from epochal.domain.view import RunQuery, RunRow
from epochal.errors import EpochalError, NotFound, error_named

MOVED_AT_ONCE: Final = 50
DELETED_AT_ONCE: Final = 100
MOST_FOUND: Final = 1_000


class Moved(NamedTuple):
    """What became of a run: what it is now, or why it stayed."""

    run: RunView
    new: RunView | None
    error: EpochalError | None


class Deleted(NamedTuple):
    """What became of a run that was to be deleted: why it stayed, or nothing."""

    run: RunView
    error: EpochalError | None


def move_runs(source: Source, runs: Iterable[RunView], to: MoveTo) -> list[Moved]:
    """Move runs; one that cannot go does not keep the others."""

    def move(piece: list[RunView]) -> RunsOutcome:
        outcome = source.ask(MoveSeveral(MoveRuns([run.uid for run in piece], to)))
        stay = {one.run for one in outcome.refused}
        gone = [to.id or run.id for run in piece if run.uid not in stay]
        if gone:
            query = RunQuery(to.project, to.entity, ids=gone, archived=True, limit=MOST_FOUND)
            rows.update((row.id, row) for row in source.ask(QueryRuns(query)).runs)
        return outcome

    rows: dict[str, RunRow] = {}
    report: list[Moved] = []
    with source.session():
        for run, error in _each(runs, MOVED_AT_ONCE, move):
            row = rows.get(to.id or run.id)
            if error is None and row is not None:
                report.append(Moved(run, RunView(source, row), None))
            else:
                report.append(Moved(run, None, error or _vanished(run)))
    return report


def delete_runs(source: Source, runs: Iterable[RunView]) -> list[Deleted]:
    """Delete runs for good; one that is being written does not keep the others."""

    def delete(piece: list[RunView]) -> RunsOutcome:
        return source.ask(DeleteSeveral(DeleteRuns([run.uid for run in piece])))

    with source.session():
        return [Deleted(*one) for one in _each(runs, DELETED_AT_ONCE, delete)]


def _each(
    runs: Iterable[RunView], size: int, do: Callable[[list[RunView]], RunsOutcome]
) -> Iterator[tuple[RunView, EpochalError | None]]:
    """Every run, once, with why it is as it was, if it is."""
    several = list({run.uid: run for run in runs}.values())
    broken: EpochalError | None = None
    for start in range(0, len(several), size):
        piece = several[start : start + size]
        told: dict[str, EpochalError] = {}
        if broken is None:
            try:
                refused = do(piece).refused
                told = {one.run: error_named(one.code, one.message) for one in refused}
            except EpochalError as error:
                broken = error
        yield from ((run, broken or told.get(run.uid)) for run in piece)


def _vanished(run: RunView) -> NotFound:
    return NotFound(f"run {run.id!r} was moved, and somebody deleted it there since")
