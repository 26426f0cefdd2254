"""Calls a function when a module of another library is loaded, now or later; loads none itself.

Scripts import in any order. A module that is watched is found and run as it always is, keeps its
own loader, and costs one call more; all other modules are found as if nobody watched.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, Final

from epochal.client import guard

Call = Callable[[ModuleType], None]

_watched: Final[dict[str, list[Call]]] = {}


def when_loaded(names: Iterable[str], call: Call) -> None:
    """Call a function with each of some modules: at once if it is loaded, else when it is.

    Args:
        names: full names of modules.
        call: asked once for each; what it raises becomes a warning. The same function again for
            the same module changes nothing.
    """
    for name in names:
        calls = _watched.setdefault(name, [])
        if call in calls:
            continue
        calls.append(call)
        if name in sys.modules:
            _tell(sys.modules[name], [call])
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def _tell(module: ModuleType, calls: Sequence[Call]) -> None:
    for call in calls:
        with guard.Shield(f"import {module.__name__}"):
            call(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds watched modules as everybody does, and hears when they are loaded."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname not in _watched:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(fullname, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)
                return spec  # type: ignore[no-any-return]
        return None


class _Loader(importlib.abc.Loader):
    """A loader that tells of what it has loaded, and leaves its place to the one it stands for."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """See `importlib.abc.Loader`."""
        module: ModuleType | None = self._inner.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        _tell(module, _watched[module.__name__])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
