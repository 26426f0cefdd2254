"""Watches one model: what is measured after a backward pass, and how it becomes records.

Nothing here holds the model, its graph or its gradients: the model is reached through a weak
reference, gradients are measured where they lie, and only rows of figures are kept until they have
arrived. A pass that fails to be recorded is reported once and skipped; training goes on.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import msgspec

from epochal.client import guard
from epochal.client.watching.alarm import Alarm
from epochal.client.watching.copies import Arrival, send
from epochal.client.watching.measure import describe, measure, movement, sample, wide_type
from epochal.client.watching.modules import is_lazy, plain_name, unwrap
from epochal.client.watching.passes import Passes
from epochal.domain.health import State
from epochal.domain.record import Fact, Media, MediaItem

MAX_WAITING = 64


class Options(msgspec.Struct, frozen=True):
    """What to watch.

    Attributes:
        gradients: record gradients.
        parameters: record parameters.
        every: passes from one record to the next.
        prefix: what comes before a parameter's name.
    """

    gradients: bool = True
    parameters: bool = False
    every: int = 1000
    prefix: str = ""


class Sink(Protocol):
    """Where records go: a run, as far as it matters here."""

    def ask_step(self, tell: Callable[[int], None]) -> None:
        """Have ``tell`` called with the step of the next ``log()``, or of the end of the run."""

    @property
    def finished(self) -> bool:
        """Whether nothing more is recorded."""

    def record(self, fact: Fact) -> None:
        """Write a fact."""


class _Subject(NamedTuple):
    """One row: which tensor it describes. ``ratio``: it ends in an update ratio."""

    kind: str
    name: str
    n: int
    implicit: int
    ratio: bool


class _Record(msgspec.Struct):
    """What was measured after one pass: per device the subjects and their rows.

    ``step`` is None until the ``log()`` that belongs to the pass has said it.
    """

    wall_us: int
    parts: list[tuple[list[_Subject], Arrival]]
    step: int | None = None


class Watcher:
    """Watches one model until it is closed, the model goes, or the run ends.

    Args:
        torch: the imported module.
        model: the model.
        sink: where records go.
        options: what to watch.
        scaler: the GradScaler whose scale is taken out of gradients.
        seen: called once with the model when all its parameters have their shape.
    """

    def __init__(
        self,
        torch: Any,
        model: Any,
        sink: Sink,
        options: Options,
        scaler: Any = None,
        seen: Callable[[Any], None] | None = None,
    ) -> None:
        self._torch = torch
        self._sink = sink
        self.options = options
        self._scaler = scaler
        self._seen = seen
        self._model = weakref.ref(unwrap(model))
        quiet = frozenset({State.NAN, State.INF} if scaler is not None else ())
        self._alarms = {
            "gradients": Alarm("gradients", quiet),
            "parameters": Alarm("parameters"),
        }
        self._passes = Passes(torch, options.every, self._shielded_collect)
        self._samples: dict[str, Any] = {}
        self._waiting: deque[_Record] = deque()
        self._lazy: list[Any] = []
        self._lock = threading.Lock()
        self._closed = False
        self._complete = False
        self._watch_lazy_modules()
        self._scan()

    @property
    def closed(self) -> bool:
        """Whether nothing more is measured: closed, or the model is gone."""
        return self._closed or self._model() is None

    def watches(self, model: Any) -> bool:
        """Whether this is the model."""
        return self._model() is unwrap(model)

    def tend(self) -> bool:
        """Record what has arrived. False while something is still on its way."""
        with self._lock:
            while self._waiting:
                record = self._waiting[0]
                step = record.step
                if step is None or not all(arrival.ready() for _, arrival in record.parts):
                    return False
                self._waiting.popleft()
                with guard.Shield("watch()"):
                    self._write(record, step)
        return True

    def close(self) -> None:
        """Take all hooks away; what is on its way can still be tended."""
        self._closed = True
        self._passes.remove()
        self._forget_lazy_modules()
        self._samples.clear()

    def after_fork(self) -> None:
        """In a forked child: what is on its way belongs to the parent."""
        self._lock = threading.Lock()
        self._waiting = deque()
        self.close()

    # ------------------------------------------------------------------------------------ hooks
    def _watch_lazy_modules(self) -> None:
        """Look again when a lazy module has got its shapes, or at the next optimizer step.

        The latter is for compiled models, whose hooks are compiled with them and do nothing:
        taking such a hook away while or after they are compiled would compile them once more.
        """
        for module in self._model().modules():  # type: ignore[union-attr]
            if any(is_lazy(p) for p in module.parameters(recurse=False)):
                hook = _FirstForward(weakref.ref(self))
                self._lazy.append(module.register_forward_hook(hook))
        if self._lazy:
            optimizer = sys.modules["torch.optim.optimizer"]
            register = optimizer.register_optimizer_step_pre_hook
            self._lazy.append(register(_FirstForward(weakref.ref(self), forget=False)))

    def _forget_lazy_modules(self) -> None:
        for handle in self._lazy:
            handle.remove()
        self._lazy.clear()

    def look_again(self, *, forget: bool) -> None:
        """See which lazy modules have got their shapes."""
        self._scan()
        if forget and self._complete:
            self._forget_lazy_modules()

    def _scan(self) -> None:
        """Lay hooks on parameters that have become trainable or have got their shape."""
        model = self._model()
        if model is None or self.closed:
            self.close()
            return
        parameters = [p for _, p in model.named_parameters()]
        known = [p for p in parameters if not is_lazy(p)]
        if self.options.gradients or self.options.parameters:
            self._passes.hook(p for p in known if p.requires_grad)
        self._complete = len(known) == len(parameters)
        if self._complete and self._seen is not None:
            seen, self._seen = self._seen, None
            seen(model)

    # ---------------------------------------------------------------------------------- measure
    def _shielded_collect(self) -> None:
        with guard.Shield("watch()"):
            self._collect()

    def _collect(self) -> None:
        model = self._model()
        if model is None or self.closed or self._sink.finished:
            self.close()
            return
        self._scan()
        if len(self._waiting) >= MAX_WAITING:
            guard.warn_once(
                ("watch", "dropped"),
                "watch(): records came faster than the GPU could deliver them, or without any "
                "log() between them; some were left out. Use a greater log_freq, and call log()",
            )
            return
        torch = self._torch
        if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
            return
        parts: dict[Any, tuple[list[_Subject], list[Any]]] = {}
        with torch.no_grad():
            for subject, row in self._rows(model):
                subjects, rows = parts.setdefault(row.device, ([], []))
                subjects.append(subject)
                rows.append(row)
            sent = [(known, send(torch, torch.stack(rows))) for known, rows in parts.values()]
        record = _Record(_now_us(), sent)
        self._waiting.append(record)
        at_once = all(device.type != "cuda" for device in parts)

        def settle(step: int) -> None:
            record.step = step
            if at_once:
                self.tend()

        self._sink.ask_step(settle)

    def _rows(self, model: Any) -> Iterator[tuple[_Subject, Any]]:
        """A row of figures for each gradient and parameter, with two more at its end.

        The scale of the gradient, and the ratio of the parameter's update.
        """
        for raw, parameter in model.named_parameters():
            name = self.options.prefix + plain_name(raw)
            gradient = parameter.grad
            if is_lazy(parameter) or not parameter.numel():
                continue
            with self._torch.autocast(parameter.device.type, enabled=False):
                if self.options.gradients and gradient is not None:
                    yield self._row("gradients", name, gradient)
                if self.options.parameters:
                    yield self._row("parameters", name, parameter)

    def _row(self, kind: str, name: str, tensor: Any) -> tuple[_Subject, Any]:
        torch = self._torch
        measured = measure(torch, tensor)
        wide = wide_type(torch, measured.row.device)
        more = torch.ones(2, dtype=wide, device=measured.row.device)
        moved = False
        if kind == "gradients":
            scale = getattr(self._scaler, "_scale", None)  # get_scale() would wait for the device
            if scale is not None:
                more[0].copy_(scale, non_blocking=True)
        elif hasattr(tensor, "to_local"):
            pass  # a shard does not tell how far the whole moved
        else:
            kept, old = sample(tensor), self._samples.get(name)
            self._samples[name] = kept
            moved = old is not None and (old.shape, old.device) == (kept.shape, kept.device)
            if moved:
                more[1] = movement(torch, old, kept)
        subject = _Subject(kind, name, measured.n, measured.implicit, moved)
        return subject, torch.cat([measured.row, more])

    # ----------------------------------------------------------------------------------- record
    def _write(self, record: _Record, step: int) -> None:
        """One ``Media`` record per tensor, then warnings."""
        stats: dict[str, dict[str, Any]] = {"gradients": {}, "parameters": {}}
        for subjects, arrival in record.parts:
            for subject, row in zip(subjects, arrival.read(), strict=True):
                *figures, scale, ratio = row
                meta = describe(figures, subject.n, subject.implicit, scale)
                if subject.ratio:
                    meta["stats"]["update_ratio"] = ratio if 0 <= ratio < float("inf") else None
                stats[subject.kind][subject.name] = meta["stats"]
                key = f"{subject.kind}/{subject.name}"
                items = [MediaItem("histogram", meta)]
                self._sink.record(Media(key, step, record.wall_us, items))
        for kind, alarm in self._alarms.items():
            for event in alarm.hear(step, record.wall_us, stats[kind]):
                self._sink.record(event)


class _FirstForward:
    """A hook for lazy modules; copies and pickles of the model get one without effect."""

    def __init__(
        self, watcher: weakref.ref[Watcher] | None = None, *, forget: bool = True
    ) -> None:
        self._watcher = watcher
        self._forget = forget
        self._torch = sys.modules["torch"]

    def __call__(self, module: Any, arguments: Any, output: Any) -> None:
        """Look at the parameters again, unless this is being compiled."""
        del module, arguments, output
        if self._watcher is None or self._torch.compiler.is_compiling():
            return
        watcher = self._watcher()
        if watcher is not None and not watcher.closed:
            with guard.Shield("watch()"):
                watcher.look_again(forget=self._forget)

    def __reduce__(self) -> tuple[type[_FirstForward], tuple[()]]:
        return _FirstForward, ()


def _now_us() -> int:
    return time.time_ns() // 1000
