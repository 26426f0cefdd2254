"""A callback for fastai's learners. It needs no more of fastai than what trains."""

from __future__ import annotations

from typing import Any

from fastai.callback.core import Callback
from fastai.learner import Recorder

from epochal.client import guard
from epochal.client.plain import to_plain
from epochal.client.run import Run
from epochal.integrations.binding import Binding, rank


class EpochalCallback(Callback):  # type: ignore[misc,unused-ignore]
    """Records what fastai's recorder knows, on rank 0; searches for a rate are left out.

    Keys are ``train/loss``, ``val/loss`` and ``val/<metric>`` with the number of the epoch as
    step; ``batch/loss`` and ``learning_rate`` (and other hyper-parameters, of each group of the
    optimizer) with the number of the batch since `fit` began.

    Args:
        batches: record every so many batches; 0 for none.
        arguments: of `epochal.init`.

    Example:
        >>> Learner(dls, model, cbs=EpochalCallback(project="mnist")).fit(5)
    """

    order = Recorder.order + 1
    remove_on_fetch = True

    def __init__(self, batches: int = 1, **arguments: Any) -> None:
        super().__init__()
        self._batches = batches
        self._fitting = False
        self._binding = Binding(arguments)

    @property
    def epochal_run(self) -> Run:
        """The run; ``run`` is fastai's word for whether a callback is on."""
        return self._binding.run

    def before_fit(self) -> None:
        """Decide whether to record; evaluations and predictions come here, too."""
        self.run = not hasattr(self.learn, "lr_finder") and not rank()

    def before_train(self) -> None:
        """Record how the model is trained, when training begins."""
        if self._fitting:
            return
        self._fitting = True
        learn = self.learn
        with guard.Shield("recording how the model is trained"):
            self.epochal_run.config.update(
                {
                    "epochs": learn.n_epoch,
                    "batch_size": getattr(learn.dls, "bs", None),
                    "loss": _name(learn.loss_func),
                    "optimizer": _name(learn.opt_func),
                    "model": type(learn.model).__name__,
                    "parameters": sum(p.numel() for p in learn.model.parameters()),
                    "hyperparameters": to_plain([dict(group) for group in learn.opt.hypers]),
                }
            )

    def after_batch(self) -> None:
        """Record a batch of training."""
        learn = self.learn
        if not learn.training or not self._batches or learn.train_iter % self._batches:
            return
        values: dict[str, Any] = {"batch/loss": learn.loss.detach()}
        with guard.Shield("recording the optimizer's parameters"):
            groups = learn.opt.hypers
            for number, group in enumerate(groups):
                for name, value in group.items():
                    key = {"lr": "learning_rate", "mom": "momentum"}.get(name, name)
                    if isinstance(value, (int, float)):
                        values[key if len(groups) == 1 else f"{key}/{number}"] = value
        self.epochal_run.log(values, step=learn.train_iter)

    def after_epoch(self) -> None:
        """Record an epoch of training."""
        if not self._fitting:
            return
        recorder = self.learn.recorder
        found = dict(zip(recorder.metric_names, recorder.log, strict=False))
        values = {_grouped(name): value for name, value in found.items() if name not in _OTHER}
        values = {key: value for key, value in values.items() if value is not None}
        self.epochal_run.log(values, step=self.learn.epoch)

    def after_fit(self) -> None:
        """Training is over; the run goes on."""
        if self._fitting:
            self._fitting = False
            self._binding.rest()


_OTHER = ("epoch", "time")


def _grouped(name: str) -> str:
    for begin, group in (("train_", "train/"), ("valid_", "val/")):
        if name.startswith(begin):
            return group + name.removeprefix(begin)
    return f"val/{name}"


def _name(thing: Any) -> str:
    """A function's or class's own name, below what `functools.partial` wraps around it."""
    thing = getattr(thing, "func", thing)
    return str(getattr(thing, "__name__", type(thing).__name__))
