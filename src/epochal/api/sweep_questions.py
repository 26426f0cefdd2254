"""What can be asked about sweeps, and what agents ask; see `epochal.api.question`."""

from __future__ import annotations

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


class ListSweeps(Question[SweepList], frozen=True):
    """Sweeps, newest first."""

    entity: str | None = None
    project: str | None = None


class CreateSweep(Question[SweepRow], frozen=True):
    """Make a sweep."""

    sweep: NewSweep


class GetSweep(Question[SweepDetail], frozen=True):
    """A sweep with its trials and agents."""

    id: str


class ChangeSweep(Question[SweepRow], frozen=True):
    """Pause, resume, finish, cancel or extend a sweep."""

    id: str
    changes: SweepChanges


class DeleteSweep(Question[None], frozen=True):
    """Forget a sweep; its runs stay."""

    id: str


class FindBest(Question[BestTrial], frozen=True):
    """The best trial of a sweep."""

    id: str


class Enqueue(Question[SweepRow], frozen=True):
    """Try some configurations before anything else."""

    id: str
    queue: Queue


class RepeatTrial(Question[SweepRow], frozen=True):
    """Run a trial again with other seeds."""

    id: str
    repeat: Repeat


class AddAgent(Question[AgentRow], frozen=True):
    """Begin to run trials of a sweep."""

    agent: NewAgent


class NextTrial(Question[Assignment], frozen=True):
    """The trial that an agent runs now."""

    agent: str


class AskValue(Question[Suggested], frozen=True):
    """The value of a parameter for a running trial."""

    agent: str
    suggest: Suggest


class SendBeat(Question[Orders], frozen=True):
    """An agent lives; which of its trials shall end."""

    agent: str
    beat: Beat


class ReportTrial(Question[TrialRow], frozen=True):
    """How a trial ended."""

    agent: str
    report: TrialReport
