"""Runs and experiments as foreign protocols see them: plain texts, last points, simple conditions.

An experiment is a project; its id is a number that follows from the project's name, so that it is
the same after a rebuild. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec

from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.run import RunState

DEFAULT_EXPERIMENT: Final = "Default"
DEFAULT_EXPERIMENT_ID: Final = 0
_SMALLEST_ID: Final = 10**17

CLIENT: Final = "$client"
"""The label that names the protocol of the client that made a run."""
USER: Final = "$user"
"""The label that names who runs it."""
INPUTS: Final = "$inputs"
"""The label that holds the datasets and models that a run used, by `dataset:` and `model:`."""
OUTPUTS: Final = "$outputs"
"""The label that holds the models that a run made."""
ENDED: Final = "$ended"
"""The label that holds the end, microseconds, that a client told of a run that goes on."""
FORK: Final = "$fork"
"""The label that names the run and the step that a run was forked from."""
CONTEXT: Final = "mlflow.data.context"
"""The tag of a dataset input that says what the run used it for."""
NOTES: Final = "mlflow.note.content"
"""The tag in which MLflow's clients keep notes; a run from before has it as a label."""

Kind: TypeAlias = Literal["metric", "param", "tag", "attribute", "dataset"]
Value: TypeAlias = str | float | tuple[str, ...] | None


class Experiment(msgspec.Struct, frozen=True):
    """A project with what foreign clients say of it."""

    id: int
    name: str
    entity: str
    project: str
    created_us: int
    updated_us: int
    deleted: bool = False
    tags: dict[str, str] = {}


class KeptExperiment(msgspec.Struct, frozen=True):
    """What an import tells of the experiment that a project is.

    Attributes:
        project: its project; made when there is none.
        name: its name; counts when nobody said anything of the project before.
        created_us: when it was made, where that is known; counts as the name does.
        deleted: whether it is to be deleted or restored; None leaves that.
        tags: to set; None removes one.
    """

    project: str
    name: str
    created_us: int = 0
    deleted: bool | None = None
    tags: dict[str, str | None] = {}


class LastPoint(msgspec.Struct, frozen=True, gc=False):
    """The last point of a series."""

    key: str
    value: float
    step: int
    t_us: int


class TrackedRun(msgspec.Struct, frozen=True):
    """A run with everything that a foreign client shows of it in a list."""

    uid: str
    id: str
    name: str
    entity: str
    project: str
    state: RunState
    created_us: int
    ended_us: int | None
    archived: bool
    params: dict[str, str]
    labels: dict[str, str]
    metrics: list[LastPoint]
    notes: str = ""


class Clause(msgspec.Struct, frozen=True):
    """One condition. ``operator`` is one of = != < <= > >= like ilike in, not in, null, not null.

    A missing value meets no condition but ``null``. Any dataset that the run used may meet one on
    datasets.
    """

    kind: Kind
    key: str
    operator: str
    value: Value = None


class Sort(msgspec.Struct, frozen=True):
    """One sort criterion; missing values come last in both directions, NaN just before them."""

    kind: Kind
    key: str
    descending: bool = False


class TrackedQuery(msgspec.Struct, frozen=True):
    """Which runs, in which order. ``archived`` None means both kinds.

    ``roots`` says by project where the artifacts of its runs begin, for conditions on that.
    """

    projects: list[tuple[str, str]]
    clauses: list[Clause] = []
    order: list[Sort] = []
    archived: bool | None = False
    limit: int = 1000
    offset: int = 0
    roots: dict[tuple[str, str], str] = {}


@lru_cache(1024)
def experiment_id(entity: str, project: str) -> int:
    """The id of a project as an experiment: 18 digits, 0 for the default one."""
    if (entity, project) == (DEFAULT_ENTITY, DEFAULT_EXPERIMENT):
        return DEFAULT_EXPERIMENT_ID
    text = f"{entity}\0{project}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=8, person=b"epochal-exp").digest()
    return _SMALLEST_ID + int.from_bytes(digest, "big") % (9 * _SMALLEST_ID)
