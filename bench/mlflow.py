"""MLflow's unmodified client against Epochal and `mlflow server` on SQLite, in one run.

Three servers do the same work one after the other: Epochal, MLflow with one worker, and MLflow as
it starts by default. The client is a process of its own, the same for all. What a work costs a
server is CPU time of its process and of all its children, until it has come to rest; waits are
those of the client. Client and server share the machine. What a server has to spend on writes that
does nothing but keep their bytes (`bench.mlflow_floor`) is measured beside them.

Called as ``python -m bench.mlflow client URL FOLDER SIZES`` for the client.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench import environments

Result = dict[str, Any]
METRICS = 20
BATCH = 1_000
SEARCHES = 5
FILES = 3
SERVERS = {
    "epochal": ["epochal", "server"],
    "one worker": ["mlflow", "server", "--workers", "1"],
    "default": ["mlflow", "server"],
}
FLOOR = "floor"


# ---------------------------------------------------------------------------- the client's process
def client(url: str, folder: str, sizes: str) -> None:
    """Does one work per line that comes in, by its name; answers with a line of JSON."""
    os.environ["MLFLOW_TRACKING_URI"] = url
    answers, sys.stdout = sys.stdout, sys.stderr  # MLflow prints where a run can be seen
    works = Works(url, Path(folder), json.loads(sizes))
    for line in sys.stdin:
        print(json.dumps(getattr(works, line.strip())()), file=answers, flush=True)


class Works:
    """What is measured, each as a user of `MlflowClient` would do it."""

    def __init__(self, url: str, folder: Path, sizes: dict[str, int]) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(url)
        self.folder = folder
        self.sizes = sizes
        self.made: list[str] = []

    def warm(self) -> Result:
        """Everything once, so that imports and first statements are done."""
        small = Works.__new__(Works)
        small.__dict__.update(self.__dict__, made=[])
        small.sizes = dict.fromkeys(self.sizes, 1)
        for name in ("log_metric", "log_batch", "history", "create", "search", "filtered"):
            getattr(small, name)()
        return {}

    def log_metric(self) -> Result:
        """Values one by one, each acknowledged."""
        run = self._run("singles")
        waits = []
        for step in range(self.sizes["calls"]):
            begun = time.perf_counter()
            self.client.log_metric(run, "loss", step / 7, step=step)
            waits.append(time.perf_counter() - begun)
        return {"count": len(waits), "p50_ms": statistics.median(waits) * 1e3}

    def log_batch(self) -> Result:
        """Batches of 1,000 points of one metric."""
        from mlflow.entities import Metric

        self.long = self._run("batches")
        for number in range(self.sizes["batches"]):
            steps = range(number * BATCH, (number + 1) * BATCH)
            points = [Metric("loss", step / 7, 1_700_000_000_000 + step, step) for step in steps]
            self.client.log_batch(self.long, points)
        return {"count": self.sizes["batches"]}

    def history(self) -> Result:
        """All of these points again."""
        found = self.client.get_metric_history(self.long, "loss")
        expected = self.sizes["batches"] * BATCH
        if len(found) != expected or found[-1].value != (expected - 1) / 7:
            raise AssertionError(f"{len(found)} points came back of {expected}")
        return {"count": 1}

    def create(self) -> Result:
        """Runs of 20 metrics: begun, logged, ended."""
        from mlflow.entities import Metric, Param

        self.experiment = self.client.create_experiment(f"many-{time.time_ns()}")
        params = [Param("lr", "0.1"), Param("seed", "7")]
        for number in range(self.sizes["runs"]):
            run = self.client.create_run(self.experiment).info.run_id
            now = int(time.time() * 1e3)
            metrics = [Metric(f"m{i:02d}", number + i / 7, now, 1) for i in range(METRICS)]
            self.client.log_batch(run, metrics, params)
            self.client.set_terminated(run)
        return {"count": self.sizes["runs"]}

    def first_search(self) -> Result:
        """All of these runs, whole, for the first time."""
        found = self.client.search_runs([self.experiment], max_results=self.sizes["runs"])
        if len(found) != self.sizes["runs"] or len(found[-1].data.metrics) != METRICS:
            raise AssertionError(f"{len(found)} runs came back of {self.sizes['runs']}")
        return {"count": 1}

    def search(self) -> Result:
        """The same again, several times."""
        for _ in range(SEARCHES):
            self.first_search()
        return {"count": SEARCHES}

    def filtered(self) -> Result:
        """One hundred of them, under a condition and in an order, ten times."""
        for _ in range(10):
            self.client.search_runs(
                [self.experiment], "metrics.m03 > 10 and params.lr = '0.1'", max_results=100,
                order_by=["metrics.m10 DESC"],
            )  # fmt: skip
        return {"count": 10}

    def upload(self) -> Result:
        """Large files, one after the other; the wait is the median."""
        self.holder = self._run("files")
        self.folder.mkdir(exist_ok=True)
        waits = []
        for number in range(FILES):
            file = self.folder / f"weights-{number}.bin"
            file.write_bytes(os.urandom(1 << 20) * self.sizes["megabytes"])
            begun = time.perf_counter()
            self.client.log_artifact(self.holder, str(file))
            waits.append(time.perf_counter() - begun)
            file.unlink()
        return {"count": FILES, "wall_s": statistics.median(waits)}

    def download(self) -> Result:
        """The same files back."""
        waits = []
        for number in range(FILES):
            begun = time.perf_counter()
            path = Path(self.client.download_artifacts(self.holder, f"weights-{number}.bin"))
            waits.append(time.perf_counter() - begun)
            if path.stat().st_size != self.sizes["megabytes"] << 20:
                raise AssertionError("another size came back")
            shutil.rmtree(path.parent)
        return {"count": FILES, "wall_s": statistics.median(waits)}

    def _run(self, name: str) -> str:
        run_id: str = self.client.create_run("0", run_name=name).info.run_id
        return run_id


ORDER = (
    "log_metric",
    "log_batch",
    "history",
    "create",
    "first_search",
    "search",
    "filtered",
    "upload",
    "download",
)
WRITES = ("log_metric", "create")


# ------------------------------------------------------------------------------------- the servers
def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of a server and its children, those that ended too."""
    spent = 0.0
    for one in family(process):
        times = one.cpu_times()
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def wait_for_rest(server: psutil.Process) -> None:
    """Until a server has next to nothing to do: what it does later is part of the work.

    Ours takes the runs of foreign clients into its index every four seconds.
    """
    before = cpu_of(server)
    for _ in range(12):
        time.sleep(5)
        now = cpu_of(server)
        if now - before < 0.1:
            return
        before = now


