"""A short table of a module's layers, for people."""

from __future__ import annotations

from typing import Any

MAX_ROWS = 2_000


def summarize(module: Any) -> str:
    """Layers with their kind, the shapes of their own parameters, and how many those are."""
    rows = [("layer", "kind", "parameters", "shapes")]
    for name, layer in module.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        shapes = ", ".join(f"{key} {list(value.shape)}" for key, value in own.items())
        count = sum(value.numel() for value in own.values())
        rows.append((name or "(model)", type(layer).__name__, f"{count:,}" if own else "", shapes))
    left_out = len(rows) - MAX_ROWS
    rows = rows[:MAX_ROWS]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join(
            (row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]), row[3])
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    if left_out > 0:
        lines.append(f"... and {left_out:,} more layers")
    return "\n".join([*lines, "", *_totals(module)]) + "\n"


def _totals(module: Any) -> list[str]:
    parameters = list(module.parameters())
    buffers = list(module.buffers())
    trained = sum(value.numel() for value in parameters if value.requires_grad)
    size = sum(value.numel() * value.element_size() for value in [*parameters, *buffers])
    return [
        f"parameters: {sum(value.numel() for value in parameters):,} ({trained:,} trained)",
        f"buffers: {sum(value.numel() for value in buffers):,}",
        f"size: {size / 1e6:,.2f} MB",
    ]
