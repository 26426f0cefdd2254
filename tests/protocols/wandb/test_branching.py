"""Rewind and fork with wandb's own client."""

from __future__ import annotations

from tests.protocols.wandb.conftest import Script, Seen
from tests.server.processes import Running

BRANCH = """
import wandb
with wandb.init(project="br", id="parent") as run:
    for i in range(20):
        run.log({"loss": 20 - i, "h": wandb.Histogram([1.0, 2.0])})
with wandb.init(project="br", id="child", fork_from="parent?_step=9") as run:
    for i in range(5):
        run.log({"loss": 100 + i})
with wandb.init(project="br", resume_from="parent?_step=4") as run:
    for i in range(3):
        run.log({"loss": 200 + i})
"""


def test_a_fork_has_the_beginning_of_its_parent_and_a_rewound_run_its_own(
    server: Running, script: Script
) -> None:
    """Steps go on behind the branch; what a rewind hides is gone from curves and media."""
    script(BRANCH)
    child, parent = Seen(server, "br", "child"), Seen(server, "br", "parent")
    loss = child.metric("loss")
    assert (loss["count"], loss["last"], loss["last_step"], loss["min"]) == (15, 104, 14, 11)
    assert [entry["step"] for entry in child.media("h")] == list(range(10))
    assert child.detail["forked_from"] == {"uid": parent.detail["uid"], "id": "parent", "step": 9}
    loss = parent.metric("loss")
    assert (loss["count"], loss["last"], loss["last_step"], loss["min"]) == (8, 202, 7, 16)
    assert [entry["step"] for entry in parent.media("h")] == list(range(5))
    assert parent.detail["summary"]["loss"] == 202
