"""Alerts with a real store, a real web server and a real mail server."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.alert import MailSettings, NewRule, Rule, When, says
from epochal.domain.record import Event
from epochal.errors import InvalidInput, NotFound
from epochal.server.alerting import Alerting
from epochal.server.settings import Settings
from epochal.service import alerts
from epochal.service.alerts import RULES
from epochal.store.deliveries import PAUSES_US
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store
from epochal.store.preferences import write_preference
from tests.cli.conftest import run_cli
from tests.client.scripts import run_script
from tests.conftest import Server
from tests.server.targets import Hook, Postbox, dripping, postbox, webhook
from tests.store.journals import Writing

MINUTE = 60_000_000
UNREADABLE = ".é&:@=+"


class Clock:
    """Microseconds that move when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as one:
        yield one


@pytest.fixture
def mails() -> Iterator[Postbox]:
    with postbox() as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def look(store: Store, home: Path, clock: Clock) -> Callable[[], None]:
    alerting = Alerting(store, Settings(home=home, public_url="https://epochal.example"), clock)

    def once() -> None:
        ingest_home(store, compact=False)
        alerting.look()

    return once


def add(store: Store, hook: Hook, **rule: Any) -> str:
    made = alerts.add_rule(store, LOCAL_USER, None, "p", NewRule(webhook=hook.url, **rule))
    return made.id


