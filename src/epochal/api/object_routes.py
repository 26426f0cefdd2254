"""The routes of media, files, artifacts, models and garbage; see docs/internals/wire.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from epochal.api import object_questions as q
from epochal.api.alert_routes import ROUTES as ALERT_ROUTES
from epochal.api.question import Question
from epochal.api.report_routes import ROUTES as REPORT_ROUTES
from epochal.api.route import Route, as_json, at, changes, fields, finite_or_not, nothing, run_path
from epochal.api.sweep_routes import ROUTES as SWEEP_ROUTES
from epochal.domain.models import ModelDetail, ModelList, ModelRow, ModelVersionRow
from epochal.domain.objects import (
    ArtifactList,
    ArtifactRow,
    CollectReport,
    FileList,
    LineageGraph,
    MediaKeys,
    MediaPage,
    RunArtifacts,
    VersionDetail,
    VersionDiff,
    VersionList,
    VersionRow,
)

_WORDS = frozenset({"caption", "text", "title", "preview", "classes", "columns"})
"""What of a media item's meta is text, and stays text even when it reads ``NaN``."""


def _read_media(body: bytes) -> MediaPage:
    page = msgspec.json.decode(body, type=MediaPage)
    for entry in page.entries:
        for item in entry.items:
            for key, value in item.meta.items():
                if key not in _WORDS:
                    item.meta[key] = finite_or_not(value)
    return page


def _with_metadata(kind: Any, rows: Callable[[Any], list[Any]]) -> Callable[[bytes], Any]:
    """Read versions, with NaN and infinities of their metadata as floats."""

    def read(body: bytes) -> Any:
        answer = msgspec.json.decode(body, type=kind)
        for row in rows(answer):
            row.metadata.update(finite_or_not(row.metadata))
        return answer

    return read


def _one(row: Any) -> list[Any]:
    return [row]


def _of_run(found: RunArtifacts) -> list[Any]:
    return [*found.made, *(use.version for use in found.used if use.version is not None)]


def _model_path(rest: str = "") -> Callable[[Any], str]:
    return lambda question: f"/api/v1/models/{quote(question.name, safe='')}{rest}"


def _model_version_path(question: Any) -> str:
    return f"{_model_path()(question)}/versions/{question.number}"


def _delete_query(question: q.DeleteVersion) -> dict[str, object]:
    return {"name": question.name, "force": "true" if question.force else "false"}


ROUTES: Mapping[type[Question[Any]], Route] = {
    q.ListMedia: Route("GET", run_path("/media"), as_json(MediaKeys)),
    q.QueryMedia: Route("POST", at("/api/v1/media/query"), _read_media, body=lambda x: x.query),
    q.ListFiles: Route("GET", run_path("/files"), as_json(FileList)),
    q.ListRunArtifacts: Route(
        "GET", run_path("/artifacts"), _with_metadata(RunArtifacts, _of_run)
    ),
    q.ListArtifacts: Route(
        "GET", at("/api/v1/artifacts"), as_json(ArtifactList),
        query=fields("entity", "project", "type", "search"),
    ),
    q.UpdateArtifact: Route(
        "PATCH", at("/api/v1/artifacts"), as_json(ArtifactRow), body=changes, query=fields("name")
    ),
    q.DeleteArtifact: Route("DELETE", at("/api/v1/artifacts"), nothing, query=fields("name")),
    q.ListVersions: Route(
        "GET", at("/api/v1/artifacts/versions"),
        _with_metadata(VersionList, lambda found: found.versions),
        query=fields("name", "limit", "offset"),
    ),
    q.ResolveVersion: Route(
        "GET", at("/api/v1/artifacts/resolve"), _with_metadata(VersionDetail, _one),
        query=fields("name"),
    ),
    q.ReadManifest: Route("GET", at("/api/v1/artifacts/manifest"), bytes, query=fields("name")),
    q.DiffVersions: Route(
        "GET", at("/api/v1/artifacts/diff"),
        _with_metadata(VersionDiff, lambda found: [found.before, found.after]),
        query=fields("before", "after"),
    ),
    q.ReadLineage: Route(
        "GET", at("/api/v1/artifacts/lineage"), as_json(LineageGraph),
        query=fields("name", "depth"),
    ),
    q.UpdateVersion: Route(
        "PATCH", at("/api/v1/artifacts/version"), _with_metadata(VersionRow, _one), body=changes,
        query=fields("name"),
    ),
    q.DeleteVersion: Route(
        "DELETE", at("/api/v1/artifacts/version"), nothing, query=_delete_query
    ),
    q.ListModels: Route(
        "GET", at("/api/v1/models"), as_json(ModelList), query=fields("entity", "search")
    ),
    q.CreateModel: Route(
        "POST", at("/api/v1/models"), as_json(ModelRow), body=lambda x: x.model
    ),
    q.GetModel: Route("GET", _model_path(), as_json(ModelDetail), query=fields("entity")),
    q.UpdateModel: Route(
        "PATCH", _model_path(), as_json(ModelRow), body=changes, query=fields("entity")
    ),
    q.DeleteModel: Route("DELETE", _model_path(), nothing, query=fields("entity")),
    q.ResolveModel: Route(
        "GET", at("/api/v1/registry/resolve"), as_json(ModelVersionRow),
        query=fields("name", "entity"),
    ),
    q.CreateModelVersion: Route(
        "POST", _model_path("/versions"), as_json(ModelVersionRow), body=lambda x: x.version,
        query=fields("entity"),
    ),
    q.UpdateModelVersion: Route(
        "PATCH", _model_version_path, as_json(ModelVersionRow), body=changes,
        query=fields("entity"),
    ),
    q.DeleteModelVersion: Route("DELETE", _model_version_path, nothing, query=fields("entity")),
    q.Collect: Route(
        "POST", at("/api/v1/gc"), as_json(CollectReport), body=lambda x: {"dry_run": x.dry_run}
    ),
    **SWEEP_ROUTES,
    **ALERT_ROUTES,
    **REPORT_ROUTES,
}  # fmt: skip
"""One line per question, to be laid beside the table of docs/internals/wire.md."""
