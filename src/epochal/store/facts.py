"""Facts of one journal applied to the run's rows, in writing order.

Nothing here decides whether a fact was applied before: `store.ingest` moves the journal's offset
in the same transaction. Whatever a client may have written, no value is refused here; texts and
numbers that a database cannot hold are clamped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from epochal.domain.names import MAX_KEY, MAX_NAME, MAX_TAG, MAX_TEXT
from epochal.domain.record import (
    ArtifactCommit,
    Attributes,
    Config,
    Console,
    Cut,
    Definition,
    Environment,
    Event,
    Fact,
    Finish,
    Header,
    Heartbeat,
    Labels,
    ModelLink,
    Summary,
    Text,
    Told,
)
from epochal.domain.values import merge_nested
from epochal.journal.blobs import Blobs
from epochal.store.dialect import batches, replace, upsert
from epochal.store.eras import Eras
from epochal.store.filters import CONFIG, SUMMARY
from epochal.store.labels import store_labels
from epochal.store.last_texts import cut_texts, save_texts
from epochal.store.lines import collect_lines, store_lines
from epochal.store.objects import OBJECT_FACTS, ObjectWriter
from epochal.store.params import leaves, store_leaves
from epochal.store.rows import decode_mapping
from epochal.store.scalars import clamp, storable
from epochal.store.schema import (
    cut,
    definition,
    detail,
    event,
    journal,
    run,
    tag,
)
from epochal.store.together import Together

MAX_TAGS = 1000
_ATTRIBUTES = {
    "name": MAX_NAME, "notes": MAX_TEXT, "group": MAX_NAME, "job_type": MAX_NAME,
    "parent": MAX_NAME, "sweep": MAX_NAME,
}  # fmt: skip
_LEVELS = ("info", "warning", "error")

_encode = msgspec.msgpack.encode

_DETAILS = sa.select(detail.c.config, detail.c.summary, detail.c.environment).where(
    detail.c.run_id == sa.bindparam("run")
)
_SAVE_DETAILS = (
    sa.update(detail)
    .where(detail.c.run_id == sa.bindparam("run"))
    .values({name: sa.bindparam(name) for name in ("config", "summary", "environment")})
)
_CLOSE = (
    sa.update(journal)
    .where(journal.c.id == sa.bindparam("journal"))
    .values(
        closed=True, lost=False, finish_state=sa.bindparam("ending"),
        finished_us=sa.bindparam("ended"), exit_code=sa.bindparam("code"),
    )
)  # fmt: skip
_TELL = (
    sa.update(journal)
    .where(journal.c.id == sa.bindparam("journal"))
    .values(finish_state=sa.bindparam("ending"), finished_us=sa.bindparam("ended"))
)
_BEGIN = (
    sa.update(journal)
    .where(journal.c.id == sa.bindparam("which"), journal.c.started_us > sa.bindparam("begun"))
    .values(started_us=sa.bindparam("begun"))
)


class Effects(msgspec.Struct):
    """What some facts did, as far as others have to act on it."""

    contact_us: int
    lines: int
    changed: bool = False
    logs: bool = False
    cuts: list[int] = []
    redefined: bool = False
    finish: Finish | None = None
    told: bool = False
    """Whether a client said in which state its run is."""
    begun_us: int | None = None
    """A time, before the start of the journal, at which a client says that its run began."""
    objects: set[str] = set()
    """Which of media, files and artifacts changed."""


class FactWriter:
    """Applies facts of one journal within one transaction.

    Args:
        connection: the transaction.
        run_id: the run.
        journal_id: the writer's journal.
        lines: console lines of this writer that are stored already.
        blobs: those of the home.
        keys: key ids found earlier in the transaction, see `intern_keys`.
        together: takes what need not happen at once; the caller runs it, before another journal
            of the run is applied.
        is_fresh: whether the run was made in this transaction and has no facts yet.
        eras: see `Store.eras`.
    """

    def __init__(
        self,
        connection: sa.Connection,
        run_id: int,
        journal_id: int,
        lines: int,
        blobs: Blobs,
        keys: dict[str, int],
        together: Together,
        *,
        is_fresh: bool = False,
        eras: Eras | None = None,
    ) -> None:
        self.connection = connection
        self.run_id = run_id
        self.journal_id = journal_id
        self.effects = Effects(contact_us=0, lines=lines)
        self._keys = keys
        self._together = together
        self._objects = ObjectWriter(connection, blobs, run_id, journal_id, eras)
        self._console: list[Console] = []
        self._texts: list[Text] = []
        self._details: dict[str, dict[str, Any]] = {}
        self._before: dict[str, dict[str, Any]] = {}
        self._is_fresh = is_fresh
        self._labeled: dict[str, str | None] = {}
        self._named: dict[str, Any] = {}
        self._said: Told | None = None
        self._actions: dict[type, Callable[[Any], None]] = {
            Config: self._config,
            Summary: self._summary,
            Attributes: self._attributes,
            Console: self._console.append,
            Text: self._texts.append,
            Definition: self._definition,
            Event: self._event,
            Environment: self._environment,
            Finish: self._finish,
            Labels: self._labels,
            Told: self._told,
        }

    def apply(self, facts: Sequence[Fact], ordinals: Sequence[int]) -> Effects:
        """Apply facts.

        Args:
            facts: in writing order.
            ordinals: for each, how many rows of the journal were written before it.
        """
        for fact, ordinal in zip(facts, ordinals, strict=True):
            moment = fact.started_us if isinstance(fact, Header) else fact.wall_us
            self.effects.contact_us = max(self.effects.contact_us, clamp(moment))
            if not isinstance(fact, (Header, Heartbeat, Console)):
                self.effects.changed = True
            if isinstance(fact, Cut):
                self._cut(fact, ordinal)
                self._objects.cut(fact.step)
            elif isinstance(fact, OBJECT_FACTS):
                if isinstance(fact, (ArtifactCommit, ModelLink)) and self._named:
                    self._save_names()  # a version keeps what its run is called
                    self._together.run(self.connection)
                self._objects.apply(fact)
            elif action := self._actions.get(type(fact)):
                action(fact)
        self._save_details()
        self._save_labels()
        self._save_names()
        self._save_state()
        self._save_console()
        self._save_texts()
        self._objects.flush()
        self.effects.objects = self._objects.changed
        return self.effects

    def _detail(self, name: str) -> dict[str, Any]:
        if not self._details and self._is_fresh:
            self._details = {"config": {}, "summary": {}, "environment": {}}
            self._before = dict(self._details)
        if not self._details:
            row = self.connection.execute(_DETAILS, {"run": self.run_id}).mappings().one()
            self._details = {column: decode_mapping(blob) for column, blob in row.items()}
            self._before = dict(self._details)
        return self._details[name]

    def _config(self, fact: Config) -> None:
        merged = merge_nested(self._detail("config"), fact.changes)
        for dotted in fact.removed:
            merged = without(merged, dotted)
        self._details["config"] = merged

    def _summary(self, fact: Summary) -> None:
        merged = {**self._detail("summary"), **fact.changes}
        for name in fact.removed:
            merged.pop(name, None)
        self._details["summary"] = merged

    def _environment(self, fact: Environment) -> None:
        self._details["environment"] = {**self._detail("environment"), **fact.facts}

    def _save_details(self) -> None:
        changed = {
            name: value for name, value in self._details.items() if value is not self._before[name]
        }
        if not changed:
            return
        blobs = {name: _encode(value) for name, value in self._details.items()}
        self._together.add(_SAVE_DETAILS, {"run": self.run_id, **blobs})
        for name, scope in (("config", CONFIG), ("summary", SUMMARY)):
            if name in changed:
                store_leaves(
                    self.connection, self.run_id, scope,
                    leaves(self._before[name]), leaves(changed[name]), self._keys,
                    self._together,
                )  # fmt: skip

    def _attributes(self, fact: Attributes) -> None:
        self._named |= {
            name: storable(str(value))[: _ATTRIBUTES[name]]
            for name, value in fact.changes.items()
            if name in _ATTRIBUTES and value is not None and (value or name != "name")
        }
        tags = fact.changes.get("tags")
        if isinstance(tags, (list, tuple)):
            self._named["tags"] = [str(tag) for tag in tags]

    def _save_names(self) -> None:
        """What the run is called."""
        named, self._named = self._named, {}
        if "tags" in named:
            named["tags"] = set_tags(self.connection, self.run_id, named["tags"])
        if named:
            given = {f"new_{name}": value for name, value in named.items()}
            self._together.add(naming(frozenset(named)), {"which": self.run_id, **given})

    def _save_state(self) -> None:
        """The last that was told of the run's state."""
        if self._said is not None:
            ended = None if self._said.ended_us is None else clamp(self._said.ended_us)
            told = {"journal": self.journal_id, "ending": self._said.state, "ended": ended}
            self._together.add(_TELL, told)
        if self.effects.begun_us is not None:
            given = {"which": self.journal_id, "begun": self.effects.begun_us}
            self.connection.execute(_BEGIN, given)

    def _definition(self, fact: Definition) -> None:
        changes = replace("step_metric", "summary", "hidden", "goal", "wall_us")
        self.connection.execute(
            upsert(self.connection.dialect.name, definition, ("run_id", "name"), changes),
            {
                "run_id": self.run_id, "name": storable(fact.name)[:MAX_KEY],
                "step_metric": None if fact.step_metric is None else storable(fact.step_metric),
                "summary": _encode(fact.summary), "hidden": fact.hidden,
                "goal": None if fact.goal is None else storable(fact.goal),
                "wall_us": clamp(fact.wall_us),
            },
        )  # fmt: skip
        self.effects.redefined = True

    def _event(self, fact: Event) -> None:
        self.connection.execute(
            sa.insert(event).values(
                run_id=self.run_id,
                t_us=clamp(fact.wall_us),
                level=fact.level if fact.level in _LEVELS else "info",
                title=storable(fact.title)[:MAX_NAME],
                text=storable(fact.text)[:MAX_TEXT],
            )
        )

    def _cut(self, fact: Cut, ordinal: int) -> None:
        self._save_texts()
        cut_texts(self.connection, self.run_id, clamp(fact.step))
        self.connection.execute(
            sa.insert(cut).values(
                run_id=self.run_id,
                journal_id=self.journal_id,
                ordinal=ordinal,
                step=clamp(fact.step),
            )
        )
        self.effects.cuts = [*self.effects.cuts, clamp(fact.step)]

    def _finish(self, fact: Finish) -> None:
        given = {
            "journal": self.journal_id, "ending": fact.state, "ended": clamp(fact.wall_us),
            "code": None if fact.exit_code is None else _exit_code(fact.exit_code),
        }  # fmt: skip
        self._together.add(_CLOSE, given)
        self._said = None  # this is the last word
        self.effects.finish = fact

    def _labels(self, fact: Labels) -> None:
        self._labeled |= dict.fromkeys(fact.removed)
        self._labeled |= fact.changes

    def _save_labels(self) -> None:
        if self._labeled:
            store_labels(self.connection, self.run_id, self._labeled, self._keys, self._together)

    def _told(self, fact: Told) -> None:
        self._said = fact
        if fact.started_us is not None:
            self.effects.begun_us = clamp(fact.started_us)
        self.effects.told = True

    def _save_console(self) -> None:
        if self._console:
            self.effects.lines = store_lines(
                self.connection, self.run_id, self.journal_id, self.effects.lines,
                collect_lines(self._console),
            )  # fmt: skip
            self.effects.logs = True

    def _save_texts(self) -> None:
        save_texts(self.connection, self.run_id, self._texts, self._keys)
        self._texts.clear()


