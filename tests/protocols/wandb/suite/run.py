"""The client's own system tests against our server: ``python -m tests.protocols.wandb.suite.run``.

They are in wandb's repository under ``tests/system_tests`` and are not part of this one. The
server is a real one on an empty home that asks for keys. The tests make users by a service of
their own, whose keys are their names: that service is here, and so is the one place where the
server is told to take such keys. docs/wandb-suite.md has the command, the count, and the reason
for each failure.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from epochal.cli.serve import serve
from epochal.domain.access import Principal, Role
from epochal.journal.home import read_server_address
from epochal.store import keys
from epochal.store.store import Store

HERE = Path(__file__).parent
SYSTEM = "tests/system_tests"
FOLDERS = (
    "test_api", "test_artifacts", "test_core", "test_plot.py", "test_sweep",
    "test_system_metrics",
)  # fmt: skip
"""What fits a server without launch queues, registries and automations."""
LAUNCH = "test_sweep/test_launch_scheduler.py"
START_SECONDS = 60.0
USERS: dict[str, Principal] = {}


class Users(BaseHTTPRequestHandler):
    """Makes users and forgets them. Organizations and teams there are none."""

    def do_POST(self) -> None:
        """One command: ``{"command": "up" | "down" | ..., "username": ..., "admin": ...}``."""
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = told.get("username")
        if self.path == "/db/user" and told["command"] == "up":
            USERS[name] = Principal(name, Role.ADMIN if told.get("admin") else Role.WRITER)
        elif self.path == "/db/user" and told["command"] == "down":
            USERS.pop(name, None)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def find_user(store: Store, text: str) -> Principal | None:
    """Who a key belongs to, where a key is a user's name."""
    return USERS.get(text)


def serve_users(home: str, port_file: str) -> int:
    """The server and the service, until a signal ends them."""
    service = ThreadingHTTPServer(("127.0.0.1", 0), Users)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    keys.find_key = find_user
    Path(port_file).write_text(str(service.server_address[1]))
    return serve(home=home, port=0, quiet=True, auth=True)


def port_of(process: subprocess.Popen[bytes], home: Path) -> int:
    """Wait for the server, and tell its port.

    Raises:
        SystemExit: it did not start.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        address = read_server_address(home)
        if address is not None and address.pid == process.pid:
            return int(address.url.rsplit(":", 1)[1])
        time.sleep(0.05)
    process.kill()
    raise SystemExit("the server did not start; its output is above")


def run(checkout: Path, python: Path, arguments: list[str]) -> int:
    """Run the tests of a checkout with an interpreter that has the client; pytest's exit code."""
    if not (checkout / SYSTEM).is_dir():
        raise SystemExit(f"{checkout} has no {SYSTEM}; give a checkout of wandb")
    chosen = [f"{SYSTEM}/{folder}" for folder in FOLDERS] + [f"--ignore={SYSTEM}/{LAUNCH}"]
    if any(argument.startswith("tests/") for argument in arguments):
        chosen = []
    with tempfile.TemporaryDirectory() as work:
        home, port_file = Path(work, "home"), Path(work, "users")
        server = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "--serve", str(home), str(port_file)]
        )
        try:
            port = port_of(server, home)
            environment = {
                **{name: text for name, text in os.environ.items() if "WANDB_" not in name},
                "EPOCHAL_SUITE_PORT": str(port), "EPOCHAL_SUITE_USERS": port_file.read_text(),
                "PYTHONPATH": os.pathsep.join([str(checkout), str(HERE)]),
            }  # fmt: skip
            command = [str(python), "-m", "pytest", "-p", "epochal_backend", *chosen, *arguments]
            return subprocess.run(command, cwd=checkout, env=environment, check=False).returncode
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def main() -> int:
    """Read the command line."""
    if sys.argv[1:2] == ["--serve"]:
        return serve_users(*sys.argv[2:4])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path, help="of github.com/wandb/wandb, at a tag")
    parser.add_argument("python", type=Path, help="with that client and what its tests need")
    parser.add_argument("arguments", nargs="*", help="for pytest, after --")
    told = parser.parse_args()
    return run(told.checkout.absolute(), told.python.absolute(), told.arguments)


if __name__ == "__main__":
    sys.exit(main())
