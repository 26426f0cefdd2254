"""Moving runs to another project, many in one go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from epochal.api.question import MoveRun, Source
from epochal.api.runview import RunView
from epochal.domain.moving import MoveTo
from epochal.errors import EpochalError


class Moved(NamedTuple):
    """What became of a run: what it is now, or why it stayed."""

    run: RunView
    new: RunView | None
    error: EpochalError | None


def move_runs(source: Source, runs: Iterable[RunView], to: MoveTo) -> list[Moved]:
    """Move runs one after the other; one that cannot go does not keep the others."""
    report = []
    with source.session():
        for run in runs:
            try:
                row = source.ask(MoveRun(run.uid, to))
                report.append(Moved(run, RunView(source, row), None))
            except EpochalError as error:
                report.append(Moved(run, None, error))
    return report
