"""wandb's unmodified client and public API against a server on this machine.

`ingest`: real clients in processes of their own log rows of 20 numbers at a fixed rate; how long
the server takes to answer their requests is measured in the server's process, from the first byte
to the last and from the last byte of the request on, and afterwards every row is counted. The CPU
time of the clients stands beside that of the server, as they share the machine. `replay`: requests
as those clients send them, five times as often, from a process that does nothing else: the
server's own part.
`scan`: ``scan_history`` of a long run. `pages`: ``Api().runs`` among many runs, as CPU time of the
server.

Called as ``python -m bench.wandb WORK ...`` for a part in a process of its own.
"""

from __future__ import annotations

import base64
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.lists import fill
from bench.stores import wait_for
from epochal.journal.home import ServerAddress, read_server_address

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
NATIVE = {"console": False, "system_interval": 0, "git": False, "environment": False}


# ------------------------------------------------------------------ in processes of their own
def serve(home: str, times: str) -> None:
    """A server that notes how long it took to answer each request."""
    from epochal.cli.serve import serve as run_server
    from epochal.server.app import Application

    inner = Application.__call__
    with Path(times).open("w", buffering=1) as file:

        async def timed(self: Any, scope: Any, receive: Any, send: Any) -> None:
            begun = whole = time.perf_counter()

            async def noted() -> Any:
                nonlocal whole
                message = await receive()
                whole = time.perf_counter()
                return message

            await inner(self, scope, noted, send)
            if scope["type"] == "http":
                end = time.perf_counter()
                file.write(f"{end - begun:.6f} {end - whole:.6f} {scope['path']}\n")

        Application.__call__ = timed  # type: ignore[method-assign]
        sys.exit(run_server(home=home, port=0, quiet=True))


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
    """Every row of a run, by ``scan_history``; and the two short ways."""
    import wandb

    run = wandb.Api().run(f"bench/{run_id}")
    found: Result = {}
    for name, read in {
        "scan_s": lambda: sum(1 for _ in run.scan_history()),
        "scan_one_key_s": lambda: sum(1 for _ in run.scan_history(keys=["metric/02"])),
        "history_s": lambda: len(run.history(samples=500, pandas=False)),
    }.items():
        begun = time.perf_counter()
        rows = read()
        found[name] = time.perf_counter() - begun
        found[name.removesuffix("_s") + "_rows"] = rows
    return found


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


# --------------------------------------------------------------------------------------- measuring
@contextmanager
def serving(home: Path) -> Iterator[tuple[ServerAddress, psutil.Process, Path]]:
    times = home.parent / "times.txt"
    command = [sys.executable, "-m", "bench.wandb", "serve", str(home), str(times)]
    server = subprocess.Popen(command)
    try:
        address = wait_for(lambda: read_server_address(home), 30)
        yield address, psutil.Process(server.pid), times
    finally:
        server.terminate()
        server.wait(60)


def part(
    directory: Path, url: str, *arguments: str, is_elsewhere: bool = False
) -> subprocess.Popen[str]:
    """A part in a process of its own, with directories of its own.

    One that stands for another machine gets the CPU that the server leaves.
    """
    directory.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ, "WANDB_BASE_URL": url, "WANDB_API_KEY": KEY, "WANDB_SILENT": "true",
        "WANDB_DIR": str(directory), "WANDB_CACHE_DIR": str(directory), "HOME": str(directory),
        "WANDB_CONFIG_DIR": str(directory), "WANDB_DATA_DIR": str(directory),
        "WANDB_DISABLE_GIT": "true",
    }  # fmt: skip
    nice = ["nice", "-n", "19"] if is_elsewhere else []
    command = [*nice, sys.executable, "-m", "bench.wandb", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> Result:
    output, _ = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"a client ended with {process.returncode}: {output[-2000:]}")
    answer: Result = json.loads(output.splitlines()[-1])
    return answer


