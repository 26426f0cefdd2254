"""Scripts written for ZenML run when ``zenml`` is replaced by ``epochal.zenml`` in their imports.

Here lies the way of writing of today, in which steps are called inside of a pipeline; in
``epochal.zenml.steps`` and ``epochal.zenml.pipelines`` that of 2022, in which a step call makes an
instance that is given to the pipeline. Both are thin forms of `epochal.pipelines`.
"""

from epochal.pipelines.context import StepContext
from epochal.pipelines.context import current_step as get_step_context
from epochal.zenml.options import pipeline, step

__all__ = ["StepContext", "get_step_context", "pipeline", "step"]