def memory_of(process: psutil.Process) -> float:
    """MB; what processes share counts once."""
    return float(sum(one.memory_full_info().pss for one in family(process)) / 1e6)


@contextmanager
def serving(name: str, place: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """A server on an empty folder: its URL, its process and the seconds to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [*_program(name, place), "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    begun = time.perf_counter()
    server = subprocess.Popen(command, **quiet)  # type: ignore[call-overload]
    try:
        while not _answers(f"{url}/api/2.0/mlflow/experiments/get?experiment_id=0"):
            if server.poll() is not None or time.perf_counter() - begun > 300:
                raise RuntimeError(f"{' '.join(command)} does not answer")
            time.sleep(0.01)
        yield url, psutil.Process(server.pid), time.perf_counter() - begun
    finally:
        server.terminate()
        server.wait(60)


def _program(name: str, place: Path) -> list[str]:
    """What starts a server on an empty folder."""
    if name == FLOOR:
        return [sys.executable, "-m", "bench.mlflow_floor", str(place / "bodies")]
    program, *words = SERVERS[name]
    command = [environments.python_of(program), "-m", program, *words]
    if program == "epochal":
        return [*command, "--home", str(place / "home")]
    command += ["--backend-store-uri", f"sqlite:///{place}/mlflow.db"]
    return [*command, "--artifacts-destination", str(place / "artifacts")]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def measure(name: str, sizes: dict[str, int], order: tuple[str, ...]) -> Result:
    """All works with one server."""
    print(f"mlflow's client, {name}", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory() as text,
        serving(name, Path(text)) as (url, server, start_s),
        talking(url, Path(text, "client"), sizes) as ask,
    ):
        ask("warm" if order == ORDER else order[0])
        found: Result = {"start_s": start_s}
        for work in order:
            before, begun = cpu_of(server), time.perf_counter()
            told = ask(work)
            told.setdefault("wall_s", time.perf_counter() - begun)
            wait_for_rest(server)
            told["cpu_ms"] = (cpu_of(server) - before) / told["count"] * 1e3
            found[work] = told
        found["memory_mb"] = memory_of(server)
    return found


@contextmanager
def talking(url: str, folder: Path, sizes: dict[str, int]) -> Iterator[Callable[[str], Result]]:
    """A client of a server; it does a work and tells what it saw."""
    command = [sys.executable, "-m", "bench.mlflow", "client", url, str(folder), json.dumps(sizes)]
    pipes = {
        "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL,
        "text": True,
    }  # fmt: skip
    process = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]

    def ask(work: str) -> Result:
        process.stdin.write(f"{work}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the client ended in {work}")
        answer: Result = json.loads(line)
        return answer

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(60)


def mlflow(quick: bool, servers: tuple[str, ...] = tuple(SERVERS)) -> Result:
    """All servers, one after the other."""
    sizes = {"calls": 1_000, "batches": 100, "runs": 1_000, "megabytes": 100}
    if quick:
        sizes = {"calls": 100, "batches": 10, "runs": 100, "megabytes": 10}
    found: Result = {"sizes": sizes, FLOOR: measure(FLOOR, sizes, WRITES)}
    return found | {name: measure(name, sizes, ORDER) for name in servers}


if __name__ == "__main__":
    if sys.argv[1] == "client":
        client(*sys.argv[2:])
    else:
        print(json.dumps(mlflow(sys.argv[1] == "quick", tuple(sys.argv[2:])), indent=1))
