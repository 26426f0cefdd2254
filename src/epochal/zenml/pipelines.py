"""Pipelines as ZenML wrote them in 2022: called with step instances, then ``run()``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.errors import InvalidInput
from epochal.pipelines.options import PipelineOptions, read_pipeline_options
from epochal.pipelines.pipeline import Pipeline
from epochal.pipelines.report import PipelineRun
from epochal.zenml.options import PIPELINE_WORDS, translate
from epochal.zenml.steps import StepInstance

__all__ = ["PipelineInstance", "pipeline"]


class PipelineInstance:
    """A pipeline with its steps, to be run."""

    def __init__(self, owner: Pipeline, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._pipeline = owner
        self._args = args
        self._kwargs = kwargs

    def run(
        self,
        *,
        unlisted: bool = False,
        config_path: str | None = None,
        enable_cache: bool | None = None,
        **more: Any,
    ) -> PipelineRun:
        """Run it.

        Args:
            unlisted: leave the run out of ``epochal pipeline ls``.
            config_path: a file with parameters.
            enable_cache: whether outputs of earlier runs are used.
            more: accepted for compatibility, such as ``run_name``.

        Raises:
            StepFailed: a step failed.
        """
        del more
        options: dict[str, Any] = {"listed": not unlisted}
        if config_path is not None:
            options["config"] = config_path
        if enable_cache is not None:
            options["cache"] = enable_cache
        chosen = Pipeline.with_options(self._pipeline, **options)
        return chosen.run_plainly(self._args, self._kwargs)

    def __repr__(self) -> str:
        return f"<instance of {self._pipeline!r}>"


class OldPipeline(Pipeline):
    """A pipeline whose call makes an instance. Made by `pipeline`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Give it its steps.

        Raises:
            InvalidInput: a step was given that was not called.
        """
        for each in (*args, *kwargs.values()):
            if (
                callable(each)
                and not isinstance(each, StepInstance)
                and hasattr(each, "signature")
            ):
                raise InvalidInput(
                    f"pipeline {self.name!r} was given the step {each.name!r} itself; call it: "
                    f"{each.name}()"
                )
        return PipelineInstance(self, args, kwargs)


def pipeline(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a pipeline of a function, as ``zenml.pipelines.pipeline`` did.

    Args:
        function: its parameters are steps, which it calls.
        options: ZenML's, such as ``enable_cache`` and ``name``.

    Raises:
        InvalidInput: an option cannot be.
    """
    words = translate(options, PIPELINE_WORDS, "pipeline")
    chosen = read_pipeline_options(PipelineOptions(), words)
    return OldPipeline(function, chosen) if function else lambda each: OldPipeline(each, chosen)
