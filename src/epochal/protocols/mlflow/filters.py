"""MLflow's filter and order grammar, read by hand into conditions.

``clause (AND clause)*`` with no OR, NOT or parentheses. A clause is ``[entity.]key operator
value`` or ``[entity.]key IS [NOT] NULL``; a key is bare, or in back-ticks, double or, behind its
entity, single quotes. Every error tells the position at which reading stopped.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from epochal.domain.tracked import Clause, Kind, Sort, Value
from epochal.protocols.mlflow.errors import invalid

MAX_FILTER: Final = 20_000

ENTITIES: Final[dict[str, Kind]] = {
    "metric": "metric", "metrics": "metric",
    "param": "param", "params": "param", "parameter": "param", "parameters": "param",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
RUN_TEXTS: Final = {
    "run_id": "run_id", "run_name": "run_name", "run name": "run_name", "status": "status",
    "user_id": "$user", "Run name": "run_name", "Run Name": "run_name", "User": "$user",
    "artifact_uri": "artifact_uri",
}  # fmt: skip
RUN_NUMBERS: Final = {
    "start_time": "created", "created": "created", "Created": "created", "end_time": "ended",
}  # fmt: skip
EXPERIMENT_TEXTS: Final = {"name": "name", "experiment_id": "experiment_id"}
EXPERIMENT_NUMBERS: Final = {
    "creation_time": "creation_time", "last_update_time": "last_update_time",
}  # fmt: skip
MODEL_TIMES: Final = {
    "timestamp": "updated", "creation_timestamp": "created", "last_updated_timestamp": "updated",
}  # fmt: skip
LOGGED_TEXTS: Final = {
    name: name
    for name in ("name", "model_id", "model_type", "status", "source_run_id", "experiment_id")
}
LOGGED_NUMBERS: Final = {
    "creation_timestamp": "created", "creation_time": "created",
    "creation_timestamp_ms": "created", "last_updated_timestamp_ms": "updated",
    "last_updated_timestamp": "updated", "last_updated_time": "updated",
}  # fmt: skip
NUMERIC: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
TEXTUAL: Final = frozenset({"=", "!=", "like", "ilike"})
WORDS: Final[dict[Kind, str]] = {
    "metric": "metric", "param": "parameter", "tag": "tag", "dataset": "dataset attributes",
    "attribute": "attributes",
}  # fmt: skip
LISTED: Final = frozenset({"in", "not in"})
DATASET: Final = frozenset({"name", "digest", "context"})

_SPACE: Final = re.compile(r"\s*")
_QUOTED: Final = r"`[^`]+`|\"[^\"]+\""
_IDENT: Final = re.compile(rf"(?:([A-Za-z]+)\.)?({_QUOTED}|(?<=\.)'[^']+')|([^\s=!<>`\"'(),]+)")
_OPERATOR: Final = re.compile(
    r"(>=|<=|!=|=|<|>)|(not\s+in|in|like|ilike|is\s+not\s+null|is\s+null)(?![\w.])", re.IGNORECASE
)
_AND: Final = re.compile(r"and(?=[\s`\"])", re.IGNORECASE)
_TEXT: Final = re.compile(r"'((?:[^']|'')*)'|\"([^\"]*)\"")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")
_CLOSED: Final = re.compile(r"\)")
_ORDER: Final = re.compile(r"\s+(asc|desc)\s*$", re.IGNORECASE)


class Grammar(NamedTuple):
    """Which entities and attributes may be asked for, and which of them with a list."""

    what: str
    entities: frozenset[Kind]
    texts: dict[str, str]
    numbers: dict[str, str]
    listed: frozenset[str]
    lists: frozenset[Kind] = frozenset({"dataset"})


RUNS: Final = Grammar(
    "runs", frozenset({"metric", "param", "tag", "attribute", "dataset"}), RUN_TEXTS, RUN_NUMBERS,
    frozenset({"run_id"}),
)  # fmt: skip
EXPERIMENTS: Final = Grammar(
    "experiments", frozenset({"tag", "attribute"}), EXPERIMENT_TEXTS, EXPERIMENT_NUMBERS,
    frozenset({"experiment_id"}),
)  # fmt: skip
MODELS: Final = Grammar(
    "registered models", frozenset({"tag", "attribute"}), {"name": "name"}, MODEL_TIMES,
    frozenset({"name"}),
)  # fmt: skip
VERSIONS: Final = Grammar(
    "model versions", frozenset({"tag", "attribute"}),
    {"name": "name", "run_id": "run_id", "source_path": "source_path"},
    {"version_number": "version_number", **MODEL_TIMES}, frozenset({"name", "run_id"}),
)  # fmt: skip
LOGGED: Final = Grammar(
    "logged models", frozenset({"metric", "param", "tag", "attribute"}), LOGGED_TEXTS,
    LOGGED_NUMBERS, frozenset(LOGGED_TEXTS.values()), frozenset({"param", "tag"}),
)  # fmt: skip


def parse_filter(text: str, grammar: Grammar) -> list[Clause]:
    """The conditions of a filter, all of which must hold.

    Raises:
        InvalidInput: it does not follow the grammar.
    """
    if len(text) > MAX_FILTER:
        raise invalid(f"The filter has {len(text)} characters, the limit is {MAX_FILTER}")
    reader = _Reader(text, grammar)
    clauses: list[Clause] = []
    if reader.at_end():
        return clauses
    clauses.append(reader.clause())
    while not reader.at_end():
        reader.word_and()
        clauses.append(reader.clause())
    return clauses


def parse_order(texts: list[str], grammar: Grammar) -> list[Sort]:
    """Sort criteria.

    Raises:
        InvalidInput: one does not follow the grammar, or names a key a second time.
    """
    found: list[Sort] = []
    for text in texts:
        match = _ORDER.search(text)
        reader = _Reader(text[: match.start()] if match else text, grammar)
        if reader.at_end():
            raise invalid(f"Invalid order_by clause '{text}'. Could not be parsed.")
        kind, key = reader.identifier()
        if kind == "dataset":
            raise invalid(f"Invalid order_by entity type 'dataset' in '{text}'")
        if not reader.at_end():
            raise invalid(
                f"Invalid ordering key in order_by clause '{text}': expected ASC or DESC at "
                f"position {reader.at}"
            )
        if any((sort.kind, sort.key) == (kind, key) for sort in found):
            raise invalid(f"`order_by` contains duplicate fields: {texts}")
        found.append(Sort(kind, key, bool(match and match[1].lower() == "desc")))
    return found


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self.text = text
        self.grammar = grammar
        self.at = 0

    def at_end(self) -> bool:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.at >= len(self.text)

    def fail(self, expected: str) -> NoReturn:
        found = self.text[self.at : self.at + 40]
        raise invalid(
            f"Invalid clause(s) in filter string: expected {expected} at position {self.at}, "
            f"found {found!r}"
        )

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.at_end()
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def word_and(self) -> None:
        if not self.take(_AND):
            self.fail("AND (there is no OR, NOT or bracket)")

    def identifier(self) -> tuple[Kind, str]:
        start = self.at
        match = self.take(_IDENT)
        if match is None:
            self.fail("a name such as metrics.loss")
        if match[2] is not None:
            entity, key = match[1], match[2][1:-1]
        else:
            entity, _, key = match[3].partition(".")
            if not key:
                entity, key = "", match[3]
        if not entity:
            return self._attribute(key)
        kind = ENTITIES.get(entity.lower())
        if kind is None or kind not in self.grammar.entities:
            raise invalid(
                f"Invalid entity type '{entity}'. Valid values are "
                f"{sorted(self.grammar.entities)}; at position {start}"
            )
        if kind == "dataset" and key not in DATASET:
            raise invalid(
                f"Invalid dataset key '{key}' specified. Valid keys are '{sorted(DATASET)}'"
            )
        return self._attribute(key) if kind == "attribute" else (kind, key)

    def _attribute(self, key: str) -> tuple[Kind, str]:
        grammar = self.grammar
        found = grammar.texts.get(key) or grammar.numbers.get(key)
        if found is None and key.upper() in ("AND", "OR", "NOT"):
            self.at -= len(key)
            self.fail("a name such as metrics.loss")
        if found is None:
            known = sorted({*grammar.texts, *grammar.numbers})
            raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are {known}")
        return ("tag", found) if found.startswith("$") else ("attribute", found)

    def clause(self) -> Clause:
        start = self.at
        kind, key = self.identifier()
        written = self.text[start : self.at].rpartition(".")[2].strip()
        match = self.take(_OPERATOR)
        if match is None:
            self.fail("an operator such as = or LIKE")
        operator = " ".join((match[1] or match[2]).lower().split())
        if operator.startswith("is "):
            if kind == "tag" and key.startswith("$"):  # an attribute that a label holds
                kind, key = "attribute", written
            if kind not in ("tag", "param"):
                raise invalid(
                    f"IS NULL / IS NOT NULL is only supported for tags and params, not for "
                    f"'{kind}' '{key}', at position {start}"
                )
            return Clause(kind, key, operator[3:])
        numeric = kind == "metric" or (kind == "attribute" and key in self._numeric())
        allowed = NUMERIC if numeric else TEXTUAL
        if kind in self.grammar.lists or (kind == "attribute" and key in self.grammar.listed):
            allowed = allowed | LISTED
        if operator not in allowed:
            raise invalid(
                f"Invalid comparator '{operator.upper()}' not one of "
                f"'{sorted(one.upper() for one in allowed)}' for '{written}', at position {start}"
            )
        what = f"numeric attribute: {written}" if kind == "attribute" else WORDS[kind]
        return Clause(kind, key, operator, self._value(numeric, operator in LISTED, what))

    def _numeric(self) -> set[str]:
        return set(self.grammar.numbers.values())

    def _value(self, numeric: bool, listed: bool, what: str) -> Value:
        if listed:
            return self._list(what)
        if not numeric:
            return self._text(what)
        match = self.take(_NUMBER)
        if match is None:
            raise invalid(
                f"Expected numeric value type for {what}. Found {self._rest()}, at position "
                f"{self.at}"
            )
        return float(match[0])

    def _rest(self) -> str:
        """What follows, to its next space."""
        return (self.text[self.at :].split() or ["nothing"])[0][:40]

    def _text(self, what: str) -> str:
        match = self.take(_TEXT)
        if match is None and self.text[self.at : self.at + 1] in ("'", '"'):
            self.fail("a value in quotes that are closed")
        if match is None:
            raise invalid(
                f"Expected a quoted string value for {what.partition(':')[0]} (e.g. 'my-value'). "
                f"Got value {self._rest()}, at position {self.at}"
            )
        return match[1].replace("''", "'") if match[1] is not None else match[2]

    def _list(self, what: str) -> tuple[str, ...]:
        if not self.take(re.compile(r"\(")):
            self.fail("a list such as ('a', 'b')")
        values = [self._text(what)]
        while self.take(re.compile(",")):
            if self.take(_CLOSED):  # as Python writes a tuple of one
                return tuple(values)
            values.append(self._text(what))
        if not self.take(_CLOSED):
            self.fail("a closing bracket")
        return tuple(values)
