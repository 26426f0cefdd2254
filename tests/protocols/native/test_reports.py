"""Reports at the rim: what is frozen is what a live panel shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.server.door import Door

REPORTS = "/api/v1/reports"
MLFLOW = "/api/2.0/mlflow"
POINTS = 300


def send(door: Door, target: str, **body: Any) -> Any:
    answer = door.ask("POST", target, json_body=body)
    assert answer.status < 300, answer.body
    return answer.json()


def test_points_that_were_just_acknowledged_are_frozen(home: Path) -> None:
    """Those of foreign clients stand in a journal first; freezing takes them in."""
    with Door(home) as door:
        experiment = send(door, f"{MLFLOW}/experiments/create", name="e")["experiment_id"]
        run = send(door, f"{MLFLOW}/runs/create", experiment_id=experiment)["run"]
        name = send(door, REPORTS, project="e", title="R")["name"]
        of_report = f"{REPORTS}/frozen?project=e&name={name}"
        for batch in range(3):
            send(
                door,
                f"{MLFLOW}/runs/log-batch",
                run_id=run["info"]["run_id"],
                metrics=[
                    {"key": f"loss{batch}", "value": 1.0, "timestamp": step, "step": step}
                    for step in range(POINTS)
                ],
            )
            panel = f"panel: lines:loss{batch}"
            frozen = send(door, of_report, panel=panel)["data"]
            live = send(door, f"{REPORTS}/panel", project="e", panel=panel)
            assert frozen["keys"] == live["keys"] == [f"loss{batch}"]
            assert frozen["columns"]
