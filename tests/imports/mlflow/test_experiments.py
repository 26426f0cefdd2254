"""Experiments come over with their names, tags and deletions, as MLflow's client reads them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType
from mlflow.exceptions import MlflowException

import epochal
from epochal.imports.mlflow.experiments import to_tell
from epochal.imports.mlflow.nouns import Experiment as Source
from tests.cli.conftest import run_cli
from tests.conftest import Server
from tests.imports.mlflow.conftest import Written
from tests.server.processes import serving

FIRST = "digits: first"
TAGS = {"team": "vision", "k/x": "two\nlines"}
LATER = {"mlflow.note.content": "Later."}
WAS_TOLD = 4
"""Experiments of the recipe of which there is more to tell than that a run is in them."""


def bring(home: Path, store: Path | str, *words: str) -> dict[str, Any]:
    """The report of an import that must succeed."""
    done = run_cli("import", "mlflow", str(store), "--json", *words, home=home)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["problems"] == []
    return report


def every_experiment(url: str) -> dict[str, Experiment]:
    """All experiments by name, as MLflow's client finds them."""
    found = MlflowClient(url).search_experiments(ViewType.ALL)
    return {one.name: one for one in found}


def check_as_written(url: str) -> None:
    """What the recipe wrote is what the client reads."""
    found = every_experiment(url)
    told = {name: (one.lifecycle_stage, one.tags) for name, one in found.items()}
    assert told == {
        "Default": ("active", {}), FIRST: ("active", TAGS), "empty": ("active", LATER),
        "old": ("deleted", {}), "given up": ("deleted", {}),
    }  # fmt: skip


def test_experiments_read_back_as_they_were(home: Path, store: Written) -> None:
    """Those without runs, too; and a client goes on in them by their names."""
    report = bring(home, store.path)
    assert report["counts"]["experiments"] == WAS_TOLD
    assert report["not_carried"] == ["numbers of versions of model 'clf'"]
    with serving(home, quiet=True) as running:
        url = running.address.url
        check_as_written(url)
        client = MlflowClient(url)
        found = every_experiment(url)
        named = client.get_experiment_by_name("empty")
        assert named is not None
        assert named.experiment_id == found["empty"].experiment_id
        run = client.create_run(found["empty"].experiment_id)
        assert [one.name for one in epochal.connect(url).runs("empty")] == [run.info.run_name]
        with pytest.raises(MlflowException, match="deleted"):
            client.create_run(found["given up"].experiment_id)
        client.restore_experiment(found["old"].experiment_id)
        back = client.search_runs([found["old"].experiment_id])
        assert [one.info.run_name for one in back] == ["in deleted"]


def test_a_server_on_the_home_is_told_and_only_what_changed(
    server: Server, store: Written
) -> None:
    """What people said here since stays; a tag that went there goes here."""
    bring(server.home, store.path)
    check_as_written(server.url)
    client = MlflowClient(server.url)
    first = every_experiment(server.url)[FIRST].experiment_id
    client.set_experiment_tag(first, "team", "audio")
    client.set_experiment_tag(first, "mine", "1")
    assert "experiments" not in bring(server.home, store.path)["counts"]
    change_tags(store, {"k/x": None, "new": "tag"})
    assert bring(server.home, store.path)["counts"] == {"experiments": 1}
    tags = client.get_experiment(first).tags
    assert tags == {"team": "audio", "mine": "1", "new": "tag"}


def change_tags(store: Written, changes: dict[str, str | None]) -> None:
    """Set and remove tags of the first experiment, as MLflow stores them."""
    if store.path.is_file():
        with sqlite3.connect(store.path) as database:
            for key, text in changes.items():
                database.execute("DELETE FROM experiment_tags WHERE key = ?", (key,))
                if text is not None:
                    database.execute(
                        "INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?)",
                        (key, text, store.facts["experiment"]),
                    )
        database.close()
        return
    folder = store.path / store.facts["experiment"] / "tags"
    for key, text in changes.items():
        place = folder / key
        if text is None:
            place.unlink()
        else:
            place.write_text(text)


def test_what_was_logged_here_is_not_deleted_with_an_experiment(
    home: Path, store: Written
) -> None:
    """Its name had a project here already; the tags come, the deletion waits and is told."""
    epochal.init(project="old").finish()
    told = "that experiment 'old' is deleted: it has runs here"
    assert told in bring(home, store.path)["not_carried"]
    assert told in bring(home, store.path)["not_carried"]
    assert len(list(epochal.runs("old"))) == 1
    epochal.runs("old")[0].update(archived=True)
    assert bring(home, store.path)["counts"] == {"experiments": 1}
    with serving(home, quiet=True) as running:
        url = running.address.url
        check_as_written(url)


def test_an_experiment_that_was_restored_there_is_restored_here(
    home: Path, make_pristine: Any, tmp_path: Path
) -> None:
    """With its runs, as MLflow does it."""
    written = make_pristine("sqlite")
    folder = Path(shutil.copytree(written.path.parent, tmp_path / "moved"))
    bring(home, folder / "mlflow.db")
    with sqlite3.connect(folder / "mlflow.db") as database:
        for table in ("experiments", "runs"):
            database.execute(f"UPDATE {table} SET lifecycle_stage = 'active'")
    database.close()
    assert bring(home, folder / "mlflow.db")["counts"]["experiments"] == 2
    assert [run.name for run in epochal.runs("old")] == ["in deleted"]
    with serving(home, quiet=True) as running:
        url = running.address.url
        assert {one.lifecycle_stage for one in every_experiment(url).values()} == {"active"}


def test_experiments_of_a_server_come_over(server: Server, home: Path, tmp_path: Path) -> None:
    """Made with the real client; the time of making, too, and what outlives a lost database."""
    client = MlflowClient(server.url)
    plain = client.create_experiment("plain")
    client.create_run(plain, start_time=1_000)
    made = client.create_experiment("remote / first", tags={"a": "b", "empty": ""})
    client.delete_experiment(client.create_experiment("gone"))
    other = tmp_path / "other"
    assert bring(other, server.url)["counts"] == {"experiments": 3}
    assert bring(other, server.url)["counts"] == {}
    (other / "epochal.db").unlink()
    with serving(other, quiet=True) as running:
        url = running.address.url
        found = every_experiment(url)
        assert found["gone"].lifecycle_stage == "deleted"
        one, there = found["remote / first"], client.get_experiment(made)
        assert (one.tags, one.creation_time) == (there.tags, there.creation_time)
        assert found["plain"].creation_time == client.get_experiment(plain).creation_time


def test_a_name_that_no_text_here_can_be_is_made_one() -> None:
    """MLflow keeps NUL in names and tags where its database does."""
    odd = Source("7", "a\0b", tags={"k\0": "\ud800"}, created_ms=5)
    found = to_tell(odd, "a b", has_runs=False, before=None)
    assert found is not None
    told, mark = found
    assert (told.name, told.tags, told.created_us) == ("a\ufffdb", {"k\ufffd": "?"}, 5_000)
    assert to_tell(odd, "a b", has_runs=False, before=mark) is None
