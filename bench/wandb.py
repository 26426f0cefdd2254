"""wandb's unmodified client and public API against a server on this machine.

`ingest`: real clients in processes of their own log rows of 20 numbers at a fixed rate; how long
the server takes to answer their requests is measured in the server's process, from the first byte
to the last and from the last byte of the request on, and afterwards every row is counted. The CPU
time of the clients stands beside that of the server, as they share the machine. `replay`: requests
as those clients send them, five times as often, from a process that does nothing else: the
server's own part.
`scan`: ``scan_history`` of a long run, and of the same answers from a server that does no more
than send them. `pages`: ``Api().runs`` among many runs, as CPU time of the server. `file`: one
large file as an artifact, up and down, beside `cp` and `sync` of it, beside a copy that hashes as
the native bench makes it, and what the client takes by itself: up to a server that throws the
bytes away, down from one that has them in memory (`floor`).

Called as ``python -m bench.wandb PART NUMBER ...`` for one of them.
"""

from __future__ import annotations

import filecmp
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.lists import fill
from bench.stores import wait_for
from bench.transfer import copy
from bench.wandb_clients import KEY, KEYS
from epochal.journal.home import ServerAddress, read_server_address

Result = dict[str, Any]
WAYS = ("up", "down")
NATIVE = {"console": False, "system_interval": 0, "git": False, "environment": False}


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
    command = [*nice, sys.executable, "-m", "bench.wandb_clients", *arguments]
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
            spent = cpu_of(server) - before
            with near(at.url) as (url, _):
                for name in ("keeps", "client's own"):  # from memory the second time
                    again = told(part(Path(text, name), url, "scan", "long"))
        found["scan_floor_s"] = again["scan_s"]
        return {"rows": rows, "keys": count, **found, "server_cpu_s": spent}


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


def copied(source: Path, target: Path) -> float:
    """Seconds for a copy that is on the device."""
    begun = time.perf_counter()
    subprocess.run(["cp", source, target], check=True)
    subprocess.run(["sync", target], check=True)
    spent = time.perf_counter() - begun
    target.unlink()
    return spent


def copy_hashed(source: Path, target: Path) -> float:
    """Seconds for a copy as `bench.transfer` makes it: read, hashed, written, synced."""
    folder = source.parent / "alone"
    folder.mkdir()
    os.link(source, folder / "file")
    spent: float = copy(folder, target)["synced_s"]
    shutil.rmtree(target)
    return spent


@contextmanager
def near(url: str, *source: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server of `bench.wandb_floor` before another, and its process."""
    command = [sys.executable, "-m", "bench.wandb_floor", url.rpartition(":")[2], *source]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process
        process.communicate()


def floor_up(text: str, url: str, source: Path) -> Result:
    """The client's part of an upload: to a server that does nothing with the bytes."""
    with near(url, str(source)) as (address, process):
        found = told(part(Path(text, "null"), address, "put", str(source)))
        paused, _ = process.communicate()
    return {"floor_s": found["up_s"] - float(paused)}


def floor_down(text: str, url: str) -> Result:
    """The client's part of a download: from a server that has the answers in memory."""
    with near(url) as (address, _):
        for name in ("keeps", "alone"):
            got = Path(text, name, "got")
            found = told(part(got.parent, address, "fetch", str(got)))
            shutil.rmtree(got.parent)
    return {"floor_down_s": found["down_s"]}


def one_file(mib: int, rounds: int = 3) -> Result:
    """A file up and down, and copied before, between and after; the medians of some rounds."""
    found = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as text, serving(Path(text, "home")) as (at, server, _):
            source, target = Path(text, "file"), Path(text, "copy")
            with source.open("wb") as file:
                for piece in range(mib):
                    file.write(random.Random(number * mib + piece).randbytes(2**20))
            os.sync()
            hashed = copy_hashed(source, Path(text, "copies"))
            copies = [copied(source, target)]
            with serving(Path(text, "other home")) as (other, _, _):
                null = floor_up(text, other.url, source)
            os.sync()
            before = cpu_of(server)
            up = told(part(Path(text, "up"), at.url, "put", str(source)))
            os.sync()
            copies.append(copied(source, target))
            down = told(part(Path(text, "down"), at.url, "fetch", str(Path(text, "got"))))
            spent = cpu_of(server) - before
            if not filecmp.cmp(source, Path(text, "got", "file"), shallow=False):
                raise RuntimeError("what came back is another file")
            null |= floor_down(text, at.url)
            os.sync()
            copies.append(copied(source, target))
        times = {"copy_s": statistics.mean(copies), "copy_hashed_s": hashed}
        found.append({**times, **null, **up, **down, "server_cpu_s": spent})
    medians = {name: statistics.median(one[name] for one in found) for name in found[0]}
    share = {f"{way}_percent": 100 * medians["copy_s"] / medians[f"{way}_s"] for way in WAYS}
    share["up_hashed_percent"] = 100 * medians["copy_hashed_s"] / medians["up_s"]
    share["floor_percent"] = 100 * medians["floor_s"] / medians["up_s"]
    share["floor_down_percent"] = 100 * medians["floor_down_s"] / medians["down_s"]
    return {"mib": mib, **medians, **share}


def wandb(quick: bool) -> Result:
    """All parts."""
    clients, seconds = (4, 10.0) if quick else (16, 60.0)
    return {
        "ingest": ingest(clients, seconds),
        "replay": replays(clients),
        "scan": scans(10_000 if quick else 100_000),
        "scan_20_keys": scans(10_000 if quick else 100_000, KEYS),
        "pages": lists(1_000 if quick else 10_000),
        "file": one_file(256, 1) if quick else one_file(1024),
    }


WHOLE = {"ingest": ingest, "replays": replays, "scans": scans, "lists": lists,
         "one_file": one_file}  # fmt: skip

if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        print(json.dumps(WHOLE[sys.argv[1]](*map(int, sys.argv[2:])), indent=1))
