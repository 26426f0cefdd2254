"""What wandb's client does in the benchmarks of `bench.wandb`, each in a process of its own.

Called as ``python -m bench.wandb_clients WORK ...`` where the environment names a server; prints
one JSON object.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import psutil

Result = dict[str, Any]
KEYS = 20
RATE = 200
PERIOD = 3.0
"""wandb's client sends every 15 seconds: five times as often puts five times the rows through."""
KEY = "local-" + "0" * 40
HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode(),
}
UPSERT = """mutation U($name: String, $project: String) {
  upsertBucket(input: {name: $name, modelName: $project}) { inserted } }"""


def log(run_id: str, seconds: str) -> Result:
    """One client: rows of 20 numbers, ``RATE`` a second."""
    import wandb

    keys = [f"metric/{index:02d}" for index in range(KEYS)]
    with wandb.init(project="bench", id=run_id) as run:
        begun = time.perf_counter()
        rows = int(float(seconds) * RATE)
        for row in range(rows):
            run.log({key: row + index / 7 for index, key in enumerate(keys)})
            late = begun + (row + 1) / RATE - time.perf_counter()
            if late > 0:
                time.sleep(late)
    return {"rows": rows}


def replay(url: str, clients: str, requests: str, rows: str) -> Result:
    """Requests as clients send them after 15 seconds of logging, each every `PERIOD` seconds."""
    bodies = [body(number * int(rows), int(rows)) for number in range(int(requests))]
    names = [f"r{index:02d}" for index in range(int(clients))]
    place = urlsplit(url)

    def send(connection: HTTPConnection, path: str, data: bytes) -> None:
        connection.request("POST", path, data, HEADERS)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answers {answer.status}: {said[:500]!r}")

    def run(index: int) -> None:
        name = names[index]
        connection = HTTPConnection(place.hostname or "", place.port)
        variables = {"name": name, "project": "bench"}
        begin = json.dumps({"query": UPSERT, "variables": variables}).encode()
        send(connection, "/graphql", begin)
        for turn, data in enumerate([*bodies, b'{"complete":true,"exitcode":0}']):
            time.sleep(max(0.0, start + (turn + index / len(names)) * PERIOD - time.monotonic()))
            send(connection, f"/files/local/bench/{name}/file_stream", data)

    start = time.monotonic() + 1
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(run, range(len(names))))
    return {"rows": len(names) * len(bodies) * int(rows), "names": names}


def body(first: int, count: int) -> bytes:
    """A request: keys in another order in each line, and whole floats without their point."""
    lines = []
    for row in range(first, first + count):
        fields: dict[str, float] = {"_step": row, "_timestamp": 1.79e9 + row / RATE}
        for index in range(KEYS):
            value = row + index / 7
            fields[f"metric/{index:02d}"] = int(value) if value == int(value) else value
        items = list(fields.items())
        random.Random(row).shuffle(items)
        lines.append(json.dumps(dict(items), separators=(",", ":")))
    chunk = {"offset": first, "content": lines}
    return json.dumps({"files": {"wandb-history.jsonl": chunk}}).encode()


def scan(run_id: str) -> Result:
    """Every row of a run, by ``scan_history``; and the two short ways.

    ``scan_client_cpu_s`` is the CPU time of this process and the client's own for all rows.
    """
    import wandb

    run = wandb.Api().run(f"bench/{run_id}")
    found: Result = {}
    for name, read in {
        "scan_s": lambda: sum(1 for _ in run.scan_history()),
        "scan_one_key_s": lambda: sum(1 for _ in run.scan_history(keys=["metric/02"])),
        "history_s": lambda: len(run.history(samples=500, pandas=False)),
    }.items():
        begun, before = time.perf_counter(), cpu_of_client()
        rows = read()
        found[name] = time.perf_counter() - begun
        found.setdefault("scan_client_cpu_s", cpu_of_client() - before)
        found[name.removesuffix("_s") + "_rows"] = rows
    return found


def cpu_of_client() -> float:
    """CPU seconds of this process and of the client's core."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)


def pages(count: str) -> Result:
    """Some pages of runs, newest first, and sorted under a filter."""
    import wandb

    api = wandb.Api()
    found = {}
    for name, filters, order in (
        ("newest", {}, "-created_at"),
        ("filtered", {"config.p03": {"$lt": 0.5}}, "-summary_metrics.m10"),
    ):
        runs = api.runs("bench", filters=filters, order=order, per_page=50)
        begun = time.perf_counter()
        found[name] = [run.id for _, run in zip(range(int(count)), runs, strict=False)][-1]
        found[f"{name}_s"] = time.perf_counter() - begun
    return found


def put(source: str) -> Result:
    """Log a file as an artifact, until the server has it; `add_s` is the client's own part."""
    import wandb

    with wandb.init(project="bench", id="file") as run:
        artifact = wandb.Artifact("file", type="dataset")
        begun = time.perf_counter()
        artifact.add_file(source)
        added = time.perf_counter()
        run.log_artifact(artifact).wait()
        return {"add_s": added - begun, "up_s": time.perf_counter() - added}


def fetch(root: str) -> Result:
    """Download it where no cache has it."""
    import wandb

    artifact = wandb.Api().artifact("bench/file:latest")
    begun = time.perf_counter()
    artifact.download(root)
    return {"down_s": time.perf_counter() - begun}


CLIENTS = {"log": log, "replay": replay, "scan": scan, "pages": pages, "put": put,
           "fetch": fetch}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(CLIENTS[sys.argv[1]](*sys.argv[2:])))
