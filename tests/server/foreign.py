"""Which routes belong to foreign protocols: those have matrices, shapes and docs of their own."""

from __future__ import annotations

PREFIXES = ("/api/2.0/", "/api/3.0/", "/ajax-api/")
PATHS = frozenset({"/version", "/health", "/get-artifact", "/model-versions/get-artifact"})
WANDB_PREFIXES = ("/files/", "/sdk/", "/local/", "/artifacts", "/{entity:str}/", "/{entity}/")


def is_mlflow(path: str) -> bool:
    """Whether a route is one of MLflow's."""
    return path in PATHS or path.startswith(PREFIXES)


def is_wandb(path: str) -> bool:
    """Whether a route is one of wandb's."""
    return path == "/graphql" or path.startswith(WANDB_PREFIXES)


def is_foreign(path: str) -> bool:
    """Whether a route is one of a foreign protocol."""
    return is_mlflow(path) or is_wandb(path)
