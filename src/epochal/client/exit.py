"""The end of the process.

Runs are finished, and the program's exit code, exceptions and signals stay as they were.

The exit code is learned from three hooks, none of which changes what happens: ``sys.excepthook``
(an uncaught exception is exit code 1, Ctrl-C is 130), ``sys.exit`` (its argument), and ``atexit``,
which finishes. A bare ``raise SystemExit(3)`` outside of a ``with init()`` block cannot be seen by
anybody in Python: such a run counts as finished. No signal handler is installed: a SIGTERM that
nobody handles ends the process at once, and readers find the run crashed. A ``sys.exit`` that
somebody catches is forgotten with the next row that is logged.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
from types import TracebackType
from typing import Any, NoReturn, Protocol

from epochal.client import guard

INTERRUPTED = 130


class Ending(Protocol):
    """A run as seen from here."""

    def mark(self) -> object:
        """Changes whenever something is logged."""

    def end(self, exit_code: int, *, interrupted: bool) -> None:
        """Finish within the time limits."""

    def fail(self, title: str) -> None:
        """Note the exception that ends the program."""


class ExitWatch:
    """The hooks. One for the process."""

    def __init__(self) -> None:
        self._runs: list[Ending] = []
        self._code: int | None = None
        self._interrupted = False
        self._marks: list[object] = []
        self._installed = False

    def watch(self, run: Ending) -> None:
        """Finish this run at the end of the process."""
        if not self._installed:
            self._installed = True
            atexit.register(self._at_exit)
            self._hook_exceptions()
            self._hook_exit()
        self._runs.append(run)

    def forget(self, run: Ending) -> None:
        """The run is finished already."""
        if run in self._runs:
            self._runs.remove(run)

    def _hook_exceptions(self) -> None:
        previous = sys.excepthook

        def excepthook(
            kind: type[BaseException], error: BaseException, trace: TracebackType | None
        ) -> None:
            self._code = 1
            self._interrupted = issubclass(kind, KeyboardInterrupt)
            if not self._interrupted:
                with guard.Shield("noting the exception"):
                    title = f"{kind.__name__}: {error!s:.300}"
                    for run in list(self._runs):
                        run.fail(title)
            previous(kind, error, trace)

        sys.excepthook = excepthook

    def _hook_exit(self) -> None:
        previous = sys.exit

        def exit_and_note(code: Any = None, /) -> NoReturn:
            with guard.Shield("noting the exit code"):
                self._code = read_exit_code(code)
                self._marks = [run.mark() for run in self._runs]
            previous(code)

        exit_and_note.__doc__ = previous.__doc__
        exit_and_note.__name__ = exit_and_note.__qualname__ = "exit"
        sys.exit = exit_and_note

    def _at_exit(self) -> None:
        code = self._code or 0
        if self._marks and self._marks != [run.mark() for run in self._runs]:
            code = 0  # that sys.exit was caught: the program went on logging after it
        if self._interrupted:
            code = INTERRUPTED
        try:
            for run in list(self._runs):
                with guard.Shield("finishing the run"):
                    run.end(code, interrupted=self._interrupted)
        except KeyboardInterrupt:
            return  # a second Ctrl-C leaves at once; the journals keep what was not sent
        finally:
            if self._interrupted:
                _leave_interrupted()


def _leave_interrupted() -> None:
    """Let Python end by SIGINT, as it would without us.

    It remembers that Ctrl-C went uncaught until the next ``exec`` or ``eval`` of a text, and
    importing a module that makes named tuples or dataclasses is one. Here is another that says the
    same again.
    """
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt", {})  # noqa: S102 - the only way to tell Python


def read_exit_code(code: object) -> int:
    """The exit status that Python makes of ``sys.exit(code)`` or ``SystemExit.code``."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if -(2**63) <= code < 2**63 else 0xFF  # too large for C: -1


exits = ExitWatch()
