"""``resume.json``: what a training process must know of a run whose journals are gone already.

It is read without a server and without a database; see `journal.home`. JSON has no NaN: such
numbers stand there as the three strings of `domain.values`.
"""

from __future__ import annotations

import msgspec

from epochal.domain.values import to_json
from epochal.journal.home import RESUME
from epochal.store.durable import durable_file
from epochal.store.rows import find_run_id
from epochal.store.store import Store
from epochal.store.views import read_resume_state


def write_resume(store: Store, uid: str) -> None:
    """Bring a run's ``resume.json`` up to date. The file is replaced whole or not at all.

    Raises:
        NotFound: no such run.
        StorageFull: no room; the old file stays.
        OSError: the file system failed; the old file stays.
    """
    with store.database.read() as connection:
        state = read_resume_state(connection, find_run_id(connection, uid))
    data = msgspec.json.encode(to_json(msgspec.to_builtins(state)))
    with durable_file(store.segments.path(uid, RESUME), store.disk) as write:
        write(data)
