"""Answers what is asked about reports from a home's own files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from epochal.api import report_questions as q
from epochal.api.question import Question
from epochal.domain.access import LOCAL_USER
from epochal.service import reports
from epochal.store.owner import Store

ANSWERS: Mapping[type[Question[Any]], Callable[[Store, Any], Any]] = {
    q.ListReports: lambda store, x: reports.list_reports(store, LOCAL_USER, x.entity, x.project),
    q.GetReport: lambda store, x: reports.find_report(
        store, LOCAL_USER, x.entity, x.project, x.name
    ),
    q.CreateReport: lambda store, x: reports.create_report(store, LOCAL_USER, x.new),
    q.ChangeReport: lambda store, x: reports.change_report(
        store, LOCAL_USER, x.entity, x.project, x.name, x.changes
    ),
    q.ListVersions: lambda store, x: reports.list_versions(
        store, LOCAL_USER, x.entity, x.project, x.name
    ),
    q.GetVersion: lambda store, x: reports.find_version(
        store, LOCAL_USER, x.entity, x.project, x.name, x.revision
    ),
    q.DrawReport: lambda store, x: reports.report_page(
        store, LOCAL_USER, x.entity, x.project, x.name
    ),
}
"""The use case behind each question."""
