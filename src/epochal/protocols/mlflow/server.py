"""What clients ask of the server itself."""

from __future__ import annotations

from typing import Any, Final

from epochal.protocols import Caller
from epochal.protocols.mlflow.arguments import Arguments

LEVEL: Final = "3.18.0"
"""The version of MLflow whose protocol this is."""

INFO: Final[dict[str, Any]] = {
    "store_type": "SqlStore",
    "workspaces_enabled": False,
    "multipart_uploads_enabled": False,
    "multipart_downloads_enabled": False,
    "artifact_serving_enabled": True,
    "artifacts_presigned_only": False,
    "trace_archival_enabled": False,
}


async def info(call: Caller, given: Arguments) -> dict[str, Any]:  # noqa: ARG001 - the form of all endpoints
    """What this server can do."""
    return INFO
