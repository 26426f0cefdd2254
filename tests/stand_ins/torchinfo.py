"""As much of torchinfo as public guides import."""

from __future__ import annotations

import torch


def summary(model: torch.nn.Module) -> str:
    """A table of layers and their parameters."""
    lines = [f"{name or '(model)':40}{_size(layer)}" for name, layer in model.named_modules()]
    return "\n".join(lines)


def _size(layer: torch.nn.Module) -> str:
    if isinstance(layer, torch.nn.modules.lazy.LazyModuleMixin):
        return "not known yet"
    return f"{sum(one.numel() for one in layer.parameters(recurse=False)):,}"
