"""Host, command line, packages and git of a pipeline run, read when its first step has to work.

A run that the cache answers altogether reads nothing: the runs that did the work have it.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from typing import Any, Final

import msgspec

from epochal.client import guard
from epochal.client.run import Run
from epochal.domain.record import Environment
from epochal.pipelines.tracking import now_us, record

LATE_S: Final = 2.0
"""A run that ends before this has passed does not list its packages."""
WAIT_S: Final = 3.0


class Surroundings:
    """The reader of one pipeline run's surroundings; each part at most once.

    Args:
        run: where they are recorded.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def read(self) -> None:
        """Begin to read, unless that was done; returns at once."""
        with self._lock:
            if self._thread is None and self._run.mode != "disabled":
                self._thread = threading.Thread(
                    target=self._read, name="epochal-surroundings", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Wait for what is being read, for a short time."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(WAIT_S)

    def _read(self) -> None:
        began = time.monotonic()
        environment: Any = importlib.import_module("epochal.client.capture.environment")
        with guard.Shield("reading the environment"):
            self._record(environment.read_environment())
        with guard.Shield("reading git"):
            state = importlib.import_module("epochal.client.capture.git").read_git(os.getcwd())
            if state:
                self._record({"git": state})
        if not self._ending.wait(max(0.0, LATE_S - (time.monotonic() - began))):
            with guard.Shield("listing packages"):
                self._record({"packages": environment.installed_packages()})

    def _record(self, facts: object) -> None:
        plain: dict[str, Any] = msgspec.to_builtins(facts, str_keys=True)
        redacted = self._run._session.redacted(plain)  # noqa: SLF001 - as its own captures do
        record(self._run, Environment(now_us(), redacted))
