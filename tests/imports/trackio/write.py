"""What the real trackio was told: ``TRACKIO_DIR=written python write.py`` leaves the database."""

from __future__ import annotations

import numpy as np
import trackio

trackio.init(project="digits", name="first", config={"lr": 0.1, "opt": {"n": "adam"}})
for number in range(10):
    trackio.log({
        "loss": 1 / (number + 1), "acc": number, "nan": float("nan"), "inf": float("inf"),
        "word": "w",
    })  # fmt: skip
image = trackio.Image(np.zeros((4, 4, 3), np.uint8), caption="c")
trackio.log({"img": image, "tab": trackio.Table(columns=["a"], data=[[1]])}, step=20)
trackio.alert("title", "text", level=trackio.AlertLevel.WARN)
trackio.finish()
