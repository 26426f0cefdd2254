"""The module-level face of the training side: `init`, `log`, `finish` and the current run.

One run is current in a process, or in a part of it (`scope`). `log` and `finish` act on it;
without one, `log` warns once and does nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from epochal.client import guard
from epochal.client.notebook import in_notebook
from epochal.client.request import RunRequest, read_request
from epochal.client.run import Run
from epochal.client.settings import Settings
from epochal.client.start import begin
from epochal.domain.record import Definition
from epochal.errors import RunStateError

if TYPE_CHECKING:
    from epochal.client.artifact import Artifact


class _NoRun:
    """Stands where the current run would."""

    def log(
        self, data: Any, step: Any = None, commit: bool | None = None, sync: bool | None = None
    ) -> None:
        """Warn once."""
        del data, step, commit, sync
        guard.warn_once("no run", "log() was called without a run; call epochal.init() first")


_current: Run | _NoRun = _NoRun()
_scoped: ContextVar[Run | None] = ContextVar("epochal_run", default=None)


@contextlib.contextmanager
def scope(run: Run) -> Iterator[Run]:
    """Make a run the current one within a block, in this thread or task only.

    Steps of a pipeline run side by side in one process, each with a run of its own.
    """
    token = _scoped.set(run)
    try:
        yield run
    finally:
        _scoped.reset(token)


def current_run() -> Run | None:
    """The run that `log` writes to, or None."""
    run = _scoped.get() or _current
    return run if isinstance(run, Run) and not run.finished else None


def init(
    project: str | None = None,
    entity: str | None = None,
    name: str | None = None,
    config: Any = None,
    id: str | None = None,
    resume: bool | str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    mode: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    reinit: bool | str | None = None,
    config_exclude_keys: Iterable[str] | None = None,
    config_include_keys: Iterable[str] | None = None,
    resume_from: str | None = None,
    sync_tensorboard: bool | None = None,
    **unknown: Any,
) -> Run:
    """Start a run and make it the current one.

    Args:
        project: space of runs it belongs to (``EPOCHAL_PROJECT``).
        entity: whose project (``EPOCHAL_ENTITY``).
        name: for people; a readable one is made up by default.
        config: inputs: a mapping, ``argparse.Namespace``, dataclass or OmegaConf-like object.
        id: names the run within the project (``EPOCHAL_RUN_ID``); an id that exists is gone on
            with.
        resume: ``allow``: go on with ``id`` if it exists; ``must``: it has to exist; ``never``: it
            must not; ``auto`` or True: go
            on with this directory's last run if it did not finish.
        group: ties runs together.
        job_type: what kind of job, such as ``train``.
        tags: words to find it by.
        notes: free text.
        mode: ``online``: record here and send to ``EPOCHAL_URL`` if set; ``offline``: record only;
            ``disabled``: do nothing.
        dir: a home, or the directory that gets one; see `epochal.journal.home`.
        settings: `Settings` or a dict of them.
        reinit: what a second call does while a run is live: ``return_previous``,
            ``finish_previous`` (or True) or ``create_new``. By
            default it returns the live run, and in notebooks finishes it.
        config_exclude_keys: keys of ``config`` to leave out.
        config_include_keys: the only keys of ``config`` to take.
        resume_from: ``"id?_step=N"``: go on with a run from step N; its points from N on are
            hidden, not deleted.
        sync_tensorboard: record what ``SummaryWriter`` writes in this process, live.
        unknown: named in one warning.

    Returns:
        The run; also a context manager.

    Raises:
        InvalidInput: an argument cannot be used; nothing was created.
        NotFound: ``resume="must"`` and there is no such run.
        Conflict: ``resume="never"`` and there is one.
    """
    global _current  # noqa: PLW0603 - the current run is what this module is for
    given = {**locals(), **unknown}
    del given["unknown"]
    request = read_request(given, os.environ)
    live = current_run()
    if live is not None:
        kept = _settle_previous(live, request)
        if kept is not None:
            return kept
    run = begin(request)
    if _scoped.get() is None:
        _current = run
    else:
        _scoped.set(run)
    return run


def log(
    data: Mapping[str, Any],
    step: int | None = None,
    commit: bool | None = None,
    sync: bool | None = None,
) -> None:
    """Record values in the current run; see `Run.log`. Never raises."""
    (_scoped.get() or _current).log(data, step, commit, sync)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run, if there is one; see `Run.finish`."""
    run = current_run()
    if run is not None:
        run.finish(exit_code, quiet)


