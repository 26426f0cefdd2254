"""Commands that change something: rm, key, sync."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epochal import api
from tests.api.recorded import record
from tests.cli.conftest import run_cli
from tests.conftest import end_process, start_server
from tests.store.journals import Writing

OFFLINE = """
import epochal
with epochal.init(project="p", id="r", mode="offline",
                  settings=epochal.Settings(silent=True, system_interval=0)) as run:
    for step in range(1000):
        run.log({"loss": float(step)}, step=step)
"""


def test_rm_deletes_what_it_showed_and_nothing_else(recorded: Path) -> None:
    """--dry-run changes nothing; --yes does not ask; a run named twice is deleted once."""
    dry = run_cli("rm", "beta", "--dry-run", home=recorded)
    assert "mnist/beta" in dry.stdout
    assert len(api.runs("mnist", home=recorded)) == 3
    done = run_cli("rm", "beta", "mnist/beta", "gamma", "--yes", "--json", home=recorded)
    assert len(json.loads(done.stdout)["deleted"]) == 2
    assert [run.id for run in api.runs("mnist", home=recorded)] == ["alpha"]


def test_rm_deletes_nothing_when_one_name_is_wrong(recorded: Path) -> None:
    """All names are understood before the first run goes."""
    done = run_cli("rm", "beta", "nobody", "--yes", home=recorded)
    assert done.returncode == 4
    assert len(api.runs("mnist", home=recorded)) == 3


def test_rm_goes_on_past_a_run_that_is_being_written(recorded: Path) -> None:
    """It stays and is told; the exit code says so."""
    busy = Writing(recorded, "busy", project="mnist")
    busy.line(0, 3)
    done = run_cli("rm", "beta", "mnist/busy", "gamma", "--yes", home=recorded)
    assert done.returncode == 5
    assert f"mnist/busy stays: run {busy.uid} is being written by a living process" in done.stderr
    assert done.stdout.splitlines()[-1] == "deleted 2 of 3"
    assert sorted(run.id for run in api.runs("mnist", home=recorded)) == ["alpha", "busy"]
    told = run_cli("rm", "mnist/busy", "mnist/alpha", "--yes", "--json", home=recorded)
    assert told.returncode == 5
    answer = json.loads(told.stdout)
    assert len(answer["deleted"]) == 1
    assert [(one["uid"], one["code"]) for one in answer["failed"]] == [(busy.uid, "conflict")]


def test_a_key_is_shown_once_and_can_be_revoked(recorded: Path) -> None:
    """The list has its prefix, never its text."""
    made = json.loads(run_cli("key", "create", "ann", "--json", home=recorded).stdout)
    assert (made["name"], made["role"]) == ("ann", "writer")
    listed = run_cli("key", "list", "--json", home=recorded).stdout
    key = json.loads(listed)["keys"][0]
    assert made["key"] not in listed
    assert key["prefix"] in made["key"]
    assert not key["revoked"]
    assert run_cli("key", "revoke", key["prefix"], home=recorded).returncode == 0
    assert json.loads(run_cli("key", "list", "--json", home=recorded).stdout)["keys"][0]["revoked"]


def test_sync_sends_offline_runs_once(tmp_path: Path) -> None:
    """The server then holds every point; a second sync has nothing to send."""
    offline, central = tmp_path / "offline", tmp_path / "central"
    offline.mkdir(mode=0o700)
    record(offline, OFFLINE)
    server = start_server(central, log=tmp_path / "log")
    try:
        first = run_cli("sync", str(offline), "--url", server.url, "--json")
        assert first.returncode == 0, first.stderr
        report = json.loads(first.stdout)
        assert report["complete"] == report["journals"] == 1
        assert report["sent_bytes"] > 1000
        again = json.loads(run_cli("sync", str(offline), "--url", server.url, "--json").stdout)
        assert again["sent_bytes"] == 0
        points = api.run("p/r", url=server.url).series("loss")
        assert points.value.tolist() == [float(step) for step in range(1000)]
    finally:
        end_process(server.process)


def test_sync_still_sends_what_was_read_locally_before(
    tmp_path: Path, wait_for: Callable[..., Any]
) -> None:
    """Looking at an offline run does not take its journal away."""
    offline, central = tmp_path / "offline", tmp_path / "central"
    offline.mkdir(mode=0o700)
    record(offline, OFFLINE)
    assert run_cli("ls", home=offline).returncode == 0
    server = start_server(central, log=tmp_path / "log")
    try:
        done = run_cli("sync", str(offline), "--url", server.url)
        assert done.returncode == 0, done.stderr
        # The server has the journals; it looks into them right afterwards.
        wait_for(lambda: [run.id for run in api.runs("p", url=server.url)] == ["r"])
        assert len(api.run("p/r", url=server.url).series("loss")) == 1000
    finally:
        end_process(server.process)


def test_sync_without_a_server_takes_journals_in(home: Path) -> None:
    """The same as any reading does."""
    record(home, OFFLINE)
    report = json.loads(run_cli("sync", str(home), "--json").stdout)
    assert (report["journals"], report["runs"], report["problems"]) == (1, 1, [])


def test_sync_to_nobody_is_told(tmp_path: Path) -> None:
    """Exit code 6: the same call may succeed later."""
    offline = tmp_path / "offline"
    offline.mkdir(mode=0o700)
    record(offline, "import epochal\nepochal.init(project='p', mode='offline').finish()")
    done = run_cli("sync", str(offline), "--url", "http://127.0.0.1:1")
    assert done.returncode == 6
    assert "0 of 1 journals" in done.stdout


def test_mv_moves_what_can_go_and_tells_what_stays(recorded: Path) -> None:
    """The exit code says that something stays; moving again is no error."""
    dry = run_cli("mv", "beta", "gamma", "thesis", "--dry-run", home=recorded)
    assert "thesis/beta" in dry.stdout
    assert len(api.runs("mnist", home=recorded)) == 3
    done = run_cli("mv", "mnist/alpha", "beta", "other/name", home=recorded)
    assert done.returncode == 5
    assert "mnist/beta is other/name/beta now" in done.stdout
    assert "moved 1 of 2" in done.stdout
    assert "mnist/alpha stays: project 'other/name' has a run with the id 'alpha'" in done.stderr
    again = run_cli("mv", "mnist/beta", "other/name", "--json", home=recorded)
    assert again.returncode == 0
    assert [one["id"] for one in json.loads(again.stdout)["moved"]] == ["beta"]
    shown = run_cli("show", "mnist/beta", home=recorded).stdout
    assert "moved to   other/name/beta" in shown
    named = run_cli("mv", "mnist/alpha", "other/name", "--id", "alpha-2", home=recorded)
    assert "mnist/alpha is other/name/alpha-2 now" in named.stdout
    assert [run.id for run in api.runs("mnist", home=recorded)] == ["gamma"]


def test_mv_says_what_it_needs(recorded: Path) -> None:
    """Nothing moves when the words make no sense."""
    alone = run_cli("mv", "thesis", home=recorded)
    assert alone.returncode == 2
    assert "epochal mv RUN... thesis" in alone.stderr
    both = run_cli("mv", "beta", "gamma", "thesis", "--id", "x", home=recorded)
    assert both.returncode == 2
    assert run_cli("mv", "beta", "nobody", "thesis", home=recorded).returncode == 4
    assert len(api.runs("mnist", home=recorded)) == 3
