"""The routes of reports."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from litestar import Response, delete, get, patch, post
from litestar.params import FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.report import (
    FrozenPanel,
    NewFrozen,
    NewReport,
    PanelData,
    ReportChanges,
    ReportDetail,
    ReportList,
    ReportVersion,
    ReportVersions,
    ShownPanel,
)
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.protocols.native.content import FOREVER, answer
from epochal.service import reports

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)


@get("/api/v1/reports", opt=READ)
async def list_reports(
    request: Call,
    project: FromQuery[str],
    *,
    entity: FromQuery[str | None] = None,
    deleted: FromQuery[bool] = False,
) -> ReportList:
    """The reports of a project, or those that can be restored."""
    return await request.read(reports.list_reports, entity, project, deleted=deleted)


@post("/api/v1/reports", opt=WRITE)
async def create_report(request: Call, data: JSONBody[NewReport]) -> ReportDetail:
    """Make a report."""
    return await request.write(reports.create_report, data)


@get("/api/v1/reports/resolve", opt=READ)
async def find_report(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> ReportDetail:
    """A report with its text."""
    return await request.read(reports.find_report, entity, project, name)


@patch("/api/v1/reports", opt=WRITE)
async def change_report(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    data: JSONBody[ReportChanges],
    entity: FromQuery[str | None] = None,
) -> ReportDetail:
    """Keep another title or text."""
    return await request.write(reports.change_report, entity, project, name, data)


@delete("/api/v1/reports", opt=WRITE)
async def delete_report(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> None:
    """Take a report away."""
    await request.write(reports.delete_report, entity, project, name)


@post("/api/v1/reports/restore", opt=WRITE, status_code=200)
async def restore_report(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> ReportDetail:
    """Bring a deleted report back."""
    return await request.write(reports.restore_report, entity, project, name)


@post("/api/v1/reports/panel", opt=READ, status_code=200)
async def show_panel(request: Call, data: JSONBody[ShownPanel]) -> PanelData:
    """What a panel shows now."""
    return await request.read(reports.show_panel, data)


@post("/api/v1/reports/frozen", opt=WRITE)
async def freeze_panel(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    data: JSONBody[NewFrozen],
    entity: FromQuery[str | None] = None,
) -> FrozenPanel:
    """Keep what a panel shows now. It writes a file only, and sees what a live panel would."""
    return await request.read(reports.freeze_panel, entity, project, name, data)


@get("/api/v1/reports/frozen", opt=READ)
async def read_frozen(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    panel: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> PanelData:
    """A frozen panel."""
    return await request.read(reports.read_frozen, entity, project, name, panel)


@get("/api/v1/reports/blob", opt=READ)
async def read_kept(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    panel: FromQuery[str],
    digest: FromQuery[str],
    *,
    entity: FromQuery[str | None] = None,
    view: FromQuery[str | None] = None,
) -> Response[Any]:
    """The bytes of media that a frozen panel keeps."""
    place = (entity, project, name)
    content = await request.read(reports.read_kept, place, panel, digest)
    return answer(request, content, view, cache=FOREVER)


@get("/api/v1/reports/versions", opt=READ)
async def list_versions(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> ReportVersions:
    """What a report said before, revision by revision."""
    return await request.read(reports.list_versions, entity, project, name)


@get("/api/v1/reports/version", opt=READ)
async def find_version(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    revision: FromQuery[int],
    entity: FromQuery[str | None] = None,
) -> ReportVersion:
    """What a report said at a revision."""
    return await request.read(reports.find_version, entity, project, name, revision)


@get("/api/v1/reports/page", opt=READ)
async def report_page(
    request: Call,
    project: FromQuery[str],
    name: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> Response[bytes]:
    """A report as one HTML file."""
    page = await request.read(reports.report_page, entity, project, name)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.html"}
    return Response(page.encode(), media_type="text/html; charset=utf-8", headers=headers)


ROUTES: Final[list[Any]] = [
    list_reports,
    create_report,
    find_report,
    change_report,
    delete_report,
    restore_report,
    show_panel,
    freeze_panel,
    read_frozen,
    read_kept,
    list_versions,
    find_version,
    report_page,
]
