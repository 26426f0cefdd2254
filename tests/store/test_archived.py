"""Which runs are archived outlives the database."""

from __future__ import annotations

import errno

import pytest

from epochal.domain.view import RunChanges
from epochal.errors import StorageFull
from epochal.store import experiments, runs
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from tests.store.journals import Writing, lose


def archived(store) -> set[str]:
    with store.database.read() as connection:
        found = connection.exec_driver_sql("SELECT name_id FROM run WHERE archived")
        return set(found.scalars())


@pytest.mark.parametrize("lost", [rebuild, lose], ids=["rebuild", "lose"])
def test_a_single_run_that_is_archived_stays_so(home, lost):
    """Also twice, and not one that was restored since."""
    writers = {id: Writing(home, id) for id in ("gone", "back", "never")}
    for writer in writers.values():
        writer.row(0, loss=1.0)
        writer.finish()
    with open_store(home) as store:
        ingest_home(store)
        for id in ("gone", "back"):
            runs.update_run(store, writers[id].uid, RunChanges(archived=True))
        runs.update_run(store, writers["back"].uid, RunChanges(archived=False))
        runs.update_run(store, writers["gone"].uid, RunChanges(name="another"))
    for _ in range(2):
        lost(home)
        with open_store(home) as store:
            ingest_home(store)
            assert archived(store) == {"gone"}


def test_runs_of_a_restored_experiment_come_back_as_they_were_told(home):
    """Restoring an experiment restores all of its runs, those archived before it, too."""
    writers = [Writing(home, id, project="p") for id in ("one", "two")]
    for writer in writers:
        writer.finish()
    with open_store(home) as store:
        ingest_home(store)
        (experiment,) = [e for e in experiments.list_experiments(store) if e.project == "p"]
        runs.update_run(store, writers[0].uid, RunChanges(archived=True))
        experiments.archive_experiment(store, experiment.id, deleted=True)
        assert archived(store) == {"one", "two"}
        experiments.archive_experiment(store, experiment.id, deleted=False)
    rebuild(home)
    with open_store(home) as store:
        assert archived(store) == set()


def test_a_mark_that_finds_no_room_archives_nothing(home, monkeypatch):
    writer = Writing(home, "r")
    writer.finish()
    with open_store(home) as store:
        ingest_home(store)

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(store.disk, "create", full)
        with pytest.raises(StorageFull):
            runs.update_run(store, writer.uid, RunChanges(archived=True))
        assert archived(store) == set()
