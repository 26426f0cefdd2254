"""The doors of the reading API: `connect`, `projects`, `runs` and `run`.

Nothing is read before it is asked for, and nothing is held open afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from epochal.api.count import checked_count
from epochal.api.find import find_project, find_run
from epochal.api.listing import Runs
from epochal.api.question import ListProjects, Source
from epochal.api.runview import RunView
from epochal.api.source import choose_source
from epochal.domain.query import parse_order, parse_where
from epochal.domain.view import ProjectRow, RunQuery
from epochal.errors import InvalidInput


class Reader:
    """Reads the runs of one home or server.

    Args:
        source: where to read; `connect` makes one.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def projects(self) -> list[ProjectRow]:
        """All projects, newest activity first."""
        return self.source.ask(ListProjects())

    def runs(
        self,
        project: str | None = None,
        where: str = "",
        order: str | Iterable[str] = "-created",
        limit: int | None = None,
        entity: str | None = None,
        *,
        archived: bool = False,
    ) -> Runs:
        """The runs of a project that meet a condition.

        Args:
            project: its name, or ``entity/name``; by default ``EPOCHAL_PROJECT``, or the only
                project there is.
            where: a condition such as ``config.lr < 0.01 and "baseline" in tags``.
            order: one or more columns to sort by, ``-`` in front for descending.
            limit: how many runs at most.
            entity: whose project, when ``project`` does not say.
            archived: whether to list archived runs as well.

        Raises:
            QuerySyntaxError: ``where`` or ``order`` does not follow the grammar; its message shows
                the place.
            NotFound: there is no such project.

        Example:
            >>> best = epochal.runs("mnist", where="max(val/acc) > 0.98", order="-max(val/acc)")[0]
        """
        if limit is not None:
            checked_count(limit, "limit", 0)
        if not isinstance(where, str | None):
            raise InvalidInput(f"where must be a string, got {type(where).__name__}")
        if not isinstance(order, Iterable):
            raise InvalidInput(f"order must be one or more columns, got {order!r:.80}")
        entries = [order] if isinstance(order, str) else list(order)
        entries = [entry.strip() for entry in entries if entry.strip()]
        parse_where(where)
        parse_order(entries)
        owner, name = find_project(self.source, project, entity)
        query = RunQuery(name, owner, where=where, order=entries, archived=archived)
        return Runs(self.source, query, limit)

    def run(self, text: str, project: str | None = None) -> RunView:
        """One run.

        Args:
            text: its id, ``project/id``, ``entity/project/id``, its uid, or its name when that is
                unique.
            project: look only there.

        Raises:
            NotFound: there is none.
            InvalidInput: more than one run fits; the message lists them.
        """
        return RunView(self.source, find_run(self.source, text, project))


def connect(
    url: str | None = None,
    *,
    api_key: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Reader:
    """A reader on a server or a home.

    Args:
        url: a server's address; by default ``EPOCHAL_URL``, else the home.
        api_key: for the server; by default ``EPOCHAL_API_KEY``, or what `epochal.login` stored.
        home: a home's path; by default ``EPOCHAL_HOME``, the nearest ``.epochal`` directory
            upward, or ``~/.epochal``.
    """
    return Reader(choose_source(url, api_key, home))


def projects(
    *, url: str | None = None, home: str | os.PathLike[str] | None = None
) -> list[ProjectRow]:
    """All projects, newest activity first. See `connect` for where they are read."""
    return connect(url, home=home).projects()


def runs(
    project: str | None = None,
    where: str = "",
    order: str | Iterable[str] = "-created",
    limit: int | None = None,
    entity: str | None = None,
    *,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Runs:
    """The runs of a project that meet a condition; see `Reader.runs` and `connect`."""
    return connect(url, home=home).runs(project, where, order, limit, entity)


def run(
    text: str,
    project: str | None = None,
    *,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> RunView:
    """One run, by id, ``project/id``, uid or unique name; see `Reader.run` and `connect`."""
    return connect(url, home=home).run(text, project)
