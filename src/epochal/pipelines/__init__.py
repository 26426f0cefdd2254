"""Pipelines: from a training script to cached, typed, tracked steps.

A step and a pipeline are plain functions. A step runs again only when its code, its parameters or
its inputs changed; its outputs are artifacts; each run of it is a tracked run.
"""

from epochal.pipelines.context import StepContext, current_step
from epochal.pipelines.futures import Future, unmapped
from epochal.pipelines.outputs import Output, pickled
from epochal.pipelines.pipeline import Pipeline, pipeline
from epochal.pipelines.report import PipelineRun, get_run, get_runs
from epochal.pipelines.serializers import register
from epochal.pipelines.step import Step, step

__all__ = [
    "Future",
    "Output",
    "Pipeline",
    "PipelineRun",
    "Step",
    "StepContext",
    "current_step",
    "get_run",
    "get_runs",
    "pickled",
    "pipeline",
    "register",
    "step",
    "unmapped",
]
