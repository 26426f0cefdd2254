"""Alerts: rules of a project, what they say when they hold, and how it is told.

A rule names one occasion and one target. What it found is a `DeliveryRow`, told once: the same
occasion of the same run is never told again by the same rule. Secrets (the whole address of a
webhook is one) are kept by the server and never shown; rows show where they go, and no more.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

MAX_RULES: Final = 100
MAX_URL: Final = 2_000
MAX_EMAIL: Final = 254
MAX_MINUTES: Final = 7 * 24 * 60.0

Level = Literal["info", "warning", "error"]
State = Literal["waiting", "sent", "failed"]
Security = Literal["none", "starttls", "tls"]


class When(StrEnum):
    """What a rule waits for."""

    FAILED = "failed"
    STALLED = "stalled"
    NAN = "nan"
    THRESHOLD = "threshold"
    ALERT = "alert"


class NewRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule to be.

    Attributes:
        when: what it waits for: a run that failed or crashed, one that runs and has logged no
            point for ``minutes``, a NaN, a value of ``key`` ``above`` or ``below`` a bound, or
            what ``run.alert()`` says at ``level`` or above.
        webhook: an address that gets JSON by POST; or
        email: who gets a mail.
    """

    when: When
    webhook: str = ""
    email: str = ""
    key: str = ""
    above: float | None = None
    below: float | None = None
    minutes: float = 10.0
    level: Level = "info"


class Rule(NewRule, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A rule as it is kept; what happened before ``created_us`` is never told."""

    id: str
    created_us: int


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is shown."""

    id: str
    when: When
    says: str
    target: str
    created_us: int


class RuleList(msgspec.Struct, frozen=True):
    """The rules of a project, and whether mails can be sent."""

    rules: list[RuleRow]
    mail: bool


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a rule found, and how far it got.

    Attributes:
        uid: the run; empty for a trial, as are `run` and `run_id`.
        next_us: when it is told next, in microseconds since 1970; None when that is over.
    """

    id: int
    rule: str
    uid: str
    run: str
    run_id: str
    title: str
    text: str
    target: str
    state: State
    attempts: int
    created_us: int
    sent_us: int | None
    next_us: int | None
    error: str


class DeliveryList(msgspec.Struct, frozen=True):
    """What was told lately, newest first."""

    deliveries: list[DeliveryRow]


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How mails leave; an empty host sends none.

    Attributes:
        password: kept when it is left out and host and user stay as they are.
    """

    host: str
    port: int = 587
    security: Security = "starttls"
    user: str = ""
    password: str | None = None
    sender: str = ""


class MailRow(msgspec.Struct, frozen=True, kw_only=True):
    """The same without its secret."""

    host: str
    port: int
    security: Security
    user: str
    has_password: bool
    sender: str


class Occasion(msgspec.Struct, frozen=True):
    """What a rule found about a run; ``mark`` tells it from others of that run."""

    uid: str
    run_id: str
    name: str
    mark: str
    title: str
    text: str


def target_of(rule: NewRule) -> str:
    """Where a rule's alerts go, without what is secret: the path of a webhook often is a key."""
    if rule.email:
        return rule.email
    parts = urlsplit(rule.webhook)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/…"


def minutes_text(minutes: float) -> str:
    """So many minutes in words."""
    return "1 minute" if minutes == 1 else f"{minutes:g} minutes"


def says(rule: NewRule) -> str:
    """A rule in words."""
    if rule.when is When.STALLED:
        return f"a run logs no point for {minutes_text(rule.minutes)}"
    if rule.when is When.THRESHOLD:
        bounds = [
            f"{word} {bound:g}" for word, bound in (("above", rule.above), ("below", rule.below))
            if bound is not None
        ]  # fmt: skip
        return f"{rule.key} is {' or '.join(bounds)}"
    if rule.when is When.ALERT:
        return f"run.alert() says {rule.level}" + (" or worse" if rule.level != "error" else "")
    return {When.FAILED: "a run fails or crashes", When.NAN: "a series becomes NaN"}[rule.when]


def row_of(rule: Rule) -> RuleRow:
    """A rule as it is shown."""
    return RuleRow(
        id=rule.id, when=rule.when, says=says(rule), target=target_of(rule),
        created_us=rule.created_us,
    )  # fmt: skip
