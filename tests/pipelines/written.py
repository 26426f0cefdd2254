"""Modules as a user writes and edits them: source text that becomes a module of this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

HEAD = "from epochal.pipelines import *\nfrom typing import *\n"
FLOW = """
@pipeline
def flow():
    work()
"""
STEP = "@step\ndef work() -> Any:\n    return {}\n" + FLOW
"""A pipeline of one step, which returns what stands in the braces."""


@contextmanager
def modules(folder: Path, sources: Mapping[str, str]) -> Iterator[dict[str, ModuleType]]:
    """Write and import modules, in the given order; they are forgotten afterwards."""
    made: dict[str, ModuleType] = {}
    try:
        for name, source in sources.items():
            path = folder / f"{name}.py"
            text = HEAD + dedent(source)
            path.write_text(text)
            module = ModuleType(name)
            module.__file__ = str(path)
            sys.modules[name] = made[name] = module
            exec(compile(text, str(path), "exec"), module.__dict__)
        yield made
    finally:
        for name in made:
            sys.modules.pop(name, None)


def run(folder: Path, sources: Mapping[str, str], **parameters: Any) -> tuple[str, Any]:
    """Run ``flow`` of the module ``main``; how its step ``work`` ended, and what it gave."""
    with modules(folder, sources) as made:
        report = made["main"].flow(**parameters)
        step = report.step("work")
        return step.state, step.output.load()
