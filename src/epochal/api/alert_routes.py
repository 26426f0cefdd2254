"""The routes of alerts; see docs/internals/wire.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from epochal.api import alert_questions as q
from epochal.api.question import Question
from epochal.api.route import Route, as_json, at, fields, nothing
from epochal.domain.alert import DeliveryList, MailRow, RuleList, RuleRow

_PLACE: Final = fields("entity", "project")


def _rule(rest: str = "") -> Callable[[Any], str]:
    return lambda question: f"/api/v1/alerts/{quote(question.id, safe='')}{rest}"


ROUTES: Mapping[type[Question[Any]], Route] = {
    q.ListRules: Route("GET", at("/api/v1/alerts"), as_json(RuleList), query=_PLACE),
    q.AddRule: Route(
        "POST", at("/api/v1/alerts"), as_json(RuleRow), body=lambda x: x.rule, query=_PLACE
    ),
    q.RemoveRule: Route("DELETE", _rule(), nothing, query=_PLACE),
    q.TryRule: Route("POST", _rule("/trial"), nothing, body=lambda _: {}, query=_PLACE),
    q.ListDeliveries: Route("GET", at("/api/v1/alerts/log"), as_json(DeliveryList), query=_PLACE),
    q.GetMail: Route("GET", at("/api/v1/mail"), as_json(MailRow)),
    q.SetMail: Route("PUT", at("/api/v1/mail"), as_json(MailRow), body=lambda x: x.settings),
}
"""The route of each question."""
