"""What a client says of its run: labels, and a state that does not depend on a living writer."""

from __future__ import annotations

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Finish, Header, Labels, Told
from epochal.domain.run import RunState
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal
from epochal.store.follow import Follower
from epochal.store.labels import read_labels
from epochal.store.owner import open_store
from epochal.store.rows import find_run_id
from epochal.store.runs import get_run

UID = run_uid("local", "p", "r1")


def journal(home, started_us=1_000_000):
    return open_journal(
        str(run_directory(home, UID)), UID, new_uid(), Header("local", "p", "r1", started_us)
    )


def test_a_run_that_was_told_to_run_does_not_crash_with_its_writer(home):
    """Neither a writer that vanishes nor one that closes with the told state ends the run."""
    with open_store(home) as store:
        now = [0.0]
        follower = Follower(store, clock=lambda: now[0], time_of_day=lambda: 2_000_000_000.0)
        first = journal(home)
        first.append_fact(Told(2_000_000, "running"))
        first.maintain()
        follower.poll()
        first.abandon()
        now[0] += 100
        follower.poll()
        assert get_run(store, UID).state is RunState.RUNNING
        second = journal(home, 3_000_000)
        second.append_fact(Told(4_000_000, "running"))
        second.close(Finish(5_000_000, "running"))
        now[0] += 100
        follower.poll()
        assert get_run(store, UID).state is RunState.RUNNING
        assert get_run(store, UID).ended_us is None
        assert follower.poll() == []


def test_a_told_end_holds_while_the_writer_lives(home):
    """A tag on a finished run does not wake it; its end is the time that was told."""
    with open_store(home) as store:
        journal(home).close(Finish(9_000_000, "failed"))
        later = journal(home, 10_000_000)
        later.append_fact(Told(11_000_000, "failed", 9_000_000))
        later.append_fact(Labels(12_000_000, {"a": "1", "b": "2"}))
        later.append_fact(Labels(13_000_000, {"a": "x" * 70_000}, ["b"]))
        later.maintain()
        Follower(store).poll()
        run = get_run(store, UID)
        assert (run.state, run.ended_us) == (RunState.FAILED, 9_000_000)
        with store.database.read() as connection:
            run_id = find_run_id(connection, UID)
            assert read_labels(connection, [run_id]) == {run_id: {"a": "x" * 70_000}}
        later.close()
