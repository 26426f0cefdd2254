"""Ends Lightning's training when somebody asks the run to stop.

The callback is made from the `Callback` of the Lightning that is loaded, so that none is imported
here. With several ranks they agree every `TOGETHER` batches: that one ends alone would hang the
others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from epochal.client.run import Run
from epochal.errors import InvalidInput

TOGETHER: Final = 16
_BASES: Final = ("lightning.pytorch.callbacks.callback", "pytorch_lightning.callbacks.callback")


def make_stop_callback(find_run: Callable[[], Run | None]) -> Any:
    """A callback for each Lightning that is loaded.

    Args:
        find_run: the live run of this process; None on the ranks that have none.

    Raises:
        InvalidInput: no Lightning with a Trainer was imported.
    """
    bases = tuple(
        base for name in _BASES if (base := getattr(sys.modules.get(name), "Callback", None))
    )
    if not bases:
        raise InvalidInput("import lightning (or pytorch_lightning) before asking for a callback")

    def on_train_batch_end(
        self: Any, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        del self, module, outputs, batch
        alone = trainer.world_size == 1
        if not alone and (batch_idx + 1) % TOGETHER:
            return
        run = find_run()
        asked = run is not None and run.should_stop
        if not alone:
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked:
            trainer.should_stop = True

    return type("StopCallback", bases, {"on_train_batch_end": on_train_batch_end})()
