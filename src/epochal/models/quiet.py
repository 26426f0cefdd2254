"""Calls a live module for its output and leaves no trace: modes and random states are put back."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

from epochal.models.optional import loaded, need


@contextlib.contextmanager
def quiet(module: Any = None) -> Iterator[None]:
    """Eval mode, no gradients; afterwards all modes and random states are as before."""
    torch = loaded("torch")
    numpy = loaded("numpy")
    python_state = random.getstate()
    numpy_state = numpy.random.get_state() if numpy else None
    modes = []
    if torch is not None and isinstance(module, torch.nn.Module):
        modes = [(each, each.training) for each in module.modules()]
    with contextlib.ExitStack() as stack:
        if torch is not None:
            stack.enter_context(torch.random.fork_rng(devices=_devices(torch)))
            stack.enter_context(torch.no_grad())
        try:
            if modes:
                module.eval()
            yield
        finally:
            for each, training in modes:
                each.training = training
            random.setstate(python_state)
            if numpy:
                numpy.random.set_state(numpy_state)


def _devices(torch: Any) -> list[int]:
    used = torch.cuda.is_available() and torch.cuda.is_initialized()
    return list(range(torch.cuda.device_count())) if used else []


def device_of(module: Any) -> Any:
    """Where a module's first tensor lies; the CPU when it has none."""
    torch = need("torch", "reading a module")
    for value in [*module.parameters(), *module.buffers()]:
        return value.device
    return torch.device("cpu")
