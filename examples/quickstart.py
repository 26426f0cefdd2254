"""The shortest recorded run: a loss that falls. Then: epochal ui."""

import math
import random

import epochal

with epochal.init(project="quickstart", config={"lr": 0.01, "noise": 0.05}) as run:
    for step in range(200):
        noise = random.uniform(-1, 1) * run.config.noise
        run.log({"loss": math.exp(-run.config.lr * step) + noise})
    run.summary["steps"] = 200
