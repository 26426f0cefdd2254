"""What can be asked about alerts."""

from __future__ import annotations

from epochal.api.question import Question
from epochal.domain.alert import DeliveryList, MailRow, MailSettings, NewRule, RuleList, RuleRow


class ListRules(Question[RuleList], frozen=True):
    """The rules of a project."""

    entity: str
    project: str


class AddRule(Question[RuleRow], frozen=True):
    """Make a rule."""

    entity: str
    project: str
    rule: NewRule


class RemoveRule(Question[None], frozen=True):
    """Forget a rule."""

    entity: str
    project: str
    id: str


class TryRule(Question[None], frozen=True):
    """Let a rule tell something now."""

    entity: str
    project: str
    id: str


class ListDeliveries(Question[DeliveryList], frozen=True):
    """What rules found lately."""

    entity: str
    project: str


class GetMail(Question[MailRow], frozen=True):
    """How mails leave."""


class SetMail(Question[MailRow], frozen=True):
    """Name the mail server."""

    settings: MailSettings
