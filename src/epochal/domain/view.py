"""The structs of the REST API, the reading API and the command line.

Field by field they are the JSON of docs/internals/wire.md. Times are microseconds since 1970 UTC.
Numbers in ``Any`` fields may be NaN or infinite in Python; the server's JSON encoder turns those
into strings.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from epochal.domain.names import DEFAULT_ENTITY
from epochal.domain.objects import RunRef
from epochal.domain.origin import DatasetUse, ForkedFrom, LoggedModelRow
from epochal.domain.run import RunState, StopRequest
from epochal.domain.saved import ViewRow


class ProjectRow(msgspec.Struct, frozen=True):
    """A project in a list.

    ``days`` counts the runs that began on each of the last 30 days, the newest last; it is empty
    when none did.
    """

    entity: str
    name: str
    runs: int
    running: int
    created_us: int
    updated_us: int
    days: list[int] = []


class ProjectList(msgspec.Struct, frozen=True):
    """All projects, newest activity first."""

    projects: list[ProjectRow]


class KeyUse(msgspec.Struct, frozen=True):
    """A key, how many runs have it, and the kind of its values: number, text or mixed."""

    key: str
    runs: int
    kind: str = "number"


class ProjectKeys(msgspec.Struct, frozen=True):
    """Every key that a project's runs use: series, config, user-set summary, tags with a value.

    ``view`` is the saved view that a bare address of the project opens with; ``columns`` are those
    that its table shows before anybody chose; ``axes`` are series, or patterns that end in a star,
    with the series that runs defined as their x-axis.
    """

    metrics: list[KeyUse]
    config: list[KeyUse]
    summary: list[KeyUse]
    tags: list[KeyUse] = []
    view: ViewRow | None = None
    columns: list[str] = []
    axes: dict[str, str] = {}


class RunQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which runs, in which order, with which columns. See docs for the ``where`` grammar."""

    project: str
    entity: str = DEFAULT_ENTITY
    where: str = ""
    order: list[str] = msgspec.field(default_factory=lambda: ["-created"])
    limit: int = 100
    cursor: str | None = None
    offset: int = 0
    columns: list[str] = []
    ids: list[str] = []
    archived: bool = False


class RunRow(msgspec.Struct, frozen=True):
    """A run in a list. ``nan_key`` and ``nan_step`` name the first series that became NaN."""

    uid: str
    id: str
    entity: str
    project: str
    name: str
    state: RunState
    created_us: int
    updated_us: int
    ended_us: int | None
    group: str
    job_type: str
    tags: list[str]
    notes: str
    color: int
    archived: bool
    host: str
    exit_code: int | None
    last_step: int | None
    nan_key: str | None
    nan_step: int | None


class RunPage(msgspec.Struct, frozen=True):
    """One page of runs; ``columns[name][i]`` belongs to ``runs[i]``, ``cursor`` asks for more.

    ``rev`` is the newest revision of the store that is in it.
    """

    total: int
    matched: int
    cursor: str | None
    runs: list[RunRow]
    columns: dict[str, list[Any]]
    rev: int = 0


class FirstCurves(msgspec.Struct, frozen=True):
    """The curves of the first chart: the answer to a `BucketQuery` for ``buckets``, in base64."""

    buckets: int
    columns: str


class ProjectStart(msgspec.Struct, frozen=True):
    """What the page of a project shows first; no ``runs`` where its address asks for others."""

    keys: ProjectKeys
    runs: RunPage | None
    curves: FirstCurves | None = None


class Metric(msgspec.Struct, frozen=True):
    """What is known of a series without reading its points. Aggregates are over finite values."""

    key: str
    count: int
    last: float | int | None
    last_step: int | None
    min: float | None
    max: float | None
    mean: float | None
    n_nan: int
    n_inf: int
    first_nan_step: int | None


class RunEvent(msgspec.Struct, frozen=True):
    """Something worth telling a person."""

    t_us: int
    level: str
    title: str
    text: str


class WriterRow(msgspec.Struct, frozen=True):
    """One process's stretch of writing to a run."""

    uid: str
    host: str
    pid: int
    started_us: int
    closed: bool
    offset: int


class DefinitionRow(msgspec.Struct, frozen=True):
    """How a series wants to be read; ``name`` may end in ``*``."""

    name: str
    step_metric: str | None
    summary: list[str]
    hidden: bool
    goal: str | None


class RunContents(RunRow, frozen=True):
    """A run in a list, with its values."""

    config: dict[str, Any]
    summary: dict[str, Any]
    metrics: list[Metric]


