"""Sweeps on a real server: many agents at once, restarts, and the same answers as a home gives."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.api.remote import HttpSource
from epochal.domain.sweep import TrialReport
from epochal.errors import InvalidInput, NotFound
from epochal.sweeps import agent, open_sweep, sweep
from epochal.sweeps.desk import Desk
from tests.conftest import Server, end_process, start_server

AGENTS = 64
GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0, "max": 19}, "y": {"min": 0, "max": 9}},
}
TRAIN = """
import sys, epochal
def train():
    with epochal.init() as run:
        run.log({"loss": (run.config.x - 3.0) ** 2})
print(epochal.agent(sys.argv[1], train, count=4))
"""


@pytest.fixture
def running(home: Path, tmp_path: Path) -> Iterator[Server]:
    server = start_server(home, log=tmp_path / "server.log")
    yield server
    end_process(server.process)


def test_sixty_four_agents_never_get_the_same_trial(running: Server) -> None:
    """Each asks, reports and asks again over HTTP, all at once."""
    sweep_id = sweep(GRID, project="p", url=running.url)

    def work(_: int) -> list[tuple[int, Any, Any]]:
        desk = Desk(HttpSource(running.url), sweep_id)
        got = []
        while (given := desk.next()).trial is not None:
            number = given.trial.number
            got.append((number, given.config["x"], given.config["y"]))
            assert desk.report(TrialReport(number, 1, "finished", float(number))) is None
        return got

    with ThreadPoolExecutor(AGENTS) as pool:
        found = [one for part in pool.map(work, range(AGENTS)) for one in part]
    assert sorted(number for number, _, _ in found) == list(range(200))
    assert len({(x, y) for _, x, y in found}) == 200
    detail = open_sweep(sweep_id, url=running.url).detail()
    assert detail.sweep.trials == {"finished": 200}
    assert detail.sweep.state == "finished"
    assert len(detail.agents) == AGENTS


def test_a_search_and_its_agents_outlive_the_server(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents of another machine train for a server, which is killed and started in between."""
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": -5.0, "max": 5.0}},
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    first = start_server(home, log=tmp_path / "first.log")
    sweep_id = sweep(config, project="p", url=first.url)

    def train(url: str) -> None:
        result = subprocess.run(
            [sys.executable, "-c", TRAIN, sweep_id],
            env={"EPOCHAL_HOME": str(elsewhere), "EPOCHAL_URL": url, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert (result.returncode, result.stdout.split()[-1:]) == (0, ["4"]), result.stderr

    train(first.url)
    first.process.kill()
    first.process.wait()
    second = start_server(home, log=tmp_path / "second.log")
    try:
        train(second.url)
        found = open_sweep(sweep_id, url=second.url)
        trials = found.trials()
        assert [trial.number for trial in trials] == list(range(8))
        assert all(trial.state == "finished" for trial in trials)
        best = found.best()
        assert best.value == min(trial.value or 0.0 for trial in trials)
        assert best.run.summary["loss"] == best.value
    finally:
        end_process(second.process)


def test_a_server_says_what_a_home_says(running: Server, home: Path) -> None:
    """The same errors with the same words, through HTTP and from files."""
    for place in ({"url": running.url}, {"home": home.parent / "other"}):
        with pytest.raises(InvalidInput, match="did you mean 'bayes'"):
            sweep({**GRID, "method": "byes"}, **place)
        sweep_id = sweep(GRID, project="p", **place)
        found = open_sweep(f"local/p/{sweep_id}", **place)
        assert found.state == "pending"
        assert found.detail().config == GRID
        with pytest.raises(InvalidInput, match="'z' is no parameter"):
            found.enqueue({"z": 1})
        with pytest.raises(NotFound, match="has a value of 'loss' yet"):
            found.best()
        assert found.cancel().state == "cancelled"
        assert agent(sweep_id, print, **place) == 0
        found.delete()
        with pytest.raises(NotFound, match="there is no sweep"):
            found.detail()


def test_the_runs_of_trials_go_where_the_trials_come_from(
    running: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that is given an address records there, and leaves the environment as it was."""
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "elsewhere"))

    def train() -> None:
        with epochal.init() as run:
            run.log({"loss": float(run.config["x"])})

    sweep_id = sweep(GRID, project="p", url=running.url)
    assert agent(sweep_id, train, count=2, url=running.url) == 2
    assert "EPOCHAL_URL" not in os.environ
    best = open_sweep(sweep_id, url=running.url).best()
    assert best.run.summary["loss"] == 0.0


def test_a_run_that_ends_while_its_server_is_away_is_sent_when_it_is_back(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Callable[..., Any],
) -> None:
    """Its agent waits for the server anyway, to tell how the trial ended."""
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "elsewhere"))
    servers = [start_server(home, log=tmp_path / "first.log")]
    url = servers[0].url
    sweep_id = sweep(GRID, project="p", url=url)

    def train() -> None:
        with epochal.init() as run:
            servers[0].process.kill()
            servers[0].process.wait()
            run.log({"loss": 7.0})
        port = url.rpartition(":")[2]
        servers.append(start_server(home, "--port", port, log=tmp_path / "second.log"))

    try:
        assert agent(sweep_id, train, count=1, url=url) == 1
        (trial,) = open_sweep(sweep_id, url=url).trials()
        assert (trial.state, trial.value, trial.attempt) == ("finished", 7.0, 1)
        project = epochal.connect(url)

        def is_there() -> bool:
            with contextlib.suppress(NotFound):  # the project comes with its first run
                return [(run.id, run.state) for run in project.runs("p")] == [
                    (trial.run, "finished")
                ]
            return False

        wait_for(is_there)
        assert project.run(f"p/{trial.run}").summary["loss"] == 7.0
    finally:
        end_process(servers[-1].process)


PROGRAM = """
import os, sys, time, epochal
with epochal.init() as run:
    open(sys.argv[1] + ".began", "w").write(str(os.getpid()))
    while not os.path.exists(sys.argv[1] + ".gone"):
        time.sleep(0.05)
    run.log({"loss": 5.0})
"""


def test_the_value_of_a_program_that_ends_while_its_server_is_away_is_not_lost(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Callable[..., Any],
) -> None:
    """Its run is sent before its end is told, as the server reads the value in the run."""
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path / "elsewhere"))
    first = start_server(home, log=tmp_path / "first.log")
    mark, program = tmp_path / "mark", tmp_path / "train.py"
    program.write_text(PROGRAM)
    command = ["${interpreter}", "${program}", str(mark)]
    given = {**GRID, "program": str(program), "command": command}
    sweep_id = sweep(given, project="p", url=first.url)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(agent, sweep_id, count=1, url=first.url)
        wait_for(Path(f"{mark}.began").exists)
        first.process.kill()
        first.process.wait()
        Path(f"{mark}.gone").touch()
        wait_for(lambda: not Path(f"/proc/{Path(f'{mark}.began').read_text()}").exists())
        port = first.url.rpartition(":")[2]
        second = start_server(home, "--port", port, log=tmp_path / "second.log")
        try:
            assert working.result(timeout=120) == 1
            (trial,) = open_sweep(sweep_id, url=second.url).trials()
            assert (trial.state, trial.value, trial.note) == ("finished", 5.0, "")
            assert epochal.connect(second.url).run(f"p/{trial.run}").state == "finished"
        finally:
            end_process(second.process)
