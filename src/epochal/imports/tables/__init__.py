"""Tables: CSV, JSON lines, and what Lightning's CSVLogger writes."""

from __future__ import annotations

from epochal.imports.tables.importer import Axes, Importer

__all__ = ["Axes", "Importer"]
