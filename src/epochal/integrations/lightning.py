"""A logger for `lightning`, `pytorch_lightning` and Fabric that imports none of them.

Whichever of them is loaded, before or after, takes it for one of its own. The constructor
creates nothing; the run begins with the first use on rank 0, and other ranks record nothing. A
logger may be pickled, forked, spawned, and used after `finalize`.

Example:
    >>> trainer = Trainer(logger=EpochalLogger(project="mnist"))
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from epochal.client import guard
from epochal.client.plain import to_mapping, to_plain
from epochal.client.run import Run
from epochal.client.watching.modules import tree
from epochal.errors import InvalidInput
from epochal.integrations.binding import Binding, Quiet, rank
from epochal.integrations.checkpoints import Checkpoints
from epochal.integrations.loading import when_loaded
from epochal.integrations.stopping import make_stop_callback
from epochal.media import Audio, Image, Table, Video
from epochal.media.plot import Plot

JOIN: Final = "-"
GRAPH_KEY: Final = "model/graph"
_BASES: Final = (
    "lightning.pytorch.loggers.logger",
    "lightning.fabric.loggers.logger",
    "pytorch_lightning.loggers.logger",
    "lightning_fabric.loggers.logger",
)
_MODES: Final = (False, True, "all")


class EpochalLogger:
    """Logs a Trainer's or a Fabric's run to Epochal; takes the arguments of `WandbLogger`, too.

    A run that `epochal.init` started is gone on with, unless another project or id is given.

    Args:
        name: the run's name for people.
        save_dir: where ModelCheckpoint puts its files, below project and run id.
        version: the run's id; one that exists is gone on with.
        offline: record here, send later with ``epochal sync``.
        project: where the run belongs (``EPOCHAL_PROJECT``).
        log_model: False: checkpoints stay where they are; True: the best ones and the last become
            versions of an artifact when training ends, however it ends; ``"all"``: each one as
            soon as it is saved.
        prefix: put before every key, joined with ``-``.
        checkpoint_name: the artifact's name; ``model-<run id>`` by default.
        id: the same as ``version``.
        experiment: a run to log to.
        more: arguments of `epochal.init`, such as ``tags``, ``config``, ``resume``, ``settings``.

    Raises:
        InvalidInput: ``log_model`` is none of the three.
    """

    def __init__(
        self,
        name: str | None = None,
        save_dir: str | os.PathLike[str] = ".",
        version: str | None = None,
        offline: bool = False,
        *,
        project: str | None = None,
        log_model: bool | str = False,
        prefix: str = "",
        checkpoint_name: str | None = None,
        id: str | None = None,
        experiment: Run | None = None,
        **more: Any,
    ) -> None:
        if log_model not in _MODES:
            raise InvalidInput(f"log_model is True, False or 'all', got {log_model!r:.80}")
        chosen = version if id is None else id
        given = {**more, "name": name, "project": project}
        given["id"] = None if chosen is None else str(chosen)
        given["mode"] = "offline" if offline else more.get("mode")
        self._binding = Binding(given, experiment)
        self._save_dir = os.fspath(save_dir)
        self._log_model = log_model
        self._prefix = f"{prefix}{JOIN}" if prefix else ""
        self._checkpoints = Checkpoints(checkpoint_name)
        self._callbacks: dict[str, Any] = {}
        self._watched: list[tuple[Any, dict[str, Any]]] = []
        self._graph_is_known = False

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_callbacks": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    @property
    def experiment(self) -> Any:
        """The `epochal.Run`; on other ranks than 0 something that takes every call."""
        return Quiet() if rank() else self._run()

    @property
    def name(self) -> str:
        """The project, as it stands in paths."""
        return re.sub(r"[/\\\0]", "-", self._binding.project)

    @property
    def version(self) -> str:
        """The run's id."""
        return self._binding.id

    @property
    def save_dir(self) -> str:
        """Where checkpoints go, below `name` and `version`."""
        return self._save_dir

    @property
    def root_dir(self) -> str:
        """The directory of the project's checkpoints."""
        return os.path.join(self._save_dir, self.name)

    @property
    def log_dir(self) -> str:
        """The directory of this run's checkpoints."""
        return os.path.join(self.root_dir, self.version)

    @property
    def group_separator(self) -> str:
        """What groups keys: ``/``."""
        return "/"

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Record values at a step; steps may repeat and go back. Never raises."""
        if rank():
            return
        if self._prefix:
            metrics = {f"{self._prefix}{key}": value for key, value in metrics.items()}
        run = self._binding.live
        (run if run is not None else self._run()).log(metrics, step)

    def log_hyperparams(self, params: Any, metrics: Any = None, **more: Any) -> None:
        """Put hyperparameters into the config, whatever they are.

        Args:
            params: a mapping, ``argparse.Namespace``, dataclass or OmegaConf node.
            metrics: results known already, for the summary.
            more: accepted for compatibility.
        """
        del more
        if rank():
            return
        with guard.Shield("log_hyperparams()"):
            run = self._run()
            given = to_mapping(params, "hyperparameters")
            run.config.update({key: to_plain(value) for key, value in given.items()})
            for key, value in to_mapping(metrics, "metrics").items():
                run.summary[key] = to_plain(value)

    def log_graph(self, model: Any, input_array: Any = None) -> None:
        """Record the tree of a model's modules, once."""
        del input_array
        if rank() or self._graph_is_known:
            return
        with guard.Shield("log_graph()"):
            self._graph_is_known = True
            title = type(model).__name__
            self._run().log({GRAPH_KEY: Plot("modules", tree(model), title)}, step=0)

    def watch(
        self,
        model: Any,
        log: str | None = "gradients",
        log_freq: int = 100,
        log_graph: bool = True,
    ) -> None:
        """Watch gradients or parameters from the run's start on; see `epochal.Run.watch`."""
        given: dict[str, Any] = {"log": log, "log_freq": log_freq, "log_graph": log_graph}
        run = self._binding.live
        if run is None:
            self._watched.append((model, given))
        elif not rank():
            run.watch(model, **given)

    def log_image(
        self, key: str, images: Sequence[Any], step: int | None = None, **more: Sequence[Any]
    ) -> None:
        """Record images; ``more`` are lists as long as ``images``, such as ``caption``."""
        self._log_media(Image, key, images, step, more)

    def log_audio(
        self, key: str, audios: Sequence[Any], step: int | None = None, **more: Sequence[Any]
    ) -> None:
        """Record sounds; ``more`` are lists, such as ``sample_rate`` and ``caption``."""
        self._log_media(Audio, key, audios, step, more)

    def log_video(
        self, key: str, videos: Sequence[Any], step: int | None = None, **more: Sequence[Any]
    ) -> None:
        """Record videos; ``more`` are lists, such as ``fps`` and ``caption``."""
        self._log_media(Video, key, videos, step, more)

    def log_table(
        self,
        key: str,
        columns: Sequence[str] | None = None,
        data: Sequence[Sequence[Any]] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Record a table of columns and rows, or of a data frame."""
        if not rank():
            self.log_metrics({key: Table(columns, data, dataframe=dataframe)}, step)

    log_text = log_table

    def stop_callback(self) -> Any:
        """A callback that ends `fit` when somebody asks the run to stop, on all ranks together.

        Give it to the Trainer: ``Trainer(logger=logger, callbacks=[logger.stop_callback()])``.

        Raises:
            InvalidInput: no Lightning with a Trainer was imported.
        """
        return make_stop_callback(lambda: self._binding.live)

    def use_artifact(self, artifact: str, artifact_type: str | None = None) -> Any:
        """Find an artifact version, and note that the run reads it."""
        return self.experiment.use_artifact(artifact, type=artifact_type)

    def save(self) -> None:
        """Nothing to do: what was logged is in the journal already."""

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Record a checkpoint, or remember to."""
        if rank() or not self._log_model:
            return
        if self._log_model == "all" or getattr(checkpoint_callback, "save_top_k", 1) == -1:
            self._checkpoints.log(self._run(), checkpoint_callback)
        else:
            key = guard.attempt(lambda: str(checkpoint_callback.state_key), default="")
            self._callbacks[key] = checkpoint_callback

    def finalize(self, status: str) -> None:
        """A stage ended: record checkpoints. The run goes on, unless Ctrl-C ended the stage."""
        if rank():
            return
        run = self._binding.live
        if run is not None:
            for callback in self._callbacks.values():
                self._checkpoints.log(run, callback)
        self._binding.failed = status != "success"
        if self._binding.failed and isinstance(sys.exception(), KeyboardInterrupt):
            self._binding.end(interrupted=True)
        self._binding.rest()

    def _run(self) -> Run:
        run = self._binding.run
        while self._watched:
            model, given = self._watched.pop()
            run.watch(model, **given)
        return run

    def _log_media(
        self,
        kind: Any,
        key: str,
        values: Sequence[Any],
        step: int | None,
        more: Mapping[str, Sequence[Any]],
    ) -> None:
        if rank():
            return
        if not isinstance(values, (list, tuple)):
            raise InvalidInput(
                f"{key!r:.80} needs a list of values, got {type(values).__name__}; write [value]"
            )
        for name, given in more.items():
            if len(given) != len(values):
                raise InvalidInput(
                    f"{name} has {len(given)} entries for {len(values)} values; give one for each"
                )
        items = [
            kind(value, **{name: given[index] for name, given in more.items()})
            for index, value in enumerate(values)
        ]
        self.log_metrics({key: items}, step)


def _join(base: ModuleType) -> None:
    """Make a Lightning take the logger for one of its own."""
    if not issubclass(EpochalLogger, base.Logger):
        base.Logger.register(EpochalLogger)


when_loaded(_BASES, _join)  # LightningCLI asks whether the class is a logger before it makes one
