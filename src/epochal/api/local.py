"""Answers questions from a home's own files, as the user who owns them.

The home's lock is held while an answer is made, or throughout a session, and never in between.
Before the first answer everything that the journals hold is taken in, so an answer is never older
than the question.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from epochal.api import question as q
from epochal.api.content import Content, OpenContent, open_blob
from epochal.api.object_answers import ANSWERS as OBJECT_ANSWERS
from epochal.domain.access import LOCAL_USER
from epochal.service import experiments, importance, insights, logs, projects, runs, series
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store

WAIT_SECONDS = 10.0

Answer = TypeVar("Answer")

ANSWERS: Mapping[type[q.Question[Any]], Callable[[Store, Any], Any]] = {
    q.ListProjects: lambda store, _: projects.list_projects(store, LOCAL_USER).projects,
    q.ListKeys: lambda store, x: projects.project_keys(store, LOCAL_USER, x.entity, x.project),
    q.QueryRuns: lambda store, x: runs.query_runs(store, LOCAL_USER, x.query),
    q.JudgeParameters: lambda store, x: importance.judge_parameters(store, LOCAL_USER, x.query),
    q.GetRun: lambda store, x: runs.get_run(store, LOCAL_USER, x.uid),
    q.ReadInsights: lambda store, x: insights.run_insights(store, LOCAL_USER, x.uid),
    q.ResolveRun: lambda store, x: runs.resolve_run(store, LOCAL_USER, x.entity, x.project, x.id),
    q.ReadPoints: lambda store, x: series.query_points(store, LOCAL_USER, x.query),
    q.ReadBuckets: lambda store, x: series.query_buckets(store, LOCAL_USER, x.query),
    q.ReadLogs: lambda store, x: logs.read_logs(
        store, LOCAL_USER, x.uid, start=x.start, limit=x.limit, tail=x.tail, search=x.search
    ),
    q.UpdateRun: lambda store, x: runs.update_run(store, LOCAL_USER, x.uid, x.changes),
    q.MoveRun: lambda store, x: runs.move_run(store, LOCAL_USER, x.uid, x.to),
    q.KeepExperiment: lambda store, x: experiments.keep_experiment(
        store, LOCAL_USER, None, x.told
    ),
    q.DeleteRun: lambda store, x: runs.delete_run(store, LOCAL_USER, x.uid),
    q.MoveSeveral: lambda store, x: runs.move_runs(store, LOCAL_USER, x.wish),
    q.DeleteSeveral: lambda store, x: runs.delete_runs(store, LOCAL_USER, x.wish),
    q.StopRun: lambda store, x: runs.stop_run(store, LOCAL_USER, x.uid),
    **OBJECT_ANSWERS,
}
"""The use case behind each question."""


class LocalSource:
    """A home without a server.

    Args:
        home: absolute path of an existing home.
        wait: seconds to wait for another process that holds the home's lock.
    """

    def __init__(self, home: Path, wait: float = WAIT_SECONDS) -> None:
        self.home = home
        self._wait = wait
        self._held = threading.local()

    def ask(self, question: q.Question[Answer]) -> Answer:
        """Answer one question; see `Source.ask`.

        Raises:
            StoreLocked: another process holds the home.
        """
        with self._store() as store:
            return cast("Answer", ANSWERS[type(question)](store, question))

    @contextlib.contextmanager
    def session(self) -> Iterator[LocalSource]:
        """Hold the home meanwhile."""
        with self._store() as store:
            outer, self._held.store = getattr(self._held, "store", None), store
            try:
                yield self
            finally:
                self._held.store = outer

    @contextlib.contextmanager
    def opener(self) -> Iterator[OpenContent]:
        """Open blobs of the home; blobs never change, so no lock is needed."""
        yield functools.partial(open_blob, self.home)

    def several(self, contents: Sequence[Content]) -> Mapping[str, bytes]:  # noqa: ARG002
        """Nothing: a home's files are opened one by one at no cost."""
        return {}

    def page_url(self) -> None:
        """No server, no page."""

    @contextlib.contextmanager
    def _store(self) -> Iterator[Store]:
        held = getattr(self._held, "store", None)
        if held is not None:
            yield held
            return
        with open_store(self.home, wait=self._wait) as store:
            ingest_home(store)
            yield store
