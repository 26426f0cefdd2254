"""What a running step may know about itself, and where it may leave files."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from epochal.client import guard
from epochal.client.run import Run
from epochal.domain.names import check_name
from epochal.errors import InvalidInput, RunStateError

ATTACHMENTS = "attachments"


class StepContext:
    """A running step. Get it with `current_step`, or as an argument annotated with this class.

    Attributes:
        pipeline: name of the pipeline; empty outside of one.
        pipeline_run: id of the pipeline run; empty outside of one.
        step: name of the step in the pipeline.
        attempt: 1, 2, ... with retries.
        run: the tracked run of this attempt, or None outside of a pipeline.
        outputs: names of the step's outputs.
    """

    def __init__(
        self,
        step: str,
        outputs: tuple[str, ...],
        *,
        pipeline: str = "",
        pipeline_run: str = "",
        attempt: int = 1,
        run: Run | None = None,
        root: Path | None = None,
    ) -> None:
        self.step = step
        self.outputs = outputs
        self.pipeline = pipeline
        self.pipeline_run = pipeline_run
        self.attempt = attempt
        self.run = run
        self._root = root
        self._follows = False

    step_name = property(lambda self: self.step)
    pipeline_name = property(lambda self: self.pipeline)
    run_name = property(lambda self: self.pipeline_run)

    def get_output_artifact_uri(self, output_name: str | None = None) -> str:
        """A directory for files that belong to an output, such as TensorBoard's event files.

        It is kept with the run; it is no part of the output's content.

        Args:
            output_name: of the output; may be left out when there is only one.

        Raises:
            InvalidInput: the step has no such output.
        """
        if output_name is None and len(self.outputs) == 1:
            output_name = self.outputs[0]
        if output_name not in self.outputs:
            raise InvalidInput(
                f"step {self.step!r} has no output {output_name!r}; it has "
                f"{', '.join(self.outputs) or 'none'}"
            )
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="epochal-step-"))
        path = self._root / output_name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._follow_event_files()
        return str(path)

    def _follow_event_files(self) -> None:
        """What TensorBoard's writers write from now on is recorded in the step's run, too."""
        loaded = any(name in sys.modules for name in ("tensorboard", "tensorboardX"))
        if not loaded or self.run is None or self._follows:
            return
        self._follows = True
        with guard.Shield("following TensorBoard's event files"):
            follower = importlib.import_module("epochal.integrations.tensorboard")
            follower.follow(self.run._session)  # noqa: SLF001 - as init(sync_tensorboard=True)

    def add_metadata(self, values: Mapping[str, Any]) -> None:
        """Put values into the summary of the step's run."""
        if self.run is not None:
            for name, value in values.items():
                self.run.summary[check_name(name, "metadata")] = value

    def __repr__(self) -> str:
        return f"<step {self.step!r} of {self.pipeline or 'no pipeline'} {self.pipeline_run}>"


_current: ContextVar[StepContext | None] = ContextVar("epochal_step", default=None)


def current_step() -> StepContext:
    """The step that is running here.

    Raises:
        RunStateError: none is.
    """
    context = _current.get()
    if context is None:
        raise RunStateError("current_step() is for code that runs inside of a step of a pipeline")
    return context


@contextmanager
def entered(context: StepContext) -> Iterator[StepContext]:
    """Make a step the current one within a block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def attachments(home: Path, pipeline_run: str, step: str) -> Path:
    """Where the files of a step's outputs lie.

    Args:
        home: the home.
        pipeline_run: its id.
        step: its name, which becomes safe for a path.
    """
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in step).lstrip(".") or "step"
    return Path(os.path.join(home, "pipelines", ATTACHMENTS, pipeline_run, safe))
