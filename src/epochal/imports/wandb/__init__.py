"""Offline directories of wandb, read without its client."""

from __future__ import annotations

from epochal.imports.wandb.importer import Importer

__all__ = ["Importer"]
