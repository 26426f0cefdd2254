"""``visualize_tensorboard``: says where a step's event files are shown."""

from __future__ import annotations

from epochal.client import guard
from epochal.client.display import run_url
from epochal.domain.run import RunRef
from epochal.errors import NotFound
from epochal.journal.home import find_home, read_server_address
from epochal.pipelines.context import attachments
from epochal.pipelines.report import StepRun, get_runs

__all__ = ["stop_tensorboard_server", "visualize_tensorboard"]


def visualize_tensorboard(pipeline_name: str, step_name: str) -> str:
    """Tell where the scalars that a step wrote with TensorBoard are.

    They were recorded in the step's run while it wrote them. Nothing is started, and the call
    returns at once.

    Args:
        pipeline_name: of the pipeline; its newest run with this step is meant.
        step_name: of the step.

    Returns:
        The directory of the event files.

    Raises:
        NotFound: no run of the pipeline has the step, or it wrote no event files.
    """
    step = _newest(pipeline_name, step_name)
    home = find_home()
    folder = attachments(home, step.run_id.partition("-")[0], step.name)
    if not any(folder.rglob("*tfevents*")):
        raise NotFound(
            f"step {step_name!r} left no event files; let it write below "
            f"context.get_output_artifact_uri(...)"
        )
    address = read_server_address(home)
    where = "run `epochal ui` to see it"
    if address is not None:
        where = run_url(address.url, RunRef("local", step.project, step.run_id, ""))
    guard.write_line(
        f"epochal: what {step_name!r} wrote is in run {step.project}/{step.run_id}: {where}; "
        f"event files: {folder}"
    )
    return str(folder)


def stop_tensorboard_server(*_: object, **__: object) -> None:
    """Nothing runs; kept so that scripts work."""


def _newest(pipeline_name: str, step_name: str) -> StepRun:
    for run in get_runs(pipeline_name, unlisted=True):
        step = run.steps.get(step_name)
        if step is not None and step.run_id:
            return step
    raise NotFound(f"no run of pipeline {pipeline_name!r} has a step {step_name!r} that ran")
