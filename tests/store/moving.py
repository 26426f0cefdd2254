"""Runs that are moved, and all that can be seen of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.moving import CAME, MoveTo
from epochal.domain.names import run_uid
from epochal.domain.objects import MediaQuery
from epochal.domain.record import Config, Labels, Told
from epochal.store import media
from epochal.store.files import list_files
from epochal.store.labels import read_labels
from epochal.store.logs import read_logs
from epochal.store.moves import move_run
from epochal.store.owner import Store
from epochal.store.rows import find_run_id
from epochal.store.runs import get_run
from epochal.store.series import series_points
from tests.store.journals import Writing


def labels_of(store: Store, uid: str) -> dict[str, str]:
    with store.database.read() as connection:
        run_id = find_run_id(connection, uid)
        return read_labels(connection, [run_id]).get(run_id, {})


def picture(store: Store, uid: str) -> dict[str, object]:
    """All that a run is, without what its place decides and what the move adds."""
    run = get_run(store, uid)
    plain = msgspec.structs.replace(
        run, uid="", project="", entity="", id="", color=0, archived=False, moved_to=None,
        updated_us=0, events=[e for e in run.events if not e.title.startswith("Moved from")],
        labels={}, writers=[msgspec.structs.replace(w, offset=0) for w in run.writers if w.pid],
    )  # fmt: skip
    seen: dict[str, object] = {"detail": msgspec.msgpack.encode(plain)}
    for metric in run.metrics:
        for view in ("all", "last"):
            points = series_points(store, uid, metric.key, view)
            seen[f"{metric.key} {view}"] = (
                points.step.tobytes(), points.value.tobytes(), points.wall_us.tobytes()
            )  # fmt: skip
    seen["console"] = read_logs(store, uid, limit=5000).lines
    seen["files"] = list_files(store, uid).files
    entries = media.query_media(store, MediaQuery([uid])).entries
    seen["media"] = [msgspec.structs.replace(entry, run="") for entry in entries]
    own = labels_of(store, uid)
    seen["labels"] = {name: text for name, text in own.items() if not name.startswith(CAME)}
    return seen


def moved(store: Store, id: str, project: str = "q", new: str = "") -> str:
    return move_run(store, run_uid("local", "p", id), MoveTo(project, id=new)).uid


def small(home: Path, id: str = "a", project: str = "p", **header: Any) -> Writing:
    """A run of a foreign client that ended with few records, so that its journal rests."""
    run = Writing(home, id, project=project, **header)
    run.fact(Told(run.now, "running"))
    run.fact(Labels(run.now, {"team": "red", "$client": "mlflow", "about": f"runs:/{run.uid}/m"}))
    run.fact(Config(run.now, {"lr": 0.1}))
    run.line(0, 20)
    run.print(0, "one", "two")
    run.finish("failed", 3)
    return run
