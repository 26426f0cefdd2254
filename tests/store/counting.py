"""What a run and a store hold, counted."""

from __future__ import annotations

from epochal.store.owner import Store
from epochal.store.runs import get_run
from epochal.store.series import series_points


def counted(store: Store, uid: str) -> tuple[int, list[int]]:
    """Points by the index, and the steps that can be read."""
    [metric] = get_run(store, uid).metrics
    return metric.count, series_points(store, uid, "loss", "all").step.tolist()


def count_segments(store: Store) -> int:
    with store.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM segment").scalar_one())
