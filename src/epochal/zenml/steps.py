"""Steps as ZenML wrote them in 2022: calling one outside of a pipeline makes an instance of it.

pipeline(load=load_data(), fit=train_test()).run()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from epochal.pipelines.calls import StepCall
from epochal.pipelines.context import StepContext
from epochal.pipelines.engine import current_engine
from epochal.pipelines.options import StepOptions, read_step_options
from epochal.pipelines.outputs import Output
from epochal.pipelines.step import Step
from epochal.zenml.options import STEP_WORDS, translate

__all__ = ["Output", "StepContext", "StepInstance", "step"]


class StepInstance(StepCall):
    """A step with some of its arguments, to be given to a pipeline and called in it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Inside of a pipeline: futures of its outputs."""
        return self.step(*self.args, *args, **{**self.kwargs, **kwargs})

    def configure(self, **options: Any) -> StepInstance:
        """Change its options; returns itself, as ZenML's did."""
        self.step = self.step.with_options(**translate(options, STEP_WORDS, "step"))
        return self

    def after(self, *others: Any) -> None:
        """Accepted; what depends on what follows from the data here."""

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name

    def __repr__(self) -> str:
        return f"<instance of {self.step!r}>"


class OldStep(Step):
    """A step whose call outside of a pipeline makes an instance. Made by `step`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Outside of a pipeline an instance, inside of one futures."""
        if current_engine.get() is None:
            return StepInstance(self, args, kwargs)
        return super().__call__(*args, **kwargs)

    def entrypoint(self, *args: Any, **kwargs: Any) -> Any:
        """The plain function."""
        return self._plainly(args, kwargs)


def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a step of a function, as ``zenml.steps.step`` did.

    Args:
        function: a plain function; its annotations tell the outputs.
        options: ZenML's, such as ``enable_cache`` and ``name``.

    Raises:
        InvalidInput: an option or an output cannot be.
    """
    chosen = read_step_options(StepOptions(), translate(options, STEP_WORDS, "step"))
    return OldStep(function, chosen) if function else lambda each: OldStep(each, chosen)
