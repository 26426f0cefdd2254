"""Choosers that live as long as the process: a question costs one choice and no rebuilding.

A chooser follows its sweep by revisions; one that failed, or that is ahead of the database because
a transaction was rolled back, is thrown away and made again from the store's trials.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from epochal.domain.sweep import TrialState
from epochal.search.choosing import Chooser, Told, make_chooser
from epochal.search.config import Parameter, SweepConfig
from epochal.search.parameters import read_parameters
from epochal.search.parse import read_sweep
from epochal.search.places import Places
from epochal.search.space import Coordinate
from epochal.store.store import Store
from epochal.store.sweeps import Ledger, StoredSweep, StoredTrial

MAX_KEPT: Final = 64
_FAILED: Final = "failed"


class Following:
    """A sweep's configuration and its chooser, as of a revision."""

    def __init__(self, sweep: StoredSweep) -> None:
        self.config: SweepConfig = read_sweep(sweep.config)
        self.seed = sweep.seed
        self._chooser: Chooser | None = None
        self._rev = 0
        self._lock = threading.Lock()

    def choose(self, ledger: Ledger, sweep: StoredSweep) -> dict[str, Coordinate] | None:
        """The coordinates of the sweep's next trial; None when there are no more.

        Raises:
            MissingExtra: the sampler is not installed.
        """
        with self._lock:
            try:
                chooser = self._follow(ledger, sweep)
                return chooser.ask(sweep.next_number, sweep.searched)
            except BaseException:
                self._chooser = None
                raise

    def suggest(
        self, ledger: Ledger, sweep: StoredSweep, number: int, parameter: Parameter
    ) -> Coordinate:
        """The coordinate of a parameter that a running trial asks for."""
        with self._lock:
            try:
                return self._follow(ledger, sweep).suggest(number, parameter)
            except BaseException:
                self._chooser = None
                raise

    def prepare(self, number: int) -> None:
        """Load what a question about a trial needs, before a transaction begins."""
        with self._lock:
            if self._chooser is None:
                self._chooser, self._rev = make_chooser(self.config, self.seed), 0
            self._chooser.prepare(number)

    def forget(self) -> None:
        """What was chosen last did not come to be."""
        with self._lock:
            self._chooser = None

    def _follow(self, ledger: Ledger, sweep: StoredSweep) -> Chooser:
        if self._chooser is None or self._rev > sweep.rev:
            self._chooser, self._rev = make_chooser(self.config, self.seed), 0
        for trial in ledger.trials(sweep, beyond=self._rev):
            self._chooser.tell(_told(trial))
        self._rev = sweep.rev
        return self._chooser


def _told(trial: StoredTrial) -> Told:
    state = trial.state.value
    if trial.state is TrialState.LOST:
        state = TrialState.RUNNING.value
    elif trial.state is TrialState.CANCELLED:
        state = _FAILED
    return Told(
        trial.number,
        trial.coordinates,
        state,
        trial.value,
        trial.iterations,
        tuple(trial.outcomes or ()),
        read_parameters(trial.space, Places({})) if trial.space else (),
    )


_kept: OrderedDict[tuple[Path, str, int], Following] = OrderedDict()
_lock = threading.Lock()


def following(store: Store, sweep: StoredSweep) -> Following:
    """The follower of a sweep, made when it is not known."""
    key = (store.home, sweep.uid, sweep.created_us)
    with _lock:
        if key not in _kept:
            _kept[key] = Following(sweep)
        _kept.move_to_end(key)
        while len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)
        return _kept[key]
