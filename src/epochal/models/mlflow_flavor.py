"""What ``mlflow.pyfunc.load_model`` calls to load a model of ours.

A model that asks for trust gets it with ``model_config={"trust": "sha256:..."}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.models.load import load_model
from epochal.models.model import Model


class Pyfunc:
    """A model as MLflow wants to see it."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Run the model on what MLflow's own check of the signature let through."""
        return self._model.predict(data, dict(params) if params else None)

    def get_raw_model(self) -> Any:
        """The module, session or estimator."""
        return self._model.native()


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Pyfunc:
    config = model_config or {}
    return Pyfunc(load_model(path, config.get("trust"), config.get("device") or "cpu"))
