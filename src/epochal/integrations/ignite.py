"""A logger for PyTorch Ignite's engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite import distributed
from ignite.engine import Events
from ignite.handlers.base_logger import BaseLogger, BaseOptimizerParamsHandler, BaseOutputHandler

from epochal.client.run import Run
from epochal.integrations.binding import Binding, rank


class EpochalLogger(BaseLogger):  # type: ignore[misc,unused-ignore]
    """Records what its handlers take from engines, on rank 0.

    Args:
        arguments: of `epochal.init`.

    Example:
        >>> logger = EpochalLogger(project="mnist")
        >>> logger.attach_output_handler(
        ...     evaluator, Events.EPOCH_COMPLETED, tag="val", metric_names="all",
        ...     global_step_transform=global_step_from_engine(trainer),
        ... )
    """

    def __init__(self, **arguments: Any) -> None:
        self._binding = Binding(arguments)

    @property
    def run(self) -> Run:
        """The run."""
        return self._binding.run

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record values at a step."""
        if not rank():
            self.run.log(values, step=step)

    def attach_stop(self, engine: Any) -> None:
        """Terminate an engine after the iteration in which somebody asked the run to stop.

        Every rank asks rank 0, so that all end together.
        """
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._stop)

    def _stop(self, engine: Any) -> None:
        asked = not rank() and self.run.should_stop
        if distributed.get_world_size() > 1:
            asked = bool(distributed.broadcast(float(asked), src=0))
        if asked:
            engine.terminate()

    def close(self) -> None:
        """End the run."""
        if self._binding.live is not None:
            self._binding.live.finish()

    def _create_output_handler(self, *values: Any, **more: Any) -> OutputHandler:
        return OutputHandler(*values, **more)

    def _create_opt_params_handler(self, *values: Any, **more: Any) -> OptimizerParamsHandler:
        return OptimizerParamsHandler(*values, **more)


class OutputHandler(BaseOutputHandler):  # type: ignore[misc,unused-ignore]
    """Records an engine's output, metrics and state under ``<tag>/<name>``."""

    def __call__(self, engine: Any, logger: EpochalLogger, event_name: Any) -> None:
        """See Ignite's `BaseHandler`."""
        values = self._setup_output_metrics_state_attrs(engine, log_text=True, key_tuple=False)
        logger.log(values, step=int(self.global_step_transform(engine, event_name)))


class OptimizerParamsHandler(BaseOptimizerParamsHandler):  # type: ignore[misc,unused-ignore]
    """Records a parameter of an optimizer's groups, such as the learning rate."""

    def __call__(self, engine: Any, logger: EpochalLogger, event_name: Any) -> None:
        """See Ignite's `BaseHandler`."""
        prefix = f"{self.tag}/" if self.tag else ""
        values = {
            f"{prefix}{self.param_name}/group_{number}": float(group[self.param_name])
            for number, group in enumerate(self.optimizer.param_groups)
        }
        logger.log(values, step=int(engine.state.get_event_attrib_value(event_name)))
