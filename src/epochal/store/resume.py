"""``resume.json``: what a training process must know of a run whose journals are gone already.

It is read without a server and without a database; see `journal.home`. JSON has no NaN: such
numbers stand there as the three strings of `domain.values`.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from epochal.domain.values import to_json
from epochal.journal.home import RESUME
from epochal.store.durable import DurableFiles
from epochal.store.store import Store
from epochal.store.views import read_resume_state


def write_resume(
    store: Store, connection: sa.Connection, files: DurableFiles, uid: str, run_id: int
) -> None:
    """Bring a run's ``resume.json`` up to date. The file is replaced whole or not at all.

    Args:
        store: the home.
        connection: to read from.
        files: the group of files that it is written with.
        uid: the run.
        run_id: its row.

    Raises:
        StorageFull: no room; the old file stays.
        OSError: the file system failed; the old file stays.
    """
    state = read_resume_state(connection, run_id)
    data = msgspec.json.encode(to_json(msgspec.to_builtins(state)))
    with files.write(store.segments.path(uid, RESUME)) as write:
        write(data)
