"""The facts that a journal can hold, and their msgpack form.

Every payload is one msgpack array whose first item tells what follows:

=====  ==============================  =====================================
first  form                            meaning
=====  ==============================  =====================================
> 0    ``[sid, step, wall_us, [v]]``   one row: values of the key set ``sid``
0      ``[0, sid, [key, ...]]``        names a key set, once per journal
-1..   one of the structs below        everything else, by its tag
=====  ==============================  =====================================

A row's values are float, int or bool. Times are microseconds since 1970 UTC. Readers skip tags
that they do not know and fields past the ones that they know, so that an older Epochal can read a
newer journal. Tags and the order of fields never change; new fields go to the end with a default.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec


class Cut(msgspec.Struct, frozen=True, array_like=True, tag=-1):
    """Hide every point with a step >= ``step`` that lies before this record.

    "Before" means earlier in this journal, or anywhere in a journal whose writer started earlier.
    """

    step: int
    wall_us: int


class Header(msgspec.Struct, frozen=True, array_like=True, tag=-2):
    """The first record of every journal: which run this is, and who writes."""

    entity: str
    project: str
    run_id: str
    started_us: int
    host: str = ""
    pid: int = 0
    user: str = ""
    rank: int = 0
    version: str = ""
    resumed: bool = False
    continues: str | None = None
    """The writer that this one goes on from: rotation of a long journal, a forked child."""
    primary: bool = True
    """Whether this writer decides the run's state; not so for forked children and ranks > 0."""


class Config(msgspec.Struct, frozen=True, array_like=True, tag=-3):
    """Config changes; mappings merge key by key, others replace. ``removed`` are dotted keys."""

    wall_us: int
    changes: dict[str, Any]
    removed: list[str] = []


class Summary(msgspec.Struct, frozen=True, array_like=True, tag=-4):
    """Summary values set by the user, keys flat. ``removed`` takes such values back."""

    wall_us: int
    changes: dict[str, Any]
    removed: list[str] = []


class Attributes(msgspec.Struct, frozen=True, array_like=True, tag=-5):
    """New values of any of name, notes, tags, group, job_type, parent, sweep."""

    wall_us: int
    changes: dict[str, Any]


class Console(msgspec.Struct, frozen=True, array_like=True, tag=-6):
    """Console lines ``first``, ``first + 1``, ... of this writer.

    A later record may replace a line. ``stream`` is 0 for stdout and 1 for stderr. Lines have no
    line end; carriage returns are folded.
    """

    wall_us: int
    stream: int
    first: int
    lines: list[str]


class Text(msgspec.Struct, frozen=True, array_like=True, tag=-7):
    """A value that is no number, logged at a step: a string, or anything JSON-like."""

    key: str
    step: int
    wall_us: int
    value: Any


class Definition(msgspec.Struct, frozen=True, array_like=True, tag=-11):
    """How a series wants to be read: x-axis, summary values. ``name`` may end in ``*``."""

    wall_us: int
    name: str
    step_metric: str | None = None
    summary: list[str] = []
    hidden: bool = False
    goal: str | None = None


class Event(msgspec.Struct, frozen=True, array_like=True, tag=-12):
    """Something worth telling a person. ``level`` is info, warning or error."""

    wall_us: int
    level: str
    title: str
    text: str = ""


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, tag=-13):
    """The writer is alive though nothing was logged."""

    wall_us: int


class Finish(msgspec.Struct, frozen=True, array_like=True, tag=-14):
    """The last record of a journal. A ``state`` of None closes the journal but not the run."""

    wall_us: int
    state: str | None
    exit_code: int | None = None


class Environment(msgspec.Struct, frozen=True, array_like=True, tag=-17):
    """Host, Python, packages, command line, git. Top-level keys replace earlier ones."""

    wall_us: int
    facts: dict[str, Any]


class BlobRef(msgspec.Struct, frozen=True, array_like=True):
    """Bytes by content. ``digest`` is sha256 in 64 hex digits, ``type`` a media type."""

    digest: str
    size: int
    type: str = "application/octet-stream"


