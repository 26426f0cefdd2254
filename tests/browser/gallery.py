"""The home that most tests look at: small projects by real clients, a large one by the journal."""

from __future__ import annotations

import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Config, Finish, Header
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal
from tests.browser import studio
from tests.browser.clients import run_script
from tests.conftest import Server

MANY_RUNS = 2_000
MANY_BEGAN_US = 1_790_000_000_000_000
MANY_METRICS = 16
MANY_CONFIGS = 14
LONG_STEPS = 210_000
LONG_SPIKES = {
    7: 90.0, 41_234: -55.5, 41_235: 70.25, 100_000: 123.0, 100_513: -80.0, 209_998: 64.0,
}  # fmt: skip
LONG_NANS = (0, 41_300, 99_999, 100_200, 100_201, 150_000, 209_999)
HOSTILE = {
    "project": "<img src=x onerror=window.__owned=1> project",
    "name": "<img src=x onerror=window.__owned=1> name",
    "tag": "<svg onload=window.__owned=1> tag",
    "note": "<script>window.__owned=1</script> [note](javascript:window.__owned=1) note",
    "metric": 'loss"><img src=x onerror=window.__owned=1>',
    "key": "<b onmouseover=window.__owned=1>key</b>",
    "value": "javascript:window.__owned=1",
    "alert": "<iframe srcdoc='<script>parent.__owned=1</script>'> alert",
    "line": "<img src=x onerror=window.__owned=1> console \x1b[31mred\x1b[0m",
    "link": "\x1b]8;;javascript:window.__owned=1\x07click me\x1b]8;;\x07",
}

_RESNETS = """
import math
for number in range(6):
    config = {"lr": 10.0 ** -(1 + number % 3), "optim": {"name": ["sgd", "adamw"][number % 2]}}
    run = epochal.init(project="resnets", name=f"r18-{number}", id=f"r18-{number}", config=config,
                       tags=["baseline"] if number < 2 else [], settings=QUIET,
                       reinit="create_new")
    for step in range(400):
        loss = math.exp(-step / (60 + 20 * number)) + 0.05 * math.sin(step * (number + 1))
        run.log({"train/loss": loss, "val/acc": 1 - loss / 2, "epoch": step // 40}, step=step)
    run.finish()
"""
_FLOWS = """
from epochal.errors import StepFailed
from epochal.pipelines import pipeline, step

@step
def load(rows: int) -> list[int]:
    return list(range(rows))

@step
def train(rows: list[int], rate: float) -> float:
    epochal.log({"loss": rate})
    print("training")
    return sum(rows) * rate

@step
def judge(scores: list[float], limit: float) -> float:
    if max(scores) > limit:
        raise ValueError(f"{max(scores)} is over the limit of {limit}")
    return max(scores)

@pipeline(name="flows", tags=("nightly",))
def training(rate: float, limit: float = 60.0) -> None:
    judge(train.map([load(n) for n in range(8, 12)], rate=rate), limit)

training(0.5)
training.with_options(listed=False)(0.75)
try:
    training(2.0)
except StepFailed:
    pass
"""
_UNEVEN = """
nan, inf = float("nan"), float("inf")
for name, tail in (("fine", 0.25), ("ends in nan", nan), ("explodes", inf), ("implodes", -inf)):
    run = epochal.init(project="uneven", name=name, settings=QUIET, reinit="create_new")
    for step in range(50):
        run.log({"val/loss": 1 / (step + 1) if step < 40 else tail}, step=step)
    run.finish()
"""
_LONG = """
import json, math
spikes = {int(k): v for k, v in json.loads(sys.argv[1]).items()}
nans = set(json.loads(sys.argv[2]))
run = epochal.init(project="long", name="long", id="long", settings=QUIET)
for step in range(int(sys.argv[3])):
    value = spikes.get(step, math.sin(step / 5000) * 10 + math.sin(step * 12.9898) % 1)
    run.log({"loss": float("nan") if step in nans else value}, step=step)
run.finish()
"""
_SILENT = """
epochal.init(project="silent", name="says nothing", id="says-nothing", settings=QUIET).finish()
"""
_HOSTILE = """
import json
h = json.loads(sys.argv[1])
settings = {**QUIET, "console": True}
run = epochal.init(project=h["project"], name=h["name"], id="hostile", tags=[h["tag"]],
                   notes=h["note"], group=h["value"], job_type=h["tag"],
                   config={h["key"]: h["value"], "url": {"deep": h["name"]}}, settings=settings)
for step in range(30):
    run.log({h["metric"]: 1 / (step + 1), h["metric"] + "/b": step}, step=step)
run.summary[h["key"]] = h["value"]
run.alert(h["alert"], h["note"], level="error")
print(h["line"])
print(h["link"])
run.finish()
"""
_TALKER = """
import time
run = epochal.init(project="talker", name="talker", id="talker",
                   settings={**QUIET, "console": True})
for number in range(100_000):
    if number == 50_000:
        for done in range(0, 101):
            sys.stdout.write(f"\\rprogress {done}%|{'#' * (done // 10)}|")
        sys.stdout.write("\\n")
    elif number == 77_777:
        print("the needle is in line 77777")
    elif number % 1000 == 0:
        print(f"\\x1b[32mepoch {number // 1000}\\x1b[0m \\x1b[1;31mloss\\x1b[0m 0.5")
    else:
        print(f"step {number} of the training goes on and on")
run.log({"loss": 1.0}, step=0)
run.finish()
"""


