"""``resume.json``: what a training process must know of a run whose journals are gone already.

It is read without a server and without a database; see `journal.home`. JSON has no NaN: such
numbers stand there as the three strings of `domain.values`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from epochal.domain.values import to_json
from epochal.journal.home import RESUME
from epochal.store.durable import DurableFiles
from epochal.store.store import Store
from epochal.store.views import read_resume_states


def write_resumes(
    store: Store, connection: sa.Connection, files: DurableFiles, runs: Mapping[int, str]
) -> None:
    """Bring the ``resume.json`` of some runs up to date.

    A file is replaced whole or not at all.

    Args:
        store: the home.
        connection: to read from.
        files: the group of files that they are written with.
        runs: uids by database id.

    Raises:
        StorageFull: no room; the old files stay.
        OSError: the file system failed; the old files stay.
    """
    for run_id, state in read_resume_states(connection, list(runs)).items():
        data = msgspec.json.encode(to_json(msgspec.to_builtins(state)))
        with files.write(store.segments.path(runs[run_id], RESUME)) as write:
            write(data)
