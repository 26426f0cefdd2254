"""Trackio's databases, read without trackio."""

from __future__ import annotations

from epochal.imports.trackio.importer import Importer, default_place

__all__ = ["Importer", "default_place"]
