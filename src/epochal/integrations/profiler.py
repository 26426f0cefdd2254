"""A place for PyTorch's profiler to put its traces: the current run.

Each trace becomes a file of the run, packed, which Perfetto and Chrome open; the operators that
took longest become a table.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, Final

from epochal.client import guard
from epochal.client.api import current_run
from epochal.client.run import Run
from epochal.media import Table

ROWS: Final = 50
COLUMNS: Final = ("operator", "calls", "cpu_ms", "self_cpu_ms", "device_ms", "self_device_ms")


def trace_handler(name: str = "profile", run: Run | None = None) -> Callable[[Any], None]:
    """What to give to ``torch.profiler.profile(on_trace_ready=...)``.

    Args:
        name: of the files, ``<name>/<step of the profiler>.pt.trace.json.gz``, and of the table.
        run: by default the run that is current when a trace is ready.

    Example:
        >>> with profile(on_trace_ready=trace_handler()) as profiler:
        ...     for batch in loader:
        ...         train(batch)
        ...         profiler.step()
    """
    folder = tempfile.TemporaryDirectory(prefix="epochal-trace-", ignore_cleanup_errors=True)

    def ready(profiler: Any) -> None:
        chosen = run or current_run()
        if chosen is None:
            guard.warn_once("profiler", "a trace is ready, and there is no run to keep it")
            return
        with guard.Shield("keeping a trace"):
            _keep_trace(chosen, profiler, folder.name, name)
        with guard.Shield("recording the operators of a trace"):
            rows = _rows(profiler.key_averages())
            chosen.log({name: Table(columns=list(COLUMNS), data=rows)}, commit=False)

    return ready


def _keep_trace(run: Run, profiler: Any, folder: str, name: str) -> None:
    """The run takes its snapshot in the background; the file stays as long as the handler."""
    path = os.path.join(folder, name, f"{profiler.step_num}.pt.trace.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    profiler.export_chrome_trace(path)
    with open(path, "rb") as plain, gzip.open(f"{path}.gz", "wb", compresslevel=5) as packed:
        shutil.copyfileobj(plain, packed)
    os.unlink(path)
    run.save(f"{path}.gz", base_path=folder, policy="now")


def _rows(averages: Any) -> list[list[Any]]:
    """The operators that took longest, on the device if there is one, with times in ms."""

    def on_device(row: Any) -> float:
        return float(getattr(row, "self_device_time_total", 0.0))

    ordered = sorted(averages, key=lambda row: (-on_device(row), -row.self_cpu_time_total))
    return [
        [
            row.key,
            int(row.count),
            row.cpu_time_total / 1e3,
            row.self_cpu_time_total / 1e3,
            float(getattr(row, "device_time_total", 0.0)) / 1e3,
            on_device(row) / 1e3,
        ]
        for row in ordered[:ROWS]
    ]
