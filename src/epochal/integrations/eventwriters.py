"""Tells of the event files that this process opens: those of torch, tensorboardX and TensorBoard.

Nothing else says where a ``SummaryWriter`` writes, so the constructors of the two classes behind
all of them are wrapped, once, when their modules are loaded or as soon as they are. A wrapped
constructor does what it did before, and asks its writer to put events on disk every second.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from epochal.client import guard

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
    for name in MODULES:
        if name in sys.modules:
            _wrap(sys.modules[name])
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
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


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the two modules as everybody does, and wraps their class once they are loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname not in MODULES:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)
                return spec  # type: ignore[no-any-return]
        return None


class _Loader(importlib.abc.Loader):
    """A loader that wraps the writer of what it has loaded."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """See `importlib.abc.Loader`."""
        module: ModuleType | None = self._inner.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        self._inner.exec_module(module)
        _wrap(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
