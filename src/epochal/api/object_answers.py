"""Answers questions about media, files, artifacts, models and garbage from a home's own files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from epochal.api import object_questions as q
from epochal.api.alert_answers import ANSWERS as ALERT_ANSWERS
from epochal.api.question import Question
from epochal.api.report_answers import ANSWERS as REPORT_ANSWERS
from epochal.api.sweep_answers import ANSWERS as SWEEP_ANSWERS
from epochal.domain.access import LOCAL_USER
from epochal.service import artifacts, media, models
from epochal.service.artifacts import reference
from epochal.store.owner import Store


def _manifest(store: Store, question: q.ReadManifest) -> bytes:
    found = artifacts.manifest(store, LOCAL_USER, reference(question.name))
    return found.path.read_bytes()


ANSWERS: Mapping[type[Question[Any]], Callable[[Store, Any], Any]] = {
    q.ListMedia: lambda store, x: media.media_keys(store, LOCAL_USER, x.uid),
    q.QueryMedia: lambda store, x: media.query_media(store, LOCAL_USER, x.query),
    q.ListFiles: lambda store, x: media.list_files(store, LOCAL_USER, x.uid),
    q.ListRunArtifacts: lambda store, x: artifacts.run_artifacts(store, LOCAL_USER, x.uid),
    q.ListArtifacts: lambda store, x: artifacts.list_artifacts(
        store, LOCAL_USER, x.entity, x.project, type=x.type, search=x.search
    ),
    q.UpdateArtifact: lambda store, x: artifacts.update_artifact(
        store, LOCAL_USER, reference(x.name), x.changes
    ),
    q.DeleteArtifact: lambda store, x: artifacts.delete_artifact(
        store, LOCAL_USER, reference(x.name)
    ),
    q.ListVersions: lambda store, x: artifacts.list_versions(
        store, LOCAL_USER, reference(x.name), x.limit, x.offset
    ),
    q.ResolveVersion: lambda store, x: artifacts.resolve(store, LOCAL_USER, reference(x.name)),
    q.ReadManifest: _manifest,
    q.DiffVersions: lambda store, x: artifacts.diff(
        store, LOCAL_USER, reference(x.before), reference(x.after)
    ),
    q.ReadLineage: lambda store, x: artifacts.lineage(
        store, LOCAL_USER, reference(x.name), x.depth
    ),
    q.UpdateVersion: lambda store, x: artifacts.update_version(
        store, LOCAL_USER, reference(x.name), x.changes
    ),
    q.DeleteVersion: lambda store, x: artifacts.delete_version(
        store, LOCAL_USER, reference(x.name), force=x.force
    ),
    q.ListModels: lambda store, x: models.list_models(store, LOCAL_USER, x.entity, x.search),
    q.CreateModel: lambda store, x: models.create_model(store, LOCAL_USER, x.model),
    q.GetModel: lambda store, x: models.get_model(store, LOCAL_USER, x.entity, x.name),
    q.UpdateModel: lambda store, x: models.update_model(
        store, LOCAL_USER, x.entity, x.name, x.changes
    ),
    q.DeleteModel: lambda store, x: models.delete_model(store, LOCAL_USER, x.entity, x.name),
    q.ResolveModel: lambda store, x: models.resolve(store, LOCAL_USER, x.entity, x.name),
    q.CreateModelVersion: lambda store, x: models.create_version(
        store, LOCAL_USER, x.entity, x.name, x.version
    ),
    q.UpdateModelVersion: lambda store, x: models.update_version(
        store, LOCAL_USER, x.entity, x.name, x.number, x.changes
    ),
    q.DeleteModelVersion: lambda store, x: models.delete_version(
        store, LOCAL_USER, x.entity, x.name, x.number
    ),
    q.Collect: lambda store, x: artifacts.collect(store, LOCAL_USER, dry_run=x.dry_run),
    **SWEEP_ANSWERS,
    **ALERT_ANSWERS,
    **REPORT_ANSWERS,
}
"""The use case behind each question."""