def now_writing(store: Store, run_id: str = "r1", **header: Any) -> Writing:
    """A run that began just now."""
    return Writing(store.home, run_id, start_us=time.time_ns() // 1000, **header)


def log(store: Store) -> list[tuple[str, int, str]]:
    found = alerts.list_deliveries(store, LOCAL_USER, None, "p").deliveries
    return [(one.state, one.attempts, one.error) for one in found]


def fail(writing: Writing) -> None:
    writing.now = time.time_ns() // 1000 + 1_000_000
    writing.finish("failed")


def test_a_run_that_fails_is_told_once_and_those_from_before_the_rule_never(store, hook, look):
    Writing(store.home, "old").finish("failed")
    ingest_home(store)
    add(store, hook, when=When.FAILED)
    writing = now_writing(store)
    writing.line(0, 3)
    look()
    assert hook.got == []
    fail(writing)
    for _ in range(3):
        look()
    (message,) = hook.got
    assert message["run"]["id"] == "r1"
    assert message["link"] == "https://epochal.example/p/p/r/r1"
    assert "failed" in message["text"]
    assert hook.paths == ["/hooks/very-secret?x=1"]
    assert log(store) == [("sent", 1, "")]


def test_a_stalled_run_is_told_again_only_when_it_went_on_meanwhile(store, hook, look, clock):
    add(store, hook, when=When.STALLED, minutes=5)
    assert says(NewRule(when=When.STALLED, minutes=5)) == "a run logs no point for 5 minutes"
    assert says(NewRule(when=When.STALLED, minutes=1)) == "a run logs no point for 1 minute"
    writing = now_writing(store)
    writing.line(0, 3)
    look()
    assert hook.got == []
    clock.ahead = 6 * MINUTE
    look()
    look()
    assert [one["title"].split()[-1] for one in hook.got] == ["stalled"]
    writing.now = clock()
    writing.row(3, loss=1.0)
    look()
    assert len(hook.got) == 1
    clock.ahead += 6 * MINUTE
    look()
    assert len(hook.got) == 2


def test_a_crossing_between_two_looks_is_told_and_so_is_nan(store, hook, look):
    add(store, hook, when=When.THRESHOLD, key="loss", above=5.0)
    add(store, hook, when=When.THRESHOLD, key="loss", below=0.5)
    add(store, hook, when=When.NAN)
    writing = now_writing(store)
    for step, value in enumerate((1.0, 7.5, 1.0)):
        writing.row(step, loss=value)
    look()
    (message,) = hook.got
    assert "loss was 7.5, above 5" in message["detail"]
    writing.row(3, loss=math.nan)
    look()
    look()
    assert [one["when"] for one in hook.got] == ["threshold", "nan"]


def test_what_a_script_says_is_told_at_its_level(store, hook, look):
    add(store, hook, when=When.ALERT, level="warning")
    writing = now_writing(store)
    for level in ("info", "warning", "error"):
        writing.now += 1_000_000
        writing.fact(Event(writing.now, level, f"a {level}", "text"))
    look()
    look()
    assert [one["detail"] for one in hook.got] == ["text", "text"]
    assert [one["title"].split(": ")[1] for one in hook.got] == ["a warning", "a error"]


def test_what_is_not_taken_is_tried_again_later_and_given_up_in_the_end(store, hook, look, clock):
    rule = add(store, hook, when=When.FAILED)
    alerts.try_rule(store, LOCAL_USER, None, "p", rule)
    hook.answers = [500, 302]
    look()
    assert log(store)[0][:2] == ("waiting", 1)
    look()
    assert len(hook.got) == 1, "not before its time"
    clock.ahead += PAUSES_US[0]
    look()
    assert "answered 302" in log(store)[0][2]
    assert "/elsewhere" not in hook.paths
    clock.ahead += PAUSES_US[1]
    look()
    assert log(store) == [("sent", 3, "")]
    hook.answers = [500] * 9
    alerts.try_rule(store, LOCAL_USER, None, "p", rule)
    for pause in (0, *PAUSES_US, *PAUSES_US):
        clock.ahead += pause
        look()
    state, attempts, error = log(store)[0]
    assert (state, attempts, "answered 500" in error) == ("failed", len(PAUSES_US) + 1, True)


def test_a_target_that_is_gone_keeps_nobody_else_waiting(store, hook, look):
    gone = NewRule(when=When.FAILED, webhook="http://127.0.0.1:1/x")
    alerts.add_rule(store, LOCAL_USER, None, "p", gone)
    add(store, hook, when=When.FAILED)
    fail(now_writing(store))
    look()
    assert sorted(state for state, _, _ in log(store)) == ["sent", "waiting"]
    assert len(hook.got) == 1


def test_a_target_that_takes_nothing_is_asked_once_a_look_however_much_it_should_hear(
    store, hook, look
):
    """Thirty alerts that wait for it, all older, keep the next rule's only one not waiting."""
    with webhook() as sulking:
        sulking.answers = [503] * 99
        rule = add(store, sulking, when=When.FAILED)
        for _ in range(30):
            alerts.try_rule(store, LOCAL_USER, None, "p", rule)
        alerts.try_rule(store, LOCAL_USER, None, "p", add(store, hook, when=When.FAILED))
        look()
        assert (len(sulking.got), len(hook.got)) == (1, 1)
        look()
        assert len(sulking.got) == 2, "the next one has its turn"
        waiting = alerts.list_deliveries(store, LOCAL_USER, None, "p").deliveries[1:]
    assert all(one.state == "waiting" and one.next_us is not None for one in waiting)


def test_a_target_that_drips_bytes_is_cut_off(store, look, monkeypatch):
    """Its socket never times out, as each byte comes in time."""
    monkeypatch.setattr("epochal.server.webhook.WHOLE_SECONDS", 0.5)
    monkeypatch.setattr("epochal.server.mail.WHOLE_SECONDS", 0.5)
    with dripping() as port:
        new = NewRule(webhook=f"http://127.0.0.1:{port}/", when=When.FAILED)
        alerts.add_rule(store, LOCAL_USER, None, "p", new)
        settings = MailSettings(host="127.0.0.1", port=port, security="none", sender="a@b.example")
        alerts.set_mail(store, LOCAL_USER, settings)
        new = NewRule(email="c@d.example", when=When.FAILED)
        alerts.add_rule(store, LOCAL_USER, None, "p", new)
        fail(now_writing(store))
        look()
    assert [state for state, *_ in log(store)] == ["waiting", "waiting"]
    assert all("no end after 0.5 s" in error for *_, error in log(store))


def test_an_alert_that_cannot_be_told_keeps_nobody_else_waiting(store, hook, mails, look):
    """Python's mail library breaks on this address, which no rule can have."""
    name_server(store, mails)
    rule = Rule(when=When.FAILED, email=UNREADABLE, id="odd", created_us=0)
    write_preference(store, "local", "another", RULES, msgspec.msgpack.encode([rule]))
    alerts.try_rule(store, LOCAL_USER, None, "another", "odd")
    add(store, hook, when=When.FAILED)
    fail(now_writing(store))
    look()
    assert [state for state, _, _ in log(store)] == ["sent"]
    (odd,) = alerts.list_deliveries(store, LOCAL_USER, None, "another").deliveries
    assert (odd.state, odd.attempts, bool(odd.error)) == ("waiting", 1, True)


@pytest.mark.parametrize("address", [UNREADABLE, "a@", "@b", "a@b@c", "a@[::1]", "a@b c", "a:b@c"])
def test_a_receiver_is_one_plain_address(store, mails, address):
    name_server(store, mails)
    with pytest.raises(InvalidInput, match="one address like"):
        alerts.add_rule(store, LOCAL_USER, None, "p", NewRule(when=When.FAILED, email=address))


def test_what_a_removed_rule_found_is_not_told(store, hook, look):
    rule = add(store, hook, when=When.FAILED)
    alerts.try_rule(store, LOCAL_USER, None, "p", rule)
    alerts.remove_rule(store, LOCAL_USER, None, "p", rule)
    look()
    assert hook.got == []
    assert log(store)[0][0] == "failed"
    with pytest.raises(NotFound):
        alerts.remove_rule(store, LOCAL_USER, None, "p", rule)


def name_server(store: Store, mails: Postbox) -> None:
    settings = MailSettings(
        host="127.0.0.1", port=mails.port, security="none", user="ada", password="hush",
        sender="epochal@example.org",
    )  # fmt: skip
    alerts.set_mail(store, LOCAL_USER, settings)


def test_a_mail_arrives_with_one_subject_whatever_the_run_is_called(store, mails, look):
    name_server(store, mails)
    rule = NewRule(when=When.ALERT, email="bob@example.org")
    alerts.add_rule(store, LOCAL_USER, None, "p", rule)
    writing = now_writing(store)
    writing.now += 1_000_000
    writing.fact(Event(writing.now, "error", "boom\r\nBcc: eve@example.org", "all is lost ☃"))
    mails.refuse = True
    look()
    assert mails.mails == []
    assert "451" in log(store)[0][2]
    mails.refuse = False
    look()
    assert mails.mails == [], "not before its time"


def test_a_mail_is_one_to_its_receiver(store, mails, look):
    name_server(store, mails)
    rule = NewRule(when=When.ALERT, email="bob@example.org")
    alerts.add_rule(store, LOCAL_USER, None, "p", rule)
    writing = now_writing(store)
    writing.now += 1_000_000
    writing.fact(Event(writing.now, "error", "boom\r\nBcc: eve@example.org", "all is lost"))
    look()
    ((sender, to, text),) = mails.mails
    assert "epochal@example.org" in sender
    assert "bob@example.org" in to
    head, _, body = text.partition("\n\n")
    assert "Subject: Epochal: " in head
    assert not [line for line in head.splitlines() if line.startswith("Bcc")]
    assert "all is lost" in body
    assert "https://epochal.example/p/p/r/r1" in body
    assert len(mails.logins) == 1


def test_secrets_are_kept_and_never_shown(store, hook, mails):
    add(store, hook, when=When.FAILED)
    shown = repr(alerts.list_rules(store, LOCAL_USER, None, "p"))
    assert "very-secret" not in shown
    assert f"http://127.0.0.1:{hook.port}/…" in shown
    name_server(store, mails)
    assert "hush" not in repr(alerts.get_mail(store, LOCAL_USER))
    same = MailSettings(host="127.0.0.1", port=99, user="ada", sender="epochal@example.org")
    assert alerts.set_mail(store, LOCAL_USER, same).has_password
    other = MailSettings(host="elsewhere.example", user="ada", sender="epochal@example.org")
    assert not alerts.set_mail(store, LOCAL_USER, other).has_password, "not sent to another host"


def test_in_team_mode_the_machine_itself_is_never_called(store, home, hook, clock):
    rule = add(store, hook, when=When.FAILED)
    alerts.try_rule(store, LOCAL_USER, None, "p", rule)
    Alerting(store, Settings(home=home, auth=True), clock).look()
    assert hook.got == []
    assert log(store)[0][:2] == ("failed", len(PAUSES_US) + 1)


def test_a_script_that_fails_is_told_by_a_running_server(
    home: Path, server: Server, hook: Hook, wait_for: Callable[..., Any]
) -> None:
    """From the command line to the webhook, with nothing but what a user has."""
    done = run_cli("alert", "add", "p", "--when", "failed", "--webhook", hook.url, home=home)
    assert done.returncode == 0, done.stderr
    listed = run_cli("alert", "ls", "p", "--json", home=home)
    (rule,) = json.loads(listed.stdout)["rules"]
    assert rule["says"] == "a run fails or crashes"
    assert run_cli("alert", "try", "p", rule["id"], home=home).returncode == 0
    wait_for(lambda: len(hook.got) == 1, 30.0)
    script = "epochal.init(project='p', id='bad', settings=QUIET)\nraise ValueError('no')"
    assert run_script(script, home).returncode == 1
    wait_for(lambda: len(hook.got) == 2, 60.0)
    assert hook.got[1]["run"]["id"] == "bad"
    assert hook.got[1]["link"] == f"{server.url}/p/p/r/bad", "a link that opens where it is read"
    shown = wait_for(
        lambda: (text := run_cli("alert", "log", "p", home=home).stdout).count("sent") == 2
        and text, 30.0
    )  # fmt: skip
    assert "very-secret" not in shown
    assert run_cli("alert", "rm", "p", rule["id"], home=home).returncode == 0
    assert "no rules yet" in run_cli("alert", "ls", "p", home=home).stderr


def test_an_alert_of_a_run_that_ends_with_its_block_says_which_exception_ended_it(
    store, hook, look
):
    """The traceback is printed after the run has ended, so its console lacks it."""
    add(store, hook, when=When.FAILED)
    run_script(
        """
        import epochal
        with epochal.init(project="p", settings={"git": False, "environment": False}):
            epochal.log({"loss": 1.0})
            raise RuntimeError("out of memory")
        """,
        store.home,
    )
    look()
    (message,) = hook.got
    assert message["detail"].splitlines()[-1] == "RuntimeError: out of memory"


def test_an_alert_of_a_failed_run_says_which_exception_ended_it(store, hook, look):
    """Read from the console that a real client recorded, colors left out."""
    add(store, hook, when=When.FAILED)
    run_script(
        """
        import epochal
        epochal.init(project="p", id="broken", settings={"git": False, "environment": False})
        epochal.log({"loss": 1.0})
        raise ValueError("the learning rate is \\x1b[31mnegative\\x1b[0m")
        """,
        store.home,
    )
    look()
    (message,) = hook.got
    assert message["run"]["id"] == "broken"
    assert message["detail"].splitlines()[-1] == "ValueError: the learning rate is negative"
