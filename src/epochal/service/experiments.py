"""Experiments, which are projects, for foreign protocols. Readers look, writers change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from epochal.domain.access import Permission, Principal
from epochal.domain.tracked import DEFAULT_EXPERIMENT_ID, Experiment, KeptExperiment
from epochal.errors import InvalidInput
from epochal.service.bounds import at_most, plain_text, project_name
from epochal.service.permission import require
from epochal.service.recording import Recorder
from epochal.store import experiments as stored
from epochal.store.owner import Store

MAX_NAME: Final = 500
MAX_TAG_KEY: Final = 250
MAX_TAG: Final = 65_536
"""Characters; MLflow's own stores have at most 20,000."""
MAX_TAGS: Final = 10_000


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


def keep_experiment(
    store: Store, principal: Principal | None, recorder: Recorder | None, told: KeptExperiment
) -> Experiment:
    """Take over what an import tells of the experiment that a project is.

    Args:
        store: the home.
        principal: who asks.
        recorder: of the server that runs on the home; None without one.
        told: what is told. One that has active runs here is not deleted.

    Raises:
        InvalidInput: a name or a tag cannot be one.
    """
    require(principal, Permission.WRITE)
    _check(told)
    if recorder is None:
        return stored.keep_experiment(store, told)
    recorder.settle()
    with recorder.places.changing():
        return stored.keep_experiment(store, told)


def _check(told: KeptExperiment) -> None:
    project_name(told.project)
    if not told.name.strip():
        raise InvalidInput("the name of an experiment is blank; give one")
    plain_text(told.name, "the name of an experiment", MAX_NAME)
    at_most(told.tags, MAX_TAGS, "tags")
    if told.created_us < 0:
        raise InvalidInput(f"created_us is {told.created_us}; expected microseconds since 1970")
    for key, text in told.tags.items():
        plain_text(key, "the key of a tag", MAX_TAG_KEY)
        plain_text(text or "", f"the tag {key!r:.80}", MAX_TAG)
