"""The one place where the tracker's own exceptions end.

Training goes on whatever happens here: an `Exception` inside a guarded call becomes one
`EpochalWarning`, at most once per cause; `KeyboardInterrupt` and `SystemExit` belong to the user
and pass. This module holds the only broad ``except`` of the training side.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from epochal.errors import EpochalError, EpochalWarning

T = TypeVar("T")
Log: TypeAlias = Callable[..., object]

MAX_CAUSES = 1000

_seen: set[Hashable] = set()
_package = __name__.partition(".")[0]


def forget() -> None:
    """Start afresh, so that a new run tells its own troubles."""
    _seen.clear()


def warn_once(cause: Hashable, message: str) -> None:
    """Tell the user something, once per cause. Never raises, even where warnings are errors.

    Args:
        cause: what the message is about; a second message with an equal cause is not shown.
        message: one or two sentences: what happened and what to do.
    """
    if cause in _seen or len(_seen) >= MAX_CAUSES:
        return
    _seen.add(cause)
    warn(message)


def warn(message: str) -> None:
    """Tell the user something, as a warning at the line of user code that led here."""
    try:
        filename, line = _user_line()
        warnings.warn_explicit(message, EpochalWarning, filename, line)
    except Exception:  # noqa: BLE001 - a filter may turn warnings into errors, a hook may be broken
        write_line(f"epochal: {message}")


def write_line(text: str) -> None:
    """Write one line to stderr, or nowhere when there is no usable stderr."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except Exception:  # noqa: BLE001, S110 - closed, missing or foreign stderr
        pass


def report(error: BaseException, during: str) -> None:
    """Turn an exception of ours into a warning, once per kind of error and activity."""
    if isinstance(error, EpochalError):
        warn_once((during, str(error)), f"{during}: {error}")
        return
    cause = (during, type(error), _innermost_line(error))
    warn_once(cause, f"{during} failed and was skipped: {type(error).__name__}: {error!s:.300}")


def attempt(call: Callable[[], T], default: T) -> T:
    """What ``call`` returns, or ``default`` when it raises.

    For the code of users, such as a repr.
    """
    try:
        return call()
    except Exception:  # noqa: BLE001 - not ours to judge
        return default


class Shield:
    """A context in which exceptions become warnings: ``with Shield("reading git"): ...``."""

    __slots__ = ("during",)

    def __init__(self, during: str) -> None:
        self.during = during

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        report(error, self.during)
        return True


def shield_log(fast: Callable[..., bool], slow: Callable[..., None]) -> Log:
    """Join the two ways of recording into one ``log`` that never raises.

    Args:
        fast: records plain rows; returns False, or raises without having recorded, for all others.
        slow: records anything, and warns about what it cannot.
    """

    def log(
        data: Any,
        step: Any = None,
        commit: bool | None = None,
        sync: bool | None = None,  # noqa: ARG001 - W&B's, which ours always is
    ) -> None:
        try:
            if fast(data, step, commit):
                return
        except Exception:  # noqa: BLE001, S110 - whatever it is, the slow way explains it
            pass
        try:
            slow(data, step, commit)
        except Exception as error:  # noqa: BLE001 - log() never raises (P1)
            report(error, "log()")

    return log


def _user_line() -> tuple[str, int]:
    """File and line of the innermost frame that is not ours."""
    frame = sys._getframe(1)  # noqa: SLF001 - what warnings does itself
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if module != _package and not module.startswith(_package + "."):
            break
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _innermost_line(error: BaseException) -> tuple[str, int] | None:
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
