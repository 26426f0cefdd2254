"""Metrics of torchmetrics as values of ``log()``: what they compute is logged.

Computing in a distributed job waits for all ranks, which `log` must not do; there the metric is
left alone, and the user told once.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from epochal.client import guard

PACKAGE: Final = "torchmetrics"


def computed(value: Any) -> Any:
    """What a metric, or a collection of metrics, computes; anything else as it is."""
    if PACKAGE not in sys.modules or not _is_metric(value):
        return value
    if _is_distributed():
        guard.warn_once(
            ("metric", type(value)),
            f"log(): a {type(value).__name__} computes together with all ranks, which log() does "
            "not wait for; log its compute(), called on every rank",
        )
        return value
    return guard.attempt(lambda: value.compute(), default=value)  # noqa: PLW0108 - or no attribute


def _is_metric(value: Any) -> bool:
    """Decided by the type alone: the attributes of a value may be the code of users."""
    kinds = type(value).__mro__
    return any(str(kind.__module__).partition(".")[0] == PACKAGE for kind in kinds)


def _is_distributed() -> bool:
    torch = sys.modules["torch"]
    distributed = torch.distributed
    return bool(
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )
