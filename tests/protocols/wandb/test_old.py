"""Old clients, in processes and environments of their own: what people do most works as today.

They lie in ``wandb-<version>`` of the environment, where `make test` puts them.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.protocols.wandb.conftest import Seen, environment
from tests.protocols.wandb.faulty import FAULTS, STREAM, Faulty, faulty
from tests.protocols.wandb.test_lives import points
from tests.server.processes import Running, start

VERSIONS = ("0.16.6", "0.18.7")
SCRIPT = Path(__file__).parent / "old_script.py"


def python_of(version: str) -> Path:
    """The interpreter of a client's environment."""
    python = Path(sys.prefix, f"wandb-{version}", "bin", "python")
    if not python.exists() and not os.environ.get("CI"):
        pytest.skip(f"wandb {version} is not installed; `make test` installs it")
    return python


@pytest.mark.slow
@pytest.mark.timeout(480)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_client_logs_resumes_hands_over_searches_and_reads(
    server: Running, tmp_path: Path, version: str
) -> None:
    """The last client whose core is Python, and the first line whose core is Go."""
    python = python_of(version)
    out, err = tmp_path / "out.txt", tmp_path / "err.txt"
    with out.open("w") as told_to, err.open("w") as complained_to:  # its service may outlive it
        done = subprocess.run(
            [python, SCRIPT], env=environment(server, tmp_path), cwd=tmp_path,
            stdout=told_to, stderr=complained_to, timeout=420, check=False,
        )  # fmt: skip
    assert done.returncode == 0, out.read_text() + err.read_text()
    told = json.loads(out.read_text().strip().splitlines()[-1])
    seen = Seen(server, f"old-{version}", told.pop("run"))
    told["read"]["refused"] = ast.literal_eval(told["read"]["refused"])["message"]
    assert told == {
        "client": version, "resumed_at": 21, "sweep": [1, 2],
        "artifact": {"version": "v0", "text": "contents", "metadata": {"rows": 2}},
        "read": {
            "state": "finished", "config": {"lr": 0.1, "net": {"depth": 3}}, "best": 0.05,
            "rows": 22, "sampled": 5, "file": 4, "found": True,
            "refused": "filters cannot use '$where' here; $and, $or, $nor and $not can be",
        },
    }  # fmt: skip
    assert seen.detail["state"] == "finished"
    assert seen.metric("loss")["last"] == 0.25
    assert seen.metric("acc.val")["last"] == 19
    assert "hello from the script" in seen.lines()
    [table] = seen.media("table")
    assert table["items"][0]["meta"]["preview"] == [[1, "one"], [2, "two"]]


LOG = """
import pathlib, time
import wandb
soon = {}
if wandb.__version__ > "0.18":  # those before wait two seconds at least
    soon = {f"_{what}_retry_wait_{end}_seconds": 0.1 for end in ("min", "max")
            for what in ("file_stream", "graphql", "file_transfer")}
    soon["_file_stream_transmit_interval"] = 0.2
with wandb.init(project="lives", id=wandb.__version__, settings=wandb.Settings(**soon)) as run:
    rows = 0
    while not pathlib.Path("enough").exists():
        run.log({"loss": rows})
        print(f"line {rows}")
        rows += 1
        time.sleep(0.02)
print(rows)
"""


def until(is_so: Callable[[], bool], client: subprocess.Popen[str], proxy: Faulty) -> None:
    """Wait for what a client's requests meet."""
    deadline = time.monotonic() + 120
    while not is_so() and client.poll() is None:
        assert time.monotonic() < deadline, proxy.met
        time.sleep(0.05)


def lines_sent(proxy: Faulty) -> list[str]:
    """The lines of the console that the server said it has, each in its place."""
    sent: dict[int, str] = {}
    for body in proxy.taken:
        chunk = (json.loads(body).get("files") or {}).get("output.log", {})
        sent.update(enumerate(chunk.get("content", []), chunk.get("offset", 0)))
    found = (re.search(r"line \d+", line) for line in sent.values())
    return sorted(match[0] for match in found if match)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_old_clients_lose_nothing_on_a_bad_line_to_a_server_that_is_killed(
    tmp_path: Path,
) -> None:
    """Both at once, as they mostly wait.

    0.16.6 drops and repeats lines of the console by itself now and then, in the place of others:
    one of its threads shortens a buffer while another writes to it. What it sent last for each
    place is there.
    """
    home, port = tmp_path / "home", free_port()
    servers = [start(home, quiet=True, port=port)]
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: servers[-1].kill())  # noqa: PLW0108 - the last one then
        clients = []
        for version in VERSIONS:
            directory = tmp_path / version
            directory.mkdir()
            proxy = stack.enter_context(faulty(port))
            out = stack.enter_context((directory / "out.txt").open("w"))
            client = subprocess.Popen(
                [python_of(version), "-c", LOG], cwd=directory, text=True, stdout=out,
                stderr=subprocess.STDOUT,
                env=environment(servers[0], directory, WANDB_BASE_URL=proxy.url),
            )  # fmt: skip
            stack.callback(client.kill)
            clients.append((version, directory, proxy, client))
        for _, _, proxy, client in clients:
            until(lambda proxy=proxy: "cut after" in proxy.faults_of(STREAM), client, proxy)  # type: ignore[misc]
        servers[0].kill()
        servers.append(start(home, quiet=True, port=port))
        for _, directory, proxy, client in clients:
            until(lambda proxy=proxy: proxy.faults_of(STREAM) >= set(FAULTS), client, proxy)  # type: ignore[misc]
            (directory / "enough").touch()
        for version, directory, proxy, client in clients:
            client.wait(120)
            said = (directory / "out.txt").read_text()
            assert client.returncode == 0, said
            rows = max(int(text) for text in re.findall(r"^(\d+)$", said, re.MULTILINE))
            seen = Seen(servers[-1], "lives", version)
            assert seen.detail["state"] == "finished"
            assert points(servers[-1], seen.uid) == [(n, n) for n in range(rows)]
            lines = [line for line in seen.lines() if line.startswith("line ")]
            assert sorted(lines) == lines_sent(proxy)
            if version != "0.16.6":
                assert len(lines) == rows
