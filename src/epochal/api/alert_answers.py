"""Answers what is asked about alerts from a home's own files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from epochal.api import alert_questions as q
from epochal.api.question import Question
from epochal.domain.access import LOCAL_USER
from epochal.service import alerts
from epochal.store.owner import Store

ANSWERS: Mapping[type[Question[Any]], Callable[[Store, Any], Any]] = {
    q.ListRules: lambda store, x: alerts.list_rules(store, LOCAL_USER, x.entity, x.project),
    q.AddRule: lambda store, x: alerts.add_rule(store, LOCAL_USER, x.entity, x.project, x.rule),
    q.RemoveRule: lambda store, x: alerts.remove_rule(
        store, LOCAL_USER, x.entity, x.project, x.id
    ),
    q.TryRule: lambda store, x: alerts.try_rule(store, LOCAL_USER, x.entity, x.project, x.id),
    q.ListDeliveries: lambda store, x: alerts.list_deliveries(
        store, LOCAL_USER, x.entity, x.project
    ),
    q.GetMail: lambda store, _: alerts.get_mail(store, LOCAL_USER),
    q.SetMail: lambda store, x: alerts.set_mail(store, LOCAL_USER, x.settings),
}
"""The use case behind each question."""
