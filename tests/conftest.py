"""What every test may ask for: a home of its own, and a real server on it.

No fixture reaches past loopback, none sleeps without a deadline, and each ends what it started by
its pid. The environment of a test holds no ``EPOCHAL_*`` variable but those that the test sets.
"""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from epochal.journal.home import read_server_address
from epochal.store.owner import Store, open_store
from tests.forked import Forked, begin

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60.0

# A shell starts background jobs with SIGINT ignored, and children inherit that. Tests send SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Workers share the processors: further threads of PyTorch's would only wait there, ceaselessly.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# MLflow loads each model that is logged in one more process, which only makes a list of packages.
os.environ.setdefault("MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT", "1")

# A machine that stands still while an example is drawn is no fault of the example.
hypothesis.settings.register_profile(
    "dev",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "ci", hypothesis.settings.get_profile("dev"), derandomize=True, database=None
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_report_header() -> str:
    """Say which hypothesis profile draws the examples."""
    return f"hypothesis profile: {os.environ.get('HYPOTHESIS_PROFILE', 'dev')}"


LONG = ("browser", "protocols", "integrations", "sweeps", "models", "imports", "client")
"""Folders with the longest files, in the order in which workers had best begin them."""


class Schedule(LoadFileScheduling):  # type: ignore[misc] # it has no types
    """A file for each worker that is free; the browser's folder is one file in this.

    Its tests share a server that takes half a minute of work to fill and ends when the worker
    goes to another folder.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule | None:
    """For ``--dist loadfile``."""
    return Schedule(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker is left alone with one of them at the end."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(tests).parts[0] if tests in item.path.parents else ""
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    """No test sees the developer's own settings or writes into the developer's own home."""
    for name in list(os.environ):
        if name.startswith("EPOCHAL_") and name != "EPOCHAL_TEST_CHROMIUM":
            monkeypatch.delenv(name)
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path_factory.mktemp("home", numbered=True)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, which ``EPOCHAL_HOME`` names."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("EPOCHAL_HOME", str(path))
    return path


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An open store in a home of its own."""
    with open_store(home) as opened:
        yield opened


@dataclass(frozen=True)
class Server:
    """A running ``epochal server``."""

    url: str
    pid: int
    home: Path
    process: subprocess.Popen[bytes] | Forked

    def get(self, path: str, timeout: float = 30.0) -> bytes:
        """The body of ``GET path``."""
        with urllib.request.urlopen(self.url + path, timeout=timeout) as reply:
            body: bytes = reply.read()
        return body


def start_server(home: Path, *arguments: str, log: Path) -> Server:
    """Start ``epochal server`` on ``home`` and wait until it answers.

    Raises:
        AssertionError: it ended or was silent for a minute; its log is quoted.
    """
    command = ["-m", "epochal", "server", f"--home={home}", "--host=127.0.0.1", "--port=0"]
    log.unlink(missing_ok=True)
    process = begin(*command, *arguments, log=log)
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        address = read_server_address(home)
        if address is not None and address.pid == process.pid and answers(address.url):
            return Server(address.url, process.pid, home, process)
        time.sleep(0.05)
    end_process(process)
    raise AssertionError(
        f"epochal server did not start (exit code {process.returncode}):\n{log.read_text()}"
    )


def answers(url: str) -> bool:
    """Whether ``/healthz`` answers ok."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end_process(process: subprocess.Popen[bytes] | Forked, seconds: float = 60.0) -> int:
    """End a process by its pid, politely first. Returns its exit code."""
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@pytest.fixture
def server(home: Path, tmp_path: Path) -> Iterator[Server]:
    """The real server process on ``home``, on a free port."""
    running = start_server(home, log=tmp_path / "server.log")
    yield running
    end_process(running.process)


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """``wait_for(question, seconds=60)``: ask until the answer is true, and give it back."""

    def ask(question: Callable[[], Any], seconds: float = 60.0, interval: float = 0.02) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            answer = question()
            if answer:
                return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"not true within {seconds} s: {question}; last: {answer!r}")
            time.sleep(interval)

    return ask


def find_chromium() -> str | None:
    """Debian's Chromium, or the one that ``EPOCHAL_TEST_CHROMIUM`` names."""
    named = os.environ.get("EPOCHAL_TEST_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four files of Fashion-MNIST, for `tests/stand_ins/torchvision`.

    The real ones where this machine has them, else scikit-learn's digits in the same form.
    """
    if FASHION.is_dir():
        return FASHION
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("images")
    digits = load_digits()
    for part in ("train", "t10k"):
        pixels = (digits.images * 15).astype("uint8").repeat(4, 1).repeat(4, 2)[:, 2:30, 2:30]
        head = struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape)
        path = folder / f"{part}-images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(head + pixels.tobytes()))
        labels = digits.target.astype("uint8")
        head = struct.pack(">4BI", 0, 0, 8, 1, len(labels))
        path = folder / f"{part}-labels-idx1-ubyte.gz"
        path.write_bytes(gzip.compress(head + labels.tobytes()))
    return folder
