"""Classes and functions by name: ``module:qualified.name``, the same from script to worker.

A script is called by its file's stem wherever it runs: as ``__main__``, in a worker process, or
opened by the command line. Finding a name imports its module, never a file from elsewhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, Final

from epochal.errors import InvalidInput, NotFound

MAINS: Final = ("__main__", "__mp_main__")
LOCAL: Final = "<locals>"

_scripts: dict[str, ModuleType] = {}


def module_name(name: str) -> str:
    """A module's name, for scripts that of their file."""
    if name not in MAINS:
        return name
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name not in MAINS:
        return str(spec.name)
    path = getattr(module, "__file__", None)
    return os.path.splitext(os.path.basename(path))[0] if path else name


def name_of(target: Any) -> str:
    """``module:qualname`` of a class or function.

    Raises:
        InvalidInput: it cannot be found by a name, as it is defined inside a function or is a
            lambda.
    """
    qualname = getattr(target, "__qualname__", None)
    owner = getattr(target, "__module__", None)
    if not isinstance(qualname, str) or not isinstance(owner, str):
        raise InvalidInput(f"a {type(target).__name__} has no name by which it could be found")
    if LOCAL in qualname or "<lambda>" in qualname:
        raise InvalidInput(
            f"{owner}.{qualname} cannot be found by name from another process or on another day; "
            f"define it with 'def' or 'class' at the top of a module"
        )
    return f"{module_name(owner)}:{qualname}"


def find(name: str) -> Any:
    """What `name_of` named.

    Raises:
        NotFound: its module cannot be imported, or has no such name.
    """
    owner, _, qualname = name.partition(":")
    problem = "it has no such name"
    for module in _candidates(owner):
        try:
            return _inner(module, qualname)
        except AttributeError as error:
            problem = str(error)
    try:
        return _inner(importlib.import_module(owner), qualname)
    except (ImportError, AttributeError, ValueError) as error:
        problem = str(error) or problem
    raise NotFound(f"{name!r} cannot be found ({problem}); import or install what defines it")


def _candidates(owner: str) -> list[ModuleType]:
    """Modules of this process that may be meant."""
    mains = [sys.modules[name] for name in MAINS if name in sys.modules]
    if owner in MAINS:
        return [*mains, *_scripts.values()]
    same = [module for module in mains if module_name(module.__name__) == owner]
    return [*same, *([_scripts[owner]] if owner in _scripts else [])]


def _inner(module: ModuleType, qualname: str) -> Any:
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def find_split(owner: str, qualname: str) -> Any:
    """`find` as `epochal.models.architecture` wants it.

    Raises:
        ImportError: it cannot be found.
    """
    try:
        return find(f"{owner}:{qualname}")
    except NotFound as error:
        raise ImportError(error.message) from None


def script_of(function: Any) -> str:
    """The file of a function's module when that is a script; else an empty text."""
    owner = function.__module__
    if owner in MAINS:
        main = sys.modules.get(owner)
        spec = getattr(main, "__spec__", None)
        named = spec is not None and spec.name not in MAINS
        path = getattr(main, "__file__", None)
        return os.path.abspath(path) if path and not named else ""
    return str(_scripts[owner].__file__) if owner in _scripts else ""


class Defined(BaseException):
    """Ends the running of a script that is opened for its definitions only."""


class Script(SourceFileLoader):
    """Compiles a file whenever it is opened, as Python does with the file that it is started with.

    What is kept compiled is taken for current while size and second of the last change are the
    same: a script that was edited right after a run would run as it was before.
    """

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it is now."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


_opening = 0


def is_opening() -> bool:
    """Whether a script is being opened for its definitions: then no pipeline runs."""
    return _opening > 0


def open_definitions(path: str) -> ModuleType:
    """`open_script`, up to the first call of a pipeline.

    Raises:
        NotFound: there is no such file.
    """
    global _opening  # noqa: PLW0603 - scripts are opened one at a time
    _opening += 1
    try:
        return open_script(path)
    finally:
        _opening -= 1


def find_definition(name: str) -> Any:
    """`find`, where importing a module must not run a pipeline.

    Raises:
        NotFound: it cannot be found.
        InvalidInput: its module calls a pipeline when it is imported.
    """
    global _opening  # noqa: PLW0603 - see above
    _opening += 1
    try:
        return find(name)
    except Defined:
        raise InvalidInput(
            f"module {name.partition(':')[0]} calls a pipeline when it is imported; put the call "
            f"below if __name__ == '__main__'"
        ) from None
    finally:
        _opening -= 1


def open_script(path: str) -> ModuleType:
    """Run a Python file as a module named after it; its ``__main__`` part does not run.

    Raises:
        NotFound: there is no such file.
    """
    full = os.path.abspath(path)
    stem = os.path.splitext(os.path.basename(full))[0]
    known = _scripts.get(stem)
    if known is not None and known.__file__ == full:
        return known
    spec = importlib.util.spec_from_file_location(stem, full, loader=Script(stem, full))
    if spec is None or spec.loader is None or not os.path.isfile(full):
        raise NotFound(f"there is no Python file {path!r}; check the path")
    module = importlib.util.module_from_spec(spec)
    folder = os.path.dirname(full)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    _scripts[stem] = sys.modules[stem] = module
    try:
        spec.loader.exec_module(module)
    except Defined:
        return module
    except BaseException:
        del _scripts[stem], sys.modules[stem]
        raise
    return module
