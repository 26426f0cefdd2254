"""The code that defines a model, and the packages it needs, kept beside it.

Modules of installed packages are named with their versions; all others that the model's classes
reach are copied. Of a script (``__main__``) only imports, definitions and literal constants are
kept, so that loading its classes starts no training.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.metadata
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from epochal.domain.artifact import check_path
from epochal.errors import InvalidInput, NotFound

MAX_FILES = 500
MAX_BYTES = 20_000_000
SCRIPT = "__main__"

_INSTALLED = tuple(
    sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def is_local(module: ModuleType) -> bool:
    """Whether a module is the user's own: neither installed nor part of Python or Epochal."""
    path = getattr(module, "__file__", None)
    name = module.__name__.partition(".")[0]
    if path is None or not path.endswith(".py") or name in {"epochal", *sys.stdlib_module_names}:
        return False
    if name == SCRIPT:
        return True
    parts = Path(path).parts
    return not path.startswith(_INSTALLED) and not {"site-packages", "dist-packages"} & set(parts)


def gather(classes: Iterable[type]) -> dict[str, Path]:
    """The user's modules that classes come from, and all that these import: name to file."""
    pending = [sys.modules[kind.__module__] for kind in classes if kind.__module__ in sys.modules]
    found: dict[str, Path] = {}
    while pending and len(found) < MAX_FILES:
        module = pending.pop()
        if module.__name__ in found or not is_local(module):
            continue
        found[module.__name__] = Path(str(module.__file__))
        pending.extend(_reached(module))
        parent = sys.modules.get(module.__name__.rpartition(".")[0])
        if parent is not None:
            pending.append(parent)
    return found


def _reached(module: ModuleType) -> Iterator[ModuleType]:
    for value in list(vars(module).values()):
        if inspect.ismodule(value):
            yield value
            continue
        owner = getattr(value, "__module__", None)
        if isinstance(owner, str) and owner in sys.modules:
            yield sys.modules[owner]


def write_code(folder: Path, modules: dict[str, Path], extra: Iterable[Any]) -> dict[str, str]:
    """Copy modules, and the user's further paths, into a directory.

    Returns:
        Module names to files in the directory.

    Raises:
        NotFound: a path that the user gave does not exist.
        InvalidInput: the code is too much.
    """
    written: dict[str, str] = {}
    for name, source in modules.items():
        text = source.read_text(encoding="utf-8", errors="surrogateescape")
        if name == SCRIPT:
            text, name_in_code = definitions(text), f"script_{_word(source.stem)}"
        else:
            name_in_code = name
        package = source.name == "__init__.py"
        relative = name_in_code.replace(".", "/") + ("/__init__.py" if package else ".py")
        _put(folder / relative, text.encode("utf-8", "surrogateescape"))
        written[name] = relative
    for given in extra:
        _copy(Path(given), folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise InvalidInput(
            f"the code of the model has {size} bytes, at most {MAX_BYTES} are kept; "
            f"give only source files in code_paths"
        )
    return written


def _word(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text) or "notebook"


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _copy(source: Path, folder: Path) -> None:
    if source.is_file():
        _put(folder / check_path(source.name, "code path"), source.read_bytes())
        return
    if not source.is_dir():
        raise NotFound(f"code_paths names {source}, which does not exist")
    top = check_path(source.resolve().name, "code path")
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    if len(files) > MAX_FILES:
        raise InvalidInput(f"{source} holds {len(files)} files, at most {MAX_FILES} are kept")
    for path in files:
        relative = path.relative_to(source)
        if "__pycache__" in relative.parts or path.is_symlink():
            continue
        _put(folder / top / check_path(relative.as_posix(), "code path"), path.read_bytes())


def definitions(text: str) -> str:
    """The imports, classes, functions and literal constants of a script."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    lines = text.splitlines(keepends=True)
    kept = []
    for node in tree.body:
        if not _is_definition(node):
            continue
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        kept.append("".join(lines[first - 1 : node.end_lineno]))
    return "".join(part if part.endswith("\n") else part + "\n" for part in kept)


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(
        node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            return False
        return True
    return False


def requirements(folder: Path, packages: Iterable[str]) -> list[str]:
    """Pinned versions of given packages and of what the code in a directory imports."""
    wanted = set(packages)
    for path in folder.rglob("*.py"):
        wanted |= set(_imported(path.read_text(encoding="utf-8", errors="replace")))
    pins = {
        name.lower(): pin(name)
        for name in map(_distribution, wanted - set(sys.stdlib_module_names))
        if name is not None
    }
    return [pins[name] for name in sorted(pins)]


def _distribution(package: str) -> str | None:
    """What installs a package: mostly what is called like it, and that is found at once."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version(package)
        return package
    return next(iter(_distributions().get(package, ())), None)


@functools.cache
def _distributions() -> dict[str, list[str]]:
    """Packages to what installs them; reads the metadata of all that is installed."""
    return dict(importlib.metadata.packages_distributions())


def pin(distribution: str) -> str:
    """``name==version`` without what is after ``+``, which no index knows."""
    return f"{distribution}=={importlib.metadata.version(distribution).partition('+')[0]}"


def _imported(text: str) -> Iterator[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]
