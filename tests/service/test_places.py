"""Experiments that take runs are remembered, and never longer than they hold."""

from __future__ import annotations

import pytest

from epochal.errors import InvalidInput, NotFound
from epochal.service.places import Places
from epochal.store import experiments
from epochal.store.owner import open_store


def test_a_remembered_experiment_is_forgotten_when_anything_changes(home):
    with open_store(home) as store:
        made = experiments.create_experiment(store, "vision", {})
        places = Places(store)
        assert places.active(made.id) is places.active(made.id)
        with places.changing():
            experiments.archive_experiment(store, made.id, deleted=True)
        with pytest.raises(InvalidInput, match="active"):
            places.active(made.id)


def test_a_change_that_fails_forgets_as_well(home):
    with open_store(home) as store:
        places = Places(store)
        before = places.active(0)
        with pytest.raises(NotFound), places.changing():
            experiments.archive_experiment(store, 12, deleted=True)
        assert places.active(0) == before
        assert places.active(0) is not before
