"""The clients of other trackers, set up for a step and taken down after it.

``@step(tracker="wandb")``: the step may call ``wandb.log`` at once, and its run there is finished
when the step ends. They log to Epochal's own server unless their settings name another; where none
runs, one runs as long as the step. A tracker that fails is told, and does not fail the step. These
clients know one run for each process, so steps with the same one take turns.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import msgspec

from epochal.client import guard
from epochal.client.run import Run
from epochal.demo.server import running_server
from epochal.pipelines.components import tracker_settings

LOCAL_KEY: Final = "local-" + "0" * 40
"""What a server in local mode takes from its own user, in the form that wandb asks of keys."""

MLFLOW_LOGIN: Final = (
    "tracking_insecure_tls", "tracking_password", "tracking_token", "tracking_username",
)  # fmt: skip
"""Settings that MLflow's client takes from the environment."""


class Job(msgspec.Struct, frozen=True):
    """The step that is tracked.

    Attributes:
        home: the home.
        run: the step's run.
        pipeline: name of the pipeline.
        pipeline_run: its id.
        step: name of the step.
        config: its parameters.
        settings: of the tracker.
        failed: whether the step failed; asked at its end.
    """

    home: Path
    run: Run
    pipeline: str
    pipeline_run: str
    step: str
    config: dict[str, Any]
    settings: Mapping[str, str]
    failed: Callable[[], bool]

    @property
    def name(self) -> str:
        """What the run is called there."""
        return f"{self.pipeline_run}_{self.step}"


@contextlib.contextmanager
def tracked_by(
    name: str | None,
    home: Path,
    run: Run,
    *,
    pipeline_run: str,
    step: str,
    config: dict[str, Any],
) -> Iterator[None]:
    """Set up a tracker for a block.

    Args:
        name: registered or a flavor; None for none.
        home: the home.
        run: the step's run.
        pipeline_run: id of the pipeline run.
        step: name of the step.
        config: parameters of the step.

    Raises:
        NotFound: there is no such tracker.
    """
    settings = {"flavor": "epochal"} if name is None else tracker_settings(home, name)
    flavor = settings["flavor"]
    if flavor not in _OPENERS:
        yield
        return
    failed: list[bool] = []
    job = Job(home, run, run.project, pipeline_run, step, config, settings, lambda: bool(failed))
    with _turns[flavor], contextlib.ExitStack() as stack:
        with guard.Shield(f"the tracker {name!r} of step {step!r}"):
            stack.enter_context(_quiet_end(flavor, _OPENERS[flavor](job)))
        try:
            yield
        except BaseException:
            failed.append(True)
            raise


@contextlib.contextmanager
def _quiet_end(flavor: str, opened: AbstractContextManager[None]) -> Iterator[None]:
    """A tracker whose end does not fail the step."""
    opened.__enter__()
    try:
        yield
    finally:
        with guard.Shield(f"the end of the tracker {flavor!r}"):
            opened.__exit__(None, None, None)


@contextlib.contextmanager
def _wandb(job: Job) -> Iterator[None]:
    wandb: Any = importlib.import_module("wandb")
    settings = job.settings
    with contextlib.ExitStack() as stack:
        url = settings.get("base_url") or settings.get("host")
        key = settings.get("api_key")
        if not url and not key:
            url, key = stack.enter_context(_server(job)), LOCAL_KEY
        variables = {"WANDB_SILENT": "true", "WANDB_BASE_URL": url, "WANDB_API_KEY": key}
        stack.enter_context(_environment(variables))
        theirs = wandb.init(
            project=settings.get("project_name") or job.pipeline,
            entity=settings.get("entity"),
            name=job.name,
            group=job.pipeline_run,
            job_type=job.step,
            config=job.config,
            dir=str(job.home),
        )
        _note(job, "wandb", theirs.id, theirs.url)
        try:
            yield
        finally:
            wandb.finish(exit_code=1 if job.failed() else 0)


@contextlib.contextmanager
def _mlflow(job: Job) -> Iterator[None]:
    mlflow: Any = importlib.import_module("mlflow")
    before = mlflow.get_tracking_uri()
    with contextlib.ExitStack() as stack:
        variables = {f"MLFLOW_{name.upper()}": job.settings.get(name) for name in MLFLOW_LOGIN}
        stack.enter_context(_environment(variables))
        url = job.settings.get("tracking_uri") or stack.enter_context(_server(job))
        mlflow.set_tracking_uri(url)
        stack.callback(mlflow.set_tracking_uri, before)
        mlflow.set_experiment(job.settings.get("experiment_name") or job.pipeline)
        theirs = mlflow.start_run(run_name=job.name, nested=True)
        _note(job, "mlflow", theirs.info.run_id, url)
        try:
            if job.config:
                mlflow.log_params(job.config)
            with _log_model_of_2022():
                yield
        finally:
            mlflow.end_run("FAILED" if job.failed() else "FINISHED")


@contextlib.contextmanager
def _log_model_of_2022() -> Iterator[None]:
    """``mlflow.pytorch.log_model(model, "model")`` as it was: newer clients want an example.

    Without one they trace nothing and raise; then the model is kept as it was kept then.
    """
    if "torch" not in sys.modules:
        yield
        return
    flavor: Any = importlib.import_module("mlflow.pytorch")
    current = flavor.log_model

    @functools.wraps(current)
    def log_model(*args: Any, **kwargs: Any) -> Any:
        bare = len(args) < 3 and not {"input_example", "serialization_format"} & set(kwargs)
        if bare and "serialization_format" in inspect.signature(current).parameters:
            kwargs["serialization_format"] = "pickle"
        return current(*args, **kwargs)

    flavor.log_model = log_model
    try:
        yield
    finally:
        flavor.log_model = current


@contextlib.contextmanager
def _tensorboard(job: Job) -> Iterator[None]:
    follower: Any = importlib.import_module("epochal.integrations.tensorboard")
    follower.follow(job.run._session)  # noqa: SLF001 - as `init(sync_tensorboard=True)` does
    yield


def _server(job: Job) -> contextlib.AbstractContextManager[str]:
    """The address of our server: the run's own, one that runs on the home, or a new one."""
    url = job.run._session.request.settings.url  # noqa: SLF001 - where the run is sent, too
    return contextlib.nullcontext(url) if url else _address(job.home)


@contextlib.contextmanager
def _address(home: Path) -> Iterator[str]:
    with running_server(home, None) as address:
        yield address.url


@contextlib.contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: value for name, value in values.items() if value})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _note(job: Job, flavor: str, run_id: str, url: object) -> None:
    """Write down in the step's run which run it has there."""
    job.run.summary[f"{flavor}/run"] = run_id
    if url:
        job.run.summary[f"{flavor}/url"] = str(url)


_OPENERS: Final[Mapping[str, Callable[[Job], AbstractContextManager[None]]]] = {
    "wandb": _wandb,
    "mlflow": _mlflow,
    "tensorboard": _tensorboard,
}
_turns: Final = {flavor: threading.RLock() for flavor in _OPENERS}
