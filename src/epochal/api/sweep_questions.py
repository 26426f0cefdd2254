"""What can be asked about sweeps, and what agents ask; see `epochal.api.question`."""

from __future__ import annotations

from typing import Generic, TypeVar

from epochal.api.question import Question
from epochal.domain.sweep import (
    AgentRow,
    Assignment,
    Beat,
    BestTrial,
    NewAgent,
    NewSweep,
    Orders,
    Queue,
    Repeat,
    Suggest,
    Suggested,
    SweepChanges,
    SweepDetail,
    SweepList,
    SweepRow,
    TrialReport,
    TrialRow,
)

Answer = TypeVar("Answer")


class OfSweep(Question[Answer], Generic[Answer], frozen=True):
    """What is asked about one sweep."""

    id: str


class OfAgent(Question[Answer], Generic[Answer], frozen=True):
    """What one agent asks."""

    agent: str


class ListSweeps(Question[SweepList], frozen=True):
    """Sweeps, newest first."""

    entity: str | None = None
    project: str | None = None


class CreateSweep(Question[SweepRow], frozen=True):
    """Make a sweep."""

    sweep: NewSweep


class GetSweep(OfSweep[SweepDetail], frozen=True):
    """A sweep with its trials and agents."""


class ChangeSweep(OfSweep[SweepRow], frozen=True):
    """Pause, resume, finish, cancel or extend a sweep."""

    changes: SweepChanges


class DeleteSweep(OfSweep[None], frozen=True):
    """Forget a sweep; its runs stay."""


class FindBest(OfSweep[BestTrial], frozen=True):
    """The best trial of a sweep."""


class Enqueue(OfSweep[SweepRow], frozen=True):
    """Try some configurations before anything else."""

    queue: Queue


class RepeatTrial(OfSweep[SweepRow], frozen=True):
    """Run a trial again with other seeds."""

    repeat: Repeat


class AddAgent(Question[AgentRow], frozen=True):
    """Begin to run trials of a sweep."""

    agent: NewAgent


class NextTrial(OfAgent[Assignment], frozen=True):
    """The trial that an agent runs now."""


class AskValue(OfAgent[Suggested], frozen=True):
    """The value of a parameter for a running trial."""

    suggest: Suggest


class SendBeat(OfAgent[Orders], frozen=True):
    """An agent lives; which of its trials shall end."""

    beat: Beat


class ReportTrial(OfAgent[TrialRow], frozen=True):
    """How a trial ended."""

    report: TrialReport