def define_metric(
    name: str, step_metric: str | Definition | None = None, **more: Any
) -> Definition:
    """Say how a series of the current run wants to be read; see `Run.define_metric`.

    Raises:
        RunStateError: no run is active.
    """
    return need_run("define_metric()").define_metric(name, step_metric, **more)


def alert(
    title: str, text: str = "", level: str = "info", wait_duration: float | Any = 60
) -> None:
    """Put something worth telling a person into the current run; see `Run.alert`.

    Raises:
        RunStateError: no run is active.
    """
    need_run("alert()").alert(title, text, level, wait_duration)


def watch(models: Any, criterion: Any = None, log: str | None = "gradients", **more: Any) -> None:
    """Watch the gradients or parameters of a PyTorch model; see `Run.watch`.

    Raises:
        RunStateError: no run is active.
    """
    need_run("watch()").watch(models, criterion, log, **more)


def unwatch(models: Any = None) -> None:
    """End `watch` of all or of the given models; without a run there is nothing to end."""
    run = current_run()
    if run is not None:
        run.unwatch(models)


def save(glob_str: Any, base_path: Any = None, policy: str = "live") -> list[str]:
    """Keep files with the current run; see `Run.save`."""
    return need_run("save()").save(glob_str, base_path, policy)


def restore(
    name: str, run_path: str | None = None, replace: bool = False, root: Any = None
) -> str:
    """Bring back a file of the current run, or of another; see `Run.restore`."""
    return need_run("restore()").restore(name, run_path, replace, root)


def log_artifact(artifact_or_path: Any, name: str | None = None, **more: Any) -> Artifact:
    """Record a version of an artifact in the current run; see `Run.log_artifact`."""
    return need_run("log_artifact()").log_artifact(artifact_or_path, name, **more)


def use_artifact(artifact_or_name: Any, type: str | None = None, **more: Any) -> Artifact:
    """Find an artifact version that the current run reads; see `Run.use_artifact`."""
    return need_run("use_artifact()").use_artifact(artifact_or_name, type, **more)


def log_model(model: Any = None, name: str | None = None, **more: Any) -> Artifact:
    """Record a model in the current run; see `Run.log_model`."""
    return need_run("log_model()").log_model(model, name, **more)


def use_model(name: str) -> str:
    """The local path of a model that the current run reads; see `Run.use_model`."""
    return need_run("use_model()").use_model(name)


def link_artifact(
    artifact: Artifact, target_path: str, aliases: Iterable[str] | None = None
) -> Artifact:
    """Make a version of a registered model; see `Run.link_artifact`."""
    return need_run("link_artifact()").link_artifact(artifact, target_path, aliases)


def link_model(path: Any, registered_model_name: str, **more: Any) -> Artifact:
    """Record and register a model; see `Run.link_model`."""
    return need_run("link_model()").link_model(path, registered_model_name, **more)


def need_run(what: str) -> Run:
    """The current run.

    Raises:
        RunStateError: there is none.
    """
    run = current_run()
    if run is None:
        raise RunStateError(f"{what} needs a run; call epochal.init() first")
    return run


def _settle_previous(live: Run, request: RunRequest) -> Run | None:
    """What a second `init` does to a live run; the run to return instead of a new one, or None."""
    wish = request.reinit
    if wish == "default":
        wish = "finish_previous" if in_notebook() else "return_previous"
        if wish == "return_previous":
            guard.warn_once(
                ("reinit", live.uid),
                f"init() was called while run {live.name} is live; it is returned. Call finish() "
                "first, or use reinit='finish_previous' or 'create_new'",
            )
    if wish == "return_previous":
        return live
    if wish == "finish_previous":
        live.finish()
    return None
