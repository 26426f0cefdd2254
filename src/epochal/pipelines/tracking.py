"""Pipeline runs and step runs as tracked runs, with their artifacts and lineage.

A pipeline run is a run of the job type ``pipeline`` in the project that is called like the
pipeline; each attempt of a step is a run of the same project, grouped under it, whose job type is
the step. A cached step makes no run: the ledger names the one that did the work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.client.request import read_request
from epochal.client.run import Run
from epochal.client.start import begin
from epochal.domain.artifact import check_artifact_name
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.pipeline import Stored
from epochal.domain.record import ArtifactCommit, ArtifactUse, BlobRef, Environment, Fact, File
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs

PIPELINE: Final = "pipeline"
FIRST_VERSION: Final = 1
"""Outputs are counted from 1, as ZenML does; see decision 13."""
CODE_FILE: Final = "pipeline/code.json"
_LIGHT: Final = {"console": False, "git": False, "environment": False, "silent": True}


def begin_pipeline(
    name: str,
    run_id: str,
    parameters: Mapping[str, Any],
    tags: Iterable[str],
    home: Path,
) -> Run:
    """Start the tracked run of a pipeline run."""
    given = {
        "project": name,
        "name": f"{name}-{run_id}",
        "id": run_id,
        "group": run_id,
        "job_type": PIPELINE,
        "tags": list(tags) or None,
        "config": dict(parameters),
        "settings": {**_LIGHT, "home": str(home)},
        "reinit": "create_new",
    }
    return begin(read_request(given, os.environ))


def begin_step(
    *,
    project: str,
    pipeline_run: str,
    step: str,
    function: str,
    run_id: str,
    attempt: int,
    parameters: Mapping[str, Any],
    home: str,
) -> Run:
    """Start the tracked run of one attempt of a step."""
    given = {
        "project": project,
        "name": step if attempt == 1 else f"{step} (attempt {attempt})",
        "id": run_id,
        "group": pipeline_run,
        "job_type": function,
        "config": dict(parameters),
        "settings": {**_LIGHT, "home": home},
        "reinit": "create_new",
    }
    run = begin(read_request(given, os.environ))
    facts = {"run": pipeline_run, "name": project, "step": step, "attempt": attempt}
    record(run, Environment(now_us(), {PIPELINE: facts}))
    return run


def step_run_id(pipeline_run: str, step: str, attempt: int) -> str:
    """The id of the tracked run of an attempt."""
    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in step)[:80].strip("-")
    return f"{pipeline_run}-{safe}" + (f"-try{attempt}" if attempt > 1 else "")


def record(run: Run, fact: Fact) -> None:
    """Write a fact into a run's journal."""
    run._session.record(fact)  # noqa: SLF001 - the one place where pipelines reach into a run


def send_blobs(run: Run) -> None:
    """Let the run send blobs to its server, where it has one."""
    if run._session.request.settings.url is not None:  # noqa: SLF001 - see `record`
        _ = run._session.objects  # noqa: SLF001


def commit_output(
    run: Run, stored: Stored, *, name: str, step: str, output: str, pipeline_run: str
) -> Stored:
    """Record a stored value as a version of an artifact, made by this run.

    Returns:
        The value, with the artifact's name.
    """
    metadata = {"step": step, "output": output, "pipeline_run": pipeline_run}
    described = {"serializer": stored.serializer, "python_type": stored.type}
    record(
        run,
        ArtifactCommit(
            wall_us=now_us(),
            name=name,
            kind=stored.kind,
            manifest=stored.blob,
            size=stored.size,
            files=stored.files,
            metadata={**metadata, **described},
            first=FIRST_VERSION,
        ),
    )
    return msgspec.structs.replace(stored, artifact=f"{run.entity}/{run.project}/{name}")


def use_input(run: Run, stored: Stored, argument: str) -> None:
    """Record that a run read a stored value."""
    if stored.artifact:
        record(run, ArtifactUse(now_us(), stored.artifact, stored.digest, None, argument))


def unsent(run: Run) -> str:
    """The server that does not have all of a run that ended; empty for none."""
    return run._session.unsent  # noqa: SLF001 - see `record`


def save_bytes(run: Run, home: Path, path: str, data: bytes) -> str:
    """Keep bytes as a file of a run; returns their digest."""
    blob = Blobs(home).put(data, "application/json")
    record(run, File(now_us(), path, BlobRef(blob.digest, blob.size, blob.type)))
    send_blobs(run)
    return blob.digest


def artifact_name(step: str, output: str, *, named: bool) -> str:
    """What the artifact of an output is called: as the user said, else ``step.output``."""
    name = output if named else f"{step}.{output}"
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
    try:
        return check_artifact_name(safe)
    except InvalidInput:
        return check_artifact_name(f"output.{safe}"[:120])


def page_of(run: Run) -> str:
    """The run's page, or how to get one."""
    return run.url or "run `epochal ui` to see it"


def default_entity() -> str:
    """Whose project runs belong to."""
    return os.environ.get("EPOCHAL_ENTITY") or DEFAULT_ENTITY


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000
