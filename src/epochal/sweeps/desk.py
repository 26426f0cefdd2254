"""Where an agent asks for trials: a server or a home, with patience while it cannot be reached.

A sweep may be deleted meanwhile: there is nothing more to run then, and reports are nobody's.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import Any, Final, TypeVar

from epochal.api.question import Question, Source
from epochal.api.sweep_questions import AddAgent, AskValue, NextTrial, ReportTrial, SendBeat
from epochal.domain.sweep import (
    Assignment,
    Beat,
    Held,
    NewAgent,
    Orders,
    Suggest,
    TrialReport,
)
from epochal.errors import Conflict, NotFound, Unavailable

Answer = TypeVar("Answer")
PATIENCE_S: Final = 600.0
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0


def deleted(sweep_id: str) -> str:
    """What became of a sweep whose agents nobody knows any more."""
    return f"sweep {sweep_id} was deleted"


class Desk:
    """One agent's place at a sweep.

    Args:
        source: the server or home.
        sweep_id: of the sweep.
        agent: its id, where somebody announced it; by default it announces itself.

    Raises:
        NotFound: there is no such sweep.
    """

    def __init__(self, source: Source, sweep_id: str, agent: str | None = None) -> None:
        self._source = source
        self._sweep = sweep_id.rpartition("/")[2]
        self.id = agent or self._announce()

    def _announce(self) -> str:
        new = NewAgent(self._sweep, socket.gethostname()[:256], os.getpid())
        return self._patiently(AddAgent(new)).id

    def next(self) -> Assignment:
        """The trial to run now, or what to do instead."""
        try:
            return self._patiently(NextTrial(self.id))
        except NotFound:
            return Assignment("exit", deleted(self._sweep))

    def suggest(self, suggest: Suggest) -> Any:
        """The value of a parameter of a running trial.

        Raises:
            InvalidInput: the parameter cannot be used.
            Conflict: another agent has the trial by now.
            NotFound: the sweep was deleted.
        """
        try:
            return self._patiently(AskValue(self.id, suggest)).value
        except NotFound as error:
            raise NotFound(deleted(self._sweep)) from error

    def beat(self, held: Held) -> Orders:
        """Say that a trial goes on. Not patient: the next beat comes soon.

        Raises:
            Unavailable: nobody was reached.
            NotFound: the sweep was deleted.
        """
        return self._source.ask(SendBeat(self.id, Beat([held])))

    def reach(self, held: Held) -> None:
        """Wait until there is an answer, as for `next`; the trial is kept meanwhile."""
        with contextlib.suppress(NotFound):
            self._patiently(SendBeat(self.id, Beat([held])))

    def report(self, report: TrialReport) -> str | None:
        """How a trial ended; why that does not count, or None."""
        try:
            self._patiently(ReportTrial(self.id, report))
        except Conflict as error:
            return error.message
        except NotFound:
            return f"{deleted(self._sweep)}; the run of trial {report.number} stays"
        return None

    def _patiently(self, question: Question[Answer]) -> Answer:
        """Ask until there is an answer, for up to ten minutes."""
        deadline, wait = time.monotonic() + PATIENCE_S, FIRST_WAIT_S
        while True:
            try:
                return self._source.ask(question)
            except Unavailable:
                if time.monotonic() + wait > deadline:
                    raise
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)
