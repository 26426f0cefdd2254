"""Keras 3 on PyTorch, in a process of its own: the backend is chosen when it is imported."""

from __future__ import annotations

from pathlib import Path

import epochal
from tests.client.scripts import run_script

SCRIPT = """
import numpy as np
import keras
from epochal.integrations.keras import EpochalCallback
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.25), loss="mse", metrics=["mae"])
x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
callback = EpochalCallback(batches=2, project="p", settings=QUIET)
model.fit(x, y, batch_size=2, epochs=2, validation_data=(x, y), verbose=0, callbacks=[callback])
model.evaluate(x, y, verbose=0, callbacks=[callback])
assert callback.run.state == "running"
"""


def test_epochs_batches_and_the_optimizer_are_recorded(home: Path) -> None:
    done = run_script(SCRIPT, home, timeout=120, KERAS_BACKEND="torch", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stderr
    (found,) = epochal.runs("p")
    assert found.state == "finished"
    assert found.series("train/loss").step.tolist() == [0, 1]
    assert found.series("val/mae").step.tolist() == [0, 1]
    assert found.series("batch/loss").step.tolist() == [2, 4, 6, 8]
    assert len(found.series("test/loss")) == 1
    assert found.series("learning_rate").value.tolist() == [0.25, 0.25]
    assert found.config["parameters"] == 5
    assert found.config["optimizer"]["name"].lower() == "sgd"
