"""A pipeline run as its reader sees it: states, outputs, and why a step ran.

Read from the ledger each time, so a run that goes on, in this process or another, is seen as it
is.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from epochal.domain.pipeline import Began, Dependency, Line, Over, StepCourse, Stored, fold
from epochal.domain.step_changes import StepDifference, compare_courses, why
from epochal.errors import EpochalError, NotFound
from epochal.journal.blobs import Blobs
from epochal.journal.home import find_home
from epochal.pipelines import keeping, ledger


class Kept:
    """An output of a step run.

    Attributes:
        name: of the output.
        stored: where it lies.
    """

    def __init__(self, home: Path, name: str, stored: Stored) -> None:
        self._home = home
        self.name = name
        self.stored = stored

    def load(self, *, pickle: bool = False) -> Any:
        """A fresh copy of the value; see `epochal.pipelines.keeping.load`."""
        return keeping.load(Blobs(self._home), self.stored, pickle=pickle)

    def __repr__(self) -> str:
        return f"<output {self.name!r} {self.stored.type} {self.stored.digest[:12]}>"


class Outs:
    """The outputs of a step run, as attributes and by name."""

    def __init__(self, outputs: dict[str, Kept]) -> None:
        self._outputs = outputs

    def __getattr__(self, name: str) -> Kept:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Kept:
        try:
            return self._outputs[name]
        except KeyError:
            known = ", ".join(self._outputs) or "none"
            raise NotFound(f"the step has no output {name!r}; it has {known}") from None

    def __iter__(self) -> Any:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)

    def __dir__(self) -> list[str]:
        return list(self._outputs)


class StepRun:
    """A step in a pipeline run.

    Attributes:
        name: in the pipeline.
        function: ``module:name`` of its function.
        needs: the steps whose outputs it took.
        state: ``waiting``, ``running``, ``crashed``, ``finished``, ``cached``, ``failed``,
            ``skipped`` or ``killed``.
        run_id: the tracked run that did the work.
        project: of that run.
        error: one line, when it failed.
        key: its cache key.
        attempts: how many were begun.
        started_us: when the last attempt began; None when none did.
        ended_us: when it ended; None when it did not.
        out: its outputs.
        course: all that is written down of it.
    """

    def __init__(self, home: Path, course: StepCourse) -> None:
        self.course = course
        self.name = course.name
        self.function = course.function
        self.needs = course.needs
        self.state = course.state
        self.run_id = course.run_id
        self.project = course.project
        self.error = course.error
        self.key = course.key
        self.attempts = course.attempts
        self.started_us = course.started_us
        self.ended_us = course.ended_us
        kept = {name: Kept(home, name, stored) for name, stored in course.outputs.items()}
        self.out = Outs(kept)

    @property
    def output(self) -> Kept:
        """The only output.

        Raises:
            NotFound: there is none, or more than one.
        """
        names = list(self.out)
        if len(names) != 1:
            raise NotFound(f"step {self.name!r} has {len(names)} outputs; use out.<name>")
        return self.out[names[0]]

    @property
    def cached(self) -> bool:
        """Whether an earlier run stood for it."""
        return self.state == "cached"

    def __repr__(self) -> str:
        return f"<step {self.name!r} {self.state}>"


class PipelineRun:
    """A pipeline run.

    Attributes:
        id: its id.
        pipeline: its pipeline.
        returned: what the pipeline's function returned; only for the caller of the pipeline.
    """

    def __init__(self, home: Path, path: Path, returned: Any = None) -> None:
        began = ledger.first(path)
        if began is None:
            raise NotFound(f"{path} is no record of a pipeline run")
        self._home = home
        self._path = path
        self.began: Began = began
        self.id = began.id
        self.pipeline = began.pipeline
        self.returned = returned

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``failed``, ``killed`` or ``crashed``."""
        return ledger.state_of(self._path, self._lines())

    @property
    def error(self) -> str:
        """One line, when it failed."""
        last = self._lines()[-1]
        return last.error if isinstance(last, Over) else ""

    @property
    def ended_us(self) -> int | None:
        """When it ended; None when nothing says so."""
        last = self._lines()[-1]
        return last.t_us if isinstance(last, Over) else None

    @property
    def steps(self) -> dict[str, StepRun]:
        """All steps by name, in the order of their calls."""
        return {name: StepRun(self._home, course) for name, course in self.courses().items()}

    def step(self, name: str) -> StepRun:
        """A step.

        Raises:
            NotFound: the run has none of this name.
        """
        steps = self.steps
        if name not in steps:
            raise NotFound(
                f"run {self.id} of {self.pipeline!r} has no step {name!r}; it has "
                f"{', '.join(steps) or 'none'}"
            )
        return steps[name]

    def why_ran(self, name: str) -> str:
        """Why a step ran, or did not: what differs from the last time, with the changed code.

        Raises:
            NotFound: the run has no such step.
        """
        return why(self.step(name).course, self._earlier(name), self._table)

    def compare(self, other: PipelineRun) -> list[StepDifference]:
        """Which steps of another run differ from those of this one, and why."""
        return compare_courses(self.courses(), other.courses(), self._table)

    def courses(self) -> dict[str, StepCourse]:
        """What is written down of each step, in the order of their calls."""
        lines = self._lines()
        return fold(lines, ledger.state_of(self._path, lines))

    def _earlier(self, name: str) -> StepCourse | None:
        """The same step in the newest earlier run of the pipeline that has it."""
        for path in ledger.all_paths(self._home):
            if path.name >= self._path.name:
                continue
            began = ledger.first(path)
            if began is None or began.pipeline != self.pipeline:
                continue
            step = PipelineRun(self._home, path).courses().get(name)
            if step is not None and step.facts is not None:
                return step
        return None

    def _table(self, digest: str) -> Iterable[Dependency]:
        if not digest:
            return []
        try:
            data = Blobs(self._home).read(digest)
        except EpochalError:
            return []
        return msgspec.json.decode(data, type=list[Dependency])

    def _lines(self) -> list[Line]:
        return ledger.read(self._path)

    def __repr__(self) -> str:
        return f"<run {self.id} of pipeline {self.pipeline!r} {self.state}>"


def get_run(run_id: str, home: Path | None = None) -> PipelineRun:
    """A pipeline run of a home.

    Raises:
        NotFound: there is none.
    """
    place = find_home(home)
    return PipelineRun(place, ledger.find(place, run_id))


def get_runs(
    pipeline: str | None = None, home: Path | None = None, *, unlisted: bool = False
) -> list[PipelineRun]:
    """The pipeline runs of a home, newest first.

    Args:
        pipeline: only those of this pipeline.
        home: by default as everywhere.
        unlisted: also those that asked not to be listed.
    """
    place = find_home(home)
    found = []
    for path in ledger.all_paths(place):
        began = ledger.first(path)
        if began is None or (pipeline is not None and began.pipeline != pipeline):
            continue
        if began.listed or unlisted:
            found.append(PipelineRun(place, path))
    return found
