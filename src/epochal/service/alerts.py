"""Alerts: who may make rules, what a rule may be, and what is shown of them.

Rules make this server call addresses and send mails, so that only admins make them (in local mode
that is the OS user). Addresses are shown without what may be secret in them.
"""

from __future__ import annotations

import re
import time
from typing import Final
from urllib.parse import urlsplit

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.alert import (
    MAX_EMAIL,
    MAX_MINUTES,
    MAX_RULES,
    MAX_URL,
    DeliveryList,
    MailRow,
    MailSettings,
    NewRule,
    Occasion,
    Rule,
    RuleList,
    RuleRow,
    When,
    row_of,
    says,
)
from epochal.domain.names import MAX_KEY, new_uid
from epochal.errors import InvalidInput, NotFound
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import deliveries
from epochal.store.owner import Store
from epochal.store.preferences import read_all, read_preference, write_preference

RULES: Final = "alerts"
MAIL: Final = "mail"
EVERYWHERE: Final = ("", "")
"""The place of what belongs to the server, not to a project."""
SHOWN: Final = 200

_EMAIL: Final = re.compile(r"[\w.!#$%&*+/=?^`{|}~-]+@\w[\w.-]*")
"""One address and nothing else: Python's mail library breaks on some that mean more than that."""

_decode_rules = msgspec.msgpack.Decoder(list[Rule]).decode
_decode_mail = msgspec.msgpack.Decoder(MailSettings).decode
_encode = msgspec.msgpack.encode


def list_rules(
    store: Store, principal: Principal | None, entity: str | None, project: str
) -> RuleList:
    """The rules of a project."""
    require(principal, Permission.READ)
    place = bounds.entity_name(entity), bounds.project_name(project)
    return RuleList([row_of(rule) for rule in _rules(store, place)], bool(read_mail(store).host))


def add_rule(
    store: Store, principal: Principal | None, entity: str | None, project: str, new: NewRule
) -> RuleRow:
    """Make a rule; it tells of what happens from now on.

    Raises:
        InvalidInput: it could never tell anything, or there are too many.
    """
    require(principal, Permission.ADMINISTER)
    place = bounds.entity_name(entity), bounds.project_name(project)
    _check(new)
    if new.email and not read_mail(store).host:
        raise InvalidInput(
            "no mail can be sent from here yet; name a mail server: epochal alert mail --host HOST"
        )
    known = _rules(store, place)
    bounds.at_most([*known, new], MAX_RULES, "rules in a project")
    rule = Rule(**msgspec.structs.asdict(new), id=new_uid()[:8], created_us=time.time_ns() // 1000)
    write_preference(store, *place, RULES, _encode([*known, rule]))
    return row_of(rule)


def remove_rule(
    store: Store, principal: Principal | None, entity: str | None, project: str, id: str
) -> None:
    """Forget a rule; what it found and has not told yet is not told.

    Raises:
        NotFound: there is no such rule.
    """
    require(principal, Permission.ADMINISTER)
    place = bounds.entity_name(entity), bounds.project_name(project)
    rule = _rule(store, place, id)
    left = [one for one in _rules(store, place) if one.id != rule.id]
    write_preference(store, *place, RULES, _encode(left))


def try_rule(
    store: Store, principal: Principal | None, entity: str | None, project: str, id: str
) -> None:
    """Let a rule tell something now, so that one sees whether it arrives.

    Raises:
        NotFound: there is no such rule.
    """
    require(principal, Permission.ADMINISTER)
    place = bounds.entity_name(entity), bounds.project_name(project)
    rule = _rule(store, place, id)
    now = time.time_ns() // 1000
    text = f"This is a trial. The rule tells when {says(rule)}."
    trial = Occasion("", "", "", f"trial {now}", f"Trial of an alert of {place[1]}", text)
    deliveries.add_deliveries(store, place, rule, [trial], now)


def list_deliveries(
    store: Store, principal: Principal | None, entity: str | None, project: str
) -> DeliveryList:
    """What a project's rules found lately, and how far telling it got."""
    require(principal, Permission.READ)
    place = bounds.entity_name(entity), bounds.project_name(project)
    return DeliveryList(deliveries.list_deliveries(store, place, SHOWN))


def get_mail(store: Store, principal: Principal | None) -> MailRow:
    """How mails leave, without the password."""
    require(principal, Permission.ADMINISTER)
    return _mail_row(read_mail(store))


def set_mail(store: Store, principal: Principal | None, settings: MailSettings) -> MailRow:
    """Name the mail server.

    Raises:
        InvalidInput: a value cannot be used.
    """
    require(principal, Permission.ADMINISTER)
    for name, value in (("host", settings.host), ("user", settings.user)):
        bounds.plain_text(value, name, MAX_EMAIL)
    if not 0 < settings.port < 65_536:
        raise InvalidInput(f"port must be from 1 to 65535, got {settings.port}")
    if settings.host:
        _check_email(settings.sender, "sender")
    if settings.password is None:
        known = read_mail(store)
        same = (known.host, known.user) == (settings.host, settings.user)
        settings = msgspec.structs.replace(settings, password=known.password if same else None)
    write_preference(store, *EVERYWHERE, MAIL, _encode(settings))
    return _mail_row(settings)


def read_mail(store: Store) -> MailSettings:
    """How mails leave, for who sends them."""
    known = read_preference(store, *EVERYWHERE, MAIL)
    return MailSettings(host="") if known is None else _decode_mail(known)


def all_rules(store: Store) -> dict[tuple[str, str], list[Rule]]:
    """Every rule by entity and project, for who follows them."""
    return {place: _decode_rules(value) for place, value in read_all(store, RULES).items()}


def _rules(store: Store, place: tuple[str, str]) -> list[Rule]:
    known = read_preference(store, *place, RULES)
    return [] if known is None else _decode_rules(known)


def _rule(store: Store, place: tuple[str, str], id: str) -> Rule:
    rules = _rules(store, place)
    found = next((rule for rule in rules if rule.id == id), None)
    if found is None:
        known = ", ".join(rule.id for rule in rules) or "none"
        raise NotFound(f"there is no rule {id[:80]!r} in {place[1]}; its rules are {known}")
    return found


def _mail_row(mail: MailSettings) -> MailRow:
    return MailRow(
        host=mail.host, port=mail.port, security=mail.security, user=mail.user,
        has_password=bool(mail.password), sender=mail.sender,
    )  # fmt: skip


def _check(new: NewRule) -> None:
    if bool(new.webhook) == bool(new.email):
        raise InvalidInput("a rule has one target: give either a webhook or an email")
    if new.webhook:
        _check_url(new.webhook)
    else:
        _check_email(new.email, "email")
    if new.when is When.THRESHOLD:
        if not new.key or (new.above is None and new.below is None):
            raise InvalidInput("a threshold needs a key, and above or below")
        bounds.plain_text(new.key, "key", MAX_KEY)
    if not 0 < new.minutes <= MAX_MINUTES:
        raise InvalidInput(f"minutes must be more than 0 and at most a week, got {new.minutes:g}")


def _check_url(url: str) -> None:
    bounds.plain_text(url, "webhook", MAX_URL)
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not url.isascii() or any(c.isspace() for c in url):
        raise InvalidInput("a webhook is an address like https://chat.example.org/hooks/...")
    if "@" in parts.netloc:
        raise InvalidInput("a webhook may not carry a name and password before its host")


def _check_email(address: str, what: str) -> None:
    bounds.plain_text(address, what, MAX_EMAIL)
    if not _EMAIL.fullmatch(address):
        raise InvalidInput(f"{what} must be one address like ada@example.org, got {address!r:.80}")
