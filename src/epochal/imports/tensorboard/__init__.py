"""TensorBoard's event files, read without TensorBoard and brought into a home."""

from __future__ import annotations

from epochal.imports.tensorboard.follow import Follower
from epochal.imports.tensorboard.importer import Importer, import_directory
from epochal.imports.tensorboard.report import Report

__all__ = ["Follower", "Importer", "Report", "import_directory"]
