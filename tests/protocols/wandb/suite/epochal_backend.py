"""Plugin of pytest: the client's own system tests reach our server where they expect theirs.

`run` loads it into the interpreter of those tests, which has no Epochal, before their fixtures
are loaded: it needs the standard library and their modules only.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

_fixtures = importlib.import_module("tests.system_tests.backend_fixtures")


def connect(name: str) -> Any:
    """Where the server is, and the service that makes users."""
    return _fixtures.LocalWandbBackendAddress(
        host="127.0.0.1",
        base_port=int(os.environ["EPOCHAL_SUITE_PORT"]),
        fixture_port=int(os.environ["EPOCHAL_SUITE_USERS"]),
    )


_fixtures.connect_to_local_wandb_backend = connect  # type: ignore[attr-defined]
