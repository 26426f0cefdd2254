"""The same schema, ingest and queries on a real PostgreSQL, started for this test."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from epochal.domain.access import LOCAL_USER
from epochal.domain.artifact import read_reference
from epochal.domain.models import ModelVersionChanges
from epochal.domain.moving import MoveTo
from epochal.domain.objects import MediaQuery
from epochal.domain.record import (
    ArtifactUse,
    Attributes,
    Config,
    Definition,
    File,
    Media,
    MediaItem,
    ModelLink,
    Stored,
    Summary,
)
from epochal.domain.sweep import NewAgent, NewSweep, Repeat, Suggest, TrialReport
from epochal.domain.view import RunChanges, RunQuery
from epochal.journal.blobs import Blobs
from epochal.service import agents, bests, suggesting, sweeps
from epochal.store import curation, search
from epochal.store.artifacts import list_artifacts, list_versions, run_artifacts
from epochal.store.collect import collect
from epochal.store.database import Database
from epochal.store.files import list_files
from epochal.store.ingest import ingest_home
from epochal.store.lineage import lineage, version_detail
from epochal.store.logs import read_logs
from epochal.store.media import media_keys, query_media
from epochal.store.model_versions import update_version
from epochal.store.models import delete_model, get_model
from epochal.store.moves import move_runs
from epochal.store.owner import open_store
from epochal.store.preferences import name_of_run, read_preference, write_preference
from epochal.store.runs import delete_runs, get_run, list_projects, project_keys, update_runs
from epochal.store.schema import REVISION
from epochal.store.search import query_runs_in
from epochal.store.series import series_points
from epochal.store.store import Store
from epochal.store.uploads import receive_piece, wanted_blobs
from tests.ports import free_port
from tests.store.journals import START, Writing
from tests.store.objects import commit, forget
from tests.store.test_search import random_expression

pytestmark = pytest.mark.skipif(
    shutil.which("initdb") is None or shutil.which("pg_ctl") is None,
    reason="the PostgreSQL binaries initdb and pg_ctl are not on PATH",
)
ACCOUNTS = ("postgres", "nobody")


def as_user(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return list(command)
    known = {entry.pw_name for entry in pwd.getpwall()}
    account = next(name for name in ACCOUNTS if name in known)
    return [
        "setpriv",
        f"--reuid={account}",
        "--regid=nogroup" if account == "nobody" else f"--regid={account}",
        "--clear-groups",
        *command,
    ]


@pytest.fixture(scope="module")
def address():
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pg") as place:
        os.chmod(place, 0o777)
        data = Path(place) / "data"
        subprocess.run(
            as_user(
                "initdb",
                "-D",
                str(data),
                "-U",
                "epochal",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ),
            check=True,
            capture_output=True,
        )
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {place} -c fsync=off"
        control = as_user("pg_ctl", "-D", str(data), "-w")
        log = Path(place) / "log"
        subprocess.run(
            [*control, "-l", str(log), "-o", options, "start"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield f"postgresql+psycopg://epochal@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL
            )


def fill(home: Path) -> list[str]:
    rng = random.Random(9)
    uids = []
    for number in range(25):
        w = Writing(home, f"run-{number}", second=number)
        values = {
            key: rng.choice([0, 1.5, float("nan"), float("inf"), True, "a", "B*", None, [1, 2]])
            for key in "abc"
        }
        w.fact(Config(w.now, {"x": values, "n": number, "nul": "a\0b", "weird key": {"é/ü": 1}}))
        w.fact(Definition(w.now, "m*", summary=[rng.choice(["min", "max", "mean", "none"])]))
        w.fact(
            Attributes(
                w.now, {"tags": ["x"] if number % 2 else [], "group": rng.choice(["", "g"])}
            )
        )
        w.rows(
            list(range(20)),
            [{"m/a": rng.choice([1.0, float("nan"), -0.0]), "k": step} for step in range(20)],
        )
        w.fact(Summary(w.now, {"u": rng.choice([1, "text"])}))
        w.print(0, "one", "two")
        w.cut(rng.randint(0, 25))
        w.row(30, k=1)
        w.finish()
        uids.append(w.uid)
    return uids


def test_both_databases_give_the_same_answers(address, tmp_path, monkeypatch):
    """One home ingested into SQLite, a copy of it into PostgreSQL.

    Runs, series, logs and 300 conditions agree.
    """
    first, second = tmp_path / "first", tmp_path / "second"
    uids = fill(first)
    shutil.copytree(first, second)
    database = Database(address)
    assert database.revision() == 0
    database.create()
    assert database.revision() == REVISION
    postgres = Store(second, database)
    assert ingest_home(postgres).problems == []
    assert ingest_home(postgres).runs == set()
    with open_store(first) as sqlite:
        assert ingest_home(sqlite).problems == []
        for uid in uids:
            ours, theirs = get_run(sqlite, uid), get_run(postgres, uid)
            assert repr(ours) == repr(theirs)
            mine, other = (series_points(store, uid, "m/a", "all") for store in (sqlite, postgres))
            assert mine.value.tobytes() == other.value.tobytes()
            assert read_logs(sqlite, uid) == read_logs(postgres, uid)
        assert list_projects(sqlite) == list_projects(postgres)
        assert project_keys(sqlite, "local", "p") == project_keys(postgres, "local", "p")
        rng = random.Random(1)
        for seed in range(300):
            text = random_expression(random.Random(seed))
            order = [
                rng.choice(["-", ""])
                + rng.choice(
                    ["config.n", "summary.m/a", "config.x.a", "name", "last(k)", "duration"]
                )
            ]
            query = RunQuery(
                "p", where=text, order=order, limit=10,
                columns=["config.x.a", "summary.m/a", "mean(k)"],
            )  # fmt: skip
            monkeypatch.setattr(search, "FEW_RUNS", seed % 2 * 1000)
            while True:
                page, again = (
                    query_runs_in(store.database, query, START + 10_000_000)
                    for store in (sqlite, postgres)
                )
                assert repr(page.runs) == repr(again.runs), f"seed {seed}: {text} {order}"
                assert repr(page.columns) == repr(again.columns), f"seed {seed}: {text}"
                assert page.cursor == again.cursor
                if page.cursor is None:
                    break
                query = replace(query, cursor=page.cursor)
        wish = RunChanges(archived=True, notes="n", add_tags=["new"], remove_tags=["x"])
        every = RunQuery("p", archived=True, limit=100, columns=["last(m/a)", "config.n"])
        pages = []
        for store in (sqlite, postgres):
            assert list(update_runs(store, [*uids[:3], "0" * 32], wish)) == ["0" * 32]
            write_preference(store, "local", "p", name_of_run("off", uids[4]), b"1")
            assert delete_runs(store, uids[3:6]) == {}
            assert read_preference(store, "local", "p", name_of_run("off", uids[4])) is None
            pages.append(query_runs_in(store.database, every, START + 10_000_000))
        assert [(row.archived, row.notes) for row in pages[0].runs].count((True, "n")) == 3
        assert repr(pages[0].runs) == repr(pages[1].runs)
        assert repr(pages[0].columns) == repr(pages[1].columns)
        moved = []
        there = replace(every, project="elsewhere")
        for store in (sqlite, postgres):
            went, refused = move_runs(store, [*uids[6:], uids[3]], MoveTo("elsewhere"))
            assert (list(refused), list(went)) == ([uids[3]], uids[6:])
            page = query_runs_in(store.database, there, START + 10_000_000)
            found = [get_run(store, uid).metrics for uid in went.values()]
            points = [series_points(store, uid, "m/a", "all").value for uid in went.values()]
            moved.append((
                [row.id for row in page.runs], repr(page.columns), repr(found),
                [values.tobytes() for values in points],
            ))  # fmt: skip
        assert moved[0] == moved[1]
    postgres.close()


def test_both_databases_hold_the_same_objects(address, tmp_path):
    """Media, files, versions, models, uploads and garbage, on both."""
    first, second = tmp_path / "first", tmp_path / "second"
    w = Writing(first)
    blobs = Blobs(first)
    image = blobs.put(b"png", "image/png")
    for step in range(3):
        w.fact(Media("a", step, w.now, [MediaItem("image", {}, {"data": image, "m": "0-bin"})]))
    w.cut(2)
    w.fact(Stored(w.now, {"0-bin": image}))
    w.fact(File(w.now, "f.txt", blobs.put(b"file")))
    w.fact(File(w.now + 1, "f.txt", blobs.put(b"changed")))
    one = commit(w, {"x": b"1", "y": b"2"}, aliases=["best"], tags=["t"], metadata={"k": 1})
    w.fact(ModelLink(w.now, "m", "local/p/data", one.digest, ["champion"], {"a": "b"}))
    w.fact(ArtifactUse(w.now, "local/p/data", one.digest))
    two = commit(w, {"x": b"1", "y": b"3"}, aliases=["best"], ttl_s=1)
    w.fact(ModelLink(w.now, "n", "local/p/data", two.digest))
    absent = forget(first, two.digest)
    w.finish()
    shutil.copytree(first, second)
    engine = sa.create_engine(address).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE objects")
    engine.dispose()
    database = Database(f"{address.rpartition('/')[0]}/objects")
    database.create()
    found = []
    with contextlib.closing(Store(second, database)) as postgres, open_store(first) as sqlite:
        for store in (sqlite, postgres):
            assert ingest_home(store).problems == []
            data = absent[two.digest]
            receive_piece(store, w.uid, two.digest, offset=0, size=len(data), body=data)
            ref, names = read_reference("data:best", "p"), ModelVersionChanges(stage="staging")
            update_version(store, "local", "m", 1, names, "ann")
            page = query_media(store, MediaQuery([w.uid], at=9))
            seen = [
                page.entries, media_keys(store, w.uid), list_files(store, w.uid),
                wanted_blobs(store, w.uid, 9), run_artifacts(store, w.uid).used[0].role,
                [(e.what, e.before, e.after) for e in get_model(store, "local", "m").events],
                get_model(store, "local", "n").latest, lineage(store, ref, 3).edges,
                version_detail(store, ref).models, version_detail(store, ref).aliases,
                list_artifacts(store, "local", None, "dataset", "AT").artifacts[0].size,
                collect(store, dry_run=True),
            ]  # fmt: skip
            delete_model(store, "local", "n")
            curation.delete_version(store, read_reference("data:v1", "p"), force=True)
            seen += [list_versions(store, ref, 9, 0).total, collect(store, dry_run=False).problems]
            found.append(repr(seen))
    assert found[0] == found[1]


def test_sweeps_hand_each_trial_out_once(address, tmp_path):
    """Many agents at once, several objectives, parameters asked for by name, repeats."""
    database = Database(address)
    if database.revision() == 0:
        database.create()
    postgres = Store(tmp_path / "home", database)
    space = {"x": {"min": 0, "max": 9}, "y": {"values": ["a", None, True, 0.5], "when": {"x": 1}}}
    grid = NewSweep({"method": "grid", "metric": ["m", "n"], "parameters": space}, "p")
    made = sweeps.create_sweep(postgres, LOCAL_USER, grid).id

    def work(_):
        agent, got = agents.add_agent(postgres, LOCAL_USER, NewAgent(made, "é")).id, []
        while (given := agents.next_trial(postgres, LOCAL_USER, agent)).trial is not None:
            trial = given.trial
            got.append(trial.number)
            outcomes = [trial.params["x"], -trial.number]
            report = TrialReport(trial.number, 1, "finished", None, "", outcomes)
            agents.report(postgres, LOCAL_USER, agent, report)
        return got

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(number for part in pool.map(work, range(8)) for number in part)
    assert numbers == list(range(9 + 4))
    detail = sweeps.get_sweep(postgres, LOCAL_USER, made)
    assert detail.sweep.trials == {"finished": 13}
    assert {trial.number for trial in detail.trials if trial.params == {"x": 1, "y": None}}
    assert detail.front
    bests.repeat_trial(postgres, LOCAL_USER, made, Repeat([1, 2]))
    assert len(work(0)) == 2
    assert [one.value for one in bests.best_trial(postgres, LOCAL_USER, made).repeats] == [0, 0]
    asked = NewSweep({"method": "bayes", "metric": "m", "define_by_run": True}, "p")
    made = sweeps.create_sweep(postgres, LOCAL_USER, asked).id
    agent = agents.add_agent(postgres, LOCAL_USER, NewAgent(made)).id
    for number in range(15):
        agents.next_trial(postgres, LOCAL_USER, agent)
        ask = Suggest(number, 1, "lr", {"min": 0.0, "max": 1.0})
        value = suggesting.suggest(postgres, LOCAL_USER, agent, ask).value
        report = TrialReport(number, 1, "finished", value)
        agents.report(postgres, LOCAL_USER, agent, report)
    trials = sweeps.get_sweep(postgres, LOCAL_USER, made).trials
    assert [trial.value for trial in trials] == [trial.params["lr"] for trial in trials]
    sweeps.delete_sweep(postgres, LOCAL_USER, made)
    assert len(sweeps.list_sweeps(postgres, LOCAL_USER).sweeps) == 1
