"""Many runs at once, with values and labels, for lists of foreign protocols: readers look."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.domain.access import Permission, Principal
from epochal.domain.names import check_uid
from epochal.domain.view import RunContents
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import overviews as stored
from epochal.store.labels import Found, find_labels
from epochal.store.owner import Store


def describe_runs(
    store: Store, principal: Principal | None, uids: Sequence[str]
) -> list[RunContents]:
    """Some runs with their config, summary and series; those that are gone are left out."""
    require(principal, Permission.READ)
    bounds.at_most(uids, bounds.MAX_PAGE, "runs")
    return stored.describe_runs(store, [check_uid(uid) for uid in uids])


def labels_of(
    store: Store, principal: Principal | None, uids: Sequence[str]
) -> dict[str, dict[str, str]]:
    """The labels of some runs, by uid; runs without any are left out."""
    require(principal, Permission.READ)
    bounds.at_most(uids, bounds.MAX_PAGE, "runs")
    return stored.labels_of(store, [check_uid(uid) for uid in uids])


def labelled_runs(
    store: Store, principal: Principal | None, place: tuple[str, str], name: str
) -> list[Found]:
    """The runs of a project, given by entity and name, that have a label of this name."""
    require(principal, Permission.READ)
    return find_labels(store, name, name="", projects=[place])