class Gallery:
    """The running server of the seeded home."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON answer of the API."""
        return ask(self.url, path, body)

    def wait_until_read(self, seconds: float = 120.0) -> None:
        """Wait until every run and line is there."""
        end = time.monotonic() + seconds
        while not self._is_read():
            assert time.monotonic() < end, f"the server did not read the home in {seconds} s"
            time.sleep(0.1)

    def _is_read(self) -> bool:
        known = {project["name"] for project in self.ask("/api/v1/projects")["projects"]}
        if not {"many", "talker", "long", "flows", HOSTILE["project"], *studio.RUNS} <= known:
            return False
        many = self.ask("/api/v1/runs/query", {"project": "many", "limit": 1})
        if many["matched"] < MANY_RUNS:
            return False
        talker = self.run("talker", "talker")
        if self.ask(f"/api/v1/runs/{talker['uid']}/logs?tail=1")["total"] < 100_000:
            return False
        if len(self.flows()) < 2:
            return False
        if any(self.run(*found)["state"] != "finished" for found in studio.RUNS.items()):
            return False
        long = self.run("long", "long")
        return bool(long["state"] == "finished" and long["last_step"] == LONG_STEPS - 1)

    def flows(self) -> list[str]:
        """Ids of the pipeline runs that have ended, newest first; the newest one failed."""
        rows = self.ask("/api/v1/pipelines?project=flows")["pipelines"]
        return [row["id"] for row in rows if row["state"] != "running"]

    def run(self, project: str, run_id: str) -> Any:
        """A run's detail."""
        return self.ask(f"/api/v1/runs/resolve?project={project}&id={run_id}")


def ask(url: str, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    """One request to the API of a server; its JSON answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url + path, data=data, headers={"content-type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.loads(reply.read() or b"null")


def fill(home: Path) -> None:
    """Write everything that the gallery shows."""
    studio.fill(home)
    for source in (_RESNETS, _UNEVEN, _SILENT, _TALKER, _FLOWS):
        run_script(home, source)
    run_script(home, _HOSTILE, json.dumps(HOSTILE))
    run_script(
        home, _LONG, json.dumps(LONG_SPIKES), json.dumps(LONG_NANS), str(LONG_STEPS), seconds=120
    )
    many_runs(home, "many", MANY_RUNS)


def many_runs(home: Path, project: str, count: int) -> None:
    """Short runs with many columns, straight through the journal's writing end."""
    # Most of the time goes to waiting for the disk, so several write at once.
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: _short_run(home, project, number), range(count)))


def _short_run(home: Path, project: str, number: int) -> None:
    source = random.Random(number)
    run_id = f"m{number:04d}"
    uid = run_uid("local", project, run_id)
    at = MANY_BEGAN_US + number * 1_000_000
    header = Header("local", project, run_id, at, host="host", pid=os.getpid())
    journal = open_journal(str(run_directory(home, uid)), uid, new_uid(), header)
    config = {f"c{i:02d}": round(source.random(), 6) for i in range(MANY_CONFIGS)}
    journal.append_fact(Config(at, {**config, "number": number}))
    metrics = [f"m/{i:02d}" for i in range(MANY_METRICS)]
    schema = journal.declare(tuple(metrics), metrics)
    for step in range(2):
        values = [float(number + i + step) for i in range(MANY_METRICS)]
        journal.append(msgspec.msgpack.encode((schema, step, at + step, values)))
    journal.append_fact(Finish(at + 10, "finished", 0))
    journal.close()


def wait_known(url: str, project: str, run_id: str, last_step: int = 0) -> Any:
    """Wait until a server has a run and its points up to a step. Returns its detail."""
    end = time.monotonic() + 60
    where = urllib.parse.urlencode({"project": project, "id": run_id})
    while True:
        try:
            run = ask(url, f"/api/v1/runs/resolve?{where}")
            if run["last_step"] is not None and run["last_step"] >= last_step:
                return run
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
        assert time.monotonic() < end, f"the server did not hear of {project}/{run_id}"
        time.sleep(0.05)
