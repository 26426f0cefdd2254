"""The routes of reports; see docs/internals/wire.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from epochal.api import report_questions as q
from epochal.api.question import Question
from epochal.api.route import Route, as_json, at, changes, fields
from epochal.domain.report import ReportDetail, ReportList, ReportVersion, ReportVersions

_REPORTS: Final = at("/api/v1/reports")
_NAMED: Final = fields("entity", "project", "name")

ROUTES: Mapping[type[Question[Any]], Route] = {
    q.ListReports: Route("GET", _REPORTS, as_json(ReportList), query=fields("entity", "project")),
    q.GetReport: Route("GET", at("/api/v1/reports/resolve"), as_json(ReportDetail), query=_NAMED),
    q.CreateReport: Route("POST", _REPORTS, as_json(ReportDetail), body=lambda x: x.new),
    q.ChangeReport: Route("PATCH", _REPORTS, as_json(ReportDetail), body=changes, query=_NAMED),
    q.ListVersions: Route(
        "GET", at("/api/v1/reports/versions"), as_json(ReportVersions), query=_NAMED
    ),
    q.GetVersion: Route(
        "GET",
        at("/api/v1/reports/version"),
        as_json(ReportVersion),
        query=fields("entity", "project", "name", "revision"),
    ),
    q.DrawReport: Route("GET", at("/api/v1/reports/page"), bytes.decode, query=_NAMED),
}
"""The route of each question."""
