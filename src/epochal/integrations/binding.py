"""Which run an integration writes to, in whichever process it wakes up.

A `Binding` creates nothing before it is used. It goes on with a run that the user's own
`epochal.init` started; else it starts one. Its id is known from the beginning, so that copies of
it (pickled, forked, spawned) and a later use after the run's end go on with the same run. A run
that a binding started ends with the process, or when another binding starts one after `rest`.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Mapping
from typing import Any, Final

from epochal.client import api
from epochal.client.exit import INTERRUPTED
from epochal.client.ranks import read_rank
from epochal.client.request import read_request
from epochal.client.run import Run
from epochal.client.start import make_plan
from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT, new_run_id

Key = tuple[str, str, str]

_started: Final[weakref.WeakValueDictionary[Key, Run]] = weakref.WeakValueDictionary()
"""Runs of this process that bindings started, by entity, project and id."""
_resting: Final[weakref.WeakSet[Run]] = weakref.WeakSet()


class Binding:
    """A run to come, or one that is there.

    Args:
        arguments: of `epochal.init`; None stands for "not given".
        run: the run, if there is one already.
    """

    def __init__(self, arguments: Mapping[str, Any], run: Run | None = None) -> None:
        self.arguments = {name: value for name, value in arguments.items() if value is not None}
        self.failed = False
        self._run: Run | None = None
        self._id: str | None = self.arguments.pop("id", None)
        self._fixed = self._id is not None
        found = run if run is not None else self._users_run()
        if found is not None:
            self._adopt(found)
        elif self._id is None:
            self._id = self._fresh_id()

    @property
    def run(self) -> Run:
        """The run, started or gone on with if need be."""
        run = self._run
        if run is None or run.finished:
            run = self._find()
        _resting.discard(run)
        return run

    @property
    def live(self) -> Run | None:
        """The run, if it is live in this process."""
        run = self._run
        return None if run is None or run.finished else run

    @property
    def id(self) -> str:
        """The run's id; does not change once it was asked for."""
        self._fixed = True
        return str(self._id)

    @property
    def project(self) -> str:
        """The run's project."""
        return self._named("project", DEFAULT_PROJECT)

    @property
    def entity(self) -> str:
        """Whose project it is."""
        return self._named("entity", DEFAULT_ENTITY)

    def rest(self) -> None:
        """Nothing more is expected: the next binding that starts a run may end this one."""
        run = self.live
        if run is not None and _started.get(self._key) is run:
            _resting.add(run)

    def end(self, *, interrupted: bool) -> None:
        """End the run as failed, or as killed by Ctrl-C; using it again goes on with it."""
        run = self.live
        if run is not None:
            run.end(INTERRUPTED if interrupted else 1, interrupted=interrupted)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_run": None, "_fixed": True}

    @property
    def _key(self) -> Key:
        return self.entity, self.project, str(self._id)

    def _named(self, what: str, default: str) -> str:
        given = self.arguments.get(what) or os.environ.get(f"EPOCHAL_{what.upper()}") or default
        return str(given)

    def _find(self) -> Run:
        """The live run of this id, the user's run, or a new one."""
        known = _started.get(self._key)
        if known is not None and not known.finished:
            self._run = known
            return known
        users = self._users_run()
        if users is not None:
            return self._adopt(users)
        for run in list(_resting):
            run.finish()
        _resting.clear()
        arguments = {"reinit": "create_new", "resume": "allow", **self.arguments}
        arguments["project"], arguments["entity"] = self.project, self.entity
        run = api.init(id=str(self._id), **arguments)
        # The id is this run's from now on; a second start goes on with what is there, as it is.
        self.arguments = {k: v for k, v in self.arguments.items() if k not in ("config", "name")}
        if self.arguments.get("resume") in ("never", "must"):
            self.arguments["resume"] = "allow"
        self._fixed, self._run = True, run
        _started[self._key] = run
        self._close_with_child()
        return run

    def _fresh_id(self) -> str:
        """The id that `epochal.init` would choose."""
        if self.arguments.get("resume") in (True, "auto"):
            return make_plan(read_request(self.arguments, os.environ)).ref.id
        return os.environ.get("EPOCHAL_RUN_ID") or new_run_id()

    def _users_run(self) -> Run | None:
        """The run that the user started, if it is the one meant here."""
        run = api.current_run()
        if run is None or _started.get((run.entity, run.project, run.id)) is run:
            return None
        wanted = {name: self.arguments.get(name) for name in ("project", "entity")}
        if self._fixed:
            wanted["id"] = self._id
        same = all(value in (None, getattr(run, name)) for name, value in wanted.items())
        return run if same else None

    def _adopt(self, run: Run) -> Run:
        self._run, self._id = run, run.id
        self.arguments |= {"project": run.project, "entity": run.entity}
        if "config" in self.arguments:
            run.config.update(self.arguments.pop("config"))
        return run

    def _close_with_child(self) -> None:
        """In a process of multiprocessing, whose end skips atexit: end the run with it."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            util = sys.modules["multiprocessing.util"]
            util.Finalize(None, self._end_with_child, exitpriority=10)

    def _end_with_child(self) -> None:
        run = self.live
        if run is not None:
            run.finish(1 if self.failed else 0)


def rank() -> int:
    """The rank of this process: what Lightning says if it is there, else the launcher."""
    module = sys.modules.get("lightning_utilities.core.rank_zero")
    known = getattr(getattr(module, "rank_zero_only", None), "rank", None)
    return int(known) if known is not None else read_rank(os.environ).rank


class Quiet:
    """Stands for the run on other ranks: takes every call and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing

    def __getitem__(self, key: object) -> Quiet:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        return None


def _nothing(*values: object, **more: object) -> None:
    """Take anything, do nothing."""
