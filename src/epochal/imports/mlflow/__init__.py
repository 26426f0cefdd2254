"""MLflow's stores, read without MLflow: a folder of files, a SQLite database, a running server."""

from __future__ import annotations

from epochal.imports.mlflow.importer import Importer, open_store
from epochal.imports.mlflow.nouns import RegisteredModel, Version

__all__ = ["Importer", "RegisteredModel", "Version", "open_store"]
