"""Sweeps with wandb's own client: the server chooses, agents run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from epochal.domain.names import run_uid
from tests.protocols.wandb.conftest import Script
from tests.server.door import Door
from tests.server.processes import Running

GRID = """
import json
import wandb
seen = []

def train():
    with wandb.init() as run:
        seen.append([run.config.lr, run.config.net["depth"]])
        for i in range(3):
            run.log({"loss": run.config.lr * i})

config = {
    "method": "grid", "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"lr": {"values": [0.1, 0.2]}, "net": {"parameters": {"depth": {"value": 2}}}},
}
with wandb.init(project="sweeps", id="before", config={"lr": 0.1, "net": {"depth": 2}}) as run:
    run.log({"loss": 5})
id = wandb.sweep(config, project="sweeps", prior_runs=["before"])
wandb.agent(id, function=train, project="sweeps")
sweep = wandb.Api().sweep("sweeps/" + id)
(agent,) = sweep.agents()
worked = [len(list(sweep.agent(agent.name).runs(per_page=1))), agent.state]
print(json.dumps([worked, id, seen, sweep.state, sweep.config["method"], sweep.expected_run_count,
                  [[run.state, run.summary["loss"]] for run in sweep.runs], sweep.best_run().id]))
"""


def test_a_grid_is_run_to_its_end(server: Running, script: Script) -> None:
    """Every combination once; the best run is known; the sweep ends."""
    worked, id, seen, state, method, expected, runs, best = script(GRID)
    assert worked == [2, "RUNNING"]
    assert seen == [[0.1, 2], [0.2, 2]]
    assert (state, method, expected) == ("FINISHED", "grid", 2)
    assert sorted(runs) == [["finished", 0.2], ["finished", 0.4]]
    sweep = server.json("GET", f"/api/v1/sweeps/{id}")
    assert [trial["state"] for trial in sweep["trials"]] == ["finished"] * 3
    query = f'{{ project(name: "sweeps") {{ sweep(sweepName: "{id}") {{ priorRuns {NAMES} }} }} }}'
    found = server.json("POST", "/graphql", {"query": query})["data"]["project"]["sweep"]
    assert found == {"priorRuns": {"edges": [{"node": {"name": "before"}}]}}
    assert best == sweep["trials"][sweep["sweep"]["best_trial"]]["run"]


# ------------------------------------------------------------------------------ without the client
NAMES = "{ edges { node { name } } }"
CONFIG = """
program: train.py
method: random
run_cap: 2
metric: {name: loss}
parameters: {lr: {min: 0.0, max: 1.0}}
"""


@pytest.fixture
def door(home: Path) -> Any:
    with Door(home) as opened:
        yield opened


def ask(door: Door, query: str, status: int = 200, **variables: Any) -> Any:
    answer = door.ask("POST", "/graphql", json_body={"query": query, "variables": variables})
    assert answer.status == status, answer.body
    return answer.json()["data"] if status == 200 else answer.json()["errors"][0]["message"]


MAKE = """mutation U($config: String, $id: ID, $state: String) {
  upsertSweep(input: {config: $config, id: $id, state: $state, projectName: "p"}) {
    sweep { id name state project { name } } configValidationWarnings } }"""
AGENT = """mutation A($sweep: String!) {
  createAgent(input: {sweep: $sweep, projectName: "p", host: "h"}) { agent { id } } }"""
BEAT = """mutation H($id: ID!, $state: JSONString) {
  agentHeartbeat(input: {id: $id, runState: $state}) { commands } }"""


def commands(door: Door, agent: str, state: str = "{}") -> list[dict[str, Any]]:
    found = ask(door, BEAT, id=agent, state=state)["agentHeartbeat"]["commands"]
    return list(json.loads(found))


def test_an_agent_is_handed_one_run_at_a_time_and_told_to_stop(door: Door) -> None:
    """A lost answer is given once more; a cancelled sweep ends what runs."""
    sweep = ask(door, MAKE, config=CONFIG)["upsertSweep"]["sweep"]
    assert sweep["state"] == "PENDING"
    query = f'{{ project(name: "p") {{ sweep(sweepName: "{sweep["name"]}") {{ method }} }} }}'
    assert ask(door, query)["project"]["sweep"] == {"method": "random"}
    agent = ask(door, AGENT, sweep=sweep["name"])["createAgent"]["agent"]["id"]
    (first,) = commands(door, agent)
    assert (first["type"], set(first["args"])) == ("run", {"lr"})
    (again,) = commands(door, agent)
    assert first["program"] == "train.py"
    assert again == first
    alive = f'{{"{first["run_id"]}": true}}'
    assert commands(door, agent, alive) == []
    ask(door, MAKE, id=sweep["id"], state="CANCELED")
    assert commands(door, agent, alive) == [{"type": "stop", "run_id": first["run_id"]}]
    assert commands(door, agent, alive.replace("true", "false"))[0]["type"] == "exit"


def test_a_paused_sweep_hands_out_nothing(door: Door) -> None:
    sweep = ask(door, MAKE, config=CONFIG)["upsertSweep"]["sweep"]
    agent = ask(door, AGENT, sweep=sweep["name"])["createAgent"]["agent"]["id"]
    ask(door, MAKE, id=sweep["id"], state="PAUSED")
    assert commands(door, agent) == []
    ask(door, MAKE, id=sweep["id"], state="RUNNING")
    assert commands(door, agent)[0]["type"] == "run"


def test_a_trial_whose_client_falls_silent_ends_without_its_agent(door: Door) -> None:
    """The agent of ``wandb agent --count`` has left by then; nobody asks for the next trial."""
    config = CONFIG.replace("run_cap: 2", "run_cap: 1")
    sweep = ask(door, MAKE, config=config)["upsertSweep"]["sweep"]["name"]
    agent = ask(door, AGENT, sweep=sweep)["createAgent"]["agent"]["id"]
    (order,) = commands(door, agent)
    begin = """mutation B($name: String, $sweep: String) { upsertBucket(
      input: {name: $name, modelName: "p", sweep: $sweep}) { inserted } }"""
    assert ask(door, begin, name=order["run_id"], sweep=sweep)["upsertBucket"]["inserted"]
    recorder = door.app.workers.recorder
    with recorder.hold(run_uid("local", "p", order["run_id"])) as recording:
        recording.patience_s = 0.0
    recorder.close_resting()
    found = door.ask("GET", f"/api/v1/sweeps/{sweep}").json()
    assert [trial["state"] for trial in found["trials"]] == ["failed"]
    assert found["sweep"]["state"] == "finished"


def test_a_sweep_is_renamed(door: Door) -> None:
    """By its client and by our own door; an empty name is that of the configuration again."""
    edit = """mutation E($id: ID!, $name: String) { upsertSweep(
      input: {id: $id, displayName: $name}) { sweep { displayName state } } }"""
    sweep = ask(door, MAKE, config=f"name: given\n{CONFIG}")["upsertSweep"]["sweep"]
    shown = ask(door, edit, id=sweep["id"], name="Edited")["upsertSweep"]["sweep"]
    assert shown == {"displayName": "Edited", "state": "PENDING"}
    path = f"/api/v1/sweeps/{sweep['name']}"
    assert door.ask("GET", path).json()["sweep"]["name"] == "Edited"
    assert door.ask("PATCH", path, json_body={"name": "Ours"}).json()["name"] == "Ours"
    assert door.ask("PATCH", path, json_body={"run_cap": 3}).json()["name"] == "Ours"
    assert door.ask("PATCH", path, json_body={"name": ""}).json()["name"] == "given"
    assert door.ask("PATCH", path, json_body={"name": "a\0b"}).status == 400


def test_what_is_no_sweep_is_said_clearly(door: Door) -> None:
    """A config that cannot be used, a sweep and an agent that are not there."""
    assert ask(door, MAKE, 400, config="method: magic")
    assert ask(door, MAKE, 400, config="{")
    make = """mutation U($config: String, $prior: JSONString) {
      upsertSweep(input: {config: $config, priorRunsFilters: $prior}) { sweep { name } } }"""
    for prior in ['{"$or": 1}', '{"$or": []}', '{"state": "finished"}', '{"$or": [{"name": ""}]}']:
        assert "names runs" in ask(door, make, 400, config=CONFIG, prior=prior)
    assert ask(door, make, 404, config=CONFIG, prior='{"$or": [{"name": "nobody"}]}')
    assert ask(door, AGENT, 404, sweep="nothing0")
    assert ask(door, BEAT, 404, id="QWdlbnQ6YTpi", state="{}")
