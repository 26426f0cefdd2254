"""Many journals taken in together: in the order of their starts, and none harms another."""

from __future__ import annotations

import sqlalchemy as sa

from epochal.store.follow import Follower
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.schema import run
from epochal.store.series import series_points
from tests.store.journals import Writing


def test_runs_get_their_colors_in_the_order_of_their_starts(home):
    """By start, then by uid; where the directories lie does not matter."""
    for number in range(30):
        w = Writing(home, f"r{number}", second=(number * 7) % 10)
        w.line(0, 1)
        w.finish()
    with open_store(home) as store:
        ingest_home(store)
        with store.database.read() as connection:
            query = sa.select(run.c.created_us, run.c.uid, run.c.color)
            rows = sorted(tuple(row) for row in connection.execute(query))
    assert [color for _, _, color in rows] == list(range(30))


def test_one_bad_journal_among_many_stops_no_other(home):
    """It is reported; the rest of its group is taken in, each record once."""
    written = [Writing(home, f"r{number}", second=number) for number in range(12)]
    for w in written:
        w.line(0, 5)
        w.finish()
    foreign = home / "runs" / ("f" * 32)
    foreign.mkdir()
    data = bytearray(written[0].path.read_bytes())
    data[16:32] = b"\xff" * 16  # the file header fits its place, the header record does not
    (foreign / f"{written[0].writer}.ej").write_bytes(data)
    with open_store(home) as store:
        report = ingest_home(store)
        assert [problem.path for problem in report.problems] == [
            str(foreign / f"{written[0].writer}.ej")
        ]
        for w in written:
            assert series_points(store, w.uid, "loss").step.tolist() == list(range(5))
            assert not w.path.exists()


def test_a_follower_takes_many_finished_runs_in_and_gives_their_files_up(home):
    written = [Writing(home, f"r{number}", second=number) for number in range(300)]
    for w in written:
        w.line(0, 3)
        w.finish()
    with open_store(home) as store:
        follower = Follower(store)
        told = set()
        while changes := follower.poll():
            told |= {change.uid for change in changes}
        assert told == {w.uid for w in written}
        follower.poll()
        assert [w.uid for w in written if w.path.exists()] == []
        assert follower.problems == []
        with store.database.read() as connection:
            query = sa.select(run.c.uid).order_by(run.c.color)
            assert list(connection.execute(query).scalars()) == [w.uid for w in written]
