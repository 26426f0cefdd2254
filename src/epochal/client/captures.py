"""What a run records of its surroundings besides what the user logs.

Console, system, environment, git.

The console is captured from the first line after `init`. Environment and git are read in the
background, at once; the list of packages and the system metrics follow after two seconds, so that
a short run costs nothing for them. Each part can be switched off, and none can harm the run: a
failing one warns once.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from epochal.client import guard, lazy
from epochal.client.recording import Recorder
from epochal.client.settings import Settings
from epochal.domain.names import SYSTEM_PREFIX
from epochal.domain.record import Console, Environment

LATE_S = 2.0
STOP_S = 1.0
MORE_S = 15.0
"""What was printed in the last moments may take so much longer, while it is coming in."""


class Captures:
    """The captures of one run.

    Args:
        settings: which parts are wanted.
        recorder: where they go.
        redacted: hides secrets in facts.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        redacted: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._redacted = redacted
        self._console: Any = None
        self._system: Any = None
        self._system_steps = itertools.count()
        self._late_at = time.monotonic() + LATE_S
        self._late_done = False

    def start_console(self) -> None:
        """Capture stdout and stderr from now on."""
        if not self._settings.console:
            return
        with guard.Shield("capturing the console"):
            console = lazy.load("capture.console").Console()
            console.start(self._take_lines)
            self._console = console

    def read_surroundings(self) -> None:
        """Worker: record environment and git."""
        if self._settings.environment:
            with guard.Shield("reading the environment"):
                self._record(lazy.load("capture.environment").read_environment())
        if self._settings.git:
            with guard.Shield("reading git"):
                state = lazy.load("capture.git").read_git(os.getcwd())
                if state:
                    self._record({"git": state})

    def tick(self, now: float) -> None:
        """Worker: the parts that start late.

        Args:
            now: monotonic seconds.
        """
        if self._late_done or now < self._late_at:
            return
        self._late_done = True
        if self._settings.system_interval:
            with guard.Shield("reading system metrics"):
                path = self._recorder.journal.path
                system = lazy.load("capture.system").SystemMonitor(
                    self._settings.system_interval, self._take_metrics, path=path or os.getcwd()
                )
                system.start()
                self._system = system
        if self._settings.environment:
            with guard.Shield("listing packages"):
                packages = lazy.load("capture.environment").installed_packages()
                self._record({"packages": packages})

    def stop(self) -> None:
        """End all captures; console lines that are on their way are recorded."""
        self._late_done = True
        if self._system is not None:
            with guard.Shield("ending system metrics"):
                self._system.stop()
        if self._console is not None:
            with guard.Shield("ending the capture of the console"):
                self._console.stop(STOP_S, MORE_S)
        self._system = self._console = None

    def _record(self, facts: object) -> None:
        plain = msgspec.to_builtins(facts, str_keys=True)
        self._recorder.record(Environment(time.time_ns() // 1000, self._redacted(plain)))

    def _take_lines(self, stream: int, first: int, lines: Sequence[str]) -> None:
        with guard.Shield("recording console lines"):
            self._recorder.record(Console(time.time_ns() // 1000, stream, first, list(lines)))

    def _take_metrics(self, values: Mapping[str, float]) -> None:
        names = tuple(
            key if key.startswith(SYSTEM_PREFIX) else SYSTEM_PREFIX + key for key in values
        )
        with guard.Shield("recording system metrics"):
            step = next(self._system_steps)
            self._recorder.write_row(names, step, time.time_ns() // 1000, list(values.values()))
