"""The run as its user sees it: a thin face.

Recording is `recording.py`, the life of the run `session.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from epochal.client import display, guard, lazy
from epochal.client.belongings import Belongings
from epochal.client.config import Section
from epochal.client.definitions import Definitions, matches, read_definition
from epochal.client.earlier import Earlier
from epochal.client.exit import INTERRUPTED, exits, read_exit_code
from epochal.client.place import ui_command
from epochal.client.request import read_notes, read_tags
from epochal.client.scalars import Kind, read_value
from epochal.client.session import Session
from epochal.client.summary import RunSummary
from epochal.client.trial import stopping
from epochal.domain.names import check_name
from epochal.domain.record import Attributes, Config, Definition, Event, Summary
from epochal.domain.run import RunState, state_of_exit
from epochal.errors import InvalidInput

LEVELS = {"info": "info", "warn": "warning", "warning": "warning", "error": "error"}


class Run(Belongings):
    """A run that this process records.

    Get one from `epochal.init`; use it as a context manager or call `finish`.

    Attributes:
        config: inputs; a dict with attribute access.
        summary: outcome; a mapping with attribute access.
        id: the run's id within its project.
        uid: the 32 hex digits that name it everywhere.
        project: the project's name.
        entity: whose project it is.
        resumed: whether the run existed before this process.

    Example:
        >>> with epochal.init(project="demo", config={"lr": 0.1}) as run:
        ...     run.log({"loss": 0.5})
    """

    def __init__(
        self, session: Session, attributes: Mapping[str, Any], earlier: Earlier, url: str | None
    ) -> None:
        self._session = session
        self._attributes = dict(attributes)
        self._definitions = Definitions()
        self._url = url
        self._alerted: dict[str, float] = {}
        self.id = session.ref.id
        self.uid = session.ref.uid
        self.project = session.ref.project
        self.entity = session.ref.entity
        self.resumed = earlier.exists
        self.config = Section((), self._record_config, self._note)
        self.summary = RunSummary(
            self._logged, self._record_summary, earlier.summary, self._take_media
        )
        # The hot path: one closure instead of a method that calls it. `log` is its signature.
        recorder = session.recorder
        self.__dict__["log"] = guard.shield_log(recorder.log_fast, recorder.log_slowly)

    def log(
        self,
        data: Mapping[str, Any],
        step: int | None = None,
        commit: bool | None = None,
        sync: bool | None = None,
    ) -> None:
        """Record values at a step. Never raises and never waits for disk, network or device.

        Args:
            data: key to value; nested mappings get keys joined with ``.``; ``/`` groups keys on
                the page. Values
                are numbers, scalars of NumPy or PyTorch, strings, or lists of such.
            step: the step; by default the next one. Steps may repeat and go back.
            commit: False keeps the automatic step for the next call; True moves on after an
                explicit step.
            sync: accepted for compatibility.
        """

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run: everything logged is on disk afterwards. A second call does nothing.

        Args:
            exit_code: 0 or None for success; anything else makes the run failed.
            quiet: print nothing.
        """
        self.end(exit_code or 0, interrupted=False, quiet=quiet)

    def define_metric(
        self,
        name: str,
        step_metric: str | Definition | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | Iterable[str] | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> Definition:
        """Say how a series wants to be read.

        Args:
            name: a key, or a beginning with ``*`` at the end.
            step_metric: the key whose values are the x-axis.
            step_sync: accepted for compatibility; a step metric always counts at the step where it
                was logged.
            hidden: leave it out of the automatic charts.
            summary: min, max, mean, first, last, best or none; several in a list or joined with
                commas.
            goal: ``minimize`` or ``maximize``; what ``best`` means.
            overwrite: accepted for compatibility; a later definition always replaces an earlier
                one.

        Raises:
            InvalidInput: an argument cannot be used.
        """
        del step_sync, overwrite
        definition = read_definition(name, step_metric, summary, hidden, goal)
        self._definitions.add(definition)
        if definition.summary:
            self._session.recorder.watch(lambda key: matches(definition.name, key))
        self._session.record(definition)
        return definition

    def alert(
        self, title: str, text: str = "", level: str = "info", wait_duration: float | Any = 60
    ) -> None:
        """Put something worth telling a person into the run.

        Args:
            title: a short line.
            text: more.
            level: ``info``, ``warning`` (or ``WARN``) or ``error``.
            wait_duration: seconds (or a ``timedelta``) within which the same title is not
                repeated.
        """
        word = LEVELS.get(str(getattr(level, "value", level)).lower(), "info")
        wait = getattr(wait_duration, "total_seconds", lambda: wait_duration)()
        now = time.monotonic()
        if now - self._alerted.get(title, -1e18) < wait:
            return
        self._alerted[title] = now
        self._session.record(Event(_now_us(), word, str(title)[:1024], str(text)[:65_536]))

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
        scaler: Any = None,
    ) -> None:
        """Record histograms of a PyTorch model's gradients or parameters now and then.

        The first backward pass is recorded and every ``log_freq``-th after it, at the step of the
        next `log`. Warns in the run when gradients become NaN, infinite or explode.

        Args:
            models: a module, or several.
            criterion: a loss; watched too when it has parameters.
            log: ``gradients``, ``parameters``, ``all``, or None for neither.
            log_freq: backward passes from one record to the next.
            idx: number of the (first) model; those from 1 on get it into their keys.
            log_graph: record the tree of modules.
            scaler: the GradScaler in use; its scale is taken out of the gradients.

        Raises:
            InvalidInput: an argument cannot be used; nothing is watched.
        """
        watching = lazy.load("watch")
        watching.watch(self._session, models, criterion, log, log_freq, idx, log_graph, scaler)

    def unwatch(self, models: Any = None) -> None:
        """Take all hooks of `watch` away, or those of the given models."""
        lazy.load("watch").unwatch(self._session, models)

    def flush(self, timeout: float = 10.0) -> bool:
        """Return after everything logged so far survives power loss and, online.

        Is acknowledged by the server.

        Args:
            timeout: seconds to wait for the server.

        Returns:
            False when that cannot be promised: a sick disk, or no acknowledgement in time.
        """
        return self._session.flush(timeout)

    def save_journal(self, path: str) -> None:
        """Write a copy of the journal to a new file.

        The way out for a run that is kept in memory only.

        Raises:
            OSError: the file exists or cannot be written.
        """
        self._session.recorder.journal.save(path)

    @property
    def name(self) -> str:
        """The run's name; may be set."""
        return str(self._attributes.get("name", self.id))

    @name.setter
    def name(self, value: str) -> None:
        self._change("name", check_name(value, "run name"))

    @property
    def tags(self) -> tuple[str, ...]:
        """The run's tags; may be set."""
        return tuple(self._attributes.get("tags", ()))

    @tags.setter
    def tags(self, value: Iterable[str]) -> None:
        self._change("tags", read_tags(value))

    @property
    def notes(self) -> str:
        """Free text about the run; may be set."""
        return str(self._attributes.get("notes", ""))

    @notes.setter
    def notes(self, value: str) -> None:
        self._change("notes", read_notes(value))

    @property
    def group(self) -> str:
        """The group the run belongs to, or an empty string."""
        return str(self._attributes.get("group", ""))

    @property
    def job_type(self) -> str:
        """What kind of job the run is, or an empty string."""
        return str(self._attributes.get("job_type", ""))

    @property
    def url(self) -> str | None:
        """The run's page, when a server is there to show it."""
        return self._url

    @property
    def dir(self) -> str | None:
        """The run's directory; None while it is kept in memory only or not recorded."""
        path = self._session.recorder.journal.path
        return None if path is None else path.rpartition("/")[0]

    @property
    def step(self) -> int:
        """The step that the next `log` without one gets."""
        return self._session.recorder.step

    @property
    def state(self) -> RunState:
        """``running``, or how the run ended."""
        return self._session.state

    @property
    def should_stop(self) -> bool:
        """Whether somebody, or the sweep of this run, wants it to end.

        Look once per epoch or step, save what is worth it, leave the loop. It costs nothing. A run
        that saw a person's wish, and ends without an error, is ``killed`` and not ``finished``.
        """
        trial = self._session.request.trial
        return self._session.stopping.wanted or (trial is not None and stopping(trial))

    @property
    def finished(self) -> bool:
        """Whether the run has ended in this process."""
        return self._session.finished

    @property
    def mode(self) -> str:
        """``online``, ``offline`` or ``disabled``."""
        return self._session.request.mode

    def mark(self) -> object:
        """Changes whenever something is logged."""
        return self._session.recorder.mark()

    def fail(self, title: str) -> None:
        """Note the exception that ends the program."""
        self._session.record(Event(_now_us(), "error", title))

    def end(self, exit_code: int, *, interrupted: bool, quiet: bool | None = None) -> None:
        """Finish with an exit code; Ctrl-C makes the run killed. Idempotent."""
        if self._session.finished:
            return
        stopped = self._session.stopping.heeded and not exit_code
        state = state_of_exit(exit_code, interrupted=interrupted or stopped)
        try:
            notes = self._session.finish(state, exit_code)
        finally:
            exits.forget(self)
        if self._session.speaks and not quiet:
            with guard.Shield("showing the summary"):
                sets = self._session.recorder.key_sets()
                lines = display.finish_lines(
                    self.name, state, self.summary.as_dict(), sets, self._url, notes,
                    ui_command(self._session.home),
                )  # fmt: skip
                guard.write_line("\n".join(lines))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        code = 0 if kind is None else INTERRUPTED if interrupted else 1
        if isinstance(error, SystemExit):
            code = read_exit_code(error.code)
        elif kind is not None and not interrupted:
            self.fail(f"{kind.__name__}: {error!s:.300}")
        self.end(code, interrupted=interrupted)

    def _repr_html_(self) -> str:
        """How a notebook shows the run."""
        series = self._session.recorder.key_sets()
        frame = None if self.url is None else display.embed_url(self.url, self._session.ref)
        show = lazy.load("inline").run_html
        return str(show(self.name, self.state, self.url, self.summary, series, frame))

    def __repr__(self) -> str:
        return f"<epochal.Run {self.entity}/{self.project}/{self.id} {self.name!r} {self.state}>"

    def _logged(self) -> dict[str, Any]:
        recorder = self._session.recorder
        return self._definitions.summarize(recorder.key_sets(), recorder.aggregates)

    def _record_config(self, changes: dict[str, Any], removed: list[str]) -> None:
        self._session.record(Config(_now_us(), self._session.redacted(changes), removed))

    def _record_summary(self, changes: dict[str, Any], removed: list[str]) -> None:
        self._session.record(Summary(_now_us(), changes, removed))

    def _take_media(self, key: str, value: object) -> bool:
        """Log media that were given to the summary, at the last step."""
        reading = read_value(value)
        if reading.kind is Kind.MEDIA:
            self._session.log_media(key, max(0, self.step - 1), *reading.value)
        return reading.kind is Kind.MEDIA

    def _note(self, title: str, text: str) -> None:
        if self._session.recorder.journal.size > 0:
            self._session.record(Event(_now_us(), "info", title, text))

    def _change(self, name: str, value: Any) -> None:
        if self._session.finished:
            raise InvalidInput(f"the run is finished; {name} can be changed on its page")
        self._attributes[name] = value
        self._session.record(Attributes(_now_us(), {name: value}))


def _now_us() -> int:
    return time.time_ns() // 1000