@cache
def naming(columns: frozenset[str]) -> sa.Update:
    """The statement that sets these columns of the run ``which``, each from ``new_<column>``."""
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in sorted(columns)}
    return sa.update(run).where(run.c.id == sa.bindparam("which")).values(values)


def set_tags(connection: sa.Connection, run_id: int, tags: Sequence[str]) -> bytes:
    """Give a run exactly these tags; returns the value of ``run.tags``."""
    return set_tags_of(connection, {run_id: tags})[run_id]


def set_tags_of(
    connection: sa.Connection, wanted: Mapping[int, Sequence[str]]
) -> dict[int, bytes]:
    """Give runs exactly these tags; returns the values of ``run.tags``."""
    clean = {
        run_id: list(dict.fromkeys(storable(text)[:MAX_TAG] for text in tags if text))[:MAX_TAGS]
        for run_id, tags in wanted.items()
    }
    for part in batches(list(clean)):
        connection.execute(sa.delete(tag).where(tag.c.run_id.in_(part)))
    rows = [{"tag": text, "run_id": run_id} for run_id, tags in clean.items() for text in tags]
    if rows:
        connection.execute(sa.insert(tag), rows)
    return {run_id: _encode(tags) for run_id, tags in clean.items()}


def without(data: Mapping[str, Any], dotted: str) -> dict[str, Any]:
    """The mapping without one dotted key; unchanged when there is no such key."""
    copy = dict(data)
    if dotted in copy:
        del copy[dotted]
        return copy
    for index, character in enumerate(dotted):
        inner = copy.get(dotted[:index]) if character == "." else None
        if isinstance(inner, Mapping):
            copy[dotted[:index]] = without(inner, dotted[index + 1 :])
    return copy


def _exit_code(code: int) -> int:
    return min(max(code, -(2**31)), 2**31 - 1)