class RunDetail(RunContents, frozen=True):
    """Everything about a run but its points and console. ``stop``: it shall end, and runs yet.

    ``client`` names the protocol of the tracker's client that made the run, empty for one of
    ours; ``labels``, ``datasets`` and ``logged_models`` are what such clients said of it.
    ``moved_to`` is where an archived run went, see `domain.moving`; ``forked_from`` is the run
    whose beginning this one has.
    """

    definitions: list[DefinitionRow]
    environment: dict[str, Any]
    events: list[RunEvent]
    writers: list[WriterRow]
    stop: StopRequest | None = None
    client: str = ""
    labels: dict[str, str] = {}
    datasets: list[DatasetUse] = []
    logged_models: list[LoggedModelRow] = []
    moved_to: RunRef | None = None
    forked_from: ForkedFrom | None = None


class RunChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes to change; None leaves one as it is.

    With ``notes_were`` or ``name_were`` nothing is changed when the notes or the name are others
    by now. ``add_tags`` and ``remove_tags`` leave alone what others do to the tags; ``tags`` sets
    all of them.
    """

    name: str | None = None
    notes: str | None = None
    tags: list[str] | None = None
    group: str | None = None
    job_type: str | None = None
    archived: bool | None = None
    color: int | None = None
    notes_were: str | None = None
    name_were: str | None = None
    add_tags: list[str] | None = None
    remove_tags: list[str] | None = None


class ResumeState(msgspec.Struct, frozen=True):
    """What a writer needs to go on with a run; also the content of its ``resume.json``."""

    exists: bool
    state: RunState | None = None
    last_step: int | None = None
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    name: str = ""


class MetricAxis(msgspec.Struct, frozen=True):
    """An x-axis made of another series of the same run."""

    metric: str


class SeriesRef(msgspec.Struct, frozen=True):
    """One series: the run's uid and the key, or a formula (`domain.formula`) over its metrics.

    With ``runs`` in place of ``run`` it is a group of runs, drawn as one (`store.bands`).
    """

    run: str = ""
    key: str = ""
    formula: str = ""
    runs: list[str] = []


BucketField = Literal["first", "last", "min", "max", "mean"]


class BucketQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Series to draw on one shared grid; docs/internals/wire.md shows the answer.

    With the ``scale`` of a logarithmic axis each doubling of x has as many buckets. Series of at
    most ``points`` points in view get a bucket for each point, however many that makes; not
    groups, not on a logarithmic axis, and not where all series together have more than 65,536.
    """

    series: list[SeriesRef]
    x: Literal["step", "wall", "relative"] | MetricAxis = "step"
    lo: float | None = None
    hi: float | None = None
    buckets: int = 400
    scale: Literal["linear", "log"] = "linear"
    fields: list[BucketField] = msgspec.field(
        default_factory=lambda: ["first", "last", "min", "max", "mean"]
    )
    smooth: float | None = None
    points: int = 0


class PointQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exact points of some series of one run. ``lo`` and ``hi`` bound the step, both included.

    ``formulas`` (`domain.formula`) follow the keys in the answer; of each step they take the last
    point.
    """

    run: str
    keys: list[str] = []
    view: Literal["last", "all"] = "last"
    lo: int | None = None
    hi: int | None = None
    formulas: list[str] = []


LogStream = Literal["out", "err"]


class LogLine(msgspec.Struct, frozen=True):
    """One console line; ``n`` counts from 0 over the whole run."""

    n: int
    t_us: int
    stream: LogStream
    writer: str
    text: str


class LogPage(msgspec.Struct, frozen=True):
    """A window of console lines. ``total`` counts all lines of the run."""

    total: int
    start: int
    lines: list[LogLine]


class LogFind(msgspec.Struct, frozen=True):
    """Where lines match, by number, the first 20,000 of ``count``.

    ``errors`` counts the lines that tell of an error in 240 equal parts of the console; it is
    empty when nobody asked.
    """

    total: int
    count: int
    numbers: list[int]
    errors: list[int]


class LogPlace(msgspec.Struct, frozen=True):
    """The line that was last printed at a time; None when none was."""

    line: int | None


class RunChange(msgspec.Struct, frozen=True):
    """A live invalidation: this run has something new of the kinds in ``what``."""

    uid: str
    entity: str
    project: str
    rev: int
    what: list[Literal["series", "facts", "logs", "media", "files", "artifacts", "deleted"]]
    state: RunState
    last_step: int | None
    reset: bool
