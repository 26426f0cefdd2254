"""The doors of the reading API: `connect`, `runs`, `artifact`, `model` and the like.

Nothing is read before it is asked for, and nothing is held open afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from epochal.api.artifact import ArtifactVersion
from epochal.api.collection import ArtifactCollection
from epochal.api.count import checked_count
from epochal.api.find import find_destination, find_project, find_run
from epochal.api.listing import Runs
from epochal.api.naming import find_reference, full_name
from epochal.api.object_questions import (
    Collect,
    CreateModel,
    GetModel,
    ListArtifacts,
    ListModels,
    ResolveModel,
    ResolveVersion,
)
from epochal.api.question import JudgeParameters, ListProjects, Source
from epochal.api.registry import ModelVersion, RegisteredModel
from epochal.api.report import Report
from epochal.api.report_questions import CreateReport, GetReport, ListReports
from epochal.api.runview import RunView
from epochal.api.several import Moved, move_runs
from epochal.api.source import choose_source
from epochal.domain.importance import ImportanceQuery, ImportanceReport
from epochal.domain.models import NewModel
from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.objects import CollectReport
from epochal.domain.query import parse_order, parse_where
from epochal.domain.report import NewReport
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

    def move(
        self, runs: Iterable[RunView], project: str, *, entity: str | None = None
    ) -> list[Moved]:
        """Move runs to another project, see `RunView.move`.

        Args:
            runs: such as `runs` finds.
            project: its name, or ``entity/name``; it may be new.
            entity: whose project, when ``project`` does not say.

        Returns:
            For each run what it is now, or the error that says why it stayed; one that cannot go
            does not keep the others.
        """
        return move_runs(self.source, list(runs), find_destination(self.source, project, entity))

    def importance(
        self,
        target: str,
        project: str | None = None,
        where: str = "",
        parameters: Iterable[str] | None = None,
        *,
        entity: str | None = None,
    ) -> ImportanceReport:
        """Which parameters matter for a result, the most important first.

        Args:
            target: the result, a column such as ``min(val/loss)``.
            project: as `runs` takes it.
            where: only runs that meet this condition.
            parameters: columns such as ``config.lr``; by default the config keys that most runs
                have.
            entity: whose project, when ``project`` does not say.

        Raises:
            InvalidInput: fewer than 10 runs have a finite result.
            QuerySyntaxError: a column or ``where`` does not follow the grammar.
            NotFound: there is no such project.
        """
        owner, name = find_project(self.source, project, entity)
        asked = None if parameters is None else list(parameters)
        query = ImportanceQuery(name, target, owner, where, asked)
        return self.source.ask(JudgeParameters(query))

    def artifacts(
        self,
        project: str | None = None,
        type: str | None = None,
        *,
        entity: str | None = None,
        search: str | None = None,
    ) -> list[ArtifactCollection]:
        """The artifacts of a project, newest activity first.

        Args:
            project: its name, or ``entity/name``; all projects of the entity by default.
            type: only artifacts of this type, such as ``dataset``.
            entity: whose, when ``project`` does not say.
            search: only names that contain this.

        Raises:
            NotFound: there is no such project.
        """
        owner, name = entity or DEFAULT_ENTITY, None
        if project is not None:
            owner, name = find_project(self.source, project, entity)
        found = self.source.ask(ListArtifacts(owner, name, type, search)).artifacts
        return [ArtifactCollection(self.source, row, RunView) for row in found]

    def artifact(
        self,
        name: str,
        project: str | None = None,
        *,
        type: str | None = None,
        entity: str | None = None,
    ) -> ArtifactVersion:
        """One version of an artifact.

        Args:
            name: ``[entity/][project/]name[:version]``, where the version is ``v3``, an alias, or
                at least eight digits of its digest; ``latest`` when left out.
            project: where to look when the name does not say; by default ``EPOCHAL_PROJECT``, or
                the only project there is.
            type: the type that it must have.
            entity: whose, when neither says.

        Raises:
            NotFound: there is none; the message names what is near.
            InvalidInput: the name cannot be read, or it has another type.
        """
        ref = find_reference(self.source, name, project, entity)
        found = self.source.ask(ResolveVersion(full_name(ref)))
        if type is not None and found.type != type:
            raise InvalidInput(f"{found.path} has the type {found.type!r}, not {type!r}")
        return ArtifactVersion(self.source, found, RunView)

    def models(
        self, search: str | None = None, *, entity: str = DEFAULT_ENTITY
    ) -> list[RegisteredModel]:
        """The registered models, newest activity first; ``search`` keeps names with this in it."""
        found = self.source.ask(ListModels(entity, search)).models
        return [RegisteredModel(self.source, row, RunView) for row in found]

    def registered_model(self, name: str, *, entity: str = DEFAULT_ENTITY) -> RegisteredModel:
        """One registered model with its versions and history.

        Raises:
            NotFound: there is none.
        """
        found = self.source.ask(GetModel(entity, name))
        return RegisteredModel(self.source, found, RunView)

    def model(self, name: str, *, entity: str = DEFAULT_ENTITY) -> ModelVersion:
        """One version of a registered model.

        Args:
            name: ``name@alias``, ``name/3``, ``models:/name/latest``; the newest when only named.
            entity: whose registry.

        Raises:
            NotFound: there is none.
        """
        found = self.source.ask(ResolveModel(entity, name))
        return ModelVersion(self.source, found, RunView)

    def register_model(
        self,
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        entity: str = DEFAULT_ENTITY,
    ) -> RegisteredModel:
        """Register a name; `RegisteredModel.add_version` fills it.

        Raises:
            Conflict: the name is in use.
            InvalidInput: it cannot be used.
        """
        given = NewModel(name, entity, description, dict(tags or {}))
        return RegisteredModel(self.source, self.source.ask(CreateModel(given)), RunView)

    def reports(self, project: str, *, entity: str = DEFAULT_ENTITY) -> list[Report]:
        """The reports of a project, the one that was changed last first."""
        found = self.source.ask(ListReports(entity, project)).reports
        return [Report(self.source, row) for row in found]

    def report(self, project: str, name: str, *, entity: str = DEFAULT_ENTITY) -> Report:
        """One report.

        Raises:
            NotFound: the project has none of that name.
        """
        return Report(self.source, self.source.ask(GetReport(entity, project, name)))

    def add_report(
        self, project: str, title: str, text: str = "", *, entity: str = DEFAULT_ENTITY
    ) -> Report:
        """Make a report of Markdown; see docs/reports.md for the blocks that are panels.

        Example:
            >>> reader = epochal.connect()
            >>> reader.add_report("mnist", "Which rate?", Path("report.md").read_text())
        """
        new = NewReport(project, title, entity, text)
        return Report(self.source, self.source.ask(CreateReport(new)))

    def collect(self, *, dry_run: bool = True) -> CollectReport:
        """Remove blobs that nothing refers to, and versions whose time is over.

        Args:
            dry_run: only tell what that would be.

        Raises:
            PermissionDenied: only an admin may.
        """
        return self.source.ask(Collect(dry_run))


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


def artifacts(
    project: str | None = None,
    type: str | None = None,
    *,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> list[ArtifactCollection]:
    """The artifacts of a project; see `Reader.artifacts` and `connect`."""
    return connect(url, home=home).artifacts(project, type)


def artifact(
    name: str,
    project: str | None = None,
    *,
    type: str | None = None,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> ArtifactVersion:
    """One version of an artifact, such as ``digits:latest``; see `Reader.artifact`."""
    return connect(url, home=home).artifact(name, project, type=type)


def model(
    name: str, *, url: str | None = None, home: str | os.PathLike[str] | None = None
) -> ModelVersion:
    """One version of a registered model, such as ``classifier@champion``; see `Reader.model`."""
    return connect(url, home=home).model(name)


def registered_models(
    search: str | None = None,
    *,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> list[RegisteredModel]:
    """The registered models, newest activity first; see `Reader.models`."""
    return connect(url, home=home).models(search)


def run(
    text: str,
    project: str | None = None,
    *,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> RunView:
    """One run, by id, ``project/id``, uid or unique name; see `Reader.run` and `connect`."""
    return connect(url, home=home).run(text, project)
