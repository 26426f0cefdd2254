"""Epochal's own protocol: journals and blobs are sent as stretches of bytes at offsets (wire.md).

What is said of media, files, artifacts, models, pipelines, sweeps, views and reports has its
routes here, too.
"""

from typing import Any, Final

from epochal.protocols.native import (
    artifacts,
    experiments,
    journals,
    media,
    models,
    pipelines,
    reports,
    sweeps,
    views,
)

__all__ = ["ROUTES"]

ROUTES: Final[list[Any]] = [
    *journals.ROUTES,
    *media.ROUTES,
    *artifacts.ROUTES,
    *models.ROUTES,
    *pipelines.ROUTES,
    *sweeps.ROUTES,
    *views.ROUTES,
    *reports.ROUTES,
    *experiments.ROUTES,
]
