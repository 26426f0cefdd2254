"""Addresses of the page: where a project or run is shown; the same as in web/src/core/route.ts."""

from __future__ import annotations

from urllib.parse import quote

from epochal.domain.names import DEFAULT_ENTITY


def page_path(entity: str, project: str, run_id: str = "") -> str:
    """The path of a project or run on the page."""
    space = "" if entity == DEFAULT_ENTITY else f"@{quote(entity, safe='')}/"
    run = f"/r/{quote(run_id, safe='')}" if run_id else ""
    return f"/p/{space}{quote(project, safe='')}{run}"
