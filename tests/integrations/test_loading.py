"""Functions that wait for modules of other libraries."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from epochal.errors import EpochalWarning
from epochal.integrations.loading import when_loaded


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of two modules that nobody has imported yet."""
    name = f"library_{tmp_path.name}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "first.py").write_text("from . import second\nvalue = 1\nloader = __loader__\n")
    (folder / "second.py").write_text("value = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for known in [one for one in sys.modules if one.startswith(name)]:
        del sys.modules[known]


def test_a_module_that_is_loaded_later_is_told_once(package: str) -> None:
    """Complete, with its own loader, and whichever way it is imported."""
    told: list[ModuleType] = []
    names = [f"{package}.first", f"{package}.second"]
    when_loaded(names, told.append)
    assert told == []
    first = importlib.import_module(names[0])
    importlib.import_module(names[1])
    assert [(one.__name__, one.value) for one in told] == [(names[1], 2), (names[0], 1)]
    second = sys.modules[names[1]]
    assert first.__spec__ is not None
    assert type(first.__spec__.loader) is type(first.loader) is type(second.__loader__)
    assert "second" in Path(str(second.__file__)).name
    assert type(first.loader).__module__ != "epochal.integrations.loading"


def test_a_module_that_is_there_is_told_at_once(package: str) -> None:
    """The same function again is not called again; another one is."""
    module = importlib.import_module(f"{package}.second")
    told: list[ModuleType] = []
    call = told.append
    when_loaded([module.__name__], call)
    when_loaded([module.__name__], call)
    assert told == [module]
    when_loaded([module.__name__], lambda one: told.append(one))  # noqa: PLW0108 - another one
    assert told == [module, module]


def test_a_function_that_fails_costs_a_warning_and_no_import(package: str) -> None:
    def fail(module: ModuleType) -> None:
        raise ValueError(module.__name__)

    told: list[ModuleType] = []
    when_loaded([f"{package}.second"], fail)
    when_loaded([f"{package}.second"], told.append)
    with pytest.warns(EpochalWarning, match="import library_"):
        importlib.import_module(f"{package}.first")
    assert len(told) == 1
