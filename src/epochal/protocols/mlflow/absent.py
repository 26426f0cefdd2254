"""What MLflow has and Epochal has not: each of its addresses answers NOT_IMPLEMENTED and names it.

Nothing that is sent to these addresses is read. `AREAS` says by a word in the address which part
of MLflow was asked for.
"""

from __future__ import annotations

from typing import Final

from epochal.protocols.mlflow.errors import LEVELS, NotOffered

PLACES: Final = (*LEVELS, "/ajax-api", "/gateway", "/endpoints/", "/v1/traces", "/graphql")
"""What begins in one of these ways and is no route of ours is MLflow's: among them the AI gateway,
OpenTelemetry's traces, and where MLflow's page reads what wandb's client posts to."""

NOWHERE: Final = ("/gateway/", "/endpoints/", "/v1/traces")
"""Those of them that would read as pages of a project, and are none."""

AREAS: Final[dict[str, str]] = {
    "assistant": "the assistant",
    "batchGet": "traces",
    "create-promptlab-run": "the prompt lab",
    "datasets": "evaluation datasets",
    "demo": "the demo",
    "endpoints": "the AI gateway",
    "evaluate": "evaluation",
    "gateway": "the AI gateway",
    "gateway-proxy": "the AI gateway",
    "get-trace-artifact": "traces",
    "get-online-trace-details": "traces",
    "graphql": "the GraphQL of MLflow's own page",
    "issues": "issues of traces",
    "jobs": "jobs",
    "label-schemas": "labeling",
    "mcp-servers": "the registry of MCP servers",
    "presigned": "addresses signed in advance",
    "presigned-download-url": "addresses signed in advance",
    "presigned-upload-url": "addresses signed in advance",
    "prompt-optimization": "prompt optimization",
    "prompts": "prompts",
    "review-queues": "labeling",
    "scorer": "scorers",
    "scorers": "scorers",
    "skills": "the registry of skills",
    "traces": "traces",
    "ui-telemetry": "telemetry",
    "unified-traces": "traces",
    "users": "accounts (keys are made with `epochal key`)",
    "webhooks": "webhooks (Epochal's alerts can call one)",
    "workspaces": "workspaces",
}


def is_absent(path: str) -> bool:
    """Whether an address that is no route of ours is one of MLflow's."""
    return path.startswith(PLACES)


def not_offered(method: str, path: str) -> NotOffered:
    """The error for an endpoint that MLflow has and Epochal has not."""
    area = next((AREAS[word] for word in path.split("/") if word in AREAS), "")
    what = f" ({area})" if area else ""
    return NotOffered(
        f"{method} {path}{what} is not implemented by Epochal; it offers what training with "
        f"PyTorch uses of MLflow, see the guide to MLflow in its docs"
    )
