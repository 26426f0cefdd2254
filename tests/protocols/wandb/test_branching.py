"""Rewind and fork with wandb's own client."""

from __future__ import annotations

from tests.protocols.wandb.conftest import Script, Seen
from tests.server.processes import Running

BRANCH = """
import wandb
with wandb.init(project="br", id="parent") as run:
    for i in range(20):
        run.log({"loss": 20 - i, "h": wandb.Histogram([1.0, 2.0]), "said": f"text {i}"})
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


READ = """
import json, wandb
runs = {id: wandb.Api().run(f"br/{id}") for id in ("parent", "child")}
said = {id: [row["said"] for row in run.scan_history(keys=["said"])] for id, run in runs.items()}
print(json.dumps([said, {id: run.summary.get("said") for id, run in runs.items()}]))
"""


def test_texts_are_forked_and_rewound_with_the_rest(server: Running, script: Script) -> None:
    """A fork has its parent's texts up to the step; a rewound run shows none from behind it."""
    said, last = script(READ)
    assert said == {
        "parent": [f"text {step}" for step in range(5)],
        "child": [f"text {step}" for step in range(10)],
    }
    assert last == {"parent": "text 4", "child": "text 9"}


REWIND = """
import wandb
try:
    wandb.init(project="br", resume_from="nobody?_step=4")
except Exception as error:
    print(error)
"""


def test_a_run_that_is_not_there_cannot_be_rewound(server: Running, script: Script) -> None:
    """The message has the name that the user gave, as no other name says anything to them."""
    said = script(REWIND, ok=False)
    assert "there is no run 'nobody' in local/br to rewind" in said
