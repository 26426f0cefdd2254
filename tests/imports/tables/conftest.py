"""The recorded home of the command line's tests, for exports."""

from __future__ import annotations

from tests.cli.conftest import pristine, shared

__all__ = ["pristine", "shared"]
