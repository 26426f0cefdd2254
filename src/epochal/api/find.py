"""From the words that a person types to one run.

A uid, ``project/id``, ``entity/project/id``, an id alone, or a name alone is enough; whatever fits
more than one run is refused with the list of them.
"""

from __future__ import annotations

import contextlib
import os
import re

from epochal.api.question import GetRun, ListProjects, QueryRuns, ResolveRun, Source
from epochal.domain.moving import MoveTo
from epochal.domain.names import DEFAULT_ENTITY, run_uid
from epochal.domain.view import ProjectRow, RunDetail, RunQuery, RunRow
from epochal.errors import InvalidInput, NotFound

_UID = re.compile(r"[0-9a-f]{32}")
MAX_SHOWN = 10


def find_run(source: Source, text: str, project: str | None = None) -> RunDetail:
    """The run that ``text`` means.

    Args:
        source: where to look.
        text: uid, ``project/id``, ``entity/project/id``, id or name.
        project: look only there.

    Raises:
        NotFound: nothing fits.
        InvalidInput: it is empty, or more than one run fits.
    """
    if not text.strip():
        raise InvalidInput(f"a run is named by its id, or as project/id; got {text!r}")
    wanted = text.strip()
    with source.session():
        if _UID.fullmatch(wanted):
            with contextlib.suppress(NotFound):  # an id of another tracker may look like a uid
                return source.ask(GetRun(wanted))
        rows = source.ask(ListProjects())
        candidates = _by_id(source, wanted, rows, project)
        if not candidates:
            candidates = _by_name(source, wanted, rows, project)
        live = [row for row in candidates if not row.archived]
        if len(candidates) > 1 and len(live) == 1:  # the others were put aside, or moved here
            candidates = live
        if len(candidates) == 1:
            return source.ask(GetRun(candidates[0].uid))
        if not candidates and "/" in wanted:
            with contextlib.suppress(NotFound, InvalidInput):
                return source.ask(_gone(wanted))
    if candidates:
        raise InvalidInput(_ambiguous(wanted, candidates))
    raise NotFound(_not_found(wanted, rows, project))


def find_project(
    source: Source, project: str | None, entity: str | None = None
) -> tuple[str, str]:
    """Entity and name of a project named as ``name`` or ``entity/name``, or of the only one.

    Raises:
        NotFound: there is none.
        InvalidInput: none was named and there are several.
    """
    rows = source.ask(ListProjects())
    wanted = project or os.environ.get("EPOCHAL_PROJECT")
    if not wanted:
        if len(rows) == 1:
            return rows[0].entity, rows[0].name
        if not rows:
            raise NotFound("there are no projects yet; log a run first")
        raise InvalidInput(f"name a project; there are {_project_names(rows)}")
    for row in rows:
        if row.name == wanted and row.entity == (entity or DEFAULT_ENTITY):
            return row.entity, row.name
    for row in rows:
        if entity is None and f"{row.entity}/{row.name}" == wanted:
            return row.entity, row.name
    known = f"there are {_project_names(rows)}" if rows else "there are none yet"
    raise NotFound(f"there is no project {wanted!r}; {known}")


def find_destination(
    source: Source, project: str, entity: str | None = None, id: str = ""
) -> MoveTo:
    """The project that ``name`` or ``entity/name`` means; it may be new.

    A name with a slash means an entity's project only where there is one.
    """
    if entity is not None:
        return MoveTo(project, entity, id)
    known = [(row.entity, row.name) for row in source.ask(ListProjects())]
    owner, slash, name = project.partition("/")
    if slash and (DEFAULT_ENTITY, project) not in known and (owner, name) in known:
        return MoveTo(name, owner, id)
    return MoveTo(project, DEFAULT_ENTITY, id)


def _gone(text: str) -> ResolveRun:
    """Asks for a run by an address at which nothing is now; it may have been moved from there."""
    place, _, run_id = text.rpartition("/")
    entity, slash, project = place.partition("/")
    return (
        ResolveRun(entity, project, run_id) if slash else ResolveRun(DEFAULT_ENTITY, place, run_id)
    )


def _by_id(
    source: Source, text: str, projects: list[ProjectRow], project: str | None
) -> list[RunRow]:
    """Runs of this id, with or without project. Projects may hold slashes, ids may not."""
    before, _, run_id = text.rpartition("/")
    found: list[RunRow] = []
    for row in projects:
        if before and before not in (row.name, f"{row.entity}/{row.name}"):
            continue
        if project and project not in (row.name, f"{row.entity}/{row.name}"):
            continue
        uid = run_uid(row.entity, row.name, run_id)
        query = RunQuery(row.name, row.entity, ids=[uid], archived=True, limit=1)
        found += source.ask(QueryRuns(query)).runs
    return found


def _by_name(
    source: Source, text: str, projects: list[ProjectRow], project: str | None
) -> list[RunRow]:
    found: list[RunRow] = []
    literal = text.replace("\\", "\\\\").replace('"', '\\"')
    for row in projects:
        if project and project not in (row.name, f"{row.entity}/{row.name}"):
            continue
        query = RunQuery(
            row.name, row.entity, where=f'name == "{literal}"', archived=True, limit=MAX_SHOWN + 1
        )
        found += source.ask(QueryRuns(query)).runs
    return found


def _ambiguous(text: str, rows: list[RunRow]) -> str:
    shown = "".join(
        f"\n  {row.project}/{row.id}  {row.name}  {row.state}" for row in rows[:MAX_SHOWN]
    )
    more = "\n  ..." if len(rows) > MAX_SHOWN else ""
    return f"{text!r} fits more than one run; write one of these:{shown}{more}"


def _not_found(text: str, rows: list[ProjectRow], project: str | None) -> str:
    place = f" in project {project!r}" if project else ""
    if not rows:
        return f"there is no run {text!r}{place}; there are no runs at all yet"
    return (
        f"there is no run {text!r}{place}; `epochal ls PROJECT` lists the runs of "
        f"{_project_names(rows)}"
    )


def _project_names(rows: list[ProjectRow]) -> str:
    names = [
        row.name if row.entity == DEFAULT_ENTITY else f"{row.entity}/{row.name}" for row in rows
    ]
    return ", ".join(names[:MAX_SHOWN]) + (", ..." if len(names) > MAX_SHOWN else "")
