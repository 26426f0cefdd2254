"""Prints every route of the MLflow that runs this: ``python list_routes.py``, with a full MLflow.

`routes.txt` is what MLflow 3.18.0, 3.17.2 and 2.22.5 printed, joined, without pages. Parameters
are `7`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlflow.server import app, handlers


def found() -> Iterator[tuple[str, str]]:
    """Method and path of each."""
    for path, _, methods in handlers.get_endpoints():
        for method in methods:
            yield method, path
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield method, str(rule)
    try:
        from mlflow.server import fastapi_app
    except ImportError:  # MLflow 2
        return
    for included in fastapi_app.app.routes:
        router = getattr(included, "original_router", None)
        if router is not None:
            outer = str(getattr(included.include_context, "prefix", ""))
            yield from _of_router(router, outer)


def _of_router(router: Any, outer: str) -> Iterator[tuple[str, str]]:
    for route in router.routes:
        for method in route.methods or ():
            yield method, outer + route.path


if __name__ == "__main__":
    for method, path in sorted(set(found())):
        print(method, re.sub(r"<[^>]*>|\{[^}]*\}", "7", path))
