"""How soon each tracker's page draws the curves of the same thirty runs, opened cold.

Thirty runs of eight metrics over 500 steps; two of them become NaN at 70 %. Every peer's own
client writes them in its own environment, its own server shows them, and each visit is a fresh
profile of headless Chromium at the address where the peer draws charts without a click: the runs
together, but for Aim, which draws those of one run only. A *curve* is seen by the same rule for
all: a path of at least 40 corners, or a canvas of more than a title's size with something on it.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

RUNS, METRICS, STEPS = 30, 8, 500
VISITS = 5
ROOT = Path(__file__).parents[1]
PEERS = ("epochal", "mlflow", "tensorboard", "trackio", "aim")

SEEN = """() => {
  const big = (box) => box.width > 60 && box.height > 40;
  const painted = (canvas) => {
    const small = new OffscreenCanvas(64, 48).getContext("2d");
    try { small.drawImage(canvas, 0, 0, 64, 48); } catch { return false; }
    const colors = new Set(new Uint32Array(small.getImageData(0, 0, 64, 48).data.buffer));
    return colors.size > 8;
  };
  const curve = (path) => (path.getAttribute("d") ?? "").split(/[LC,]/).length > 40;
  const look = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot && look(node.shadowRoot)) return true;
      if (node.localName === "canvas" && big(node.getBoundingClientRect()) && painted(node))
        return true;
      if (node.localName === "path" && curve(node) && big(node.getBoundingClientRect()))
        return true;
    }
    return false;
  };
  return look(document);
}"""


def key_of(number: int) -> str:
    return f"{('train', 'val')[number % 2]}/metric_{number}"


def values_of(run: int, step: int) -> dict[str, float]:
    """One row of a run; two runs become NaN at 70 % of their steps."""
    if run in (7, 19) and step >= STEPS * 7 // 10:
        return {key_of(number): math.nan for number in range(METRICS)}
    falling = math.exp(-step * (run + 5) / 4000)
    return {
        key_of(number): falling * (number + 1) + 0.05 * math.sin(step * (run + number + 1))
        for number in range(METRICS)
    }


def write_epochal(directory: str) -> str:
    import epochal

    quiet = {"console": False, "git": False, "system_interval": 0, "silent": True}
    for run in range(RUNS):
        with epochal.init(
            project="bench", dir=directory, config={"lr": run}, settings=quiet
        ) as it:
            for step in range(STEPS):
                it.log(values_of(run, step), step=step)
    return "/p/bench"


def write_mlflow(directory: str) -> str:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(f"sqlite:///{directory}/mlflow.db")
    experiment = client.create_experiment("bench", artifact_location=f"{directory}/artifacts")
    for run in range(RUNS):
        it = client.create_run(experiment, run_name=f"run-{run}").info.run_id
        client.log_param(it, "lr", run)
        now = int(time.time() * 1000)
        rows = [
            Metric(key, value, now + step, step)
            for step in range(STEPS)
            for key, value in values_of(run, step).items()
        ]
        for begin in range(0, len(rows), 1000):
            client.log_batch(it, metrics=rows[begin : begin + 1000])
        client.set_terminated(it)
    return f"/#/experiments/{experiment}/runs?compareRunsMode=CHART"


def write_tensorboard(directory: str) -> str:
    from tensorboardX import SummaryWriter

    for run in range(RUNS):
        writer = SummaryWriter(os.path.join(directory, f"run-{run}"))
        for step in range(STEPS):
            for key, value in values_of(run, step).items():
                writer.add_scalar(key, value, step)
        writer.close()
    return "/#timeseries"


def write_trackio(directory: str) -> str:
    os.environ.update(TRACKIO_DIR=directory, HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    import trackio

    for run in range(RUNS):
        trackio.init(
            project="bench", name=f"run-{run}", config={"lr": run}, embed=False, auto_log_gpu=False
        )
        for step in range(STEPS):
            trackio.log(values_of(run, step), step=step)
        trackio.finish()
    return "/?project=bench"


def write_aim(directory: str) -> str:
    from aim import Repo, Run

    Repo(directory, init=True)
    for run in range(RUNS):
        it = Run(repo=directory, experiment="bench", system_tracking_interval=None)
        it["lr"] = run
        for step in range(STEPS):
            for key, value in values_of(run, step).items():
                it.track(value, name=key, step=step)
        it.close()
    return f"/runs/{it.hash}/metrics"


def write(peer: str, directory: str) -> str:
    """Write the runs with the peer's own client; the path of its page of charts."""
    from bench import environments

    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench import opening;"
        f" print('PATH', opening.write_{peer}({directory!r}))"
    )
    command = [environments.python_of(peer), "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return next(x.split(" ", 1)[1] for x in done.stdout.splitlines() if x.startswith("PATH"))


def command_of(peer: str, directory: str, port: int) -> list[str]:
    """What starts the peer's server on a port."""
    from bench import environments

    python = environments.python_of(peer)
    beside = Path(python).parent
    where = ["--host", "127.0.0.1", "--port", str(port)]
    show = "import trackio; trackio.show(project='bench', open_browser=False)"
    return {
        "epochal": [
            python, "-m", "epochal", "server", "--home", f"{directory}/.epochal",
            "--port", str(port),
        ],
        "mlflow": [
            python, "-m", "mlflow", "server", "--backend-store-uri",
            f"sqlite:///{directory}/mlflow.db", "--artifacts-destination", directory, *where,
        ],
        "tensorboard": [
            python, "-m", "tensorboard.main", "--logdir", directory, "--port", str(port),
        ],
        "trackio": [python, "-c", show],
        "aim": [str(beside / "aim"), "up", "--repo", directory, *where],
    }[peer]  # fmt: skip


@contextmanager
def served(peer: str, directory: str) -> Iterator[str]:
    """The address of the peer's running server."""
    from bench.tensorboard import free_port

    port = free_port()
    changed = {
        "TRACKIO_DIR": directory,
        "HF_HUB_OFFLINE": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_SERVER_PORT": str(port),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    server = subprocess.Popen(
        command_of(peer, directory, port),
        env={**os.environ, **changed},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for_page(base)
        yield base
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def wait_for_page(base: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            with urlopen(base, timeout=30) as answer:
                answer.read()
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"no page at {base}")


def visit(browser: Any, url: str) -> dict[str, float]:
    """One cold visit: until the first curve, and what it cost once the page is still."""
    from bench import visitor

    outside: set[str] = set()

    def note(request: Any) -> None:
        host = urlsplit(request.url).hostname
        if host not in {None, "127.0.0.1"}:
            outside.add(str(host))

    with visitor.watched(browser) as watched:
        watched.context.on("request", note)
        begun = time.perf_counter()
        watched.page.goto(url, wait_until="commit")
        while not watched.ask(f"({SEEN})()"):
            if time.perf_counter() - begun > 180:
                raise TimeoutError(f"no curve at {url}")
            watched.page.wait_for_timeout(20)
        seen = time.perf_counter() - begun
        watched.settle()
        return {
            "first_curve_s": seen,
            "megabytes": sum(watched.loaded) / 1e6,
            "requests": float(len(watched.loaded)),
            "heap_mb": watched.heap_mb(),
            "outside_hosts": float(len(outside)),
        }


def opening(quick: bool) -> dict[str, Any]:
    """Medians of the visits; each round visits every peer, whose servers run all the while."""
    from playwright.sync_api import sync_playwright

    from bench import visitor

    chromium = os.environ.get("EPOCHAL_TEST_CHROMIUM", "/usr/bin/chromium")
    found: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    with ExitStack() as stack:
        urls = {}
        for peer in PEERS:
            print(f"opening: {peer} is filled", file=sys.stderr)
            place = stack.enter_context(TemporaryDirectory())
            path = write(peer, place)
            urls[peer] = stack.enter_context(served(peer, place)) + path
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=visitor.FLAGS)
        for _ in range(2 if quick else VISITS + 1):
            for peer, url in urls.items():
                found[peer].append(visit(browser, url))
        browser.close()
    # The first visit warms the servers.
    return {
        peer: {name: median(one[name] for one in visits[1:]) for name in visits[0]}
        for peer, visits in found.items()
    }
