"""From what the user logs to records of the journal.

`log_fast` is the hot path: a flat mapping of Python numbers whose keys were seen before becomes
one row, in about two microseconds, without a lock of its own. All else goes to `log_slowly`: first
sight of keys, nested mappings, tensors, texts, odd steps. Neither waits for disk, network or
device.

Steps are W&B's: a call without ``step`` takes the next one; ``commit=False`` keeps it for the next
call; an explicit step is kept until a call without one, which uses it and goes on. Every call
writes its row at once, and explicit steps may repeat and decrease; but one that lies behind never
takes the automatic step back with it, so that steps of another count (an epoch, say) do no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import msgspec

from epochal.client import guard
from epochal.client.flattening import leaves
from epochal.client.keyset import Aggregate, KeySet, Number, Row
from epochal.client.pending import PendingRows
from epochal.client.scalars import Kind, Reading, read_value
from epochal.domain.record import Fact, Text
from epochal.domain.values import INT64_MAX, INT64_MIN
from epochal.journal.writer import Journal, JournalClosed

MAX_KEY_SETS = 4096

_encode = msgspec.msgpack.Encoder().encode
_now_ns = time.time_ns
_are_plain = frozenset({float, int, bool}).issuperset

Reopen = Callable[[Journal], Journal | None]
LogMedia = Callable[[str, int, Any, bool], None]


class Recorder:
    """Records one run's rows and facts into its present journal.

    Args:
        journal: where to write.
        reopen: gives the journal to go on with after the given one was closed by a fork, or None
            at the end of the run.
        first_step: the first automatic step.
        pending: values on a device.
        log_media: records media: key, step, drafts, and whether a list was given.
    """

    def __init__(
        self,
        journal: Journal,
        reopen: Reopen,
        first_step: int = 0,
        pending: PendingRows | None = None,
        log_media: LogMedia | None = None,
    ) -> None:
        self.journal = journal
        self._reopen = reopen
        self._steps = count(first_step)
        self._held: int | None = None
        self._fast: dict[tuple[Any, ...], KeySet] = {}
        self._declared: dict[tuple[str, ...], KeySet] = {}
        self._remembered: dict[tuple[str, ...], KeySet] = {}
        self._watching: list[Callable[[str], bool]] = []
        self._watched: dict[str, Aggregate] = {}
        self._asking: list[Callable[[int], None]] = []
        self._lock = threading.RLock()
        self.pending = pending or PendingRows()
        self._log_media = log_media

    def log_fast(self, data: Any, step: Any, commit: bool | None) -> bool:
        """Record a flat mapping of plain numbers with known keys. False: use `log_slowly`."""
        values = list(data.values())
        keyset = self._fast.get(tuple(data))
        if keyset is None or commit is not None or not _are_plain(map(type, values)):
            return False
        if step is None:
            if self._held is not None:
                return False
            step = next(self._steps)
        elif self._held is None or type(step) is not int or not self._held <= step <= INT64_MAX:
            return False
        else:
            self._held = step
        row = (keyset.id, step, _now_ns() // 1000, values)
        try:
            keyset.append(_encode(row))
        except (JournalClosed, OverflowError):
            self._record_values(data, step)
            return True
        keyset.last = row
        keyset.left -= 1
        if not keyset.left:
            keyset.observe()
        return True

    def log_slowly(self, data: Any, step: Any, commit: bool | None) -> None:
        """Record anything; warns once per key about what cannot be kept."""
        if not isinstance(data, Mapping):
            guard.warn_once(
                ("log", type(data)),
                f"log() takes a dict of key to value, got {type(data).__name__}; "
                "nothing was logged",
            )
            return
        chosen = self._take_step(step, commit)
        self.tell_step(chosen)
        self._record_values(data, chosen)

    def ask_step(self, tell: Callable[[int], None]) -> None:
        """Have ``tell`` called with the step of the next call of `log`, before it is recorded."""
        with self._lock:
            self._asking.append(tell)
            self._fast = {}  # the next call goes the slow way, which tells

    def tell_step(self, step: int | None = None) -> None:
        """Answer those who ask for a step, with that of the next call when none is given."""
        if not self._asking:
            return
        with self._lock:
            asking, self._asking = self._asking, []
        for tell in asking:
            with guard.Shield("watch()"):
                tell(self.step if step is None else step)

    def record(self, fact: Fact) -> None:
        """Write a fact; after the end of the run it is dropped."""
        while True:
            try:
                self.journal.append_fact(fact)
                return
            except JournalClosed:
                if not self._renew():
                    return

    def write_row(
        self, names: tuple[str, ...], step: int, wall_us: int, values: list[Number]
    ) -> None:
        """Write one row under the given keys, with the caller's step and time."""
        if not names:
            return
        while True:
            try:
                keyset = self._declared.get(names) or self._declare(names)
                row: Row = (keyset.id, step, wall_us, values)
                keyset.append(_encode(row))
            except JournalClosed:
                if not self._renew():
                    guard.warn_once(
                        ("finished", id(self)),
                        "log() after finish(): the run takes no more values",
                    )
                    return
            else:
                break
        keyset.last = row
        keyset.left -= 1
        if keyset.left <= 0:
            keyset.observe()
        if names not in self._fast and not self._asking and not self.pending.holds(names):
            self._fast[names] = keyset

    def present(self) -> Journal | None:
        """The journal to write to; None after the end of the run."""
        return self.journal if not self.journal.closed or self._renew() else None

    def swap(self, journal: Journal) -> None:
        """Go on with another journal.

        Key sets are declared there anew, what they remember stays.
        """
        with self._lock:
            self._remembered = {**self._remembered, **self._declared}
            self._fast, self._declared = {}, {}
            self.journal = journal

    @property
    def step(self) -> int:
        """The step that the next call without one gets."""
        if self._held is not None:
            return self._held
        return int(repr(self._steps)[6:-1])  # the only way to look at a count without moving it

    def watch(self, matches: Callable[[str], bool]) -> None:
        """Keep aggregates, from now on, of all keys that match."""
        with self._lock:
            self._watching = [*self._watching, matches]
            for keyset in self._declared.values():
                self._attach(keyset)

    @property
    def aggregates(self) -> Mapping[str, Aggregate]:
        """What is known of the watched keys."""
        return self._watched

    def key_sets(self) -> list[KeySet]:
        """All key sets in use, those not yet declared in the present journal among them."""
        return list({**self._remembered, **self._declared}.values())

    def mark(self) -> tuple[Row, ...]:
        """Changes whenever a row is written."""
        return tuple(keyset.last for keyset in self.key_sets())

    def after_fork(self) -> None:
        """In a forked child.

        Fresh locks, and an abandoned journal, so that the next record opens one.
        """
        self._lock = threading.RLock()
        self.journal.abandon()
        self.pending.after_fork()
        self._fast, self._declared, self._remembered = {}, {}, {}
        self._asking = []

    def _record_values(self, data: Mapping[Any, Any], step: int) -> None:
        wall_us = _now_ns() // 1000
        numbers: dict[str, Number] = {}
        devices: dict[str, Any] = {}
        for key, value in leaves(data):
            reading = read_value(value)
            if key in numbers or key in devices:
                guard.warn_once(
                    ("twice", key),
                    f"log(): two values for {key[:80]!r} in one call; the last is kept",
                )
            if reading.kind is Kind.NUMBER:
                numbers[key] = reading.value
                devices.pop(key, None)
            elif reading.kind is Kind.DEVICE:
                devices[key] = reading.value
                numbers.pop(key, None)
            elif reading.kind is Kind.TEXT:
                self.record(Text(key, step, wall_us, reading.value))
            elif reading.kind is Kind.MEDIA and self._log_media is not None:
                self._log_media(key, step, *reading.value)
            _tell(key, reading)
        if not numbers and not devices:
            return
        names = (*numbers, *devices)
        if devices or self.pending.holds(names):
            self._queue(names, step, wall_us, numbers, devices)
        else:
            self.write_row(names, step, wall_us, list(numbers.values()))

    def _queue(
        self,
        names: tuple[str, ...],
        step: int,
        wall_us: int,
        numbers: Mapping[str, Number],
        devices: Mapping[str, Any],
    ) -> None:
        """Let a row wait for its device values, or behind a row that shares a key with it."""
        with self._lock:
            for known in [k for k in self._fast if not set(k).isdisjoint(names)]:
                self._fast.pop(known)
            self.pending.add(names, step, wall_us, list(numbers.values()), list(devices.values()))

    def resolve_pending(self, *, drop: bool = False) -> None:
        """Write the rows whose device values have arrived; with ``drop``, give up the others."""
        for row in self.pending.take_ready(drop=drop):
            self.write_row(row.names, row.step, row.wall_us, row.values)

    def _take_step(self, step: Any, commit: bool | None) -> int:
        chosen = _read_step(step)
        with self._lock:
            if chosen is not None:
                if chosen >= self.step:
                    self._held = chosen
                    if commit:
                        self._advance(chosen)
                return chosen
            current = self._held if self._held is not None else next(self._steps)
            if commit is False:
                self._held = current
            elif self._held is not None:
                self._advance(current)
            return current

    def _advance(self, done: int) -> None:
        self._steps = count(min(done + 1, INT64_MAX))
        self._held = None

    def _declare(self, names: tuple[str, ...]) -> KeySet:
        journal = self.journal
        with self._lock:
            keyset = KeySet(journal.declare(names, list(names)), names, journal.append)
            older = self._remembered.pop(names, None)
            if older is not None:
                keyset.adopt(older)
            self._attach(keyset)
            if len(self._declared) >= MAX_KEY_SETS:
                self._fast.clear()
                self._declared.clear()
            self._declared[names] = keyset
            return keyset

    def _attach(self, keyset: KeySet) -> None:
        """Connect a key set to the aggregates of its watched keys."""
        attached = {position for position, _ in keyset.watched}
        for position, name in enumerate(keyset.names):
            if position not in attached and any(matches(name) for matches in self._watching):
                aggregate = self._watched.setdefault(name, Aggregate())
                for row in keyset.remembered():
                    aggregate.add(row[3][position])
                keyset.watched.append((position, aggregate))
                keyset.left = 1

    def _renew(self) -> bool:
        """Find the journal that follows a closed one. False at the end of the run."""
        with self._lock:
            if not self.journal.closed:
                return True
            fresh = self._reopen(self.journal)
            if fresh is None:
                return False
            self.swap(fresh)
            return True


def _read_step(step: Any) -> int | None:
    """An explicit step as an integer, or None, with one warning when it cannot be one."""
    if step is None:
        return None
    reading = read_value(step)
    value = reading.value
    if reading.kind is Kind.NUMBER and isinstance(value, float) and value.is_integer():
        value = int(value)
    usable = (
        reading.kind is Kind.NUMBER and isinstance(value, int) and INT64_MIN <= value <= INT64_MAX
    )
    if usable:
        return int(value)
    guard.warn_once(
        "step", f"log(): step must be a whole number, got {step!r:.80}; the automatic step is used"
    )
    return None


def _tell(key: str, reading: Reading) -> None:
    if reading.kind is Kind.SKIP:
        guard.warn_once(("skip", key), f"log(): {key[:80]!r} was skipped: {reading.value}")
    elif reading.kind is Kind.NONE:
        guard.warn_once(("none", key), f"log(): {key[:80]!r} is None and was skipped")
    elif reading.note is not None:
        guard.warn_once(("note", key), f"log(): {key[:80]!r}: {reading.note}")
