"""Experiments, which are projects, for foreign protocols. Readers look, writers change."""

from __future__ import annotations

from collections.abc import Mapping

from epochal.domain.access import Permission, Principal
from epochal.domain.tracked import DEFAULT_EXPERIMENT_ID, Experiment
from epochal.errors import InvalidInput
from epochal.service.permission import require
from epochal.service.recording import Recorder
from epochal.store import experiments as stored
from epochal.store.owner import Store


def list_experiments(
    store: Store, principal: Principal | None, recorder: Recorder
) -> list[Experiment]:
    """Every experiment, deleted ones too."""
    require(principal, Permission.READ)
    recorder.settle()
    return stored.list_experiments(store)


def get_experiment(
    store: Store, principal: Principal | None, recorder: Recorder, id: int
) -> Experiment:
    """One experiment, deleted or not.

    Raises:
        NotFound: there is no such experiment.
    """
    require(principal, Permission.READ)
    recorder.settle()
    return stored.get_experiment(store, id)


def named_experiment(
    store: Store, principal: Principal | None, recorder: Recorder, name: str
) -> Experiment:
    """The experiment with a name, deleted or not.

    Raises:
        NotFound: there is none.
    """
    require(principal, Permission.READ)
    recorder.settle()
    return stored.named_experiment(store, name)


def create_experiment(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    name: str,
    tags: Mapping[str, str],
) -> Experiment:
    """Make an experiment.

    Raises:
        Conflict: one of that name exists.
    """
    require(principal, Permission.WRITE)
    recorder.settle()
    return stored.create_experiment(store, name, tags)


def rename_experiment(
    store: Store, principal: Principal | None, recorder: Recorder, id: int, name: str
) -> None:
    """Give an experiment another name.

    Raises:
        NotFound: there is no such experiment.
        Conflict: another one has that name.
        InvalidInput: it is deleted.
    """
    require(principal, Permission.WRITE)
    recorder.settle()
    recorder.places.active(id)
    with recorder.places.changing():
        stored.rename_experiment(store, id, name)


def tag_experiment(
    store: Store,
    principal: Principal | None,
    recorder: Recorder,
    id: int,
    changes: Mapping[str, str],
    removed: tuple[str, ...] = (),
) -> None:
    """Set and remove tags.

    Raises:
        NotFound: there is no such experiment or tag.
        InvalidInput: the experiment is deleted.
    """
    require(principal, Permission.WRITE)
    recorder.settle()
    recorder.places.active(id)
    with recorder.places.changing():
        stored.tag_experiment(store, id, changes, removed)


def archive_experiment(
    store: Store, principal: Principal | None, recorder: Recorder, id: int, *, deleted: bool
) -> None:
    """Delete or restore an experiment with all of its runs.

    Raises:
        NotFound: there is no such experiment in the other state.
        InvalidInput: it is the default one.
    """
    require(principal, Permission.WRITE)
    if id == DEFAULT_EXPERIMENT_ID and deleted:
        raise InvalidInput("Cannot delete the default experiment, an internally created one")
    recorder.settle()
    with recorder.places.changing():
        stored.archive_experiment(store, id, deleted=deleted)
    found = stored.get_experiment(store, id)
    recorder.mark_archived((found.entity, found.project), on=deleted)
