"""From a run of wandb to one of ours, by the same rules as the server's door for wandb.

Numbers are series, nested keys joined with a dot; values with ``_type`` are media when their files
lie beside; system metrics stand under ``system/``; of the summary what is not just a last value.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from epochal.domain.artifact import MANIFEST_TYPE, Entry, Manifest, check_paths
from epochal.domain.names import clean_key
from epochal.domain.record import (
    ArtifactCommit,
    Attributes,
    BlobRef,
    Config,
    Environment,
    Fact,
    File,
    Labels,
    Media,
    Summary,
    Text,
)
from epochal.domain.values import flatten, to_json
from epochal.errors import InvalidInput
from epochal.imports.found import Content, Item, Row, clamp_step
from epochal.imports.mlflow.convert import artifact_name
from epochal.imports.tensorboard.wire import Malformed, Message
from epochal.imports.wandb import messages
from epochal.imports.wandb.facts import INTERRUPTED, Facts, Gatherer
from epochal.imports.wandb.folder import Folder, staging_roots, store_staged
from epochal.imports.wandb.log import LogFile
from epochal.imports.wandb.messages import join_items, micros
from epochal.journal.blobs import Blobs
from epochal.protocols.wandb import charts, media, overlays
from epochal.protocols.wandb.arguments import read_json
from epochal.protocols.wandb.config import definitions
from epochal.protocols.wandb.rows import read_event, read_row

RESTS_SECONDS: Final = 600.0
"""A run without an end whose file rested for so long has crashed."""
_POLICIES: Final = {0: "now", 1: "end", 2: "live"}
_DERIVED: Final = frozenset({"_step", "_timestamp", "_runtime", "_wandb"})


class RunReader:
    """Reads one run.

    Args:
        log: its file.
        folder: what lies beside.
        blobs: of the home.
    """

    def __init__(self, log: LogFile, folder: Folder, blobs: Blobs) -> None:
        self._log = log
        self._folder = folder
        self._blobs = blobs
        self._left: Counter[str] = Counter()

    def read(self) -> Content:
        """Everything of the run."""
        facts = Gatherer().read(self._log)
        started = max(1, facts.started_us)
        ended = max(started, facts.last_us)
        stored = self._folder.store()
        refs = {path: blob for path, (blob, _) in stored.items()}
        store = media.Store(refs, self._blobs.read, self._put)
        told: list[Fact] = [*_facts(facts, started), *_summary(facts, ended)]
        for path, (blob, changed) in stored.items():
            policy = _POLICIES.get(facts.policies.get(path, 0), "now")
            told.append(File(changed, path, blob, policy, changed))
        once: list[Fact] = [*facts.alerts]
        for wall, message in facts.artifacts:
            commit = self._commit(wall, message)
            if commit is not None:
                once.append(commit)
        return Content(
            started_us=started,
            ended_us=ended,
            state=state_of(facts, self._log.path),
            facts=told,
            once=once,
            stream=lambda: self._stream(store, facts.own),
            lines=facts.lines,
            exit_code=facts.exit_code,
            host=facts.run.get("host", ""),
            left=self._left + self._unplaced(facts),
            problems=[*self._folder.problems, *self._damage(facts)],
        )

    def _put(self, data: bytes, type: str) -> BlobRef:
        return self._blobs.put(data, type, sync=False)

    def _unplaced(self, facts: Facts) -> Counter[str]:
        left: Counter[str] = Counter()
        if facts.used:
            left["artifacts that a run read: an offline run does not say which"] = facts.used
        if self._folder.links:
            left["saved files that are links: add --follow-links to bring them in"] = len(
                self._folder.links
            )
        return left

    def _damage(self, facts: Facts) -> Iterator[str]:
        if self._log.damaged:
            yield f"{self._log.path} has {self._log.damaged} damaged places, left out"
        for what, count in facts.bad.items():
            yield f"{self._log.path} has {count} {what}"

    def _stream(self, store: media.Store, own: Mapping[str, Any]) -> Iterator[Item]:
        """Points, texts and media, in the order of the file; charts follow their tables."""
        drawn = charts.charts_of(own)
        rows = events = wall = 0
        for record in self._log:
            try:
                found = messages.kind_of(record)
                if found is None:
                    continue
                kind, message = found
                if kind == messages.HISTORY:
                    items = list(_history(message, rows, wall, store, drawn))
                    for item in items:
                        if isinstance(item, Media):
                            overlays.name_classes(item.items, item.key, own)
                    rows += 1
                    wall = items[0].wall_us if items and isinstance(items[0], Row) else wall
                elif kind == messages.STATS:
                    items = list(_stats(message, events))
                    events += 1
                else:
                    continue
            except (Malformed, InvalidInput, ValueError):
                continue  # counted before, see `Facts.bad`
            yield from items

    def _commit(self, wall: int, message: Message) -> ArtifactCommit | None:
        """A version of an artifact, when all its bytes are here."""
        name, manifest = artifact_name(message.text(5)), message.data(12)
        entries = None if manifest is None else self._entries(Message(manifest))
        if not entries:
            self._left["artifacts whose files are not here"] += 1
            return None
        try:
            check_paths(entries)
        except InvalidInput as error:
            self._folder.problems.append(f"artifact {name!r} cannot be kept: {error}")
            return None
        made = Manifest(entries)
        blob = self._blobs.put(made.encode(), MANIFEST_TYPE, sync=False)
        aliases = [text.decode("utf-8", "replace") for text in message.every(11)]
        try:
            metadata = read_json(message.text(8) or "{}", "metadata")
        except InvalidInput:
            metadata = {}
        return ArtifactCommit(
            wall, name, message.text(4) or "artifact", blob, made.size, len(entries),
            aliases=[alias for alias in aliases if alias != "latest"],
            metadata=metadata if isinstance(metadata, dict) else {}, description=message.text(7),
        )  # fmt: skip

    def _entries(self, manifest: Message) -> dict[str, Entry] | None:
        """What is in an artifact; None when bytes of it are missing."""
        entries: dict[str, Entry] = {}
        roots = staging_roots()
        for data in manifest.every(4):
            given = Message(data)
            if ref := given.text(3):
                entries[given.text(1)] = Entry(
                    size=given.signed(4) or None, ref=ref, etag=given.text(2) or None,
                    extra=_extra(given),
                )  # fmt: skip
                continue
            run = self._log.path.parent
            blob = store_staged(given.text(6), given.text(2), run, self._blobs, roots)
            if blob is None:
                return None
            entries[given.text(1)] = Entry(digest=blob.digest, size=blob.size, extra=_extra(given))
        return entries


def _extra(entry: Message) -> dict[str, Any] | None:
    """What the client noted of an entry of a manifest."""
    items = [Message(data) for data in entry.every(16)]
    found = {item.text(1): to_json(read_json(item.text(2), "what is noted")) for item in items}
    return found or None


def rests(path: Path) -> bool:
    """Whether nothing was written to a file for a while."""
    return time.time() - path.stat().st_mtime > RESTS_SECONDS


def state_of(facts: Facts, path: Path) -> str:
    """By the exit code; without one, by whether anything is still written."""
    if facts.exit_code is None:
        return "crashed" if rests(path) else "running"
    if facts.exit_code == INTERRUPTED:
        return "killed"
    return "failed" if facts.exit_code else "finished"


def _facts(facts: Facts, started: int) -> Iterator[Fact]:
    run = facts.run
    names = ("name", "group", "job_type", "notes", "sweep")
    attributes: dict[str, Any] = {name: run[name] for name in names if run.get(name)}
    if facts.tags:
        attributes["tags"] = facts.tags
    if attributes:
        yield Attributes(started, attributes)
    yield Labels(started, {"$client": "wandb"})
    if facts.config:
        yield Config(started, facts.config)
    environment: dict[str, Any] = {**facts.environment, "wandb": {"version": facts.version}}
    if run.get("commit") or run.get("remote"):
        environment["git"] = {"commit": run.get("commit"), "remote": run.get("remote")}
    yield Environment(started, environment)
    yield from definitions({"m": list(facts.metrics.values())}, started)


def _summary(facts: Facts, ended: int) -> Iterator[Fact]:
    """Values that no series shows: texts, and numbers that are not the last of their series."""
    changes = {}
    for key, value in flatten(_without_media(facts.summary)):
        if key.partition(".")[0] in _DERIVED or value is None:
            continue
        last = facts.last.get(clean_key(key)[0])
        if last is None or not isinstance(value, (int, float)) or not _same(last, value):
            changes[key] = value
    if changes:
        yield Summary(ended, changes)


def _without_media(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_media(value) if isinstance(value, dict) else value
        for key, value in tree.items()
        if not (isinstance(value, dict) and "_type" in value)
    }


def _same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


def _history(
    message: Message,
    number: int,
    wall: int,
    store: media.Store,
    drawn: Mapping[str, charts.Chart],
) -> Iterator[Item]:
    row = read_row(join_items(message.every(1)), number, wall)
    step = clamp_step(row.step)
    if row.numbers:
        yield Row(step, row.wall_us, dict(row.numbers))
    for key, value in row.texts.items():
        yield Text(key, step, row.wall_us, value)
    for key, value in row.media.items():
        medium = _medium(key, step, row.wall_us, value, store)
        yield medium
        if key in drawn and isinstance(medium, Media):
            with contextlib.suppress(InvalidInput, KeyError):  # it stays a table
                item = charts.draw(drawn[key], store.json(str(value["path"])), store.put)
                yield Media(drawn[key].key, step, row.wall_us, [item])


def _medium(key: str, step: int, wall: int, value: dict[str, Any], store: media.Store) -> Fact:
    """Media whose files are here; what else has a type stays a value as the client gave it."""
    if all(path in store.files for path in media.paths_of(value)):
        try:
            items, many = media.items_of(value, store)
        except (InvalidInput, KeyError, TypeError, ValueError, IndexError):
            return Text(key, step, wall, value)
        if items:
            return Media(key, step, wall, items, many)
    return Text(key, step, wall, value)


def _stats(message: Message, number: int) -> Iterator[Item]:
    wall = micros(message, 2)
    _, values = read_event(join_items(message.every(3)), wall)
    if values:
        yield Row(number, wall, dict(values))
