"""What the reading API can ask, as values: one frozen struct per question, typed with its answer.

A question knows nothing of where it is answered. `epochal.api.local` answers it from a home,
`epochal.api.remote` through HTTP, and both give equal answers: tests/api/test_sources.py holds
each of them to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Generic, Protocol, TypeVar

import msgspec

from epochal.api.content import Content, OpenContent
from epochal.domain.bulk import DeleteRuns, MoveRuns, RunsOutcome
from epochal.domain.importance import ImportanceQuery, ImportanceReport
from epochal.domain.insight import InsightReport
from epochal.domain.moving import MoveTo
from epochal.domain.tracked import Experiment, KeptExperiment
from epochal.domain.view import (
    BucketQuery,
    LogPage,
    PointQuery,
    ProjectKeys,
    ProjectRow,
    RunChanges,
    RunDetail,
    RunPage,
    RunQuery,
    RunRow,
)

Answer = TypeVar("Answer")


class Question(msgspec.Struct, Generic[Answer], frozen=True):
    """Something to ask of a source."""


class ListProjects(Question[list[ProjectRow]], frozen=True):
    """All projects, newest activity first."""


class ListKeys(Question[ProjectKeys], frozen=True):
    """Every key that the runs of a project use."""

    entity: str
    project: str


class QueryRuns(Question[RunPage], frozen=True):
    """One page of runs."""

    query: RunQuery


class JudgeParameters(Question[ImportanceReport], frozen=True):
    """Which parameters of a project's runs matter for a result."""

    query: ImportanceQuery


class GetRun(Question[RunDetail], frozen=True):
    """A run by its uid."""

    uid: str


class ReadInsights(Question[InsightReport], frozen=True):
    """What a run shows by itself."""

    uid: str


class ResolveRun(Question[RunDetail], frozen=True):
    """A run by the three words that people use."""

    entity: str
    project: str
    id: str


class ReadPoints(Question[bytes], frozen=True):
    """Exact points, as the columns of docs/internals/wire.md."""

    query: PointQuery


class ReadBuckets(Question[bytes], frozen=True):
    """Points in buckets, as the columns of docs/internals/wire.md."""

    query: BucketQuery


class ReadLogs(Question[LogPage], frozen=True):
    """A window of console lines; ``tail`` wins over ``start``."""

    uid: str
    start: int | None = None
    limit: int = 1000
    tail: int | None = None
    search: str | None = None


class UpdateRun(Question[RunRow], frozen=True):
    """Change attributes of a run."""

    uid: str
    changes: RunChanges


class MoveRun(Question[RunRow], frozen=True):
    """Move a run to another project."""

    uid: str
    to: MoveTo


class KeepExperiment(Question[Experiment], frozen=True):
    """Take over what an import tells of the experiment that a project is."""

    told: KeptExperiment


class DeleteRun(Question[None], frozen=True):
    """Delete a run with everything that belongs to it."""

    uid: str


class MoveSeveral(Question[RunsOutcome], frozen=True):
    """Move runs to another project."""

    wish: MoveRuns


class DeleteSeveral(Question[RunsOutcome], frozen=True):
    """Delete runs with everything that belongs to them."""

    wish: DeleteRuns


class StopRun(Question[None], frozen=True):
    """Ask the process of a run to end it."""

    uid: str


class Source(Protocol):
    """Where runs are read: a home or a server.

    Calls may come from several threads. A source holds no lock and no connection between calls,
    except inside `session`.
    """

    def ask(self, question: Question[Answer]) -> Answer:
        """Answer one question.

        Raises:
            EpochalError: the class says why; a server's error comes back as the class that it had
                there.
        """
        ...

    def session(self) -> AbstractContextManager[object]:
        """Several questions in a row at the price of one; they see one state of a home."""
        ...

    def opener(self) -> AbstractContextManager[OpenContent]:
        """What opens bytes, for the thread that asks; holds no lock of a home."""
        ...

    def several(self, contents: Sequence[Content]) -> Mapping[str, bytes]:
        """Small contents of one run or version by digest, as many as can be had at once.

        Those that are left out, all of them perhaps, are opened one by one. Whoever
        uses the bytes checks their digests.

        Raises:
            Unavailable: the server does not answer.
        """
        ...

    def page_url(self) -> str | None:
        """Where the page is served, without a slash at the end; None when no server runs."""
        ...