def cpu_of(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def ingest(clients: int, seconds: float) -> Result:
    """Several clients at once, which stand for as many machines."""
    with tempfile.TemporaryDirectory() as text, serving(Path(text, "home")) as (at, server, times):
        told(part(Path(text, "warm"), at.url, "log", "warm", "1"))  # imports, first statements
        known = len(times.read_text().splitlines())
        before, begun, spent_before = cpu_of(server), time.perf_counter(), cpu_of_children()
        names = [f"c{index:02d}" for index in range(clients)]
        running = [
            part(Path(text, name), at.url, "log", name, str(seconds), is_elsewhere=True)
            for name in names
        ]
        sent = sum(told(process)["rows"] for process in running)
        wall, spent = time.perf_counter() - begun, cpu_of(server) - before
        clients_spent = cpu_of_children() - spent_before
        kept = sum(_count(text, name) for name in names)
        answers = _answers(times, known)
    return {
        "clients": clients, "rows": sent, "lost": sent - kept, **answers, "wall_s": wall,
        "server_cpu_s": spent, "server_cpu_us_per_row": spent / sent * 1e6,
        "clients_cpu_us_per_row": clients_spent / sent * 1e6,
    }  # fmt: skip


def replays(clients: int, requests: int = 5, rows: int = 3_000) -> Result:
    """The same requests without wandb's clients."""
    with tempfile.TemporaryDirectory() as text, serving(Path(text, "home")) as (at, server, times):
        told(part(Path(text, "warm"), at.url, "replay", at.url, "1", "1", "100"))
        known = len(times.read_text().splitlines())
        before, begun = cpu_of(server), time.perf_counter()
        given = (str(clients), str(requests), str(rows))
        sent = told(part(Path(text, "client"), at.url, "replay", at.url, *given))
        wall = time.perf_counter() - begun
        kept = sum(_count(text, name) for name in sent["names"])
        spent = cpu_of(server) - before
        answers = _answers(times, known)
    return {
        "clients": clients, "rows": sent["rows"], "lost": sent["rows"] - kept, **answers,
        "wall_s": wall, "server_cpu_us_per_row": spent / sent["rows"] * 1e6,
    }  # fmt: skip


def cpu_of_children() -> float:
    """CPU seconds of all processes that were waited for, and of theirs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _answers(times: Path, known: int) -> Result:
    """How long file_stream requests took, and how long from their last byte on."""
    lines = [line.split() for line in times.read_text().splitlines()[known:]]
    mine = [line for line in lines if line[2].endswith("/file_stream")]
    whole, after = (sorted(float(line[place]) * 1e3 for line in mine) for place in (0, 1))
    return {
        "requests": len(mine), "p50_ms": statistics.median(whole), "p99_ms": _p99(whole),
        "max_ms": whole[-1], "p50_after_body_ms": statistics.median(after),
        "p99_after_body_ms": _p99(after),
    }  # fmt: skip


def _p99(values: list[float]) -> float:
    return values[int(len(values) * 0.99)]


def _count(text: str, run_id: str) -> int:
    """How many points of the first key and the last one a run has; less of the two."""
    import epochal

    address = read_server_address(Path(text, "home"))
    if address is None:
        raise RuntimeError("the server is gone")
    run = epochal.connect(url=address.url).run(f"bench/{run_id}")
    keys = ("metric/00", f"metric/{KEYS - 1:02d}")
    return min(len(run.series(key)) for key in keys)


def scans(rows: int, count: int = 5) -> Result:
    """Read a long run of some keys."""
    import epochal

    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        settings = {**NATIVE, "silent": True, "home": str(home)}
        run = epochal.init(project="bench", id="long", settings=settings)
        keys = [f"metric/{index:02d}" for index in range(count)]
        for row in range(rows):
            run.log({key: row + index / 7 for index, key in enumerate(keys)}, step=row)
        run.finish()
        with serving(home) as (at, server, _):
            before = cpu_of(server)
            found = told(part(Path(text, "client"), at.url, "scan", "long"))
            return {"rows": rows, "keys": count, **found, "server_cpu_s": cpu_of(server) - before}


def lists(count: int) -> Result:
    """Pages of fifty among ``count`` runs of 20 params and 50 metrics."""
    wanted = min(count, 500)
    with tempfile.TemporaryDirectory() as text:
        home = Path(text, "home")
        home.mkdir()
        fill(home, count)
        with serving(home) as (at, server, times):
            told(part(Path(text, "warm"), at.url, "pages", "50"))
            before = cpu_of(server)
            found = told(part(Path(text, "client"), at.url, "pages", str(wanted)))
            spent = cpu_of(server) - before
            requests = sum("/graphql" in line for line in times.read_text().splitlines())
    return {
        "runs": count, "server_cpu_ms_per_page": spent / (2 * wanted / 50) * 1e3,
        "newest_ms_per_page": found["newest_s"] / (wanted / 50) * 1e3,
        "filtered_ms_per_page": found["filtered_s"] / (wanted / 50) * 1e3, "requests": requests,
    }  # fmt: skip


def wandb(quick: bool) -> Result:
    """All parts."""
    clients, seconds = (4, 10.0) if quick else (16, 60.0)
    return {
        "ingest": ingest(clients, seconds),
        "replay": replays(clients),
        "scan": scans(10_000 if quick else 100_000),
        "scan_20_keys": scans(10_000 if quick else 100_000, KEYS),
        "pages": lists(1_000 if quick else 10_000),
    }


PARTS = {"log": log, "replay": replay, "scan": scan, "pages": pages, "ingest": ingest,
         "replays": replays, "scans": scans, "lists": lists}  # fmt: skip

if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    elif sys.argv[1] in ("log", "replay", "scan", "pages"):
        print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))
    else:
        print(json.dumps(PARTS[sys.argv[1]](*map(int, sys.argv[2:])), indent=1))
