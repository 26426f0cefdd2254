"""From what stands on a command line, or in a ledger, to the pipeline that it means."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

from epochal.errors import InvalidInput, NotFound
from epochal.journal.home import find_home
from epochal.pipelines import ledger
from epochal.pipelines.named import open_definitions
from epochal.pipelines.pipeline import Pipeline


def open_pipeline(target: str) -> Pipeline:
    """The pipeline that ``file.py:name``, ``module:name``, or either without a name means.

    A file is read up to the first call of a pipeline; its ``__main__`` part does not run.

    Raises:
        NotFound: there is no such file, module or pipeline.
        InvalidInput: no name was given, and there is more than one.
    """
    owner, _, name = target.partition(":")
    module = _module(owner)
    found = {key: each for key, each in vars(module).items() if isinstance(each, Pipeline)}
    if name and name in found:
        return found[name]
    known = ", ".join(sorted(found)) or "none"
    if name or not found:
        raise NotFound(f"{owner} has no pipeline {name or ''!r}; it has {known}")
    if len(found) > 1:
        raise InvalidInput(f"{owner} has the pipelines {known}; say which: {owner}:{min(found)}")
    return next(iter(found.values()))


def pipeline_of_run(run_id: str, home: Path | None = None) -> Pipeline:
    """The pipeline of an earlier run.

    Raises:
        NotFound: there is no such run, or its pipeline cannot be found any more.
    """
    began = ledger.first(ledger.find(find_home(home), run_id))
    if began is None or not began.target:
        raise NotFound(
            f"the pipeline of run {run_id} was defined inside of a function or notebook; call its "
            f"resume({run_id!r}) there"
        )
    owner, _, name = began.target.partition(":")
    return open_pipeline(f"{began.script or owner}:{name}")


def _module(owner: str) -> ModuleType:
    if owner.endswith(".py") or os.sep in owner:
        return open_definitions(owner)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(owner)
    except ModuleNotFoundError as error:
        raise NotFound(
            f"there is no module {owner!r} ({error}); give a file such as train.py:flow"
        ) from None
