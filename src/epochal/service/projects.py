"""Projects: which there are, and which keys their runs use."""

from __future__ import annotations

from epochal.domain.access import Permission, Principal
from epochal.domain.view import ProjectKeys, ProjectList
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
