"""Tells of the event files that this process opens: those of torch, tensorboardX and TensorBoard.

Nothing else says where a ``SummaryWriter`` writes, so the constructors of the two classes behind
all of them are wrapped, once, when their modules are loaded or as soon as they are. A wrapped
constructor does what it did before, and asks its writer to put events on disk every second.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from epochal.client import guard
from epochal.integrations.loading import when_loaded

MODULES: Final = (
    "tensorboard.summary.writer.event_file_writer",
    "tensorboardX.event_file_writer",
)
CLASS: Final = "EventFileWriter"
FLUSH_SECONDS: Final = 1

Listener = Callable[[Any, str], None]
"""Called with a writer and the path of its event file."""

_listeners: Final[list[Listener]] = []
_wrapped: Final[list[Any]] = []


def listen(listener: Listener) -> None:
    """Call ``listener`` for every writer there is, and every one to come."""
    _listeners.append(listener)
    when_loaded(MODULES, _wrap)
    for writer in _existing():
        _tell(writer, [listener])


def forget(listener: Listener) -> None:
    """Call ``listener`` no more."""
    with contextlib.suppress(ValueError):
        _listeners.remove(listener)


def _existing() -> list[Any]:
    kinds = {getattr(sys.modules.get(name), CLASS, None) for name in MODULES} - {None}
    found = [one for one in gc.get_objects() if type(one) in kinds] if kinds else []
    return [one for one in found if not _is_closed(one)]


def _is_closed(writer: Any) -> bool:
    inner = getattr(writer, "_async_writer", writer)
    return bool(getattr(inner, "_closed", False))


def _tell(writer: Any, listeners: Sequence[Listener]) -> None:
    with guard.Shield("sync_tensorboard"):
        inner = getattr(writer, "_ev_writer", writer)
        path = getattr(inner, "_file_name", None)
        if isinstance(path, str) and "://" not in path:
            for listener in listeners:
                listener(writer, os.path.abspath(path))


def _wrap(module: ModuleType) -> None:
    """Wrap the constructor of a module's writer, unless it is."""
    kind = getattr(module, CLASS, None)
    original = getattr(kind, "__init__", None)
    if kind is None or original is None or original in _wrapped:
        return
    signature = inspect.signature(original)

    @functools.wraps(original)
    def __init__(self: Any, *values: Any, **named: Any) -> None:  # noqa: N807 - stands for one
        if not _listeners:
            original(self, *values, **named)
            return
        given = signature.bind(self, *values, **named)
        given.apply_defaults()
        with contextlib.suppress(KeyError, TypeError):
            given.arguments["flush_secs"] = min(given.arguments["flush_secs"], FLUSH_SECONDS)
        original(*given.args, **given.kwargs)
        _tell(self, [*_listeners])

    _wrapped.append(__init__)
    kind.__init__ = __init__
