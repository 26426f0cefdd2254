"""Answers what is asked about sweeps from a home's own files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from epochal.api import sweep_questions as q
from epochal.api.question import Question
from epochal.domain.access import LOCAL_USER
from epochal.service import agents, bests, suggesting, sweeps
from epochal.store.owner import Store

ANSWERS: Mapping[type[Question[Any]], Callable[[Store, Any], Any]] = {
    q.ListSweeps: lambda store, x: sweeps.list_sweeps(store, LOCAL_USER, x.entity, x.project),
    q.CreateSweep: lambda store, x: sweeps.create_sweep(store, LOCAL_USER, x.sweep),
    q.GetSweep: lambda store, x: sweeps.get_sweep(store, LOCAL_USER, x.id),
    q.ChangeSweep: lambda store, x: sweeps.change_sweep(store, LOCAL_USER, x.id, x.changes),
    q.DeleteSweep: lambda store, x: sweeps.delete_sweep(store, LOCAL_USER, x.id),
    q.FindBest: lambda store, x: bests.best_trial(store, LOCAL_USER, x.id),
    q.Enqueue: lambda store, x: sweeps.enqueue(store, LOCAL_USER, x.id, x.queue),
    q.RepeatTrial: lambda store, x: bests.repeat_trial(store, LOCAL_USER, x.id, x.repeat),
    q.AddAgent: lambda store, x: agents.add_agent(store, LOCAL_USER, x.agent),
    q.NextTrial: lambda store, x: agents.next_trial(store, LOCAL_USER, x.agent),
    q.AskValue: lambda store, x: suggesting.suggest(store, LOCAL_USER, x.agent, x.suggest),
    q.SendBeat: lambda store, x: agents.beat(store, LOCAL_USER, x.agent, x.beat),
    q.ReportTrial: lambda store, x: agents.report(store, LOCAL_USER, x.agent, x.report),
}
"""The use case behind each question."""
