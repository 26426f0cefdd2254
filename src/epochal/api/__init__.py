"""The reading side: runs, their facts, points and console, from a home or over HTTP."""

from epochal.api.facts import RunFacts
from epochal.api.history import History
from epochal.api.listing import Runs
from epochal.api.nested import Nested
from epochal.api.reader import Reader, connect, projects, run, runs
from epochal.api.runview import RunView
from epochal.api.series import Points

__all__ = [
    "History",
    "Nested",
    "Points",
    "Reader",
    "RunFacts",
    "RunView",
    "Runs",
    "connect",
    "projects",
    "run",
    "runs",
]
