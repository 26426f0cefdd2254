"""Rows of figures on their way from a device to the host.

On CUDA one copy per device goes into pinned memory without blocking, and an event tells when it
has arrived: nobody waits for the device. Figures of other devices are read at once, for which
PyTorch waits for the device if it is not the CPU. A forked child must not touch what is on its
way.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Arrival(NamedTuple):
    """Rows that are here, or will be.

    Attributes:
        rows: a matrix on the host, to be read only when `ready`.
        event: what CUDA records after the copy; None when the rows are here.
    """

    rows: Any
    event: Any = None

    def ready(self) -> bool:
        """Whether the rows can be read."""
        return self.event is None or bool(self.event.query())

    def read(self) -> list[list[float]]:
        """The rows as numbers."""
        numbers: list[list[float]] = self.rows.tolist()
        return numbers


def send(torch: Any, rows: Any) -> Arrival:
    """Start copying a matrix to the host, in the order of the present stream."""
    if rows.device.type != "cuda":
        return Arrival(rows.cpu())
    host = torch.empty(rows.shape, dtype=rows.dtype, device="cpu", pin_memory=True)
    stream = torch.cuda.current_stream(rows.device)
    with torch.cuda.device(rows.device):
        host.copy_(rows, non_blocking=True)
        event = torch.cuda.Event()
        event.record(stream)
    return Arrival(host, event)
