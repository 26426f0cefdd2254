"""What findings about a run are made from, read at a bounded cost whatever its length.

Long series are reduced from their mips, short ones from their points; of gradients the newest
records are read, of other runs the newest ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import sqlalchemy as sa

from epochal.domain.health import Stats
from epochal.domain.insight import Line
from epochal.domain.record import MediaItem
from epochal.store.buckets import Buckets, bucket_series
from epochal.store.gather import gather
from epochal.store.grid import Grid, choose_grid
from epochal.store.overview import bucket_steps, step_extent
from epochal.store.points import assemble
from epochal.store.rows import decode_mapping, find_run_id
from epochal.store.schema import detail, key, run
from epochal.store.schema_objects import media
from epochal.store.series import LONG
from epochal.store.store import Store

STRETCHES: Final = 256
MAX_RECORDS: Final = 4_000
MAX_PEERS: Final = 200
GRADIENTS: Final = "gradients/"

_decode_items = msgspec.msgpack.Decoder(list[MediaItem]).decode


def read_lines(store: Store, uid: str, keys: Sequence[str]) -> list[Line]:
    """Some series of a run, each reduced to at most `STRETCHES` stretches of its own steps.

    Raises:
        NotFound: there is no such run.
        CorruptFile: a file of the run is damaged.
    """
    series = gather(store, uid)
    found = []
    for name in keys:
        source = series.points_of(store, name)
        extent = step_extent(source)
        if extent is None:
            continue
        grid = choose_grid(*extent, STRETCHES)
        if sum(part.count for writer in source for part in writer.parts) >= LONG:
            buckets = bucket_steps(source, grid)
        else:
            points = assemble(source, "last")
            buckets = bucket_series(points.step, points.value, grid)
        found.append(_line(name, grid, buckets))
    return found


def _line(name: str, grid: Grid, buckets: Buckets) -> Line:
    infinite = buckets.n_posinf + buckets.n_neginf
    finite = buckets.n - buckets.n_nan - infinite
    begin = int(grid.origin) + buckets.bucket * int(grid.width)
    lo = begin + np.rint(buckets.x_first).astype(np.int64)
    hi = begin + np.rint(buckets.x_last).astype(np.int64)
    some = finite > 0
    return Line(
        key=name,
        lo=lo[some].tolist(),
        hi=hi[some].tolist(),
        n=finite[some].tolist(),
        low=buckets.min[some].tolist(),
        high=buckets.max[some].tolist(),
        mean=buckets.mean[some].tolist(),
        inf_at=int(lo[infinite > 0][0]) if infinite.any() else None,
    )


def read_gradients(store: Store, uid: str) -> dict[str, list[tuple[int, Stats]]]:
    """The newest records of gradients, by key, in recorded order.

    Raises:
        NotFound: there is no such run.
    """
    with store.database.read() as connection:
        query = (
            sa.select(key.c.name, media.c.step, media.c.content)
            .join(key, key.c.id == media.c.key_id)
            .where(
                media.c.run_id == find_run_id(connection, uid),
                media.c.kind == "histogram",
                key.c.name.startswith(GRADIENTS, autoescape=True),
            )
            .order_by(media.c.id.desc())
            .limit(MAX_RECORDS)
        )
        rows = connection.execute(query).all()
    found: dict[str, list[tuple[int, Stats]]] = {}
    for row in reversed(rows):
        for item in _decode_items(row.content):
            stats = item.meta.get("stats")
            if isinstance(stats, dict):
                found.setdefault(row.name, []).append((row.step, stats))
    return found


def read_peers(store: Store, uid: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """A run's group, its config, and those of the newest runs beside it.

    Runs without a group stand beside the others of their project that have none.

    Raises:
        NotFound: there is no such run.
    """
    with store.database.read() as connection:
        query = sa.select(run.c.id, run.c.project_id, run.c["group"])
        mine = connection.execute(query.where(run.c.id == find_run_id(connection, uid))).one()
        beside = (
            sa.select(run.c.id, detail.c.config)
            .join(detail, detail.c.run_id == run.c.id)
            .where(
                run.c.project_id == mine.project_id,
                run.c["group"] == mine.group,
                run.c.archived.is_(False) | (run.c.id == mine.id),
            )
            .order_by((run.c.id == mine.id).desc(), run.c.created_us.desc())
            .limit(MAX_PEERS)
        )
        configs = {row.id: decode_mapping(row.config) for row in connection.execute(beside)}
    own = configs.pop(mine.id, {})
    return str(mine.group), own, list(configs.values())
