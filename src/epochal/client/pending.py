"""Values that are still on a device when they are logged, and the rows that wait for them.

`log()` never makes the host wait for the device: the value is copied, in stream order, into pinned
memory, so that later in-place changes are not seen, and the row waits here until the copy has
arrived. A row that shares a key with a waiting row waits behind it, so that each series keeps its
order. When the pinned memory is full, the oldest waiting row loses its device values; such rows
are counted.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from epochal.client.keyset import Number

RING_VALUES = 65_536


class RingFull(Exception):
    """No pinned slot is free."""


class Device(Protocol):
    """How values leave a device: three small steps, none of which blocks the host."""

    def stage(self, tensors: Sequence[Any]) -> Any:
        """Start copying scalar tensors to the host; returns a ticket. Raises `RingFull`."""

    def ready(self, ticket: Any) -> bool:
        """Whether the copy has arrived."""

    def fetch(self, ticket: Any, *, keep: bool) -> list[Number]:
        """Free the slot, and return its values when ``keep``.

        Only then must the copy have arrived.
        """


class ReadyRow(NamedTuple):
    """A row whose values are all known."""

    names: tuple[str, ...]
    step: int
    wall_us: int
    values: list[Number]


class _Waiting:
    __slots__ = ("names", "numbers", "step", "ticket", "wall_us")

    def __init__(
        self, names: tuple[str, ...], step: int, wall_us: int, numbers: list[Number], ticket: Any
    ) -> None:
        self.names = names
        self.step = step
        self.wall_us = wall_us
        self.numbers = numbers
        self.ticket = ticket


class PendingRows:
    """The rows that wait, first in, first out.

    Args:
        device: how values leave the device; pinned memory of PyTorch by default.

    Attributes:
        dropped: rows that lost their device values.
    """

    def __init__(self, device: Device | None = None) -> None:
        self.dropped = 0
        self._device = device
        self._rows: deque[_Waiting] = deque()
        self._held: Counter[str] = Counter()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._rows)

    def holds(self, names: Iterable[str]) -> bool:
        """Whether a waiting row has one of these keys."""
        return bool(self._held) and not self._held.keys().isdisjoint(names)

    def add(
        self,
        names: tuple[str, ...],
        step: int,
        wall_us: int,
        numbers: list[Number],
        tensors: list[Any],
    ) -> None:
        """Queue a row.

        Args:
            names: the keys, those of ``numbers`` first, then those of ``tensors``.
            step: the row's step.
            wall_us: when it was logged.
            numbers: values that are known.
            tensors: scalar tensors on a device; may be empty.
        """
        with self._lock:
            ticket = self._stage(tensors) if tensors else None
            self._rows.append(_Waiting(names, step, wall_us, numbers, ticket))
            self._held.update(names)

    def take_ready(self, *, drop: bool = False) -> Iterator[ReadyRow]:
        """Yield rows that need not wait any more, in order.

        A row's keys stay held until the next is asked for.

        Args:
            drop: also yield rows that are not ready, without their device values.
        """
        while self._rows:
            with self._lock:
                row = self._rows[0] if self._rows else None
                if row is None or not (drop or self._is_ready(row)):
                    return
                ready = self._resolve(row)
            if ready.names:
                yield ready
            with self._lock:
                self._rows.popleft()
                self._held -= Counter(row.names)

    def after_fork(self) -> None:
        """In a forked child: the device belongs to the parent, and so do its waiting rows."""
        self._lock = threading.RLock()
        self._rows = deque()
        self._held = Counter()
        self._device = None

    def _stage(self, tensors: list[Any]) -> Any:
        if self._device is None:
            self._device = PinnedRing(sys.modules["torch"])
        while True:
            try:
                return self._device.stage(tensors)
            except RingFull:
                if not self._drop_oldest():
                    raise

    def _drop_oldest(self) -> bool:
        """Take the slot of the oldest row that has one."""
        for row in self._rows:
            if row.ticket is not None and self._device is not None:
                self._device.fetch(row.ticket, keep=False)
                self._forget_values(row)
                return True
        return False

    def _forget_values(self, row: _Waiting) -> None:
        self._held -= Counter(row.names[len(row.numbers) :])
        row.names = row.names[: len(row.numbers)]
        row.ticket = None
        self.dropped += 1

    def _is_ready(self, row: _Waiting) -> bool:
        return row.ticket is None or self._device is None or self._device.ready(row.ticket)

    def _resolve(self, row: _Waiting) -> ReadyRow:
        if row.ticket is None or self._device is None:
            return ReadyRow(row.names, row.step, row.wall_us, row.numbers)
        if not self._device.ready(row.ticket):
            self._device.fetch(row.ticket, keep=False)
            self._forget_values(row)
            return ReadyRow(row.names, row.step, row.wall_us, row.numbers)
        values = [*row.numbers, *self._device.fetch(row.ticket, keep=True)]
        row.ticket = None
        row.numbers = values
        return ReadyRow(row.names, row.step, row.wall_us, values)


class _Ticket(NamedTuple):
    start: int
    length: int
    kinds: tuple[type, ...]
    event: Any


class PinnedRing:
    """CUDA values on their way through pinned host memory, as float64 (integers past 2**53 round).

    Args:
        torch: the imported module.
        size: how many values can be on their way at once.
    """

    def __init__(self, torch: Any, size: int = RING_VALUES) -> None:
        self._torch = torch
        self._size = size
        self._ring = torch.empty(size, dtype=torch.float64, pin_memory=True)
        self._used: deque[tuple[int, int]] = deque()
        self._recycled: list[Any] = []

    def stage(self, tensors: Sequence[Any]) -> _Ticket:
        """See `Device.stage`. The tensors must be on one device."""
        torch = self._torch
        if torch.cuda.is_current_stream_capturing():
            raise RuntimeError("a CUDA graph is being captured; log outside of the capture")
        start = self._allocate(len(tensors))
        stream = torch.cuda.current_stream(tensors[0].device)
        for event in self._recycled:
            stream.wait_event(event)
        self._recycled.clear()
        wide = [t.detach().reshape(()).to(torch.float64) for t in tensors]
        source = wide[0].reshape(1) if len(wide) == 1 else torch.stack(wide)
        self._ring[start : start + len(tensors)].copy_(source, non_blocking=True)
        event = torch.cuda.Event()
        event.record(stream)
        return _Ticket(start, len(tensors), tuple(map(self._kind, tensors)), event)

    def ready(self, ticket: _Ticket) -> bool:
        """See `Device.ready`."""
        return bool(ticket.event.query())

    def fetch(self, ticket: _Ticket, *, keep: bool) -> list[Number]:
        """See `Device.fetch`.

        A slot freed too early is not written again before its copy has ended.
        """
        self._used.remove((ticket.start, ticket.length))
        if not keep:
            self._recycled.append(ticket.event)
            return []
        values = self._ring[ticket.start : ticket.start + ticket.length].tolist()
        return [
            value if kind is float or value != value else kind(value)  # noqa: PLR0124 - NaN
            for kind, value in zip(ticket.kinds, values, strict=True)
        ]

    def _kind(self, tensor: Any) -> type:
        if tensor.dtype == self._torch.bool:
            return bool
        return float if tensor.dtype.is_floating_point else int

    def _allocate(self, count: int) -> int:
        """The start of ``count`` free values in a row.

        After the newest slot or at the beginning.
        """
        if count > self._size:
            raise ValueError(f"{count} device values in one row, the limit is {self._size}")
        if not self._used:
            self._used.append((0, count))
            return 0
        oldest = self._used[0][0]
        start = sum(self._used[-1])
        if start > oldest and start + count > self._size:
            start = 0
            if count > oldest:
                raise RingFull
        elif start <= oldest and start + count > oldest:
            raise RingFull
        self._used.append((start, count))
        return start
