"""Which routes belong to foreign protocols: those have matrices, shapes and docs of their own."""

from __future__ import annotations

PREFIXES = ("/api/2.0/", "/api/3.0/", "/ajax-api/")
PATHS = frozenset({"/version", "/health"})


def is_foreign(path: str) -> bool:
    """Whether a route is one of MLflow's."""
    return path in PATHS or path.startswith(PREFIXES)
