"""Experiments that take runs, remembered so that a new run need not ask the database.

An experiment is remembered from the first run that a client makes in it until anybody changes it
or deletes a run; a change and a look never overlap.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from epochal.domain.tracked import Experiment
from epochal.errors import InvalidInput
from epochal.store.experiments import get_experiment
from epochal.store.owner import Store


class Places:
    """What is known of the experiments of a store. Safe to use from any thread.

    Args:
        store: the open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._active: dict[int, Experiment] = {}
        self._lock = threading.Lock()

    def active(self, id: int) -> Experiment:
        """An experiment that takes runs and changes.

        Raises:
            NotFound: there is no such experiment.
            InvalidInput: it is deleted.
        """
        found = self._active.get(id)
        if found is not None:
            return found
        with self._lock:
            found = get_experiment(self._store, id)
            if found.deleted:
                raise InvalidInput(
                    f"The experiment {id} must be in the 'active' state. Current state is deleted."
                )
            self._active[id] = found
        return found

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Change experiments, nobody else at the same time; then nothing is remembered."""
        with self._lock:
            try:
                yield
            finally:
                self._active.clear()
