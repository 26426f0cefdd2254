"""Stop a training, start it again, and see one run with one unbroken curve.

The checkpoint holds the step; `resume="allow"` continues the run of that id. Steps that were
logged after the checkpoint are logged again; charts show the newer value of a step.
"""

import os
import tempfile

import torch

import epochal

RUN_ID = os.environ.get("RUN_ID", "resume-example")
CHECKPOINT = os.path.join(tempfile.mkdtemp(), "checkpoint.pt")


def train(steps: int) -> None:
    """Follow a quadratic down to its minimum, from the checkpoint if there is one."""
    point = torch.tensor([3.0, -2.0], requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.05)
    start = 0
    if os.path.exists(CHECKPOINT):
        saved = torch.load(CHECKPOINT, weights_only=True)
        start = saved["step"]
        with torch.no_grad():
            point.copy_(saved["point"])

    with epochal.init(project="resume", id=RUN_ID, resume="allow", config={"lr": 0.05}) as run:
        for step in range(start, start + steps):
            loss = (point**2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"loss": loss}, step=step)
            if step % 10 == 9:
                torch.save({"step": step + 1, "point": point.detach()}, CHECKPOINT)


train(steps=35)  # the first job ends at step 34; its last checkpoint is that of step 29
train(steps=30)  # the second goes on from step 30
