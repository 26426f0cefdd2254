"""Pipeline runs as data: kept values, what a key was made of, the course of a run line by line.

The driver of a run writes these lines, into the run's journal and into a file of its home; whoever
reads them folds them into the steps as they stand. Nothing here looks at a disk or a clock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgspec

from epochal.domain.artifact import MANIFEST_TYPE
from epochal.domain.record import BlobRef
from epochal.domain.run import RunState

DONE: Final = ("finished", "cached")
UNLISTED: Final = "unlisted"
"""The tag of the runs of a pipeline that asked not to be listed."""
"""States of steps whose outputs there are."""


class Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """A kept value.

    Attributes:
        digest: of its manifest; 64 hex digits.
        size: bytes of all parts.
        files: how many parts.
        manifest: bytes of the manifest.
        serializer: what wrote it.
        type: of the value, for people.
        kind: the type of its artifact.
        classes: of the user, whose code counts where the value is used.
        artifact: ``entity/project/name`` of the version that holds it; empty where there is none.
    """

    digest: str
    size: int
    files: int
    manifest: int
    serializer: str
    type: str
    kind: str = "value"
    classes: list[str] = []
    artifact: str = ""

    @property
    def blob(self) -> BlobRef:
        """The manifest."""
        return BlobRef(self.digest, self.manifest, MANIFEST_TYPE)


class Dependency(msgspec.Struct, frozen=True):
    """One thing that a step depends on.

    Attributes:
        name: ``module:qualname``, or that of a global or package.
        kind: ``function``, ``class``, ``value``, ``library``, ``module`` or ``opaque``.
        digest: of its own content; of a package its version.
        source: text for people, where there is one.
    """

    name: str
    kind: str
    digest: str
    source: str = ""


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a key was made of.

    Attributes:
        code: digest of the fingerprint.
        table: blob with its dependencies; empty when it was not kept.
        parameters: digest and beginning of the text of each argument.
        inputs: what `Stored` values each argument holds.
        classes: code of the classes of the inputs.
        more: declared files, variables, versions, outputs and Python.
    """

    code: str
    table: str = ""
    parameters: dict[str, tuple[str, str]] = {}
    inputs: dict[str, list[str]] = {}
    classes: dict[str, str] = {}
    more: dict[str, str] = {}


class Began(msgspec.Struct, frozen=True, omit_defaults=True, tag="began"):
    """The first line. ``target`` and ``script`` say where the pipeline is defined."""

    id: str
    pipeline: str
    target: str
    script: str
    started_us: int
    pid: int
    host: str
    entity: str
    project: str
    run_id: str
    uid: str
    parameters: Any = None
    options: dict[str, Any] = {}
    resumed_from: str = ""
    listed: bool = True


class Added(msgspec.Struct, frozen=True, omit_defaults=True, tag="added"):
    """A step was called. ``needs`` are the steps whose outputs it takes, ``function`` its name."""

    step: str
    function: str
    t_us: int
    needs: list[str] = []


class Started(msgspec.Struct, frozen=True, omit_defaults=True, tag="started"):
    """An attempt of a step began; ``run_id`` is its tracked run."""

    step: str
    t_us: int
    attempt: int
    run_id: str
    key: str = ""
    facts: Facts | None = None


class Ended(msgspec.Struct, frozen=True, omit_defaults=True, tag="ended"):
    """A step is done: ``finished``, ``cached``, ``failed``, ``skipped`` or ``killed``.

    ``run_id`` is the tracked run that did the work, in whichever pipeline run. ``again`` says that
    an attempt failed and another one follows.
    """

    step: str
    state: str
    t_us: int
    key: str = ""
    run_id: str = ""
    project: str = ""
    outputs: dict[str, Stored] = {}
    facts: Facts | None = None
    error: str = ""
    attempt: int = 0
    again: bool = False


class Over(msgspec.Struct, frozen=True, tag="over"):
    """The last line."""

    state: str
    t_us: int
    error: str = ""


Line: TypeAlias = Began | Added | Started | Ended | Over

_decoder = msgspec.json.Decoder(Line)
_encoder = msgspec.json.Encoder()


def write_lines(lines: Iterable[Line]) -> bytes:
    """Lines as JSON, each with its line end."""
    return b"".join(_encoder.encode(line) + b"\n" for line in lines)


def read_lines(data: bytes) -> list[Line]:
    """The whole lines of a text; what was torn, and what a newer Epochal wrote, is left out."""
    lines: list[Line] = []
    for raw in data.split(b"\n")[:-1]:
        with contextlib.suppress(msgspec.MsgspecError):
            lines.append(_decoder.decode(raw))
    return lines


class StepCourse(msgspec.Struct):
    """A step of a pipeline run as it stands.

    Attributes:
        name: in the pipeline.
        function: ``module:name`` of its function.
        called_us: when the pipeline called it.
        needs: the steps whose outputs it takes.
        state: ``waiting``, ``running``, ``crashed``, ``finished``, ``cached``, ``failed``,
            ``skipped`` or ``killed``.
        run_id: the tracked run that did the work.
        project: of that run.
        error: one line, when it failed.
        key: its cache key.
        attempts: how many were begun.
        started_us: when the last attempt began; None when none did.
        ended_us: when it ended; None when it did not.
        facts: what its key was made of, as far as is known.
        outputs: by name.
    """

    name: str
    function: str
    called_us: int
    needs: list[str]
    state: str = "waiting"
    run_id: str = ""
    project: str = ""
    error: str = ""
    key: str = ""
    attempts: int = 0
    started_us: int | None = None
    ended_us: int | None = None
    facts: Facts | None = None
    outputs: dict[str, Stored] = {}

    def take(self, line: Started | Ended) -> None:
        """Bring a line in."""
        if isinstance(line, Started):
            self.state, self.attempts = "running", line.attempt
            self.started_us, self.run_id = line.t_us, line.run_id
            self.key, self.facts = line.key or self.key, line.facts or self.facts
            return
        self.state = "running" if line.again else line.state
        self.error = line.error
        if line.again:
            return
        self.ended_us = line.t_us
        self.key, self.facts = line.key or self.key, line.facts or self.facts
        self.run_id, self.project = line.run_id or self.run_id, line.project
        self.outputs = line.outputs


def fold(lines: Iterable[Line], state: str) -> dict[str, StepCourse]:
    """The steps of a run by name, in the order of their calls.

    Args:
        lines: of the run, so far.
        state: of the run: once it does not run any more, neither do its steps.
    """
    found: dict[str, StepCourse] = {}
    project = ""
    for line in lines:
        if isinstance(line, Began):
            project = line.project
        elif isinstance(line, Added):
            found[line.step] = StepCourse(line.step, line.function, line.t_us, list(line.needs))
        elif isinstance(line, Started | Ended) and line.step in found:
            found[line.step].take(line)
    for each in found.values():
        each.project = each.project or project
        if state != RunState.RUNNING and each.state in ("running", "waiting"):
            each.state = state if each.state == "running" else "skipped"
    return found
