"""`sweep` makes a sweep; a `Sweep` looks at one and changes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from epochal.api import ArtifactVersion, RunView
from epochal.api.question import GetRun, Source
from epochal.api.source import HomeSource, choose_source
from epochal.api.sweep_questions import (
    ChangeSweep,
    CreateSweep,
    DeleteSweep,
    Enqueue,
    FindBest,
    GetSweep,
    ListSweeps,
    RepeatTrial,
)
from epochal.client.plain import to_plain
from epochal.domain.names import check_name
from epochal.domain.sweep import (
    NewSweep,
    Queue,
    Repeat,
    SweepChanges,
    SweepDetail,
    SweepRow,
    TrialRow,
)
from epochal.errors import InvalidInput, NotFound
from epochal.search.parse import read_sweep

MODEL = "model"


class Best(msgspec.Struct, frozen=True):
    """The best trial of a sweep.

    Attributes:
        number: of the trial.
        value: of the metric.
        config: what the run got from the sweep.
        run: the run.
        repeats: trials that ran it again with other seeds; see `Sweep.repeat`.
        front: with several objectives, all trials that no other beats in all of them.
    """

    number: int
    value: float
    config: dict[str, Any]
    run: RunView
    repeats: list[TrialRow] = []
    front: list[TrialRow] = []

    def model(self) -> ArtifactVersion:
        """The newest model that the run logged.

        Raises:
            NotFound: it logged none.
        """
        models = [version for version in self.run.artifacts() if version.type == MODEL]
        if not models:
            raise NotFound(f"run {self.run.id} logged no artifact of the type {MODEL!r}")
        return models[-1]


class Sweep:
    """A sweep of a home or server. Made by `open_sweep`.

    Attributes:
        id: eight characters.
    """

    def __init__(self, source: Source, sweep_id: str) -> None:
        self._source = source
        self.id = sweep_id.rpartition("/")[2]

    def detail(self) -> SweepDetail:
        """All about it: state, configuration, trials, agents.

        Raises:
            NotFound: it was deleted.
        """
        return self._source.ask(GetSweep(self.id))

    @property
    def state(self) -> str:
        """``pending``, ``running``, ``paused``, ``finished`` or ``cancelled``."""
        return self.detail().sweep.state.value

    def trials(self) -> list[TrialRow]:
        """All trials, by number."""
        return self.detail().trials

    def best(self) -> Best:
        """The best trial so far; with several objectives, the best one in the first of them.

        Raises:
            NotFound: no trial has a value yet.
            InvalidInput: the sweep has no metric.
        """
        with self._source.session():
            found = self._source.ask(FindBest(self.id))
            run = RunView(self._source, self._source.ask(GetRun(found.trial.uid)))
        return Best(
            found.trial.number,
            found.trial.value or 0.0,
            found.config,
            run,
            found.repeats,
            found.front,
        )

    def repeat(
        self, seeds: int | Iterable[int] = 5, *, trial: int | None = None, key: str = "seed"
    ) -> SweepRow:
        """Run the best trial again, once with each seed, to see how much of it was luck.

        Agents do that before anything else; the cap does not count it, and a repeat is never the
        best. `best` gives what came of it as ``repeats``.

        Args:
            seeds: how many, counted from 1, or which ones.
            trial: number of another trial than the best.
            key: name under which the config gets the seed.

        Raises:
            NotFound: no trial has a value yet.
            InvalidInput: the seeds cannot be used.
        """
        wanted = (
            list(range(1, seeds + 1)) if isinstance(seeds, int) else [int(one) for one in seeds]
        )
        return self._source.ask(RepeatTrial(self.id, Repeat(wanted, key, trial)))

    def pause(self) -> SweepRow:
        """Hand out nothing new; what runs goes on, agents wait."""
        return self._change(SweepChanges("paused"))

    def resume(self) -> SweepRow:
        """Go on after `pause` or `stop`."""
        return self._change(SweepChanges("running"))

    def stop(self) -> SweepRow:
        """Hand out nothing new; agents go home after their trial."""
        return self._change(SweepChanges("finished"))

    def cancel(self) -> SweepRow:
        """End the sweep for good, with the trials that run."""
        return self._change(SweepChanges("cancelled"))

    def extend(self, run_cap: int) -> SweepRow:
        """Allow more trials; a sweep that had reached its cap goes on."""
        return self._change(SweepChanges(run_cap=run_cap))

    def enqueue(self, *configs: Mapping[str, Any]) -> SweepRow:
        """Try these before anything else.

        Args:
            configs: each nested as the parameters are; what it leaves out is drawn.

        Raises:
            InvalidInput: a name is no parameter.
        """
        queue = Queue([dict(to_plain(config)) for config in configs])
        return self._source.ask(Enqueue(self.id, queue))

    def delete(self) -> None:
        """Forget the sweep and its trials; the runs stay."""
        self._source.ask(DeleteSweep(self.id))

    def __repr__(self) -> str:
        return f"<epochal.Sweep {self.id}>"

    def _change(self, changes: SweepChanges) -> SweepRow:
        return self._source.ask(ChangeSweep(self.id, changes))


def sweep(
    sweep: Mapping[str, Any] | str | os.PathLike[str],
    entity: str | None = None,
    project: str | None = None,
    prior_runs: Iterable[str] | None = None,
    *,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> str:
    """Make a sweep, on the server or in the home.

    Args:
        sweep: W&B's configuration: a mapping, the path of a YAML file, or a YAML text.
        entity: whose project; default: the configuration's, then ``EPOCHAL_ENTITY``.
        project: where the runs go; default: the configuration's, then ``EPOCHAL_PROJECT``.
        prior_runs: ids of runs of the project, from which the search learns before it begins.
        url: a server; see `epochal.connect`.
        home: a home; see `epochal.connect`.

    Returns:
        The sweep's id, for `agent` and ``epochal sweep``.

    Raises:
        InvalidInput: the configuration cannot be used; the message names the place.
        MissingExtra: its sampler is not installed where trials are chosen.
        NotFound: there is no such prior run.

    Example:
        >>> config = {"method": "random", "parameters": {"lr": {"min": 0.0, "max": 0.1}}}
        >>> sweep_id = epochal.sweep(config, project="mnist")
    """
    given = _read(sweep)
    config = read_sweep(given)
    place = project or config.project or os.environ.get("EPOCHAL_PROJECT")
    owner = entity or config.entity or os.environ.get("EPOCHAL_ENTITY")
    new = NewSweep(
        given,
        check_name(place, "project name") if place else None,
        check_name(owner, "entity name") if owner else None,
        [str(one) for one in prior_runs or ()],
    )
    return _opened(url, home).ask(CreateSweep(new)).id


def open_sweep(
    sweep_id: str, *, url: str | None = None, home: str | os.PathLike[str] | None = None
) -> Sweep:
    """A sweep by its id; ``project/id`` and ``entity/project/id`` go as well."""
    return Sweep(choose_source(url, home=home), sweep_id)


def list_sweeps(
    project: str | None = None,
    *,
    entity: str | None = None,
    url: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> list[SweepRow]:
    """The sweeps of a project, or all, newest first."""
    return choose_source(url, home=home).ask(ListSweeps(entity, project)).sweeps


def _opened(url: str | None, home: str | os.PathLike[str] | None) -> Source:
    """The source; a home that is not there yet is made."""
    source = choose_source(url, home=home)
    if isinstance(source, HomeSource):
        source.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return source


def _read(given: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, Any] | str:
    if isinstance(given, Mapping):
        return dict(to_plain(given))
    if isinstance(given, str) and ("\n" in given or ":" in given):
        return given
    if not isinstance(given, str | os.PathLike):
        raise InvalidInput(
            f"a sweep is made of a mapping or of a YAML file, got {type(given).__name__}"
        )
    try:
        return Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{given} cannot be read: {error}") from None
