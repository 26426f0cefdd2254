"""Models: saved whole, checked against the live one, and loaded without running foreign code.

`save_model` writes a directory and `load_model` reads one, also one that MLflow wrote; `log_model`
saves and logs it with a run. Nothing here imports PyTorch, scikit-learn or onnxruntime before a
model needs it.
"""

from __future__ import annotations

from epochal.models.infer import infer_signature
from epochal.models.load import load_model
from epochal.models.log import log_model
from epochal.models.model import Model
from epochal.models.resolve import set_resolver
from epochal.models.save import SavedModel, save_model
from epochal.models.signature import ColumnSpec, ParamSpec, Schema, Signature, TensorSpec

__all__ = [
    "ColumnSpec",
    "Model",
    "ParamSpec",
    "SavedModel",
    "Schema",
    "Signature",
    "TensorSpec",
    "infer_signature",
    "load_model",
    "log_model",
    "save_model",
    "set_resolver",
]
