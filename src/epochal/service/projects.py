"""Projects: which there are, and which keys their runs use."""

from __future__ import annotations

from msgspec.structs import replace

from epochal.domain.access import Permission, Principal
from epochal.domain.view import ProjectKeys, ProjectList, ProjectStart, RunQuery
from epochal.service import runs
from epochal.service.bounds import entity_name, project_name
from epochal.service.permission import require
from epochal.store import projects as stored
from epochal.store.owner import Store


def list_projects(store: Store, principal: Principal | None) -> ProjectList:
    """All projects, newest activity first."""
    require(principal, Permission.READ)
    return ProjectList(stored.list_projects(store))


def project_keys(
    store: Store, principal: Principal | None, entity: str | None, project: str
) -> ProjectKeys:
    """Every series key, config key and summary key of a project's runs."""
    require(principal, Permission.READ)
    return stored.project_keys(store, entity_name(entity), project_name(project))


def project_start(
    store: Store, principal: Principal | None, entity: str | None, project: str, *, rows: bool
) -> ProjectStart:
    """What the page of a project shows first, so that it need not ask.

    Args:
        store: the home.
        principal: who asks.
        entity: None for the default one.
        project: its name.
        rows: whether the newest runs are wanted, with the columns of a new table. They are left
            out where the project opens with a view of its own.

    Raises:
        NotFound: there is no such project.
    """
    revision = stored.newest_revision(store)
    keys = project_keys(store, principal, entity, project)
    if not rows or keys.view:
        return ProjectStart(keys, None)
    owner = entity_name(entity)
    query = RunQuery(project=project, entity=owner, columns=keys.columns)
    page = runs.query_runs(store, principal, query)
    if page.rev > revision:
        # A key that came in between belongs to runs of this page, and nobody would tell of it.
        newer = project_keys(store, principal, entity, project)
        keys = replace(newer, view=keys.view, columns=keys.columns)
    return ProjectStart(keys, page)
