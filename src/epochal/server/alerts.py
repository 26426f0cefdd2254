"""Rules of alerts, what they told, and the mail server that they use."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.alert import DeliveryList, MailRow, MailSettings, NewRule, RuleList, RuleRow
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import alerts

READ: Final = needs(Permission.READ)
ADMINISTER: Final = needs(Permission.ADMINISTER)


@get("/api/v1/alerts", opt=READ)
async def list_rules(
    request: Call, project: FromQuery[str], entity: FromQuery[str | None] = None
) -> RuleList:
    """The rules of a project."""
    return await request.read(alerts.list_rules, entity, project)


@post("/api/v1/alerts", opt=ADMINISTER)
async def add_rule(
    request: Call,
    data: JSONBody[NewRule],
    project: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> RuleRow:
    """Make a rule."""
    return await request.write(alerts.add_rule, entity, project, data)


@delete("/api/v1/alerts/{rule:str}", opt=ADMINISTER)
async def remove_rule(
    request: Call,
    rule: FromPath[str],
    project: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> None:
    """Forget a rule."""
    await request.write(alerts.remove_rule, entity, project, rule)


@post("/api/v1/alerts/{rule:str}/trial", opt=ADMINISTER, status_code=202)
async def try_rule(
    request: Call,
    rule: FromPath[str],
    project: FromQuery[str],
    entity: FromQuery[str | None] = None,
) -> None:
    """Let a rule tell something now."""
    await request.write(alerts.try_rule, entity, project, rule)
    request.app.state.alerting.nudge()


@get("/api/v1/alerts/log", opt=READ)
async def list_deliveries(
    request: Call, project: FromQuery[str], entity: FromQuery[str | None] = None
) -> DeliveryList:
    """What rules found lately."""
    return await request.read(alerts.list_deliveries, entity, project)


@get("/api/v1/mail", opt=ADMINISTER)
async def get_mail(request: Call) -> MailRow:
    """How mails leave, without the password."""
    return await request.read(alerts.get_mail)


@put("/api/v1/mail", opt=ADMINISTER)
async def set_mail(request: Call, data: JSONBody[MailSettings]) -> MailRow:
    """Name the mail server."""
    return await request.write(alerts.set_mail, data)


ROUTES: Final[list[Any]] = [
    list_rules,
    add_rule,
    remove_rule,
    try_rule,
    list_deliveries,
    get_mail,
    set_mail,
]
