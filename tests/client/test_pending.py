"""Values on their way from a device: nobody waits, order per key is kept, a full ring drops the
oldest and counts.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import epochal
from epochal.client.keyset import Number
from epochal.client.pending import PendingRows, PinnedRing, RingFull
from tests.client.scripts import read_home

Begin = Callable[..., epochal.Run]


class Copy:
    def __init__(self, values: list[Number]) -> None:
        self.values, self.arrived, self.fetched = values, False, False


class FakeDevice:
    """Copies that arrive when the test says so; at most ``slots`` at a time."""

    def __init__(self, slots: int = 10**9) -> None:
        self.slots = slots
        self.copies: list[Copy] = []

    def stage(self, tensors: Sequence[Any]) -> Copy:
        if sum(not copy.fetched for copy in self.copies) >= self.slots:
            raise RingFull
        copy = Copy([tensor.value for tensor in tensors])
        self.copies.append(copy)
        return copy

    def ready(self, ticket: Copy) -> bool:
        return ticket.arrived

    def fetch(self, ticket: Copy, *, keep: bool) -> list[Number]:
        assert not ticket.fetched
        assert ticket.arrived or not keep, "a slot was read before its copy had arrived"
        ticket.fetched = True
        return ticket.values if keep else []


class DeviceScalar:
    """A 0-d tensor that says it is on a GPU."""

    shape = ()
    dtype = "float32"

    device = types.SimpleNamespace(type="cuda")

    def __init__(self, value: float) -> None:
        self.value = value

    def item(self) -> float:
        raise AssertionError("item() would make the host wait for the device")

    __float__ = item


def row_keys(ready: list[Any]) -> list[tuple[Any, ...]]:
    return [(row.names, row.step, row.values) for row in ready]


def test_a_row_waits_for_its_values_and_others_pass() -> None:
    device = FakeDevice()
    rows = PendingRows(device)
    rows.add(("lr", "loss"), 0, 5, [0.1], [DeviceScalar(2.0)])
    assert rows.holds(["loss"])
    assert rows.holds(["lr"])
    assert not rows.holds(["other"])
    assert list(rows.take_ready()) == []
    device.copies[0].arrived = True
    assert row_keys(list(rows.take_ready())) == [(("lr", "loss"), 0, [0.1, 2.0])]
    assert len(rows) == 0
    assert not rows.holds(["loss"])


def test_keys_stay_held_until_their_row_is_written() -> None:
    device = FakeDevice()
    rows = PendingRows(device)
    rows.add(("a",), 0, 0, [], [DeviceScalar(1.0)])
    device.copies[0].arrived = True
    taking = rows.take_ready()
    next(taking)
    assert rows.holds(["a"])
    assert list(taking) == []
    assert not rows.holds(["a"])


def test_a_full_ring_drops_the_oldest_values_and_keeps_the_numbers() -> None:
    device = FakeDevice(slots=2)
    rows = PendingRows(device)
    for step in range(4):
        rows.add(("n", "x"), step, 0, [step], [DeviceScalar(step)])
    assert rows.dropped == 2
    for copy in device.copies:
        copy.arrived = True
    assert row_keys(list(rows.take_ready())) == [
        (("n",), 0, [0]),
        (("n",), 1, [1]),
        (("n", "x"), 2, [2, 2]),
        (("n", "x"), 3, [3, 3]),
    ]


def test_at_the_end_what_has_not_arrived_is_given_up_and_counted() -> None:
    device = FakeDevice()
    rows = PendingRows(device)
    rows.add(("n", "x"), 0, 0, [7], [DeviceScalar(1.0)])
    rows.add(("x",), 1, 0, [], [DeviceScalar(2.0)])
    device.copies[1].arrived = True
    assert row_keys(list(rows.take_ready(drop=True))) == [(("n",), 0, [7]), (("x",), 1, [2.0])]
    assert rows.dropped == 1


def test_log_never_waits_and_keeps_the_order_of_each_series(begin: Begin, home: Path) -> None:
    run = begin()
    device = FakeDevice()
    run._session.recorder.pending._device = device
    run.log({"loss": 0.5, "lr": 1.0})
    run.log({"loss": DeviceScalar(1.5), "lr": 1.0})
    run.log({"loss": 2.5, "lr": 1.0})
    run.log({"other": 9})
    run.log({"loss": 3.5, "lr": 1.0})
    assert [copy.arrived for copy in device.copies] == [False]
    device.copies[0].arrived = True
    run.finish()
    (told,) = read_home(home)
    assert told.points("loss") == [(0, 0.5), (1, 1.5), (2, 2.5), (4, 3.5)]
    assert told.points("other") == [(3, 9)]
    assert run.summary["loss"] == 3.5


def test_after_the_queue_is_empty_rows_take_the_fast_way_again(begin: Begin) -> None:
    run = begin()
    recorder = run._session.recorder
    device = FakeDevice()
    recorder.pending._device = device
    run.log({"a": DeviceScalar(1.0)})
    run.log({"a": 2.0})
    assert not recorder.log_fast({"a": 3.0}, None, None)
    device.copies[0].arrived = True
    recorder.resolve_pending()
    run.log({"a": 4.0})
    assert recorder.log_fast({"a": 5.0}, None, None)


class FakeTorch:
    """The bookkeeping of `PinnedRing` without a GPU."""

    float64 = "float64"

    @staticmethod
    def empty(size: int, **_: Any) -> list[float]:
        return [0.0] * size


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=60))
def test_slots_of_the_ring_never_overlap(requests: list[tuple[int, bool]]) -> None:
    """Slots are given in a circle and freed from the oldest, as the queue does."""
    ring = PinnedRing(FakeTorch, size=16)
    used: list[tuple[int, int]] = []
    for count, free in requests:
        if free and used:
            ring._used.remove(used.pop(0))
            continue
        try:
            start = ring._allocate(count)
        except RingFull:
            assert used, "an empty ring is never full"
            continue
        taken = set(range(start, start + count))
        assert 0 <= start <= start + count <= 16
        for other, length in used:
            assert taken.isdisjoint(range(other, other + length))
        used.append((start, count))


def test_a_row_wider_than_the_ring_is_refused() -> None:
    with pytest.raises(ValueError, match="limit is 16"):
        PinnedRing(FakeTorch, size=16)._allocate(17)


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a CUDA device")
def test_a_real_device_is_never_synchronized(begin: Begin, home: Path) -> None:
    """Later in-place changes are not seen, and the sync debug mode finds no wait."""
    import torch

    run = begin()
    value = torch.zeros((), device="cuda")
    run.log({"loss": value})
    torch.cuda.set_sync_debug_mode("error")
    try:
        for i in range(1, 200):
            value += 1
            run.log({"loss": value, "i": torch.tensor(i, device="cuda") if i < 0 else i})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    run.finish()
    (told,) = read_home(home)
    assert told.points("loss") == [(i, float(i)) for i in range(200)]
