"""``watch()``: what becomes of a model's gradients and parameters, recorded now and then.

Between records a watched training step costs two comparisons on at most 33 parameters; a record
costs some passes over the parameters on their own device and never makes the host wait for it. No
graph is kept, no gradient is changed, and `unwatch`, the end of the run or that of the model take
everything away again.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from epochal.client.session import Session
from epochal.client.watching.modules import tree, unwrap
from epochal.client.watching.watcher import Options, Watcher
from epochal.domain.record import BlobRef, Fact, Media, MediaItem
from epochal.errors import InvalidInput
from epochal.journal.blobs import Blobs

KINDS = {
    "gradients": (True, False),
    "parameters": (False, True),
    "all": (True, True),
    None: (False, False),
}
INLINE_BYTES = 32_768
TREE_KEY = "model/graph"


class _Sink:
    """A session as the watcher sees it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask_step(self, tell: Callable[[int], None]) -> None:
        self._session.recorder.ask_step(tell)

    @property
    def finished(self) -> bool:
        return self._session.finished

    def record(self, fact: Fact) -> None:
        self._session.record(fact)


def watch(
    session: Session,
    models: Any,
    criterion: Any,
    log: str | None,
    log_freq: int,
    idx: int | None,
    log_graph: bool,
    scaler: Any,
) -> None:
    """Watch models for a session; see `epochal.client.run.Run.watch`.

    Raises:
        InvalidInput: an argument cannot be used; nothing is watched.
    """
    found = _read_models(models)
    if log not in KINDS:
        raise InvalidInput(
            f"watch(): log is 'gradients', 'parameters', 'all' or None, not {log!r}"
        )
    if type(log_freq) is not int or log_freq < 1:
        raise InvalidInput(f"watch(): log_freq counts passes from 1 on, got {log_freq!r:.80}")
    if session.finished:
        raise InvalidInput("watch(): the run is finished; start one with epochal.init()")
    if not session.request.records:
        return
    gradients, parameters = KINDS[log]
    unwatch(session, found)
    for position, model in enumerate(found):
        number = _free_number(session) if idx is None else idx + position
        prefix = _prefix(number)
        options = Options(gradients, parameters, log_freq, prefix)
        _start(session, model, options, scaler, number if log_graph else None)
    if _is_module(criterion) and any(True for _ in criterion.parameters()):
        unwatch(session, criterion)
        options = Options(gradients, parameters, log_freq, "criterion.")
        _start(session, criterion, options, scaler, None)


def unwatch(session: Session, models: Any = None) -> None:
    """End the watch of all models of a session, or of the given ones.

    Raises:
        InvalidInput: these are no models.
    """
    chosen = None if models is None else _read_models(models)
    for watcher in _watchers(session):
        if chosen is None or any(watcher.watches(model) for model in chosen):
            watcher.close()
            if watcher.tend():
                session.chores.remove(watcher)


def _start(session: Session, model: Any, options: Options, scaler: Any, graph: int | None) -> None:
    """Watch one model."""
    seen = None if graph is None else lambda known: _record_tree(session, known, graph)
    watcher = Watcher(sys.modules["torch"], model, _Sink(session), options, scaler, seen)
    session.chores.append(watcher)


def _record_tree(session: Session, model: Any, number: int) -> None:
    """Record the modules of a model at step 0; a large tree lies in a blob."""
    spec = tree(model)
    meta: dict[str, Any] = {"type": "modules", "title": type(model).__name__}
    meta |= {"parameters": spec["parameters"], "trainable": spec["trainable"]}
    key = TREE_KEY + (f"_{number}" if number else "")
    item = MediaItem("plot", *_place(session, meta, spec))
    session.record(Media(key, 0, time.time_ns() // 1000, [item]))


def _place(
    session: Session, meta: dict[str, Any], spec: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, BlobRef | str]]:
    data = json.dumps(spec, separators=(",", ":")).encode()
    if len(data) <= INLINE_BYTES or session.home is None:
        return {**meta, "spec": spec}, {}
    return meta, {"data": Blobs(session.home).put(data, "application/json")}


def _watchers(session: Session) -> list[Watcher]:
    """The watchers of a session; those that have ended by themselves are let go of."""
    found = [chore for chore in session.chores if isinstance(chore, Watcher)]
    for watcher in found:
        if watcher.closed and watcher.tend():
            session.chores.remove(watcher)
    return [watcher for watcher in found if not watcher.closed]


def _prefix(number: int) -> str:
    return f"model_{number}." if number else ""


def _free_number(session: Session) -> int:
    """The least number that no watched model has."""
    taken = {watcher.options.prefix for watcher in _watchers(session)}
    return next(number for number in itertools.count() if _prefix(number) not in taken)


def _is_module(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _read_models(models: Any) -> list[Any]:
    found = list(models) if isinstance(models, (list, tuple)) else [models]
    for model in found:
        if not _is_module(unwrap(model)):
            raise InvalidInput(
                f"watch() takes a torch.nn.Module or a list of them, got {type(model).__name__}"
            )
    if not found:
        raise InvalidInput("watch() takes a torch.nn.Module or a list of them, got an empty list")
    return found
