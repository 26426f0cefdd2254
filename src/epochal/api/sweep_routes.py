"""The routes of sweeps and agents; see docs/internals/wire.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from epochal.api import sweep_questions as q
from epochal.api.question import Question
from epochal.api.route import Route, as_json, at, changes, fields, nothing
from epochal.domain.sweep import (
    AgentRow,
    Assignment,
    BestTrial,
    Orders,
    Suggested,
    SweepDetail,
    SweepList,
    SweepRow,
    TrialRow,
)


def _sweep(rest: str = "") -> Callable[[Any], str]:
    return lambda question: (
        f"/api/v1/sweeps/{quote(question.id.rpartition('/')[2], safe='')}{rest}"
    )


def _agent(rest: str) -> Callable[[Any], str]:
    return lambda question: f"/api/v1/agents/{quote(question.agent, safe='')}{rest}"


ROUTES: Mapping[type[Question[Any]], Route] = {
    q.ListSweeps: Route(
        "GET", at("/api/v1/sweeps"), as_json(SweepList), query=fields("entity", "project")
    ),
    q.CreateSweep: Route("POST", at("/api/v1/sweeps"), as_json(SweepRow), body=lambda x: x.sweep),
    q.GetSweep: Route("GET", _sweep(), as_json(SweepDetail)),
    q.ChangeSweep: Route("PATCH", _sweep(), as_json(SweepRow), body=changes),
    q.DeleteSweep: Route("DELETE", _sweep(), nothing),
    q.FindBest: Route("GET", _sweep("/best"), as_json(BestTrial)),
    q.Enqueue: Route("POST", _sweep("/queue"), as_json(SweepRow), body=lambda x: x.queue),
    q.RepeatTrial: Route("POST", _sweep("/repeat"), as_json(SweepRow), body=lambda x: x.repeat),
    q.AddAgent: Route("POST", at("/api/v1/agents"), as_json(AgentRow), body=lambda x: x.agent),
    q.NextTrial: Route("POST", _agent("/next"), as_json(Assignment), body=lambda _: {}),
    q.AskValue: Route("POST", _agent("/suggest"), as_json(Suggested), body=lambda x: x.suggest),
    q.SendBeat: Route("POST", _agent("/beat"), as_json(Orders), body=lambda x: x.beat),
    q.ReportTrial: Route("POST", _agent("/report"), as_json(TrialRow), body=lambda x: x.report),
}
"""One line per question, to be laid beside the table of docs/internals/wire.md."""
