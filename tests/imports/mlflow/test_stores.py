"""Stores of the real MLflow come in whole, once, and what has no place here is told."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from pathlib import Path

import pytest

from epochal.api import RunView, connect
from epochal.errors import EpochalError, InvalidInput, NotFound
from epochal.imports.mlflow import Importer, open_store
from epochal.imports.mlflow.nouns import Elsewhere
from epochal.imports.mlflow.places import Places, list_folder
from epochal.imports.outcome import Outcome
from tests.cli.conftest import run_cli
from tests.conftest import Server
from tests.imports.mlflow.conftest import Written

PROJECT = "digits: first"


def bring(home: Path, store: Path, project: str | None = None) -> Outcome:
    with Importer(home, str(store), project) as importer:
        importer.carry()
        return importer.outcome


def own_files(run: RunView) -> list[str]:
    """The files of a run, without those that Epochal adds."""
    return [file.path for file in run.files() if file.path != "config.yaml"]


def test_a_run_is_as_mlflow_wrote_it(home: Path, store: Written) -> None:
    """Params as texts, tags, notes, duplicates and their times, NaN and infinity, files."""
    bring(home, store.path)
    run = connect(home=home).run(store.facts["parent"])
    assert (run.project, run.name, run.state) == (PROJECT, "parent", "finished")
    assert run.config == {"lr": "0.10", "opt.name": "adam", "empty": ""}
    assert run.notes == "A *note*."
    loss = run.series("val/loss")
    expected = sorted(store.facts["val/loss"], key=lambda point: point[1])
    got = zip(loss.step.tolist(), loss.time.tolist(), loss.value.tolist(), strict=True)
    assert sorted(got, key=lambda point: point[1]) == [
        (step, time * 1000, value) for step, time, value in expected
    ]
    odd = run.series("odd")
    assert odd.step.tolist() == [1, -1]
    assert math.isnan(odd.value[0])
    assert odd.value[1] == math.inf
    assert own_files(run) == ["notes/a b.txt"]
    place = run.file("notes/a b.txt").download(home / "out")
    assert Path(place).read_text() == "hello"


def test_every_status_and_every_lifecycle_stage_comes_over(home: Path, store: Written) -> None:
    """Scheduled ones run; deleted ones, and those of deleted experiments, are archived."""
    done = run_cli("import", "mlflow", str(store.path), home=home)
    assert done.returncode == 0, done.stderr
    reader = connect(home=home)
    states = {run.name: str(run.state) for run in reader.runs(PROJECT)}
    assert states == {
        "parent": "finished", "child": "finished", "model": "finished", "failed": "failed",
        "killed": "killed", "running": "running", "scheduled": "running",
    }  # fmt: skip
    archived = json.loads(run_cli("ls", PROJECT, "--archived", "--json", home=home).stdout)
    assert "finished" in {run["name"] for run in archived["runs"]}
    assert list(reader.runs("old")) == []


def test_mlflow_itself_reads_the_runs_from_our_files(home: Path, store: Written) -> None:
    """Labels carry the tags, and the parent of a nested run is its new uid."""
    from epochal.store.owner import open_store as open_home
    from epochal.store.tracked import read_tracked

    bring(home, store.path)
    reader = connect(home=home)
    uids = {run.name: run.uid for run in reader.runs(PROJECT)}
    with open_home(home) as opened:
        parent, child = (read_tracked(opened, uids[name]) for name in ("parent", "child"))
    assert parent.labels["k/x"] == "two\nlines"
    assert parent.labels["$client"] == "mlflow"
    assert child.labels["mlflow.parentRunId"] == uids["parent"]


def test_the_registry_comes_over_as_far_as_there_are_files(home: Path, store: Written) -> None:
    """Versions, aliases, stages, tags; a deleted version leaves no gap, which is told."""
    done = run_cli("import", "mlflow", str(store.path), "--json", home=home)
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert "numbers of versions of model 'clf'" in report["not_carried"]
    model = connect(home=home).registered_model("clf")
    assert (model.description, model.tags) == ("A classifier", {"a": "b"})
    net, notes = sorted(model.versions(), key=lambda version: version.version)
    assert (net.tags["mlflow.version"], net.artifact.name) == ("1", "net:v0")
    assert (notes.tags, notes.aliases, notes.stage) == (
        {"i": "3", "mlflow.version": "3"}, ["champion"], "production",
    )  # fmt: skip
    assert any(entry.path == "MLmodel" for entry in net.artifact.files())
    told = net.artifact.metadata["model"]  # what the page shows of it, and how to load it
    assert told["format"] == "mlflow python_function"
    assert json.loads(told["signature"]["inputs"])[0]["type"] == "double"


def test_a_server_that_runs_on_the_home_is_told(server: Server, make_pristine) -> None:
    """Runs appear there by themselves; it archives, and keeps the registry."""
    path = make_pristine("sqlite").path
    done = run_cli("import", "mlflow", str(path), home=server.home)
    assert done.returncode == 0, done.stderr
    reader = connect(server.url)
    assert {run.name for run in reader.runs("old")} == set()
    assert reader.run("in deleted", "old").archived
    assert reader.model("clf@champion").stage == "production"


def test_again_nothing_is_new_and_more_points_are(home: Path, store: Written) -> None:
    """The second import reads no run; the third brings just what was logged in between."""
    bring(home, store.path)
    again = bring(home, store.path)
    assert (again.runs, again.same, sum(again.counts.values())) == ([], 9, 0)
    parent = store.facts["parent"]
    add_point(store, parent, 1_900_000_000_000, 31, 0.25)
    more = bring(home, store.path)
    assert (more.runs, more.counts["points"]) == ([f"{PROJECT}/parent"], 1)
    run = connect(home=home).run(parent)
    assert run.series("val/loss").value.tolist()[-1] == 0.25
    assert len(run.series("val/loss").step) == 32


def test_points_that_appear_among_old_ones_leave_the_truth(home: Path, store: Written) -> None:
    """The old stream is hidden and the new one told: nothing twice, nothing missing."""
    bring(home, store.path)
    parent = store.facts["parent"]
    add_point(store, parent, 1_600_000_000_000, 99, 0.75)
    bring(home, store.path)
    loss = connect(home=home).run(parent).series("val/loss")
    assert (loss.step.tolist()[0], len(loss.step)) == (99, 32)


def add_point(store: Written, run: str, t_ms: int, step: int, value: float) -> None:
    """Log a value as MLflow stores it."""
    if store.path.is_file():
        with sqlite3.connect(store.path) as database:
            database.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES ('val/loss', ?, ?, ?, ?, 0)",
                (value, t_ms, run, step),
            )
        database.close()
        return
    path = store.path / store.facts["experiment"] / run / "metrics" / "val" / "loss"
    with path.open("a") as file:
        file.write(f"{t_ms} {value} {step}\n")


def test_all_runs_may_go_into_one_project(home: Path, store: Written) -> None:
    """Another project is another import."""
    bring(home, store.path)
    bring(home, store.path, "all")
    assert len(list(connect(home=home).runs("all"))) >= 8


def test_what_is_not_carried_is_told(home: Path, store: Written) -> None:
    assert dict(bring(home, store.path).left) == {}
    left = bring(home, store.path, "all").left
    assert dict(left) == {"tags of experiments, as all runs go to 'all'": 2}


def test_artifacts_outside_of_the_store_are_not_read(home: Path, store: Written) -> None:
    """A store may name any path of this machine: only what the user names is read."""
    outside = store.path.parent.parent / "outside" / store.facts["parent"] / "artifacts"
    outside.mkdir(parents=True)
    (outside / "secret.txt").write_text("secret")
    redirect(store, outside)
    with Importer(home, str(store.path)) as importer:
        importer.carry()
        left = importer.outcome.left_sentences()
    assert any("outside of the store" in text and "--artifacts" in text for text in left), left
    assert own_files(connect(home=home).run(store.facts["parent"])) == []
    with Importer(home, str(store.path), artifacts=outside.parent.parent) as importer:
        importer.carry()
    assert own_files(connect(home=home).run(store.facts["parent"])) == ["secret.txt"]


def test_what_a_run_of_a_server_never_had_is_not_missing(tmp_path: Path) -> None:
    """In the folder that a server writes; in another one nothing says that there was nothing."""
    run, other = "a" * 32, "b" * 32
    kept, else_where = tmp_path / "kept", tmp_path / "other"
    (kept / "1" / run / "artifacts").mkdir(parents=True)
    (else_where / "photos" / "2026").mkdir(parents=True)
    places = Places([str(kept)], kept=[str(kept)])
    assert list_folder(places.find(f"mlflow-artifacts:/2/{other}/artifacts")) == []
    wrong = Places([str(else_where)], kept=[str(else_where)])
    for asked, uri in (
        (wrong, f"mlflow-artifacts:/2/{other}/artifacts"),
        (places, "mlflow-artifacts:/../../none"),
    ):
        with pytest.raises(Elsewhere, match="--artifacts"):
            asked.find(uri)


def redirect(store: Written, place: Path) -> None:
    """Let a run name another folder as its artifacts, and take its own away."""
    if store.path.is_file():
        shutil.rmtree(store.path.parent / "artifacts" / store.facts["parent"])
        with sqlite3.connect(store.path) as database:
            database.execute(
                "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?",
                (place.as_uri(), store.facts["parent"]),
            )
        database.close()
        return
    folder = store.path / store.facts["experiment"] / store.facts["parent"]
    shutil.rmtree(folder / "artifacts")
    meta = folder / "meta.yaml"
    lines = [
        f"artifact_uri: {place.as_uri()}" if line.startswith("artifact_uri") else line
        for line in meta.read_text().splitlines()
    ]
    meta.write_text("\n".join(lines))


def test_links_among_artifacts_are_left_out(home: Path, make_pristine, tmp_path: Path) -> None:
    """A link could lead anywhere."""
    written = make_pristine("files")
    root = Path(shutil.copytree(written.path, tmp_path / "mlruns"))
    folder = root / written.facts["experiment"] / written.facts["parent"] / "artifacts"
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "tree").symlink_to("/etc")
    bring(home, root)
    assert own_files(connect(home=home).run(written.facts["parent"])) == ["notes/a b.txt"]


def test_damaged_files_of_a_store_are_told_and_stop_nothing(
    home: Path, make_pristine, tmp_path: Path
) -> None:
    """A meta file that is no YAML loses its run; a bad line of a metric loses that line."""
    written = make_pristine("files")
    root = Path(shutil.copytree(written.path, tmp_path / "mlruns"))
    parent = root / written.facts["experiment"] / written.facts["parent"]
    with (parent / "metrics" / "acc").open("a") as file:
        file.write("not a point\n")
    child = next(p for p in parent.parent.iterdir() if "child" in read(p / "meta.yaml"))
    (child / "meta.yaml").write_text("{{{")
    outcome = bring(home, root)
    assert any("no value of a metric" in text for text in outcome.problems)
    assert any("no YAML" in text for text in outcome.problems)
    assert len(connect(home=home).run(written.facts["parent"]).series("acc").step) == 30


def read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: None, NotFound, "there is nothing at"),
        (lambda path: path.mkdir(), InvalidInput, "is no MLflow store"),
        (lambda path: path.write_text("hello"), InvalidInput, "no SQLite database"),
        (lambda path: sqlite3.connect(path).executescript("CREATE TABLE t (a)").connection.close(),
         InvalidInput, "no table 'experiments'"),
    ],
    ids=["nothing", "an empty folder", "a text", "another database"],
)  # fmt: skip
def test_what_is_no_store_is_refused(
    tmp_path: Path, make, error: type[EpochalError], words: str
) -> None:
    path = tmp_path / "store"
    make(path)
    with pytest.raises(error, match=words):
        open_store(str(path))


@pytest.mark.parametrize("uri", ["postgresql://host/db", "mysql+pymysql://u@h/db", "s3://bucket"])
def test_a_store_of_another_kind_is_refused_by_name(uri: str) -> None:
    with pytest.raises(InvalidInput, match="the address of a server"):
        open_store(uri)


def test_a_store_is_named_in_any_of_mlflows_ways(make_pristine) -> None:
    files, database = make_pristine("files").path, make_pristine("sqlite").path
    for name in (str(files), files.as_uri(), str(files.parent)):
        assert open_store(name).source == str(files)
    for name in (str(database), f"sqlite:///{database}", str(database.parent)):
        store = open_store(name)
        assert store.source == str(database)
        store.close()
