"""The code that a step depends on: itself and, followed by name, all of the user's code below it.

A fingerprint changes when a helper in any module, a class or one of its bases, a global, a closure
cell, a default or the version of a used package changes; comments, docstrings, formatting and
globals that are not read leave it as it is. What cannot be followed is named in ``blind``.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import inspect
import sys
import threading
from collections import deque
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import msgspec

from epochal.domain.pipeline import Dependency
from epochal.errors import EpochalError
from epochal.models.snapshot import is_local
from epochal.pipelines import bytecode
from epochal.pipelines.named import module_name
from epochal.pipelines.valuation import NOT_DATA, Valuation

PINS: Final = ("exact", "minor", "off")
_MISSING: Final = object()
_ROUTINES: Final = (staticmethod, classmethod)
_NOTED: Final = {
    "open": "open() reads files by path: declare them with deps=[...]",
    "eval": "eval() runs text",
    "exec": "exec() runs text",
    "globals": "globals() reads names that cannot be followed",
    "__import__": "__import__() imports by text",
}
_NOTED_ATTRIBUTES: Final = {
    ("os", "environ"): "os.environ is read: declare variables with env=[...]",
    ("os", "getenv"): "os.getenv is read: declare variables with env=[...]",
    ("importlib", "import_module"): "importlib.import_module() imports by text",
}
_CLASS_NOISE: Final = frozenset(
    {"__doc__", "__module__", "__dict__", "__weakref__", "__firstlineno__", "__abstractmethods__",
     "_abc_impl", "__static_attributes__", "__annotations_cache__", "__annotate_func__"}
)  # fmt: skip


class Fingerprint(msgspec.Struct, frozen=True):
    """All code below a function or class.

    Attributes:
        digest: of all dependencies; 64 hex digits.
        dependencies: in the order of their names.
        blind: what could not be followed, in words.
    """

    digest: str
    dependencies: tuple[Dependency, ...]
    blind: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """A digest of the code alone, without the values of globals."""
        parts = [
            f"{each.name} {each.kind} {each.digest}"
            for each in self.dependencies
            if each.kind not in ("value", "opaque")
        ]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    def table(self) -> bytes:
        """The dependencies as JSON."""
        return msgspec.json.encode(self.dependencies)


def fingerprint(target: Any, pin: str = "exact") -> Fingerprint:
    """The fingerprint of a function or class, as it is now.

    Args:
        target: a Python function or class.
        pin: which part of the versions of packages counts: ``exact``, ``minor`` or ``off``.
    """
    key = (id(target), pin)
    with _lock:
        known = _known.get(key)
    if known is not None and known.target is target and known.holds():
        return known.fingerprint
    walk = _Walk(target, pin)
    with _lock:
        _known[key] = walk
    return walk.fingerprint


_known: dict[tuple[int, str], _Walk] = {}
_lock = threading.Lock()


class _Walk:
    """One look at all code below a target, and what has to hold for it to be true later."""

    def __init__(self, target: Any, pin: str) -> None:
        self.target = target
        self._pin = pin
        self._found: dict[str, Dependency] = {}
        self._blind: dict[str, None] = {}
        self._seen: set[int] = set()
        self._queue: deque[Any] = deque()
        self._names: list[tuple[Mapping[str, Any], str, Any]] = []
        self._codes: list[tuple[FunctionType, CodeType, Any, Any]] = []
        self._cells: list[tuple[Any, Any]] = []
        self._volatile: list[tuple[Any, bytes]] = []
        self._keep: list[Any] = []
        self._push(target)
        while self._queue:
            found = self._queue.popleft()
            if isinstance(found, type):
                self._class(found)
            else:
                self._function(found)
        dependencies = tuple(sorted(self._found.values(), key=lambda each: each.name))
        hashing = hashlib.blake2b(digest_size=32)
        for each in dependencies:
            for text in (each.name, each.kind, each.digest):
                data = text.encode("utf-8", "replace")
                hashing.update(len(data).to_bytes(8, "little") + data)
        self.fingerprint = Fingerprint(hashing.hexdigest(), dependencies, tuple(self._blind))

    def holds(self) -> bool:
        """Whether everything that was looked at is still the same."""
        return (
            all(space.get(name, _MISSING) is value for space, name, value in self._names)
            and all(_state(f) == (code, d, k) for f, code, d, k in self._codes)
            and all(_content(cell) is value for cell, value in self._cells)
            and all(Valuation().text(value) == text for value, text in self._volatile)
        )

    # -- what is found
    def _push(self, target: Any) -> None:
        if id(target) not in self._seen:
            self._seen.add(id(target))
            self._keep.append(target)
            self._queue.append(target)

    def _add(self, name: str, kind: str, content: str | bytes, source: str = "") -> None:
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        digest = (
            content if kind == "library" else hashlib.blake2b(data, digest_size=16).hexdigest()
        )
        base, count = name, 1
        while name in self._found and self._found[name].digest != digest:
            count += 1
            name = f"{base}#{count}"
        self._found[name] = Dependency(name, kind, str(digest), source)

    def _note(self, text: str) -> None:
        self._blind.setdefault(text)

    # -- functions
    def _function(self, function: FunctionType) -> None:
        code = function.__code__
        name = f"{module_name(function.__module__ or '')}:{function.__qualname__}"
        self._codes.append((function, *_state(function)))
        values = [
            self._value(f"{name} default", each)
            for each in (function.__defaults__ or (), function.__kwdefaults__ or {})
        ]
        for cell_name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            content = _content(cell)
            self._cells.append((cell, content))
            if content is not _MISSING and cell_name != "__class__":
                values.append(self._value(f"{name} closure {cell_name}", content))
        text = bytecode.text_of(code)
        self._add(name, "function", "\n".join([text, *values]), _source(function))
        space = function.__globals__
        for reference in bytecode.references(code):
            self._reference(space, reference)
        for each in bytecode.imports(code):
            self._import(space, each)

    def _reference(self, space: dict[str, Any], reference: bytecode.Reference) -> None:
        name = reference.name
        value = space.get(name, _MISSING)
        self._names.append((space, name, value))
        if value is _MISSING:
            if not hasattr(builtins, name):
                self._add(f"{space.get('__name__')}:{name}", "value", "not there")
            elif name in _NOTED:
                self._note(_NOTED[name])
            return
        shown = f"{module_name(str(space.get('__name__')))}:{name}"
        self._follow(shown, value, reference.attributes)

    def _follow(self, shown: str, value: Any, attributes: tuple[str, ...]) -> None:
        """A value that is read, through the modules of the user on the way to it."""
        for index, attribute in enumerate(attributes):
            if not isinstance(value, ModuleType):
                break
            noted = _NOTED_ATTRIBUTES.get((value.__name__, attribute))
            if noted:
                self._note(noted)
            if not is_local(value):
                # A package of the user's may have its code in modules below an empty top.
                break
            shown = f"{module_name(value.__name__)}:{attribute}"
            inner = vars(value).get(attribute, _MISSING)
            self._names.append((vars(value), attribute, inner))
            if inner is _MISSING:
                self._module(value)
                return
            value = inner
            del index
        self._add_value(shown, value)

    def _import(self, space: dict[str, Any], each: bytecode.Import) -> None:
        name = each.module
        if each.level:
            package = str(space.get("__package__") or "")
            with contextlib.suppress(ImportError, ValueError):
                name = importlib.util.resolve_name("." * each.level + name, package)
        module = sys.modules.get(name)
        if module is None:
            self._unread_module(name)
        elif not is_local(module) or not each.names:
            self._module(module)
        else:
            for wanted in each.names:
                self._follow(f"{name}:{wanted}", module, (wanted,))

    def _unread_module(self, name: str) -> None:
        """A module that a function will import when it runs."""
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            spec = importlib.util.find_spec(name)
            top = name.partition(".")[0]
            if spec is not None and spec.origin and top not in sys.stdlib_module_names:
                shell = ModuleType(name)
                shell.__file__ = spec.origin
                if is_local(shell):
                    with open(spec.origin, "rb") as file:
                        self._add(name, "module", file.read())
                    return
        self._library(name)

    # -- values
    def _add_value(self, shown: str, value: Any) -> None:
        text = self._value(shown, value)
        if text:
            self._add(shown, "value", text, text[:2000])

    def _value(self, shown: str, value: Any) -> str:
        """The text of a value; code inside of it is followed."""
        valuation = Valuation()
        text = valuation.text(value)
        for each in valuation.code:
            self._code(each)
        for kind in valuation.opaque:
            self._note(f"{shown} is or holds a {kind}, whose content is not compared")
            self._add(f"{shown} ({kind})", "opaque", kind)
        if valuation.mutable:
            self._volatile.append((value, text))
        self._keep.append(value)
        return "" if text == NOT_DATA else text.decode("utf-8", "replace")

    def _code(self, value: Any) -> None:
        """A function, class or module that a value is, or holds."""
        if isinstance(value, ModuleType):
            self._module(value)
            return
        inner = inspect.unwrap(value) if callable(value) else value
        if inner is not value and isinstance(inner, FunctionType):
            self._code(inner)
        if isinstance(value, FunctionType | type) and is_user(value):
            self._push(value)
        else:
            owner = getattr(value, "__module__", None) or type(value).__module__
            self._library(str(owner))

    def _module(self, module: ModuleType) -> None:
        """A module as a whole: it is used in a way that does not tell which part."""
        if not is_local(module):
            self._library(module.__name__)
            return
        try:
            with open(str(module.__file__), "rb") as file:
                self._add(module_name(module.__name__), "module", file.read())
        except OSError:
            self._note(f"the source of module {module.__name__} cannot be read")

    def _library(self, name: str) -> None:
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("builtins", "") or self._pin == "off":
            return
        version = version_of(top)
        if self._pin == "minor":
            version = ".".join(version.split(".")[:2])
        self._add(top, "library", version)

    # -- classes
    def _class(self, kind: type) -> None:
        name = f"{module_name(kind.__module__)}:{kind.__qualname__}"
        parts = [f"bases {','.join(base.__qualname__ for base in kind.__bases__)}"]
        for base in (*kind.__bases__, type(kind)):
            self._code(base)
        for key, value in sorted(vars(kind).items()):
            if key in _CLASS_NOISE:
                continue
            self._names.append((vars(kind), key, value))
            inner = value.__func__ if isinstance(value, _ROUTINES) else value
            if isinstance(inner, property):
                accessors = (inner.fget, inner.fset, inner.fdel)
                for accessor in accessors:
                    if accessor is not None:
                        self._code(accessor)
                parts.append(f"{key} property {[each is not None for each in accessors]}")
                continue
            parts.append(f"{key} {type(value).__name__} {self._value(f'{name}.{key}', inner)}")
        self._add(name, "class", "\n".join(parts), _source(kind))


def is_user(target: Any) -> bool:
    """Whether a function or class is the user's own: neither installed nor part of Python."""
    module = sys.modules.get(getattr(target, "__module__", None) or "")
    if module is not None and module.__name__ not in ("__main__", "__mp_main__"):
        return is_local(module)
    if isinstance(target, FunctionType):
        path = target.__code__.co_filename
        return not any(part in path for part in ("site-packages", "dist-packages"))
    return module is not None


def version_of(package: str) -> str:
    """The version of an imported package, as well as it can be told."""
    known = _versions.get(package)
    if known is None:
        known = str(getattr(sys.modules.get(package), "__version__", "") or "")
        if not known:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError):
                known = importlib.metadata.version(package)
        _versions[package] = known = known or "unknown"
    return known


_versions: dict[str, str] = {}


def _state(function: FunctionType) -> tuple[CodeType, Any, Any]:
    return function.__code__, function.__defaults__, function.__kwdefaults__


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _source(target: Any) -> str:
    try:
        return inspect.getsource(target)
    except (OSError, TypeError, IndexError, EpochalError, SyntaxError):
        return ""
