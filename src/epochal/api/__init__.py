"""The reading side: runs and what they leave behind, from a home or over HTTP.

Runs with their facts, points, console, media and files; artifacts with their versions; the model
registry.
"""

from epochal.api.artifact import ArtifactVersion
from epochal.api.collection import ArtifactCollection
from epochal.api.download import Downloaded
from epochal.api.facts import RunFacts
from epochal.api.files import RunFile, VersionFile
from epochal.api.history import History
from epochal.api.listing import Runs
from epochal.api.media import MediaItem
from epochal.api.nested import Nested
from epochal.api.reader import (
    Reader,
    artifact,
    artifacts,
    connect,
    model,
    projects,
    registered_models,
    run,
    runs,
)
from epochal.api.registry import ModelVersion, RegisteredModel
from epochal.api.report import Report
from epochal.api.runview import RunView
from epochal.api.series import Points
from epochal.api.several import Moved

__all__ = [
    "ArtifactCollection",
    "ArtifactVersion",
    "Downloaded",
    "History",
    "MediaItem",
    "ModelVersion",
    "Moved",
    "Nested",
    "Points",
    "Reader",
    "RegisteredModel",
    "Report",
    "RunFacts",
    "RunFile",
    "RunView",
    "Runs",
    "VersionFile",
    "artifact",
    "artifacts",
    "connect",
    "model",
    "projects",
    "registered_models",
    "run",
    "runs",
]
