"""The thread that looks whether a rule of alerts holds, and tells what it found.

It looks every few seconds, at next to no cost where nobody made a rule. What is found is written
down before it is told, so that a server that dies tells it after its next start; a target that
does not take it is tried again, later and later, and given up after some hours. The network is
never touched while the store is held.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from epochal.domain.address import page_path
from epochal.domain.alert import Occasion, Rule, When, says
from epochal.errors import EpochalError, PermissionDenied
from epochal.server import mail, webhook
from epochal.server.settings import Settings
from epochal.service.alerts import all_rules, read_mail
from epochal.store.deliveries import PAUSES_US, add_deliveries, due, settle
from epochal.store.lastwords import last_exception
from epochal.store.occasions import find_occasions
from epochal.store.owner import Store

log: Final = logging.getLogger("epochal.server")
INTERVAL: Final = 5.0
AT_ONCE: Final = 20
"""Deliveries between two looks, so that a target that is slow does not keep others waiting."""


class Alerting:
    """Follows the rules of a store until it is stopped.

    Args:
        store: the open store.
        settings: whether this is team mode, and the address that people use.
        clock: microseconds since 1970.

    Attributes:
        base: what links begin with; the server's own address where people use no other.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store = store
        self._team = settings.auth
        self.base = settings.public_url.rstrip("/")
        self._clock = clock
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._last_problem = ""
        self._thread = threading.Thread(target=self._run, name="epochal-alerts", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def nudge(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self, deadline: float) -> bool:
        """End the thread; whether it ended before ``deadline``, in seconds of `time.monotonic`."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def look(self) -> None:
        """Find what rules hold, and tell what is due.

        Raises:
            EpochalError: the database cannot be read or written now.
        """
        rules = all_rules(self._store)
        now = self._clock()
        for place, of_project in rules.items():
            for rule in of_project:
                with self._store.database.read() as connection:
                    found = find_occasions(connection, rule, place, now)
                if rule.when is When.FAILED:
                    found = [self._explained(one) for one in found]
                add_deliveries(self._store, place, rule, found, now)
        known = {rule.id: rule for of_project in rules.values() for rule in of_project}
        unwilling: set[str] = set()
        for row in due(self._store, now, AT_ONCE):
            if self._ending.is_set():
                return
            if row.rule not in unwilling and not self._tell(row, known.get(row.rule)):
                unwilling.add(row.rule)

    def _explained(self, failed: Occasion) -> Occasion:
        """With the exception that ended the run, where its console tells it."""
        error = last_exception(self._store, failed.uid)
        return replace(failed, text=f"{failed.text}\n{error}") if error else failed

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            try:
                self.look()
                self._last_problem = ""
            except EpochalError as error:
                problem = f"{type(error).__name__}: {error}"
                if problem != self._last_problem:
                    self._last_problem = problem
                    log.exception("looking for alerts failed, trying again")
            self._wake.wait(INTERVAL)

    def _tell(self, row: Any, rule: Rule | None) -> bool:
        """One attempt; False when its target takes nothing now, so that the rest can wait."""
        attempts, error, willing = row.attempts + 1, "", True
        if rule is None:
            attempts, error = len(PAUSES_US) + 1, "the rule was removed before it was told"
        else:
            try:
                self._send(row, rule)
            except PermissionDenied as refused:
                attempts, error = len(PAUSES_US) + 1, refused.message
            except EpochalError as failed:
                error, willing = failed.message, False
            except Exception as fault:  # one that cannot be told must not end all others
                log.exception("telling alert %d failed", row.id)
                error = f"{type(fault).__name__}: {fault}"
        settle(self._store, row.id, attempts, error, self._clock())
        return willing

    def _send(self, row: Any, rule: Rule) -> None:
        path = page_path(row.entity, row.project, row.run_id)
        link = self.base + path
        if rule.email:
            about = f"Project {row.project}" + (f", run {row.run}" if row.run else "")
            why = f"You get this mail when {says(rule)}: rule {rule.id} of the project's alerts."
            text = "\n\n".join(filter(None, (row.text, f"{about}\n{link}", f"-- \n{why}\n")))
            mail.send(read_mail(self._store), rule.email, f"Epochal: {row.title}", text)
            return
        message = {
            "text": "\n".join(filter(None, (row.title, row.text, link))),
            "title": row.title,
            "detail": row.text,
            "when": rule.when,
            "entity": row.entity,
            "project": row.project,
            "run": {"uid": row.uid, "id": row.run_id, "name": row.run},
            "link": link,
            "id": row.id,
            "created_us": row.created_us,
        }
        webhook.post(rule.webhook, message, team=self._team)
