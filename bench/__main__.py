"""`python -m bench run [--quick] [--peers a,b] [--only PARTS]`; parts are joined by commas.

What docs/benchmarks.md says of parts that were not measured stays; `python -m bench report` writes
all that bench/results/latest.json holds into it again. Small sizes (`--quick`) are kept apart and
only printed: their ratios say little, as fixed costs weigh more.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from pathlib import Path

from bench import clients, environments

RESULTS = Path(__file__).parent / "results"
PARTS = (
    "clients", "store", "runs", "lists", "http", "transfer", "page", "watch", "models",
    "tensorboard", "lightning", "wandb", "mlflow", "sweeps", "opening",
)  # fmt: skip


def run_clients(peers: list[str], rounds: int, quick: bool) -> dict[str, object]:
    """Peers interleaved: each round visits every peer, so that the machine's drift hits all."""
    calls5, calls500, paced, seconds = (
        (20_000, 600, 400, 2.0) if quick else (100_000, 2_000, 2_000, 4.0)
    )
    works = {
        "calls5": lambda peer: clients.calls(peer, calls5, 5),
        "calls500": lambda peer: clients.calls(peer, calls500, 500),
        "paced": lambda peer: clients.calls(peer, paced, 5, "paced"),
        "start": clients.start,
        "killed": lambda peer: clients.killed(peer, seconds),
    }
    found = {work: {peer: [] for peer in peers} for work in works}
    for number in range(rounds):
        for work, measure_one in works.items():
            for peer in peers:
                if peer == "list_append" and work in {"start", "killed"}:
                    continue
                print(f"round {number + 1}: {work} {peer}", file=sys.stderr)
                found[work][peer].append(measure_one(peer))
    return {
        work: {peer: clients.median(results) for peer, results in by_peer.items() if results}
        for work, by_peer in found.items()
    }


def measure(given: argparse.Namespace) -> dict[str, object]:
    """Measure the parts that were asked for."""
    from bench import (
        lightning,
        lists,
        mlflow,
        models,
        opening,
        page,
        stores,
        sweeps,
        tensorboard,
        transfer,
        wandb,
        watch,
    )

    parts = set(given.only.split(","))
    peers = [peer for peer in given.peers.split(",") if peer]
    measured: dict[str, object] = {
        "machine": {
            "date": datetime.date.today().isoformat(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "versions": {peer: environments.version_of(peer) for peer in peers},
            "quick": given.quick,
        }
    }
    if "clients" in parts:
        measured["clients"] = run_clients(peers, 1 if given.quick else given.rounds, given.quick)
    work = {"store": stores.store, "runs": stores.runs, "http": stores.http, "page": page.page}
    work["watch"] = watch.watch
    work["lightning"] = lightning.lightning
    work["lists"] = lists.lists
    work["transfer"] = transfer.transfer
    work["wandb"] = wandb.wandb
    work["mlflow"] = mlflow.mlflow
    work["models"] = models.models
    work["tensorboard"] = tensorboard.tensorboard
    work["sweeps"] = sweeps.sweeps
    work["opening"] = opening.opening
    for part, function in work.items():
        if part in parts:
            measured[part] = function(given.quick)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("action", choices=["run", "report"])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(environments.PEERS))
    parser.add_argument("--only", default=",".join(PARTS), help="parts to measure")
    given = parser.parse_args()
    from bench import report

    RESULTS.mkdir(exist_ok=True)
    latest = RESULTS / ("quick.json" if given.quick else "latest.json")
    results = json.loads(latest.read_text()) if latest.exists() else {}
    if given.action == "run":
        measured = measure(given)
        results.update(measured)
        latest.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
        report.write(results, measured.keys(), keep=not given.quick)
    else:
        report.write(results, results.keys(), keep=not given.quick)


if __name__ == "__main__":
    main()
