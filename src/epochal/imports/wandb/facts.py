"""What the records of a run say, gathered in one pass over its file.

History and system metrics are only counted and remembered by their last value here; `points` of
`stream` reads them again, one by one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec

from epochal.client.capture.transcript import Transcript
from epochal.domain.names import MAX_NAME, MAX_TAG, MAX_TEXT
from epochal.domain.record import Event
from epochal.errors import InvalidInput
from epochal.imports.found import Line
from epochal.imports.tensorboard.wire import Malformed, Message
from epochal.imports.wandb import messages
from epochal.imports.wandb.log import LogFile
from epochal.imports.wandb.messages import join_items, micros, put, read_item
from epochal.protocols.wandb import charts, overlays
from epochal.protocols.wandb.arguments import read_json
from epochal.protocols.wandb.rows import read_row

INTERRUPTED: Final = 255
_LEVELS: Final = {"INFO": "info", "WARN": "warning", "ERROR": "error"}
_EMIT_US: Final = 500_000


class Facts(msgspec.Struct):
    """A run, but for its points.

    Attributes:
        run: attributes as text by name: ``id``, ``project``, ``name``, ``group``, ``job_type``,
            ``notes``, ``sweep``, ``host``, ``remote``, ``commit``.
        tags: of the run.
        config: by key, as the client gave it; ``_wandb`` is left out.
        metrics: what ``define_metric`` said.
        summary: the last value of each key, nested.
        last: the last number of each series, by its key here.
        environment: of the process.
        alerts: events.
        artifacts: records of artifacts, and the time before each.
        policies: how files were saved, by path.
        own: of the client's own config, how tables are drawn and what classes are called.
        exit_code: None as long as the run has not ended.
        version: of the client.
        first_us, last_us: of what was recorded.
        used: how many artifacts the run read.
        bad: records that could not be read.
    """

    run: dict[str, str] = {}
    tags: list[str] = []
    config: dict[str, Any] = {}
    metrics: dict[str, dict[str, Any]] = {}
    summary: dict[str, Any] = {}
    last: dict[str, float] = {}
    environment: dict[str, Any] = {}
    alerts: list[Event] = []
    artifacts: list[tuple[int, Message]] = []
    policies: dict[str, int] = {}
    own: dict[str, dict[str, Any]] = {}
    lines: list[Line] = []
    exit_code: int | None = None
    version: str = ""
    started_us: int = 0
    last_us: int = 0
    used: int = 0
    bad: Counter[str] = msgspec.field(default_factory=Counter)

    def saw(self, wall_us: int) -> int:
        """Remember that something happened at a time; gives the newest time so far."""
        self.last_us = max(self.last_us, wall_us)
        return self.last_us


_RUN_FIELDS: Final = {
    "id": 1, "project": 3, "group": 6, "job_type": 7, "name": 8, "notes": 9, "sweep": 12,
    "host": 13,
}  # fmt: skip


def read_identity(log: LogFile) -> dict[str, str]:
    """The attributes of the run as its first records tell them; empty when none of them does."""
    gatherer = Gatherer()
    for record in log:
        gatherer.take(record)
        if gatherer.facts.run:
            break
    return gatherer.facts.run


class Gatherer:
    """Takes records in order."""

    def __init__(self) -> None:
        self.facts = Facts()
        self._lines: dict[int, Line] = {}
        self._transcript = Transcript(self._show)
        self._emitted_us = 0
        self._rows = 0
        self._takers = {
            messages.HISTORY: self._history,
            messages.SUMMARY: self._summary,
            messages.CONFIG: self._config,
            messages.RUN: self._run,
            messages.EXIT: self._exit,
            messages.STATS: self._stats,
            messages.OUTPUT: self._output,
            messages.OUTPUT_RAW: self._output,
            messages.ALERT: self._alert,
            messages.METRIC: self._metric,
            messages.FILES: self._files,
            messages.ARTIFACT: self._artifact,
            messages.USE_ARTIFACT: self._use,
            messages.HEADER: self._header,
            messages.ENVIRONMENT: self._environment,
        }

    def read(self, log: LogFile) -> Facts:
        """Everything of a file."""
        for record in log:
            self.take(record)
        over = self.facts.exit_code is not None
        self._transcript.emit(self.facts.last_us / 1e6, final=True)
        lines = [self._lines[number] for number in sorted(self._lines)]
        self.facts.lines = lines if over else lines[:-2]
        return self.facts

    def _show(self, stream: int, first: int, lines: list[str]) -> None:
        for number, text in enumerate(lines, first):
            self._lines[number] = Line(self.facts.last_us, stream, text)

    def take(self, record: bytes) -> None:
        """Take a record; one that cannot be read is counted."""
        try:
            self._take(record)
        except (Malformed, InvalidInput, ValueError):
            self.facts.bad["records that could not be read"] += 1

    def _take(self, record: bytes) -> None:
        found = messages.kind_of(record)
        if found is None:
            return
        kind, message = found
        take = self._takers.get(kind)
        if take is not None:
            take(message)

    def _history(self, message: Message) -> None:
        row = read_row(join_items(message.every(1)), self._rows, self.facts.last_us)
        self._rows += 1
        self.facts.saw(row.wall_us)
        self.facts.last.update(row.numbers)

    def _summary(self, message: Message) -> None:
        merge_items(self.facts.summary, message.every(1))
        for item in message.every(2):
            remove_path(self.facts.summary, read_item(Message(item))[0])

    def _config(self, message: Message) -> None:
        merge_items(self.facts.config, message.every(1))
        for item in message.every(2):
            remove_path(self.facts.config, read_item(Message(item))[0])
        own = self.facts.config.pop("_wandb", None)
        for name in (charts.OWN, *overlays.KINDS.values()) if isinstance(own, dict) else ():
            if isinstance(own.get(name), dict):
                self.facts.own.setdefault(name, {}).update(own[name])

    def _run(self, message: Message) -> None:
        facts = self.facts
        for name, number in _RUN_FIELDS.items():
            if text := message.text(number):
                facts.run[name] = text[: MAX_TEXT if name == "notes" else MAX_NAME]
        tags = [tag.decode("utf-8", "replace")[:MAX_TAG] for tag in message.every(10)]
        facts.tags = tags or facts.tags
        if (config := message.data(4)) is not None:
            self._config(Message(config))
        if (git := message.data(21)) is not None:
            facts.run["remote"], facts.run["commit"] = Message(git).text(1), Message(git).text(2)
        facts.started_us = facts.started_us or facts.saw(micros(message, 17))

    def _exit(self, message: Message) -> None:
        self.facts.exit_code = message.signed(1)

    def _stats(self, message: Message) -> None:
        self.facts.saw(micros(message, 2))

    def _output(self, message: Message) -> None:
        now = self.facts.saw(micros(message, 2))
        self._transcript.add_text(0 if message.unsigned(1) else 1, message.text(3))
        if now - self._emitted_us > _EMIT_US:
            self._transcript.emit(now / 1e6)
            self._emitted_us = now

    def _alert(self, message: Message) -> None:
        level = _LEVELS.get(message.text(3).upper(), "info")
        wall = self.facts.last_us
        self.facts.alerts.append(Event(wall, level, message.text(1)[:256], message.text(2)))

    def _metric(self, message: Message) -> None:
        entry = messages.metric_entry(message)
        if name := entry.get("1") or entry.get("2"):
            self.facts.metrics[name] = entry

    def _files(self, message: Message) -> None:
        for item in message.every(1):
            inner = Message(item)
            self.facts.policies[inner.text(1)] = inner.unsigned(2)

    def _artifact(self, message: Message) -> None:
        self.facts.artifacts.append((self.facts.last_us, message))

    def _use(self, message: Message) -> None:
        del message
        self.facts.used += 1

    def _header(self, message: Message) -> None:
        version = message.data(1)
        if version is not None:
            self.facts.version = Message(version).text(1).partition("+")[0]

    def _environment(self, message: Message) -> None:
        texts = {"os": 1, "python": 2, "program": 6, "host": 12, "executable": 14}
        for name, number in texts.items():
            if text := message.text(number):
                self.facts.environment[name] = text
        if arguments := message.every(5):
            decoded = [text.decode("utf-8", "replace") for text in arguments]
            self.facts.environment["arguments"] = decoded


def merge_items(tree: dict[str, Any], items: list[bytes]) -> None:
    """Lay items over a nested mapping."""
    for item in items:
        path, text = read_item(Message(item))
        put(tree, path, read_json(text, "a value"))


def remove_path(tree: dict[str, Any], path: list[str]) -> None:
    """Take a value out of a nested mapping."""
    place: Any = tree
    for name in path[:-1]:
        place = place.get(name) if isinstance(place, dict) else None
    if isinstance(place, dict):
        place.pop(path[-1], None)
