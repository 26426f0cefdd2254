"""MLflow's own server in a process of its own, which can be killed and started again.

It lies in ``mlflow-full`` and ``mlflow-server`` of the environment, where `make test` puts them:
the package, and what only its server asks for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_port

FOLDERS = ("mlflow-full", "mlflow-server")
START_SECONDS = 60.0


class Original:
    """A running ``mlflow server`` with one worker.

    Args:
        place: where its database and its artifacts lie.
    """

    def __init__(self, place: Path) -> None:
        folders = [Path(sys.prefix) / name for name in FOLDERS]
        if not all(map(Path.is_dir, folders)) and not os.environ.get("CI"):
            pytest.skip(f"{' and '.join(FOLDERS)} are not installed; `make test` installs them")
        place.mkdir(exist_ok=True)
        self.port = free_port()
        words = ["server", "--workers", "1", "--port", str(self.port)]
        words += ["--backend-store-uri", f"sqlite:///{place}/mlflow.db"]
        words += ["--artifacts-destination", str(place / "artifacts")]
        self._log = place / "server.log"
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *words], cwd=place, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
                env=os.environ | {
                    "PYTHONPATH": os.pathsep.join(map(str, folders)),
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes more
                },
            )  # fmt: skip
        self._await()

    def _await(self) -> None:
        url = f"http://127.0.0.1:{self.port}/health"
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=30):
                return
            time.sleep(0.1)
        self.kill()
        raise AssertionError(f"mlflow server did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """SIGKILL to it and to its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
