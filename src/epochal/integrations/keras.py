"""A callback for Keras 3, whatever its backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.callbacks import Callback

from epochal.client import guard
from epochal.client.plain import to_plain
from epochal.client.run import Run
from epochal.integrations.binding import Binding


class EpochalCallback(Callback):  # type: ignore[misc,unused-ignore]
    """Records metrics of epochs, and of batches if asked.

    Keys are ``train/loss`` and ``val/loss`` with the number of the epoch as step; those of batches
    are ``batch/loss`` with the number of the batch since training began.

    Args:
        batches: record every so many batches; 0 for none.
        arguments: of `epochal.init`.

    Example:
        >>> model.fit(x, y, callbacks=[EpochalCallback(project="mnist")])
    """

    def __init__(self, batches: int = 0, **arguments: Any) -> None:
        super().__init__()
        self._batches = batches
        self._count = 0
        self._binding = Binding(arguments)

    @property
    def run(self) -> Run:
        """The run."""
        return self._binding.run

    def on_train_begin(self, logs: Any = None) -> None:
        """Record how the model is trained."""
        del logs
        with guard.Shield("recording how the model is trained"):
            facts = {key: value for key, value in (self.params or {}).items() if key != "metrics"}
            self.run.config.update({**facts, "parameters": self.model.count_params()})
            optimizer = getattr(self.model, "optimizer", None)
            if optimizer is not None:
                self.run.config.update({"optimizer": to_plain(optimizer.get_config())})

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record a batch; end the training when somebody asked the run to stop."""
        del batch
        self._count += 1
        if self.run.should_stop:
            self.model.stop_training = True
        if self._batches and self._count % self._batches == 0 and logs:
            values = {f"batch/{key}": value for key, value in logs.items()}
            self.run.log(values, step=self._count)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record an epoch."""
        values = {_grouped(key): value for key, value in (logs or {}).items()}
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None:
            number = guard.attempt(lambda: float(rate), default=None)
            values |= {} if number is None else {"learning_rate": number}
        self.run.log(values, step=epoch)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Record an evaluation of its own; those within `fit` come with the epoch."""
        if logs and self._count == 0:
            self.run.log({f"test/{key}": value for key, value in logs.items()})

    def on_train_end(self, logs: Any = None) -> None:
        """Training is over; the run goes on."""
        del logs
        self._count = 0
        self._binding.rest()


def _grouped(key: str) -> str:
    return f"val/{key[4:]}" if key.startswith("val_") else f"train/{key}"