class MediaItem(msgspec.Struct, frozen=True, array_like=True):
    """One image, histogram, table, ...; docs/internals/objects.md lists kinds and their meta.

    ``blobs`` holds the bytes by role. A string names a file in the writer's spool, which a later
    `Stored` turns into a blob.
    """

    kind: str
    meta: dict[str, Any] = {}
    blobs: dict[str, BlobRef | str] = {}


class Media(msgspec.Struct, frozen=True, array_like=True, tag=-8):
    """Items of media under a key at a step; ``many`` when the user logged a list."""

    key: str
    step: int
    wall_us: int
    items: list[MediaItem]
    many: bool = False


class File(msgspec.Struct, frozen=True, array_like=True, tag=-9):
    """A file of the run as it is now; without a blob it was removed.

    ``policy`` is ``now``, ``live`` or ``end``, ``modified_us`` the time of its last change.
    """

    wall_us: int
    path: str
    blob: BlobRef | str | None
    policy: str = "now"
    modified_us: int = 0


AGAIN: Final = -1
"""In place of the number of an artifact's first version, see `ArtifactCommit`."""


class ArtifactCommit(msgspec.Struct, frozen=True, array_like=True, tag=-10):
    """A version of an artifact, made by this run.

    ``manifest`` is the blob described in docs/internals/objects.md; ``size`` and ``files`` sum up
    its entries. ``project`` is that of the run when empty. ``kind`` is the artifact's type.
    ``ttl_s`` counts from the commit. ``first`` is the number of this version where it is the
    first one of its artifact. ``step`` is where the run's history stood. With `AGAIN` as ``first``
    a version is meant that has this content already, also if it is not the newest.
    """

    wall_us: int
    name: str
    kind: str
    manifest: BlobRef
    size: int = 0
    files: int = 0
    aliases: list[str] = []
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    description: str = ""
    ttl_s: int | None = None
    project: str = ""
    first: int = 0
    step: int | None = None


class ArtifactUse(msgspec.Struct, frozen=True, array_like=True, tag=-18):
    """The run read an artifact version. ``name`` is ``entity/project/name``."""

    wall_us: int
    name: str
    digest: str
    version: int | None = None
    role: str = "input"


class ModelLink(msgspec.Struct, frozen=True, array_like=True, tag=-19):
    """Make a version of the registered ``model`` out of an artifact version.

    ``artifact`` is ``entity/project/name``, ``digest`` that of its manifest, ``entity`` the owner
    of the model where that is not the run's. With ``number`` it is a version of its own with that
    number, where that is free, even if the newest one has the same content.
    """

    wall_us: int
    model: str
    artifact: str
    digest: str
    aliases: list[str] = []
    tags: dict[str, str] = {}
    description: str = ""
    entity: str = ""
    number: int = 0


class Stored(msgspec.Struct, frozen=True, array_like=True, tag=-20):
    """Files of this writer's spool that lie among the blobs now, by their names there."""

    wall_us: int
    blobs: dict[str, BlobRef]


class Labels(msgspec.Struct, frozen=True, array_like=True, tag=-21):
    """Named texts of the run, such as the tags of a foreign client. ``removed`` are names.

    Names that begin with ``$`` belong to the door that took the client in.
    """

    wall_us: int
    changes: dict[str, str]
    removed: list[str] = []


class Told(msgspec.Struct, frozen=True, array_like=True, tag=-22):
    """The run is in this state because its client says so, whether or not this writer lives.

    It holds until the next one or the `Finish` of this journal. ``ended_us`` is the time at which
    the client says that the run ended, ``started_us`` one at which it went on already, where that
    is earlier than the journal.
    """

    wall_us: int
    state: str
    ended_us: int | None = None
    started_us: int | None = None


class Course(msgspec.Struct, frozen=True, array_like=True, tag=-23):
    """What became of the steps of a pipeline run: lines of JSON, see `epochal.domain.pipeline`."""

    wall_us: int
    lines: bytes


Fact: TypeAlias = (
    Cut
    | Header
    | Config
    | Summary
    | Attributes
    | Console
    | Text
    | Media
    | File
    | ArtifactCommit
    | Definition
    | Event
    | Heartbeat
    | Finish
    | Environment
    | ArtifactUse
    | ModelLink
    | Stored
    | Labels
    | Told
    | Course
)
"""Any fact."""
