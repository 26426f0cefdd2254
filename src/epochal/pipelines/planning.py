"""A dry run: which steps would run, and which the cache would answer. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from epochal.journal.home import find_home
from epochal.pipelines.engine import Engine, current_engine
from epochal.pipelines.node import Unknown
from epochal.pipelines.options import PipelineOptions
from epochal.pipelines.stacks import place


class PlannedStep(msgspec.Struct, frozen=True):
    """What would become of a step.

    Attributes:
        name: of the step; ``...`` stands for all that depends on a value that only a run can give.
        action: ``cached``, ``runs``, or ``waits``: it depends on the outputs of a step that runs.
        needs: the steps that it needs.
        why: more, where there is more to say.
    """

    name: str
    action: str
    needs: list[str] = []
    why: str = ""


def make_plan(body: Callable[[], Any], options: PipelineOptions, name: str) -> list[PlannedStep]:
    """Run a pipeline's function without running a step."""
    home = find_home()
    engine = Engine(home, name, "", options, place(home, options), None, None)
    token = current_engine.set(engine)
    rest: list[PlannedStep] = []
    try:
        body()
    except Unknown as error:
        why = f"the pipeline's function needs the value of step {error}, which has to run"
        rest = [PlannedStep("...", "waits", [str(error)], why)]
    finally:
        current_engine.reset(token)
    planned = [
        PlannedStep(node.name, node.state, [need.name for need in node.needs], node.error)
        for node in engine.nodes.values()
    ]
    return [*planned, *rest]
