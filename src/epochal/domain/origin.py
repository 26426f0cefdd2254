"""What the labels of a run tell of its origin: client, source, datasets and logged models.

Clients of other trackers leave facts of a run as labels. They are read here, and nothing is
guessed: what no label tells is left out, and so is what cannot be read. Times are microseconds
since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec

from epochal.domain.logged import METRICS, MODEL, ModelMetric, decode_facts, decode_metrics
from epochal.domain.tracked import CLIENT, CONTEXT, FORK, INPUTS, OUTPUTS, USER

MOST: Final = 100
"""Datasets and models that are told of one run."""
LONGEST: Final = 20_000
"""Characters of a text about a dataset that are told."""

_USED: Final = "model:"
_SOURCE: Final = "mlflow.source."
_GIT: Final = {"commit": "git.commit", "branch": "git.branch", "remote": "git.repoURL"}

_Read = TypeVar("_Read")


class Tag(msgspec.Struct, frozen=True):
    """A word about a dataset."""

    key: str
    value: str = ""


class Dataset(msgspec.Struct, frozen=True):
    """A dataset as its client described it."""

    name: str
    digest: str
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


class Input(msgspec.Struct, frozen=True):
    """Something that a run used; one that is a model has no dataset."""

    dataset: Dataset | None = None
    tags: list[Tag] = []


class DatasetUse(msgspec.Struct, frozen=True):
    """A dataset that a run used, and as what: ``context`` is its client's word for that.

    Empty texts are unknown. A source, schema or profile of more than 20,000 characters is left
    out.
    """

    name: str
    digest: str
    context: str
    source_type: str
    source: str
    schema: str
    profile: str


class LoggedModelRow(msgspec.Struct, frozen=True):
    """A model that a run made, or one of another run that it used.

    ``step`` is that at which it was made, where its client told; ``status`` is ``ready``,
    ``pending`` or ``upload_failed``, and empty when the model is not known here.
    """

    id: str
    role: Literal["made", "used"]
    name: str = ""
    kind: str = ""
    status: str = ""
    step: int | None = None
    created_us: int = 0
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: list[ModelMetric] = []


class ForkedFrom(msgspec.Struct, frozen=True):
    """The run whose beginning another one has; ``uid`` and ``id`` are those it had then.

    Points up to ``step`` are the same, that one included.
    """

    uid: str
    id: str
    step: int


class Origin(msgspec.Struct, frozen=True):
    """What the labels of a run tell.

    Attributes:
        client: the protocol that its client speaks; empty for one of ours.
        labels: those that its user may see.
        environment: user, program and state of the code, as far as they are told.
        datasets: that it used, at most 100.
        models: that it made and used, at most 100.
        forked_from: the run that it began as, if any.
    """

    client: str = ""
    labels: dict[str, str] = {}
    environment: dict[str, Any] = {}
    datasets: list[DatasetUse] = []
    models: list[LoggedModelRow] = []
    forked_from: ForkedFrom | None = None


class _Output(msgspec.Struct, frozen=True):
    model_id: str
    step: int = 0


_decode_fork: Final = msgspec.json.Decoder(ForkedFrom).decode
decode_inputs: Final = msgspec.json.Decoder(dict[str, Input]).decode
_decode_outputs: Final = msgspec.json.Decoder(dict[str, _Output]).decode


def origin_of(labels: Mapping[str, str], others: Mapping[str, str] | None = None) -> Origin:
    """Read the labels of a run.

    Args:
        labels: all of them.
        others: labels of models that other runs made, see `used_models`.
    """
    if not labels:
        return Origin()
    inputs = _readable(decode_inputs, labels.get(INPUTS), dict[str, Input]())
    made = _made(labels)
    mine = {one.id for one in made}
    used = [one for one in _used(inputs, {**(others or {}), **labels}) if one.id not in mine]
    return Origin(
        client=labels.get(CLIENT, ""),
        labels={name: text for name, text in labels.items() if not name.startswith("$")},
        environment=_environment(labels),
        datasets=[_use(one.dataset, one.tags) for one in inputs.values() if one.dataset][:MOST],
        models=[*made, *used][:MOST],
        forked_from=_readable(_decode_fork, labels.get(FORK), None),
    )


def used_models(labels: Mapping[str, str]) -> list[str]:
    """The names of the labels, of any run, that tell of the models that a run used."""
    inputs = _readable(decode_inputs, labels.get(INPUTS), dict[str, Input]())
    names = [name[len(_USED) :] for name in inputs if name.startswith(_USED)]
    return [MODEL + name for name in names[:MOST]]


def _environment(labels: Mapping[str, str]) -> dict[str, Any]:
    git = {name: labels.get(_SOURCE + tag) for name, tag in _GIT.items()}
    found = {
        "user": labels.get(USER) or labels.get("mlflow.user"),
        "program": labels.get(_SOURCE + "name"),
        "git": {name: text for name, text in git.items() if text},
    }
    return {name: value for name, value in found.items() if value}


def _use(dataset: Dataset, tags: list[Tag]) -> DatasetUse:
    context = next((tag.value for tag in tags if tag.key == CONTEXT), "")
    described = (dataset.source_type, dataset.source, dataset.schema, dataset.profile)
    return DatasetUse(dataset.name, dataset.digest, context, *map(_short, described))


def _short(text: str | None) -> str:
    return text if text and len(text) <= LONGEST else ""


def _made(labels: Mapping[str, str]) -> list[LoggedModelRow]:
    outputs = _readable(_decode_outputs, labels.get(OUTPUTS), dict[str, _Output]())
    steps = {one.model_id: one.step for one in outputs.values()}
    ids = [name[len(MODEL) :] for name in labels if name.startswith(MODEL)]
    rows = [_row(id, "made", labels, steps.get(id)) for id in dict.fromkeys([*ids, *steps])]
    known = [row for row in rows if row is not None]
    return sorted(known, key=lambda row: (row.created_us, row.id))


def _used(inputs: Mapping[str, Input], labels: Mapping[str, str]) -> list[LoggedModelRow]:
    ids = [name[len(_USED) :] for name in inputs if name.startswith(_USED)]
    rows = [_row(id, "used", labels, None) for id in ids[:MOST]]
    return [row for row in rows if row is not None]


def _row(
    id: str, role: Literal["made", "used"], labels: Mapping[str, str], step: int | None
) -> LoggedModelRow | None:
    """A model; None when it was deleted."""
    facts = _readable(decode_facts, labels.get(MODEL + id), None)
    if facts is None:
        return LoggedModelRow(id, role, step=step)
    if facts.deleted:
        return None
    return LoggedModelRow(
        id, role, facts.name, facts.kind, facts.status.removeprefix("LOGGED_MODEL_").lower(), step,
        facts.created_us, facts.params, facts.tags,
        _readable(decode_metrics, labels.get(METRICS + id), list[ModelMetric]())[:MOST],
    )  # fmt: skip


def _readable(decode: Callable[[str], _Read], text: str | None, default: _Read) -> _Read:
    try:
        return decode(text) if text else default
    except msgspec.MsgspecError:
        return default
